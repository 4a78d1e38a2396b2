"""Builds a TensorRT engine of a bundle on the board that it is to run on: python3 build_engine.py

The plan comes to lie in `engine/` beside the ONNX files, with a note of what it was built by, of and for. An engine is
good for one GPU and one version of TensorRT: what does not fit its note is built again. stdlib and tensorrt, 8.5 to 11.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import hmac
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FLOAT_FILE, HALF_FILE = "model.onnx", "model.fp16.onnx"
MANIFEST, FOLDER, PLAN, NOTE, TIMINGS = "manifest.json", "engine", "model.plan", "model.json", "timing.cache"
OLDEST, LEVELS_SINCE, EXPLICIT_SINCE, TYPED_SINCE, TYPED_ONLY_SINCE = (8, 5), (8, 6), (10, 0), (10, 12), (11, 0)
OPSET_OF_8 = 17  # the newest that TensorRT 8 reads
LEVEL = 3  # of TensorRT's own choice; 5 looks longest for the fastest kernels
WORKSPACE_MB = 1024
MOST_BYTES = 2 << 30  # of a plan
CUDART = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")
SECRET = "edgegsr/engines.key"  # in the cache of the user: what was built here is known by it
TO_DEVICE, TO_HOST = 1, 2  # cudaMemcpyKind
MAJOR, MINOR = 75, 76  # cudaDevAttrComputeCapability…


class BuildError(RuntimeError):
    """Why there is no engine, and what to do."""


@dataclass(frozen=True)
class Way:
    """How a version of TensorRT is told what to build."""

    file: str  # the ONNX file that it takes
    typed: bool  # by the types of the file, and not by flags
    typed_flag: bool  # which it has to be told
    explicit: bool  # that the batch is a dimension, which it has to be told
    levels: bool  # it knows levels of optimisation
    int8: bool

    @property
    def flags(self) -> tuple[str, ...]:
        """What trtexec calls it."""
        if self.typed:
            return ("--stronglyTyped",) * self.typed_flag
        return ("--fp16", *("--int8",) * self.int8)


def way_of(version: str, precision: str) -> Way:
    """The way of a version such as "10.3.0", for the arithmetic that a manifest names."""
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise BuildError(f"TensorRT: wanted a version such as 10.3.0, got {version!r}")
    number = (int(parts[0]), int(parts[1]))
    if number < OLDEST:
        raise BuildError(f"TensorRT: wanted 8.5 or newer, got {version}; update JetPack or TensorRT")
    if precision not in ("fp16", "int8"):
        raise BuildError(f"{MANIFEST}: wanted a bundle for TensorRT in fp16 or int8, got {precision!r}")
    typed = number >= TYPED_SINCE
    return Way(
        file=HALF_FILE if typed else FLOAT_FILE,
        typed=typed,
        typed_flag=typed and number < TYPED_ONLY_SINCE,
        explicit=number < EXPLICIT_SINCE,
        levels=number >= LEVELS_SINCE,
        int8=precision == "int8",
    )


def trtexec(way: Way) -> str:
    """The line that builds the same with NVIDIA's own program, for looking at; its plan has no note."""
    words = [f"--onnx={way.file}", "--saveEngine=trtexec.plan", *way.flags]
    words += [f"--builderOptimizationLevel={LEVEL}"] * way.levels
    return " ".join(["trtexec", *words, f"--memPoolSize=workspace:{WORKSPACE_MB}", "--profilingVerbosity=detailed"])


def misfit(note: Any, wanted: dict[str, Any], plan: bytes | None) -> str:
    """Why a plan is not the one that is wanted, by the note beside it; empty where it is."""
    if plan is None:
        return "none was built yet"
    if not isinstance(note, dict):
        return "nothing says what it was built by"
    if not is_ours(note):
        return "it was built by somebody else"
    for name, value in wanted.items():
        if note.get(name) != value:
            return f"its {name} was {_brief(note.get(name))}, and this is {_brief(value)}"
    return "" if note.get("plan") == _identity(plan) else "it is not the plan that was written"


def is_ours(note: Any) -> bool:
    """Whether this user has written a note on this machine."""
    return isinstance(note, dict) and hmac.compare_digest(str(note.get("seal")).encode(), _seal(note).encode())


def plan_of(
    folder: Path,
    level: int | None = None,
    workspace_mb: int | None = None,
    again: bool = False,
    manifest: Any = None,
) -> bytes:
    """The plan of a bundle for this GPU and this TensorRT: the one in its `engine/`, or one that is built now.

    A `manifest` that was read already is not read again; without a level or memory, those of what is there are good.
    """
    import tensorrt as trt

    manifest = manifest or json.loads(_read(folder / MANIFEST))
    target = manifest["target"]
    if target["engine"] != "tensorrt":
        raise BuildError(f"{folder}: wanted a bundle that was exported for tensorrt, got one for {target['engine']}")
    way = way_of(trt.__version__, target["precision"])
    _check_opset(folder, way, manifest.get("opset"))
    graph = _read(folder / way.file)
    if _identity(graph) != manifest["files"].get(way.file):
        raise BuildError(f"{folder / way.file}: is not the file that was sealed; copy the whole bundle again")
    wanted: dict[str, Any] = {
        "tensorrt": trt.__version__,
        "gpu": Cuda().gpu(),
        "onnx": {"name": way.file, **_identity(graph)},
        "flags": list(way.flags),
    }
    asked = {"level": level, "workspace_mb": workspace_mb}
    place = _place(folder)
    plan, told, timings = (_read(place / name) if (place / name).exists() else None for name in (PLAN, NOTE, TIMINGS))
    note, given = _json(told), {name: value for name, value in asked.items() if value is not None}
    reason = "it was asked for" if again else misfit(note, {**wanted, **given}, plan)
    if plan is not None and not reason:
        return plan
    print(f"building {place / PLAN} ({reason}); this takes minutes", file=sys.stderr, flush=True)
    if timings is None or not is_ours(note) or note.get("timings") != _identity(timings):
        timings = b""
    begun, how = time.monotonic(), {"level": LEVEL, "workspace_mb": WORKSPACE_MB, **given}
    plan, timings = build(graph, way, timings, how["level"], how["workspace_mb"])
    made = {**wanted, **how, "plan": _identity(plan), "timings": _identity(timings), "way": asdict(way)}
    made["seconds"] = round(time.monotonic() - begun, 1)
    made["seal"] = _seal(made)
    for name, content in ((TIMINGS, timings), (PLAN, plan), (NOTE, json.dumps(made).encode())):
        _write(place / name, content)
    return plan


def _check_opset(folder: Path, way: Way, opset: Any) -> None:
    if way.explicit and isinstance(opset, int) and opset > OPSET_OF_8:
        raise BuildError(f"{folder}: is for TensorRT 10 or newer; export it with a profile of the version that is here")


def _place(folder: Path) -> Path:
    """The folder for what is built, which is made first: a build takes minutes."""
    place = folder / FOLDER
    if place.is_symlink():
        raise BuildError(f"{place}: is a link; take it out")
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise BuildError(
            f"{place}: cannot be made: {error.strerror or error}; copy the bundle to a place that can be written to"
        ) from error
    return place


def build(graph: bytes, way: Way, timings: bytes, level: int, workspace_mb: int) -> tuple[bytes, bytes]:
    """A plan, and the timings that make the next one quicker."""
    import tensorrt as trt

    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    flags = 0
    if way.typed_flag:
        flags |= 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    if way.explicit:
        flags |= 1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        told = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise BuildError(f"TensorRT {trt.__version__} does not read {way.file}: {told}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_mb << 20)
    if not way.typed:
        config.set_flag(trt.BuilderFlag.FP16)
        if way.int8:
            config.set_flag(trt.BuilderFlag.INT8)
    if way.levels:
        config.builder_optimization_level = level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    cache = config.create_timing_cache(timings)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")  # those were of another GPU or TensorRT
        config.set_timing_cache(cache, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BuildError(f"TensorRT {trt.__version__} has built no engine of {way.file}; its messages say why")
    cache = config.get_timing_cache()
    return bytes(plan), bytes(cache.serialize())


class Cuda:
    """What is needed of CUDA's runtime: memory, a stream, and the name of the GPU."""

    def __init__(self) -> None:
        self.library = _cudart()

    def call(self, name: str, *arguments: Any) -> None:
        """One function; an error is said in CUDA's words."""
        if status := getattr(self.library, name)(*arguments):
            self.library.cudaGetErrorString.restype = ctypes.c_char_p
            said = (self.library.cudaGetErrorString(status) or b"").decode()
            raise BuildError(f"CUDA: {name} has failed: {said} ({status})")

    def device(self) -> int:
        """The place of the GPU that this thread uses."""
        found = ctypes.c_int()
        self.call("cudaGetDevice", ctypes.byref(found))
        return found.value

    def use(self, device: int) -> None:
        self.call("cudaSetDevice", ctypes.c_int(device))

    def gpu(self) -> dict[str, str]:
        """The name of the GPU, what it can do, and its number, which no other has."""
        device, number = ctypes.c_int(self.device()), ctypes.c_int()
        facts = ctypes.create_string_buffer(1 << 14)  # cudaDeviceProp, which begins with a name and 16 bytes of UUID
        version = "cudaGetDeviceProperties_v2"
        self.call(version if hasattr(self.library, version) else version[:-3], facts, device)
        capability = []
        for attribute in (MAJOR, MINOR):
            self.call("cudaDeviceGetAttribute", ctypes.byref(number), ctypes.c_int(attribute), device)
            capability.append(str(number.value))
        name = facts.raw[:256].split(b"\0")[0].decode(errors="replace")
        return {"name": name, "compute_capability": ".".join(capability), "uuid": facts.raw[256:272].hex()}

    def stream(self) -> int:
        made = ctypes.c_void_p()
        self.call("cudaStreamCreateWithFlags", ctypes.byref(made), ctypes.c_uint(1))  # apart from the default one
        return made.value or 0

    def memory(self, count: int) -> int:
        """The address of so many bytes on the GPU."""
        made = ctypes.c_void_p()
        self.call("cudaMalloc", ctypes.byref(made), ctypes.c_size_t(count))
        return made.value or 0

    def copy(self, to: int, source: int, count: int, kind: int, stream: int) -> None:
        places = (ctypes.c_void_p(to), ctypes.c_void_p(source), ctypes.c_size_t(count))
        self.call("cudaMemcpyAsync", *places, ctypes.c_int(kind), ctypes.c_void_p(stream))

    def wait(self, stream: int) -> None:
        self.call("cudaStreamSynchronize", ctypes.c_void_p(stream))

    def free(self, addresses: list[int], stream: int) -> None:
        for address in addresses:
            self.call("cudaFree", ctypes.c_void_p(address))
        self.call("cudaStreamDestroy", ctypes.c_void_p(stream))


def _cudart() -> Any:
    """CUDA's runtime, from the system or from NVIDIA's packages."""
    packaged = [path for place in sys.path for path in sorted(Path(place or ".").glob("nvidia/*/lib/libcudart.so.*"))]
    here = [*CUDART, *(f"/usr/local/cuda/lib64/{name}" for name in CUDART), *map(str, packaged)]
    for name in here:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise BuildError(f"CUDA: found no {CUDART[0]}; install CUDA's runtime, or add its folder to LD_LIBRARY_PATH")


def _seal(note: dict[str, Any]) -> str:
    """What only this user on this machine can say of a note."""
    told = {name: value for name, value in note.items() if name != "seal"}
    return hmac.new(_secret(), json.dumps(told, sort_keys=True).encode(), "sha256").hexdigest()


def _secret() -> bytes:
    """Random bytes that this user keeps; where none can be kept, new ones, and everything is built again."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / SECRET
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), open(path, "xb", opener=_for_one) as file:
            file.write(os.urandom(32))
        secret = path.read_bytes()
    except (OSError, RuntimeError):
        secret = b""
    return secret if len(secret) == 32 else os.urandom(32)


def _for_one(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _identity(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _brief(value: Any) -> str:
    return json.dumps(value)[:200]


def _json(content: bytes | None) -> Any:
    try:
        return json.loads(content or b"null")
    except (ValueError, RecursionError):
        return None


def _read(path: Path) -> bytes:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BuildError(f"{path}: is {'a link' if path.is_symlink() else 'no file'}; take it out")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BuildError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise BuildError(f"{path}: wanted at most {MOST_BYTES:,} bytes; take it out")
    return content


def _write(path: Path, content: bytes) -> None:
    """Writes a file in one move."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise BuildError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if draft.exists():
            draft.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the engine of this bundle on this board.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent, help="the bundle")
    parser.add_argument(
        "--level", type=int, choices=range(6), help=f"5 takes longest; by default {LEVEL}, TensorRT 8.6+"
    )
    parser.add_argument("--workspace-mb", type=int, help=f"memory that kernels may use, by default {WORKSPACE_MB}")
    parser.add_argument("--again", action="store_true", help="also where an engine lies there that fits")
    given = parser.parse_args()
    try:
        plan = plan_of(given.folder, given.level, given.workspace_mb, given.again)
    except (BuildError, ImportError, KeyError, ValueError) as error:
        sys.exit(f"build_engine: {error}")
    print(f"{given.folder / FOLDER / PLAN}: {len(plan):,} bytes")


if __name__ == "__main__":
    main()
