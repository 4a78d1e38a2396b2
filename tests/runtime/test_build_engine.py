"""What the builder of an engine decides: the file, the flags, whether to build at all. No GPU and no TensorRT here."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgegsr import bundle
from edgegsr.runtime import build_engine
from edgegsr.runtime.build_engine import BuildError, misfit, plan_of, trtexec, way_of

LEVEL, REST = "--builderOptimizationLevel=3", "--memPoolSize=workspace:1024 --profilingVerbosity=detailed"


@pytest.mark.parametrize(
    ("version", "file", "flags", "explicit", "levels"),
    [
        ("8.5.2", "model.onnx", ("--fp16", "--int8"), True, False),
        ("8.6.2", "model.onnx", ("--fp16", "--int8"), True, True),
        ("10.3.0", "model.onnx", ("--fp16", "--int8"), False, True),
        ("10.11.0.33", "model.onnx", ("--fp16", "--int8"), False, True),
        ("10.12.0.36", "model.fp16.onnx", ("--stronglyTyped",), False, True),
        ("10.16.1.11", "model.fp16.onnx", ("--stronglyTyped",), False, True),
        ("11.4.0.106", "model.fp16.onnx", (), False, True),
    ],
)
def test_every_version_has_its_way(
    version: str, file: str, flags: tuple[str, ...], explicit: bool, levels: bool
) -> None:
    way = way_of(version, "int8")
    assert (way.file, way.flags, way.explicit, way.levels) == (file, flags, explicit, levels)
    assert way_of(version, "fp16").flags == tuple(flag for flag in flags if flag != "--int8")
    words = [f"trtexec --onnx={file} --saveEngine=trtexec.plan", *flags, *[LEVEL] * levels, REST]
    assert trtexec(way) == " ".join(words)


@pytest.mark.parametrize(
    ("version", "precision", "said"),
    [
        ("8.4.1", "int8", "wanted 8.5 or newer, got 8.4.1; update JetPack or TensorRT"),
        ("new", "int8", "wanted a version such as 10.3.0, got 'new'"),
        ("10.3.0", "fp32", "wanted a bundle for TensorRT in fp16 or int8, got 'fp32'"),
    ],
)
def test_what_cannot_be_built_is_said(version: str, precision: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        way_of(version, precision)


def identity(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of a user who has built nothing yet."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def sealed(**note: Any) -> dict[str, Any]:
    return {**note, "seal": build_engine._seal(note)}


def test_a_plan_is_taken_only_by_a_note_that_fits() -> None:
    wanted = {"tensorrt": "10.3.0", "gpu": {"name": "Orin", "uuid": "ab"}}
    note = sealed(**wanted, plan=identity(b"plan"))
    assert misfit(note, wanted, b"plan") == ""
    assert misfit(note, wanted, None) == "none was built yet"
    assert misfit(None, wanted, b"plan") == misfit([], wanted, b"plan") == "nothing says what it was built by"
    assert misfit(note, wanted, b"another") == "it is not the plan that was written"
    assert misfit(note, {**wanted, "tensorrt": "10.4.0"}, b"plan") == 'its tensorrt was "10.3.0", and this is "10.4.0"'
    assert misfit(note, {**wanted, "gpu": {"name": "Orin", "uuid": "cd"}}, b"plan").startswith("its gpu was")
    for broken in ({**note, "plan": identity(b"evil")}, {**note, "seal": None}, {**note, "seal": "é"}, {"plan": 1}):
        assert misfit(broken, wanted, b"evil") == "it was built by somebody else"


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files with the names of a bundle's, and a TensorRT 10.3 that is asked for nothing but its version."""
    files = {"model.onnx": b"a graph", "model.fp16.onnx": b"a short graph"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    told = {
        "target": {"engine": "tensorrt", "precision": "int8"},
        "files": {name: identity(content) for name, content in files.items()},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="10.3.0"))
    monkeypatch.setattr(build_engine, "Cuda", lambda: SimpleNamespace(gpu=lambda: {"name": "Orin", "uuid": "ab"}))
    return tmp_path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """The graphs that were built, each with the timings that came along."""
    found: list[tuple[bytes, bytes]] = []

    def build(graph: bytes, way: Any, timings: bytes, level: int, workspace_mb: int) -> tuple[bytes, bytes]:
        found.append((graph, timings))
        return b"plan of " + graph, b"timings"

    monkeypatch.setattr(build_engine, "build", build)
    return found


def test_an_engine_is_built_once_and_again_where_it_does_not_fit(
    kit: Path, built: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan_of(kit) == plan_of(kit) == b"plan of a graph" and built == [(b"a graph", b"")]
    note = json.loads((kit / "engine" / "model.json").read_text())
    assert note["onnx"] == {"name": "model.onnx", **identity(b"a graph")}
    assert (note["tensorrt"], note["flags"], note["plan"]) == (
        "10.3.0",
        ["--fp16", "--int8"],
        identity(b"plan of a graph"),
    )
    assert {path.name for path in (kit / "engine").iterdir()} == {"model.plan", "model.json", "timing.cache"}
    (kit / "engine" / "model.plan").write_bytes(b"another")
    assert plan_of(kit) == b"plan of a graph" and built[1:] == [(b"a graph", b"timings")]
    assert "(it is not the plan that was written); this takes minutes" in capsys.readouterr().err
    (kit / "engine" / "model.json").write_text("{")
    assert plan_of(kit) == b"plan of a graph" and len(built) == 3
    plan_of(kit, again=True)
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="10.12.1"))
    assert plan_of(kit) == b"plan of a short graph" and len(built) == 5
    assert 'its tensorrt was "10.3.0", and this is "10.12.1"' in capsys.readouterr().err


def test_an_engine_of_another_gpu_is_never_taken(kit: Path, built: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plan_of(kit)
    monkeypatch.setattr(build_engine, "Cuda", lambda: SimpleNamespace(gpu=lambda: {"name": "Orin", "uuid": "cd"}))
    plan_of(kit)
    assert len(built) == 2


def test_an_engine_of_another_user_or_machine_is_never_taken_nor_are_its_timings(
    kit: Path, built: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_of(kit)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of somebody else"))
    plan_of(kit)
    assert built == [(b"a graph", b"")] * 2 and "(it was built by somebody else)" in capsys.readouterr().err
    plan_of(kit)
    assert len(built) == 2
    (kit / "engine" / "timing.cache").write_bytes(b"code")
    plan_of(kit, again=True)
    assert built[2] == (b"a graph", b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(kit / "model.onnx"))  # where nothing can be kept
    plan_of(kit)
    plan_of(kit)
    assert len(built) == 5


def test_the_secret_is_for_one_user_and_stays(cache: Path) -> None:
    assert build_engine._secret() == build_engine._secret() != b""
    (found,) = cache.rglob("*.key")
    assert found.stat().st_mode & 0o077 == 0


def test_another_level_than_that_of_the_engine_builds_it_again(kit: Path, built: list[Any]) -> None:
    plan_of(kit)
    plan_of(kit, level=5)
    plan_of(kit, level=5)
    plan_of(kit)  # which asks for none
    assert len(built) == 2 and json.loads((kit / "engine" / "model.json").read_text())["level"] == 5


def test_a_place_that_cannot_be_written_to_is_said_before_anything_is_built(kit: Path, built: list[Any]) -> None:
    (kit / "engine").write_text("")
    with pytest.raises(BuildError, match=r"engine: cannot be made: .*; copy the bundle to a place"):
        plan_of(kit)
    assert built == []


def test_a_pipe_in_place_of_a_plan_is_refused(kit: Path, built: list[Any]) -> None:
    plan_of(kit)
    (kit / "engine" / "model.plan").unlink()
    os.mkfifo(kit / "engine" / "model.plan")
    with pytest.raises(BuildError, match=r"model\.plan: is no file; take it out"):
        plan_of(kit)


def test_a_graph_in_a_newer_opset_than_tensorrt_8_reads_is_refused(
    kit: Path, built: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((kit / "manifest.json").read_text())
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(__version__="8.6.2"))
    with pytest.raises(BuildError, match=r"is for TensorRT 10 or newer; export it with a profile of the version"):
        plan_of(kit, manifest={**manifest, "opset": 20})
    assert plan_of(kit, manifest={**manifest, "opset": 17}) == b"plan of a graph"


def test_a_bundle_of_another_engine_is_not_built(kit: Path, built: list[Any]) -> None:
    told = json.loads((kit / "manifest.json").read_text())
    told["target"]["engine"] = "openvino"
    (kit / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(BuildError, match="wanted a bundle that was exported for tensorrt, got one for openvino"):
        plan_of(kit)


def test_a_graph_that_was_not_sealed_is_not_built(kit: Path, built: list[Any]) -> None:
    (kit / "model.onnx").write_bytes(b"a grapH")
    with pytest.raises(BuildError, match=r"model.onnx: is not the file that was sealed; copy the whole bundle again"):
        plan_of(kit)
    assert built == []


@pytest.mark.parametrize("name", ["engine", "engine/model.plan", "engine/model.json", "engine/timing.cache"])
def test_links_are_refused(kit: Path, built: list[Any], tmp_path: Path, name: str) -> None:
    plan_of(kit)
    place, elsewhere = kit / name, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(BuildError, match="is a link; take it out"):
        plan_of(kit, again=True)


def test_no_cuda_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_engine, "CUDART", ("libnowhere.so",))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(BuildError, match=r"CUDA: found no libnowhere\.so; install CUDA's runtime"):
        build_engine.Cuda()


def test_it_stands_alone() -> None:
    tree = ast.parse(Path(build_engine.__file__).read_text("utf-8"), feature_version=(3, 8))
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).split(".")[0] for name in froms | names} <= {*sys.stdlib_module_names, "tensorrt"}
    assert (build_engine.MANIFEST, build_engine.FLOAT_FILE, build_engine.FOLDER) == (
        bundle.MANIFEST,
        bundle.GRAPH,
        bundle.BUILT,
    )
