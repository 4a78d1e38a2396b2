"""From a run to a bundle, and the bundle on photos, next to the student in torch."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import onnx
from bundlemade import TARGET, checks, near

import edgegsr
from edgegsr.bundle import INPUTS, OUTPUTS, open_bundle
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.gates import missed
from edgegsr.export.parity import parity
from edgegsr.export.target import Gates, find_target
from edgegsr.export.vocabulary import Vocab
from edgegsr.graphfile import read_graph
from edgegsr.run import Run
from edgegsr.runtime import SituationRecognizer
from edgegsr.student.predictor import EagerPredictor


def test_a_bundle_says_what_the_student_says(folded: Path, whole: Run, split_dev: Split) -> None:
    recognizer, eager = SituationRecognizer(folded, threads=1), EagerPredictor(whole)
    for i in range(len(split_dev)):
        path = split_dev.path(i)
        assert near(recognizer.predict(path), eager.predict(path))
        assert near(recognizer.predict(split_dev.pixels(i)), eager.predict(split_dev.pixels(i)))
        for verb in whole.ontology.verbs:
            assert recognizer.predict(path, verb).verb == verb
            assert near(recognizer.predict(path, verb), eager.predict(path, verb))


def test_manifest_and_notes_tell_what_is_there(folded: Path, whole: Run) -> None:
    found = open_bundle(folded)
    assert (tuple(found.manifest["inputs"]), tuple(found.manifest["outputs"])) == (INPUTS, OUTPUTS)
    assert found.manifest["vocabulary"] == {"verbs": 4, "nouns": 4, "folded": True}
    assert found.side == whole.student.config.side
    numerics = json.loads((folded / "numerics.json").read_text())
    assert numerics["images"] == 8 and numerics["same"]["verb_logits"] == 1 and max(numerics["drift"].values()) < 1e-4
    assert json.loads((folded / "perf.json").read_text())["p50_ms"] > 0
    assert "over 4 verbs" in (folded / "MODEL_CARD.md").read_text()


def test_graph_is_plain_onnx(folded: Path) -> None:
    model = onnx.load(folded / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    found = read_graph((folded / "model.onnx").read_bytes(), "here")
    assert found.operators == {node.op_type for node in model.graph.node} and "Identity" not in found.operators
    assert "BatchNormalization" not in found.operators
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(casts) == 1, "bytes to floats"
    dims = [[dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in model.graph.input]
    assert dims == [[1, 32, 32, 3], [1]] and model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_a_bundle_tells_nothing_of_the_machine_that_made_it(folded: Path) -> None:
    content = (folded / "model.onnx").read_bytes()
    places = (Path(edgegsr.__file__).parent, Path(sys.prefix), Path.home(), folded.parent)
    assert not [place for place in places if str(place).encode() in content and place != Path("/")]
    assert b".py" not in content and len(content) < 200_000


def test_a_bundle_is_replaced_and_nothing_else_is(folded: Path, whole: Run, split_dev: Split, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    out.mkdir()
    export(whole, out, TARGET, checks(split_dev, 2))
    export(whole, out, TARGET, checks(split_dev, 3))
    assert json.loads((out / "numerics.json").read_text())["images"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"wanted an empty folder or a bundle, found letter\.txt; give another --out"):
        export(whole, tmp_path / "mine", TARGET, checks(split_dev, 2))


def test_a_graph_that_drifts_is_not_kept(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    strict = dataclasses.replace(TARGET, gates=Gates(drift=1e-12))
    found = export(whole, tmp_path / "bundle", strict, checks(split_dev, 2))
    assert found["missed"] and "of its largest value away from the student, at most 1e-12" in found["missed"][0]
    allowed = dataclasses.replace(checks(split_dev, 2), allow_regression=True)
    assert not export(whole, tmp_path / "bundle", strict, allowed)["written"], "nothing makes up for other answers"
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_answers_nan_drifts_without_end(whole: Run, split_dev: Split) -> None:
    def broken(pixels: Any, verb: int) -> Any:
        shapes = {"verb_logits": 4, "noun_logits": (6, len(whole.ontology.nouns)), "boxes_xyxy": (6, 4), "presence": 6}
        return {name: np.full(shape, np.nan, np.float32) for name, shape in shapes.items()}

    drift = parity(whole.student, broken, split_dev, 3).drift
    assert all(np.isnan(value) for value in drift.values())
    assert len(list(missed(Gates(), {"drift": drift}, {}))) == len(OUTPUTS)


def test_threads_may_ask_at_once(folded: Path, split_dev: Split) -> None:
    recognizer = SituationRecognizer(folded, threads=1)
    photos = [split_dev.path(i % len(split_dev)) for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(recognizer.predict, photos)) == recognizer.predict_all(photos)


def test_no_engine_steps_in_for_another(folded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match="engine: wanted one of onnxruntime, openvino, tensorrt, tensorrt-graph, got 'tflite'"
    ):
        SituationRecognizer(folded, engine="tflite")
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"run: pip install 'edgegsr\[openvino\]'"):
        SituationRecognizer(folded, engine="openvino")


def test_openvino_says_the_same(folded: Path, split_dev: Split) -> None:
    pytest.importorskip("openvino")
    one, other = (SituationRecognizer(folded, engine, threads=1) for engine in ("onnxruntime", "openvino"))
    assert all(near(one.predict(split_dev.path(i)), other.predict(split_dev.path(i))) for i in range(len(split_dev)))


def test_a_graph_that_no_engine_takes_is_refused(folded: Path, tmp_path: Path) -> None:
    found = open_bundle(folded)
    broken = onnx.load_from_string(found.graph)
    broken.graph.node[-1].input[0] = "nobody"
    with pytest.raises(InputError, match="onnxruntime does not take the graph: "):
        SituationRecognizer(dataclasses.replace(found, graph=broken.SerializeToString()))


def test_a_device_needs_nothing_of_torch(folded: Path, split_dev: Split) -> None:
    code = (
        "import sys; from edgegsr.runtime import SituationRecognizer; "
        f"print(SituationRecognizer({str(folded)!r}).predict({str(split_dev.path(0))!r}).verb); "
        "print([name for name in ('torch', 'transformers', 'onnx', 'cv2', 'typer', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    verb, heavy = done.stdout.split("\n")[:2]
    assert verb in ("lifting", "pushing", "pulling", "sinking") and heavy == "[]"


@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8"])
def test_a_bundle_in_8_bits_is_held_against_its_gates(
    rounded: Run, split_dev: Split, tmp_path: Path, name: str
) -> None:
    target = find_target(name)
    pytest.importorskip(target.engine)
    loose = dataclasses.replace(target, gates=Gates(drift=0.99, kept=0.0, fused=0.8, latency=100.0))
    found = export(rounded, tmp_path / "bundle", loose, checks(split_dev))
    assert found["missed"] == []
    told = json.loads((tmp_path / "bundle" / "numerics.json").read_text())
    assert told["dev"].keys() == {"student", "graph"} and told["layers"]["in_8_bits"] > 5
    assert found["perf"]["in_turns_ms"].keys() >= {"int8", "fp32"}
    recognizer = SituationRecognizer(tmp_path / "bundle", threads=1)
    assert recognizer.engine == target.engine
    assert recognizer.predict(split_dev.path(0)).verb in rounded.ontology.verbs


def test_a_bundle_for_another_cpu_is_judged_and_not_timed(
    rounded: Run, split_dev: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    target = dataclasses.replace(find_target("onnx-int8-arm64"), gates=Gates(drift=0.99, kept=0.0, latency=1e-9))
    found = export(rounded, tmp_path / "bundle", target, checks(split_dev, 4))
    assert found["missed"] == [] and "dev" in found["numerics"] and "layers" not in found["numerics"]
    assert found["perf"]["measured"] is False and "in_turns_ms" not in found["perf"]
    assert "Made for arm64, which this machine is not" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    assert SituationRecognizer(tmp_path / "bundle", threads=1).predict(split_dev.path(0)).verb


def test_float16_for_gpus_is_held_to_points_and_not_timed(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    target = find_target("onnx-fp16")
    assert target.gates.half == 0.002 and not target.is_here
    found = export(whole, tmp_path / "bundle", target, checks(split_dev), form=Form(ask=True))
    assert found["missed"] == [] and found["numerics"]["dev"].keys() == {"student", "half"}
    assert 1e-6 < max(found["numerics"]["drift"].values()) < 0.02
    assert found["perf"]["measured"] is False and "in_turns_ms" not in found["perf"]
    told = "Made for a GPU: not timed here. On a CPU ONNX Runtime is slower with float16 than with float32."
    assert told in (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    for name in ("model.onnx", "ask.onnx"):
        model = onnx.load(tmp_path / "bundle" / name)
        onnx.checker.check_model(model, full_check=True)
        convolved = [node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
        kinds = {each.name: each.data_type for each in model.graph.initializer}
        assert {kinds[name] for name in convolved if name in kinds} == {onnx.TensorProto.FLOAT16}
        gates = {each.name: each.type.tensor_type.elem_type for each in (*model.graph.input, *model.graph.output)}
        assert set(gates.values()) <= {onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8, onnx.TensorProto.INT64}
    recognizer, eager = SituationRecognizer(tmp_path / "bundle", threads=1), EagerPredictor(whole)
    photos = [split_dev.path(i) for i in range(len(split_dev))]
    assert [each.verb for each in recognizer.predict_all(photos)] == [eager.predict(each).verb for each in photos]


@pytest.mark.long
def test_float16_with_words_as_inputs_says_the_same(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    found = export(whole, tmp_path / "bundle", find_target("onnx-fp16"), checks(split_dev), Vocab("input"))
    assert found["missed"] == [] and max(found["numerics"]["drift"].values()) < 0.02
    model = onnx.load(tmp_path / "bundle" / "model.onnx")
    kinds = {each.name: each.type.tensor_type.elem_type for each in model.graph.input}
    assert kinds["noun_table"] == kinds["handicap"] == onnx.TensorProto.FLOAT, "an app gives what it always gave"


def test_a_slower_bundle_is_kept_only_if_that_is_allowed(rounded: Run, split_dev: Split, tmp_path: Path) -> None:
    hurried = dataclasses.replace(find_target("onnx-int8"), gates=Gates(drift=0.99, kept=0.0, fused=0.8, latency=1e-3))
    found = export(rounded, tmp_path / "bundle", hurried, checks(split_dev, 4))
    assert len(found["missed"]) == 1 and "float32 takes" in found["missed"][0] and list(tmp_path.iterdir()) == []
    export(rounded, tmp_path / "bundle", hurried, dataclasses.replace(checks(split_dev, 4), allow_regression=True))
    assert json.loads((tmp_path / "bundle" / "numerics.json").read_text())["missed"]


def test_what_tensorrt_would_refuse_is_an_exit_code(
    rounded: Run, split_dev: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loose = Gates(drift=0.99, kept=0.0, fused=0.0, latency=100.0)
    for name, code in (("onnx-int8", 3), ("openvino-int8", 0)):  # bytes without a sign, and with one
        pytest.importorskip(find_target(name).engine)
        export(rounded, tmp_path / name, dataclasses.replace(find_target(name), gates=loose), checks(split_dev, 2))
        assert command("verify", tmp_path / name, "--target", "orin-nano-trt-int8", "--json") == code
        findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
        assert any(each["rule"] == "T01" for each in findings) == (code == 3)


def test_bfloat16_is_scored_and_not_held_to_float32(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    short = dataclasses.replace(find_target("openvino-bf16"), gates=Gates(drift=0.5, kept=0.0))
    found = export(whole, tmp_path / "bundle", short, checks(split_dev, 8))
    assert found["missed"] == [] and found["perf"]["in_turns_ms"].keys() == {"bf16", "fp32"}


def test_a_run_and_a_target_of_different_arithmetic_are_refused(
    whole: Run, rounded: Run, split_dev: Split, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"counts in float32; run `edgegsr compress .* --ptq`"):
        export(whole, tmp_path / "bundle", find_target("onnx-int8"), checks(split_dev, 2))
    with pytest.raises(InputError, match="counts in INT8, and fp32 does not; export the run that it was made from"):
        export(rounded, tmp_path / "bundle", TARGET, checks(split_dev, 2))


def command(*words: Any) -> int:
    from commandline import run

    return run(*words)


def test_command_line_looks_through_a_bundle(
    folded: Path, whole: Run, split_dev: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("verify", folded, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["files"].keys() >= {"model.onnx", "numerics.json"}
    assert command("predict", folded, split_dev.path(0), "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["situations"][0]
    assert told["verb"] == SituationRecognizer(folded).predict(split_dev.path(0)).verb
    assert command("predict", folded, split_dev.path(0), "--calibrated") == 2
    assert "--calibrated: is folded into a bundle when it is exported; leave it out" in capsys.readouterr().err
    assert command("verify", folded, "--target", "orin-nano-trt-fp16") == 0
    assert "no rule of TensorRT 10.3 is broken; no engine was built" in capsys.readouterr().out
    assert command("verify", folded, "--target", "orin-nano-trt-int8") == 0
    assert "nothing in this graph is rounded to 8 bits" in capsys.readouterr().out
    assert command("predict", folded, split_dev.path(0), "--engine", "tflite") == 2
    assert (
        "engine: wanted one of onnxruntime, openvino, tensorrt, tensorrt-graph, got 'tflite'" in capsys.readouterr().err
    )
    assert command("predict", folded, split_dev.path(0), "--engine", "onnxruntime") == 0
    assert command("predict", folded, split_dev.path(0), "--key", tmp_path / "none.pem") == 2
    assert "none.pem" in capsys.readouterr().err
    assert command("predict", whole.folder, split_dev.path(0), "--engine", "onnxruntime") == 2
    assert "--engine, --key: are for bundles, and" in capsys.readouterr().err
    assert command("verify", folded, "--target", "onnx-fp32") == 2
    assert "wanted a profile with a version of TensorRT, got one of onnxruntime" in capsys.readouterr().err
    assert command("verify", tmp_path) == 2
    assert "wanted a bundle with a manifest.json, found an empty folder" in capsys.readouterr().err


def test_a_bundle_is_signed_or_not_made_at_all(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="signatures need pip install 'edgegsr[sign]'")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    made, pem = ed25519.Ed25519PrivateKey.generate(), serialization.Encoding.PEM
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(made.private_bytes(pem, *plain))
    public.write_bytes(made.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError, match=r"public\.pem: wanted an Ed25519 private key in PEM"):
        export(whole, tmp_path / "bundle", TARGET, checks(split_dev, 2), key=public)
    assert not (tmp_path / "bundle").exists()
    export(whole, tmp_path / "bundle", TARGET, checks(split_dev, 2), key=key)
    assert SituationRecognizer(tmp_path / "bundle", key=public).predict(split_dev.path(0))
