"""A bundle for a board with TensorRT: what is in it, what is said about it, and how it runs where stand-ins are."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import stand_in
from bundlemade import LOOSE, NEW, checks, random_tables

from edgegsr.bench.roofline import law
from edgegsr.bundle import open_bundle
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export import tensorrt_rules
from edgegsr.export.export import export
from edgegsr.export.gates import missed, strays
from edgegsr.export.target import Gates, find_target
from edgegsr.export.vocabulary import Vocab
from edgegsr.run import Run
from edgegsr.runtime import SituationRecognizer, build_engine


@pytest.fixture(scope="module")
def kit(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kits") / "board"
    target = find_target("orin-nano-trt-fp16")
    assert export(whole, out, dataclasses.replace(target, gates=Gates(half=0.3)), checks(split_dev))["missed"] == []
    return out


@pytest.fixture(scope="module")
def open_kit(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose words are inputs."""
    out = tmp_path_factory.mktemp("kits") / "open"
    target = dataclasses.replace(find_target("orin-nano-trt-fp16"), gates=dataclasses.replace(LOOSE, drift=1e-4))
    assert export(whole, out, target, checks(split_dev), Vocab("input"))["missed"] == []
    return out


def test_a_kit_is_a_bundle_with_all_that_a_board_needs(kit: Path) -> None:
    found = open_bundle(kit)
    assert found.manifest["files"].keys() == {
        *("model.onnx", "model.fp16.onnx", "vocabulary.json", "preprocess.json", "build_engine.py"),
        *("README.md", "MODEL_CARD.md", "numerics.json", "perf.json"),
    }
    assert found.manifest["target"]["version"] == "10.3" and found.manifest["opset"] == 20
    assert (kit / "build_engine.py").read_bytes() == Path(build_engine.__file__).read_bytes()
    steps = (kit / "README.md").read_text()
    assert "\n    trtexec --onnx=model.onnx --saveEngine=trtexec.plan --fp16 --builder" in steps
    assert "| 10.16 | `trtexec --onnx=model.fp16.onnx --saveEngine=trtexec.plan --stronglyTyped --builder" in steps
    assert "| 11.4 | `trtexec --onnx=model.fp16.onnx --saveEngine=trtexec.plan --builder" in steps


def test_nothing_measured_is_told_for_a_board(kit: Path) -> None:
    perf = json.loads((kit / "perf.json").read_text())
    assert perf["measured"] is False and "p50_ms" not in perf
    assert perf["estimated_ms"] == pytest.approx(
        law().start_ms("orin-nano-super", "fp16"), rel=0.01
    )  # so tiny a student
    for name in ("MODEL_CARD.md", "README.md"):
        text = (kit / name).read_text()
        assert "No engine was built and no latency was measured. ESTIMATE: 3." in text
    numerics = json.loads((kit / "numerics.json").read_text())
    assert max(numerics["drift"].values()) < 1e-4 and max(numerics["half"]["drift"].values()) < 0.01
    assert numerics["dev"].keys() == {"student", "graph", "half"}
    assert numerics["dev"]["graph"] == numerics["dev"]["student"], "the same pixels and the same numbers"


def test_8_bits_come_as_q_and_dq(rounded: Run, split_dev: Split, tmp_path: Path) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-int8"), version="8.5", gates=LOOSE)
    found = export(rounded, tmp_path / "kit", target, checks(split_dev, 4))
    assert found["missed"] == [] and {each["rule"] for each in found["numerics"]["findings"]} <= {"T11", "T12", "T14"}
    assert all(each["file"] in ("model.onnx", "model.fp16.onnx") for each in found["numerics"]["findings"])
    assert open_bundle(tmp_path / "kit").manifest["opset"] == 17
    assert "--fp16 --int8 --memPoolSize" in (tmp_path / "kit" / "README.md").read_text()


def test_8_bits_and_words_as_inputs_go_together(rounded: Run, split_dev: Split, tmp_path: Path) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-int8"), gates=LOOSE)
    found = export(rounded, tmp_path / "kit", target, checks(split_dev, 4), Vocab("input"))
    assert found["missed"] == [] and not any(each["refused"] for each in found["numerics"]["findings"])
    assert SituationRecognizer(tmp_path / "kit", "onnxruntime", threads=1).predict(split_dev.path(0)).verb


def test_the_command_says_that_no_engine_was_built(
    whole: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from commandline import run

    monkeypatch.setenv("COLUMNS", "200")
    words = ("export", whole.folder, "--target", "orin-nano-trt-fp16", "--data", world, "--out", tmp_path / "kit")
    assert run(*words, "--licence", "MIT", "--pixels", "float", "--json") == 0
    said = capsys.readouterr().out
    start_ms = law().start_ms("orin-nano-super", "fp16")
    assert f"MB. No engine was built and no latency was measured. ESTIMATE: {start_ms:.1f} ms" in said
    assert json.loads(said.splitlines()[-1])["perf"]["measured"] is False
    assert open_bundle(tmp_path / "kit").manifest["licence"] == "MIT" and open_bundle(tmp_path / "kit").normal
    assert run("verify", tmp_path / "kit", "--target", "agx-orin-trt-fp16") == 0
    assert "whole, and nothing else in it" in capsys.readouterr().out
    monkeypatch.setitem(tensorrt_rules.SINCE, "Conv", (12, 0))
    assert run(*words[:-1], tmp_path / "another", "--allow-regression") == 3
    said, failed = capsys.readouterr()
    assert "TensorRT 10.3, by rules" in said and "Conv is known since TensorRT 12.0, and this is 10.3" in said
    assert "model.onnx: 14 times refused by T07" in failed and not (tmp_path / "another").exists()


def test_float16_that_loses_points_is_a_missed_gate() -> None:
    same = dict.fromkeys(("verb_top1", "value", "grounded"), 0.5)
    dev = {"student": {"all": same, "rare": same}, "graph": {"all": same, "rare": same}}
    less = {**dev, "half": {"all": {**same, "value": 0.497}, "rare": {**same, "value": 0.497}}}
    said = list(missed(Gates(), {"drift": {}, "dev": less}, {}))
    assert said == ["value, all, in float16: 0.30 points less than the student, at most 0.2 was wanted"]
    assert list(missed(Gates(half=0.004), {"drift": {}, "dev": less}, {})) == []
    few = {**dev, "half": {"all": same, "rare": {**same, "value": 0.494}}}
    assert list(missed(Gates(), {"drift": {}, "dev": few}, {})) == [
        "value, rare, in float16: 49.4 % where the student has 50.0 %, at least 99% of it was wanted"
    ]


def test_what_is_refused_is_not_kept() -> None:
    finding = {"file": "model.onnx", "rule": "T07", "refused": True, "node": "", "what": "opset"}
    half = {"drift": {"presence": float("nan")}}
    numerics = {"drift": {}, "half": half, "findings": [finding, {**finding, "rule": "T14", "refused": False}]}
    assert strays(Gates(), numerics) == ["presence: not a number in float16", "model.onnx: 1 times refused by T07"]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("", "--target: wanted a profile with the version of TensorRT on the board, got none"),
        ("8.4", "--target: wanted TensorRT 8.5 or newer on the board, got 8.4; update its JetPack"),
    ],
)
def test_a_profile_says_which_tensorrt(whole: Run, split_dev: Split, tmp_path: Path, version: str, said: str) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-fp16"), version=version)
    with pytest.raises(InputError, match=said):
        export(whole, tmp_path / "kit", target, checks(split_dev))


def test_no_engine_steps_in_for_tensorrt(kit: Path, split_dev: Split) -> None:
    if build_engine_is_here():
        pytest.skip("TensorRT is installed here")
    with pytest.raises(InputError, match="engine: tensorrt is not installed here; run: pip install tensorrt"):
        SituationRecognizer(kit)
    assert SituationRecognizer(kit, "onnxruntime", threads=1).predict(split_dev.path(0)).verb


def build_engine_is_here() -> bool:
    import importlib.util

    return importlib.util.find_spec("tensorrt") is not None


@pytest.fixture
def board(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of the kit where stand-ins for CUDA and for a TensorRT are; `as_version` says which."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not here, which makes the stand-in for CUDA")
    here = Path(shutil.copytree(kit, tmp_path / "board"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build_engine, "CUDART", (stand_in.cudart(tmp_path),))
    made: list[Any] = []

    def as_version(version: str) -> None:
        module: Any = stand_in.tensorrt(version, made)
        module.__spec__ = SimpleNamespace(name="tensorrt")
        if version.startswith("8."):  # as if the profile had said so; what stands in for TensorRT 8 reads any opset
            manifest = json.loads((here / "manifest.json").read_text())
            (here / "manifest.json").write_text(json.dumps({**manifest, "opset": 17}))
        monkeypatch.setitem(sys.modules, "tensorrt", module)

    return SimpleNamespace(folder=here, as_version=as_version, made=made)


@pytest.mark.parametrize(
    ("version", "network", "flags"),
    [("8.5.2", 1, ["FP16"]), ("8.6.2", 1, ["FP16"]), ("10.3.0", 0, ["FP16"]), ("10.16.1", 2, []), ("11.4.0", 0, [])],
)
def test_a_board_says_what_the_file_says(
    board: Any, kit: Path, split_dev: Split, version: str, network: int, flags: list[str]
) -> None:
    board.as_version(version)
    recognizer = SituationRecognizer(board.folder)
    assert recognizer.engine == "tensorrt" and board.made == [(network, flags, {"WORKSPACE": 1 << 30})]
    plain = SituationRecognizer(kit, "onnxruntime", threads=1)
    photos = [split_dev.path(i % len(split_dev)) for i in range(32)]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(recognizer.predict, photos))
    for one, other in zip(said, plain.predict_all(photos)):
        assert one.verb == other.verb and one.confidence == pytest.approx(other.confidence, abs=1e-2)
    asked = whole_verbs(recognizer)[2]
    assert recognizer.predict(photos[0], asked).verb == asked
    note = json.loads((board.folder / "engine" / "model.json").read_text())
    assert note["gpu"] == {"name": "Orin", "compute_capability": "8.7", "uuid": "ab" * 16}
    SituationRecognizer(open_bundle(board.folder)).predict(photos[0])
    assert len(board.made) == 1, "an engine that fits is not built again"


def whole_verbs(recognizer: SituationRecognizer) -> tuple[str, ...]:
    return tuple(recognizer.ontology.verbs)


def test_what_is_wrong_on_a_board_is_one_line(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    board.as_version("8.4.3")
    with pytest.raises(InputError, match=r"board: tensorrt: TensorRT: wanted 8\.5 or newer, got 8\.4\.3"):
        SituationRecognizer(board.folder)
    with pytest.raises(build_engine.BuildError, match="CUDA: cudaMalloc has failed: out of memory"):
        build_engine.Cuda().memory(1 << 31)
    board.as_version("10.3.0")
    with pytest.raises(build_engine.BuildError, match=r"TensorRT 10\.3\.0 does not read model\.onnx: no operator"):
        build_engine.build(b"nothing", build_engine.way_of("10.3.0", "int8"), b"", 3, 1)
    monkeypatch.setattr(build_engine, "CUDART", ("libnowhere.so",))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(InputError, match="tensorrt: CUDA: found no libnowhere"):
        SituationRecognizer(board.folder)


@pytest.mark.parametrize("version", ["8.5.2", "10.3.0", "10.16.1"])
def test_words_that_are_inputs_change_on_a_board(
    open_kit: Path, board: Any, split_dev: Split, tmp_path: Path, version: str
) -> None:
    shutil.rmtree(board.folder)
    shutil.copytree(open_kit, board.folder)
    board.as_version(version)
    recognizer, plain = SituationRecognizer(board.folder), SituationRecognizer(open_kit, "onnxruntime", threads=1)
    random_tables(NEW).save(tmp_path / "new.safetensors")
    photos = [split_dev.path(i) for i in range(4)]
    for change in (False, True):
        if change:
            for each in (recognizer, plain):
                each.set_vocabulary(NEW, tmp_path / "new.safetensors")
        for one, other in zip(recognizer.predict_all(photos), plain.predict_all(photos)):
            assert one.verb == other.verb and one.confidence == pytest.approx(other.confidence, abs=1e-2)
            assert tuple(one.fillers) == tuple(other.fillers)
        assert recognizer.predict(photos[0], recognizer.ontology.verbs[1]).verb == recognizer.ontology.verbs[1]


def test_a_kit_with_words_as_inputs_breaks_no_rule(open_kit: Path) -> None:
    numerics = json.loads((open_kit / "numerics.json").read_text())
    assert numerics["findings"] == [] and max(numerics["half"]["drift"].values()) < 0.02
    found = open_bundle(open_kit)
    assert found.manifest["vocabulary"]["capacity"] == {"verbs": 32, "nouns": 32}
    assert {"vocabulary.safetensors", "model.fp16.onnx"} <= found.manifest["files"].keys()
    assert "the tables of words that `MODEL_CARD.md` names" in (open_kit / "README.md").read_text()
    assert "room for 32 verbs and 32 nouns" in (open_kit / "MODEL_CARD.md").read_text()


def test_a_kit_with_words_as_inputs_for_tensorrt_8_is_in_opset_17(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-fp16"), version="8.5", gates=LOOSE)
    found = export(whole, tmp_path / "kit", target, checks(split_dev, 4), Vocab("input"))
    assert found["missed"] == [] and found["numerics"]["findings"] == []
    assert open_bundle(tmp_path / "kit").manifest["opset"] == 17


def test_the_program_in_the_kit_says_what_is_missing(kit: Path) -> None:
    if build_engine_is_here():
        pytest.skip("TensorRT is installed here")
    done = subprocess.run([sys.executable, kit / "build_engine.py"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.strip() == "build_engine: No module named 'tensorrt'"


def test_an_engine_beside_a_bundle_is_left_alone_and_a_link_is_not(board: Any, tmp_path: Path) -> None:
    engine = board.folder / "engine"
    engine.mkdir()
    (engine / "model.plan").write_bytes(b"plan")
    open_bundle(board.folder)
    (engine / "model.json").symlink_to(tmp_path / "libcudart.so")
    with pytest.raises(InputError, match=r"engine/model.json is a link; take it out"):
        open_bundle(board.folder)
    shutil.rmtree(engine)
    engine.symlink_to(tmp_path)
    with pytest.raises(InputError, match="engine is a link; take it out"):
        open_bundle(board.folder)


def test_a_half_file_that_does_more_than_ours_is_refused(board: Any) -> None:
    from edgegsr.bundle import seal

    (board.folder / "model.fp16.onnx").write_bytes(b"nothing")
    seal(board.folder, {})
    with pytest.raises(InputError, match=r"model\.fp16\.onnx: wanted"):
        open_bundle(board.folder)
