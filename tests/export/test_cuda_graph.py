"""An engine of TensorRT that is captured in a CUDA graph: every call in its order, and nothing that steps in for it.

CUDA and TensorRT are stand-ins, whose functions are declared as CUDA's own headers declare them; no GPU has run this.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
if not shutil.which("gcc"):
    pytest.skip("gcc is not here, which makes the stand-in for CUDA", allow_module_level=True)

import handmade
import stand_in

from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError
from edgegsr.runtime import SituationRecognizer, build_engine
from edgegsr.runtime.session import BEST, ENGINES, lacks, open_session, package_of

CAPTURED = ["wait", "begin capture", "end capture", "instantiate", "destroy graph"]
LAUNCHED = ["copy to", "copy to", "launch graph", *["copy from"] * 4, "wait"]  # one photo
ONE_BY_ONE = [each for each in LAUNCHED if each != "launch graph"]
RUNTIMES = {  # wheels with CUDA's headers: on JetPack 5 is 11.4, on 6 is 12.6, on 7 is 13
    "11.8.89": "nvidia-cuda-runtime-cu11",
    "12.6.77": "nvidia-cuda-runtime-cu12",
    "13.0.48": "nvidia-cuda-runtime",
}
MARKS = """CUDARTAPI CUDARTAPI_CDECL CUDART_CB __host__ __device__ __cudart_builtin__ __device_builtin__
__device_builtin_texture_type__ __device_builtin_surface_type__ __builtin_align__(n) __align__(n)
""".split()  # words of NVIDIA's compiler, which is not here


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle whose answers depend on the photo, on a board with stand-ins."""
    graph = handmade.graph(handmade.ANSWERS, of_mean=0.01)
    made = handmade.write(tmp_path / "bundle", graph, target={"engine": "tensorrt", "precision": "fp16"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build_engine, "CUDART", (stand_in.cudart(tmp_path),))
    module: Any = stand_in.tensorrt("10.3.0", [])
    module.__spec__ = SimpleNamespace(name="tensorrt")
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return made


@pytest.fixture
def cuda(bundle: Path) -> Iterator[Any]:
    library = stand_in.library()
    library.stand_in_refuse(0)
    yield library
    gc.collect()


def diary(cuda: Any) -> list[str]:
    """The calls since somebody looked last."""
    told: list[str] = cuda.stand_in_diary().decode().splitlines()
    cuda.stand_in_refuse(0)
    return told


def squares() -> list[Any]:
    return [np.full((16, 16, 3), shade, np.uint8) for shade in range(0, 240, 40)]


def test_a_captured_engine_says_the_same_in_one_launch(bundle: Path, cuda: Any) -> None:
    opened = open_bundle(bundle)
    plain = open_session(opened, "tensorrt", None)
    wanted = [plain(square, BEST) for square in squares()]
    assert len({float(each["presence"][0]) for each in wanted}) == 6
    assert diary(cuda) == ONE_BY_ONE * 6
    captured = open_session(opened, "tensorrt-graph", None)
    assert diary(cuda) == CAPTURED
    said = [captured(square, BEST) for square in squares()]
    assert diary(cuda) == LAUNCHED * 6
    with ThreadPoolExecutor(4) as pool:
        said += pool.map(lambda square: captured(square, BEST), squares())
    for found, one in zip(said, wanted * 2):
        assert found.keys() == one.keys() and all(np.array_equal(found[name], one[name]) for name in one)


def test_what_was_captured_goes_before_its_memory(bundle: Path, cuda: Any) -> None:
    captured = SituationRecognizer(bundle, "tensorrt-graph")
    assert captured.engine == "tensorrt-graph"
    diary(cuda)
    del captured
    gc.collect()
    assert diary(cuda) == ["destroy exec", *["free"] * 6, "destroy stream"]


def test_an_engine_that_cannot_be_captured_is_refused_and_nothing_steps_in(
    bundle: Path, cuda: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = "bundle: tensorrt: the engine is not captured in a CUDA graph: "
    end = "; take the engine tensorrt, which needs none"
    cuda.stand_in_refuse(801)  # what instantiating says
    with pytest.raises(InputError) as refused:
        SituationRecognizer(bundle, "tensorrt-graph")
    said = "CUDA: cudaGraphInstantiateWithFlags has failed: operation not supported (801)"
    assert str(refused.value).endswith(begin + said + end)
    del refused
    gc.collect()
    assert diary(cuda) == [*CAPTURED, *["free"] * 6, "destroy stream"]

    run = stand_in.Engine.run

    def forgets(engine: Any) -> None:  # as one that sets itself up again and again
        run(engine)
        engine.ran = False

    monkeypatch.setattr(stand_in.Engine, "run", forgets)
    with pytest.raises(InputError) as refused:
        SituationRecognizer(bundle, "tensorrt-graph")
    assert str(refused.value).endswith(f"{begin}TensorRT has not run the engine; its messages say why{end}")
    assert diary(cuda)[:3] == CAPTURED[:3] and not cuda.stand_in_captures()

    def waits(engine: Any, stream: int) -> bool:  # as one that does on a stream what may not be captured
        cuda.cudaStreamSynchronize(stand_in.ctypes.c_void_p(stream))
        return True

    monkeypatch.setattr(stand_in.Engine, "execute_async_v3", waits)
    with pytest.raises(InputError) as refused:
        SituationRecognizer(bundle, "tensorrt-graph")
    said = "CUDA: cudaStreamEndCapture has failed: operation failed due to a previous error during capture (901)"
    assert str(refused.value).endswith(begin + said + end)


def test_a_launch_that_fails_is_one_line(bundle: Path, cuda: Any) -> None:
    captured = open_session(open_bundle(bundle), "tensorrt-graph", None)
    cuda.stand_in_draw(None)
    with pytest.raises(InputError, match=r"its graph fails in tensorrt-graph: CUDA: cudaGraphLaunch has failed: inva"):
        captured(squares()[0], BEST)


def test_an_engine_and_its_captured_one_are_of_one_package() -> None:
    assert {name: package_of(name) for name in ENGINES} == {
        **dict.fromkeys(("tensorrt", "tensorrt-graph"), "tensorrt"),
        **{name: name for name in ("onnxruntime", "openvino")},
    }
    assert lacks("onnxruntime") == ""


def test_without_tensorrt_the_package_is_named(tmp_path: Path) -> None:
    if not lacks("tensorrt"):
        pytest.skip("TensorRT is installed here")
    made = handmade.write(tmp_path / "bundle", handmade.graph(handmade.ANSWERS))
    with pytest.raises(InputError, match="engine: tensorrt is not installed here; run: pip install tensorrt"):
        SituationRecognizer(made, "tensorrt-graph")


@pytest.mark.parametrize("version", RUNTIMES)
def test_the_stand_in_is_declared_as_cuda_declares_it(version: str, tmp_path: Path) -> None:
    """So that what is called with the right arguments here is called with the right ones there."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--retries=1"]
    got = subprocess.run(
        [*pip, "--timeout=15", "-d", str(tmp_path), f"{RUNTIMES[version]}=={version}"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if got.returncode:
        pytest.skip(f"{RUNTIMES[version]} {version} cannot be had: {got.stderr.strip().splitlines()[-1]}")
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path, "zip")
    (header,) = tmp_path.rglob("cuda_runtime_api.h")
    (tmp_path / "crt").mkdir()
    (tmp_path / "crt" / "host_defines.h").write_text("".join(f"#define {mark}\n" for mark in MARKS))
    source = tmp_path / "stand_in.c"
    source.write_text(stand_in.CUDART)
    compiler = ["gcc", "-fsyntax-only", f"-I{header.parent}", f"-I{tmp_path}", f'-DHEADER="{header}"', str(source)]

    def conflicts() -> set[str]:
        done = subprocess.run(compiler, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        assert done.returncode in (0, 1) and (not done.returncode or "conflicting types" in done.stderr), done.stderr
        return set(re.findall(r"conflicting types for '(\w+)'", done.stderr))

    assert conflicts() == set()
    source.write_text(stand_in.CUDART.replace("cudaGraph_t graph, unsigned long long flags", "cudaGraph_t graph"))
    assert conflicts() == {"cudaGraphInstantiateWithFlags"}, "another declaration would be seen"
    (library,) = tmp_path.rglob("libcudart.so*")
    content, names = library.read_bytes(), set(re.findall(r"^\S+ \*?(cuda\w+)\(", stand_in.CUDART, re.MULTILINE))
    assert len(names) > 15
    missing = {name for name in names if name.encode() + b"\0" not in content}
    assert missing <= {"cudaGetDeviceProperties_v2"}  # which CUDA 12 has alone, and is looked for
