"""What an ONNX file says of itself: the facts of its bundle, for an app that has nothing else of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import onnx
import onnxruntime
from bundlemade import LOOSE, TARGET, checks
from commandline import run as command
from exported import traced_anew

from edgegsr.bundle import open_bundle, seal
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.target import find_target
from edgegsr.export.vocabulary import Vocab
from edgegsr.run import Run

KEYS = ["edgegsr", "format", "licence", "target", "source", "preprocess", "inputs", "outputs"]


@pytest.fixture(scope="module")
def bundle(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("noted") / "bundle"
    export(whole, out, TARGET, checks(split_dev, 2), Vocab("input"), form=Form(ask=True, licence="MIT"))
    return out


def told(path: Path) -> dict[str, str]:
    """What onnx and ONNX Runtime both read."""
    found = {each.key: each.value for each in onnx.load(path).metadata_props}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == found
    return found


def test_every_file_of_a_bundle_tells_the_facts_of_its_manifest(bundle: Path) -> None:
    manifest, preprocess = (json.loads((bundle / name).read_text()) for name in ("manifest.json", "preprocess.json"))
    for name in ("model.onnx", "ask.onnx"):
        found, graph = told(bundle / name), onnx.load(bundle / name).graph
        assert list(found) == KEYS and sum(map(len, found.values())) < 3000, "bytes"
        assert found["edgegsr"] == manifest["versions"]["edgegsr"] and found["licence"] == manifest["licence"] == "MIT"
        assert json.loads(found["format"]) == manifest["format"]
        assert json.loads(found["target"]) == {"engine": "onnxruntime", "precision": "fp32"}
        assert json.loads(found["source"]) == manifest["source"] and manifest["source"]["data"]
        assert json.loads(found["preprocess"]) == preprocess
        for what, gates in (("inputs", graph.input), ("outputs", graph.output)):
            meanings = json.loads(found[what])
            assert list(meanings) == [each.name for each in gates] and all(meanings.values())
    assert manifest["inputs"] == list(json.loads(told(bundle / "model.onnx")["inputs"]))


def test_both_files_of_a_kit_tell_them(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-fp16"), gates=LOOSE)
    export(whole, tmp_path / "kit", target, checks(split_dev, 2))
    one, other = (told(tmp_path / "kit" / name) for name in ("model.onnx", "model.fp16.onnx"))
    assert list(one) == KEYS and one == other and "tensorrt" in one["target"]
    assert "- **Licence**: nobody has said; ask whoever" in (tmp_path / "kit" / "MODEL_CARD.md").read_text()


def test_the_same_student_makes_the_same_file(
    bundle: Path, whole: Run, split_dev: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.onnx.export", traced_anew)
    form = Form(ask=True, licence="MIT")
    export(whole, tmp_path / "again", TARGET, checks(split_dev, 2), Vocab("input"), form=form)
    for name in ("model.onnx", "ask.onnx"):
        assert (tmp_path / "again" / name).read_bytes() == (bundle / name).read_bytes()
    assert "- **Licence**: MIT\n" in (bundle / "MODEL_CARD.md").read_text()


def changed(bundle: Path, out: Path, **facts: Any) -> Path:
    """A copy, sealed again with other facts in its manifest."""
    out.mkdir()
    manifest = {**json.loads((bundle / "manifest.json").read_text()), **facts}
    for name in manifest.pop("files"):
        (out / name).write_bytes((bundle / name).read_bytes())
    del manifest["format"]
    seal(out, manifest)
    return out


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"licence": "GPL"},
            r"ask\.onnx: says of itself that its licence is 'MIT', and the bundle says 'GPL'; export it",
        ),
        ({"versions": {"edgegsr": "9.9"}}, r"says of itself that its edgegsr is '0\.1\.0', and the bundle says '9\.9'"),
        ({"versions": []}, "its edgegsr is '0.1.0', and the bundle says 'null'"),
        ({"source": {"method": "mipd"}}, "its source is .*, and the bundle says "),
        ({"target": {"engine": "openvino", "precision": "fp32"}}, "its target is .*onnxruntime.* says .*openvino"),
    ],
)
def test_a_bundle_that_says_something_else_than_its_graph_is_refused(
    bundle: Path, tmp_path: Path, facts: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = changed(bundle, tmp_path / "made", **facts)
    with pytest.raises(InputError, match=message):
        open_bundle(made)
    assert command("verify", made) == 2 and "says of itself" in capsys.readouterr().err


def test_another_preprocessing_than_the_graphs_is_refused(bundle: Path, tmp_path: Path) -> None:
    made = changed(bundle, tmp_path / "made")
    told = {**json.loads((made / "preprocess.json").read_text()), "padding": 0}
    (made / "preprocess.json").write_text(json.dumps(told))
    again = changed(made, tmp_path / "again")
    with pytest.raises(InputError, match=r"onnx: says of itself that its preprocess is .*; export it again"):
        open_bundle(again)


def test_files_that_say_nothing_of_themselves_are_older_and_open(bundle: Path, tmp_path: Path) -> None:
    made = changed(bundle, tmp_path / "made")
    for name in ("model.onnx", "ask.onnx"):
        model = onnx.load(made / name)
        del model.metadata_props[:]
        onnx.save(model, made / name)
    opened = open_bundle(changed(made, tmp_path / "again", licence="another"))
    assert opened.manifest["licence"] == "another"
    assert not told(opened.folder / "model.onnx") and not told(opened.folder / "ask.onnx")


def test_a_fact_that_stands_twice_is_refused(bundle: Path, tmp_path: Path) -> None:
    made = changed(bundle, tmp_path / "made")
    model = onnx.load(made / "model.onnx")
    model.metadata_props.add(key="licence", value="another")
    onnx.save(model, made / "model.onnx")
    with pytest.raises(InputError, match=r"model\.onnx: says 'licence' of itself twice; wanted it once"):
        open_bundle(changed(made, tmp_path / "again"))
