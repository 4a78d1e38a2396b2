"""Pixels as bytes, normalised in the graph, or as floats, normalised by whoever asks: one student, the same answers."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import onnx
from bundlemade import LOOSE, TARGET, checks, near
from PIL import Image

from edgegsr.bundle import open_bundle, seal
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.int8 import RECIPES
from edgegsr.export.part import normalised_outside
from edgegsr.export.target import find_target
from edgegsr.images import letterbox
from edgegsr.run import Run
from edgegsr.runtime import SituationRecognizer
from edgegsr.runtime.session import BEST, open_graph
from edgegsr.shipped import CHECKOUT

FLOAT = Form(pixels="float")


@pytest.fixture(scope="module")
def bundles(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = tmp_path_factory.mktemp("pixels")
    for form in (Form(), FLOAT):
        assert export(whole, made / form.pixels, TARGET, checks(split_dev), form=form)["missed"] == []
    return made / "bytes", made / "float"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_floats_say_what_bytes_say(bundles: tuple[Path, Path], split_dev: Split, engine: str) -> None:
    pytest.importorskip(engine)
    one, other = (SituationRecognizer(each, engine, threads=1) for each in bundles)
    for i in range(len(split_dev)):
        for verb in (None, *one.ontology.verbs):
            assert near(one.predict(split_dev.path(i), verb), other.predict(split_dev.path(i), verb))


def test_an_app_normalises_by_what_preprocess_says(bundles: tuple[Path, Path], whole: Run, split_dev: Split) -> None:
    told = json.loads((bundles[1] / "preprocess.json").read_text())
    assert (told["type"], told["layout"]) == ("float32", "NCHW")
    assert told["normalised"]["how"] == "(byte / 255 - mean) / std, by channel"
    assert tuple(told["normalised"]["mean"]) == tuple(whole.student.config.encoder.mean)
    square = letterbox(split_dev.pixels(0), told["side"])[0]
    mean, std = (np.array(told["normalised"][name]) for name in ("mean", "std"))
    floats = ((square / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    said = [
        onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"]).run(
            None, {"pixels": given, "verb": np.array([-1])}
        )
        for folder, given in zip(bundles, (square[None], floats))
    ]
    assert max(np.abs(a - b).max() for a, b in zip(*said)) < 1e-4
    assert "`pixels`, float32 (1, 3, 32, 32) RGB" in (bundles[1] / "MODEL_CARD.md").read_text()


def test_the_example_of_an_app_gives_either(bundles: tuple[Path, Path], split_dev: Split) -> None:
    spec = importlib.util.spec_from_file_location("app", CHECKOUT / "export" / "app.py")
    assert spec is not None and spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    for folder in bundles:
        verb, _ = app.predict(app.open_bundle(folder), Image.open(split_dev.path(0)))
        assert verb == SituationRecognizer(folder, threads=1).predict(split_dev.path(0)).verb


def test_nothing_of_the_normalising_is_left_in_the_graph(bundles: tuple[Path, Path]) -> None:
    model = onnx.load(bundles[1] / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    kind = model.graph.input[0].type.tensor_type
    assert kind.elem_type == onnx.TensorProto.FLOAT and [d.dim_value for d in kind.shape.dim] == [1, 3, 32, 32]
    assert [node.op_type for node in model.graph.node if "pixels" in node.input] == ["Conv"]
    assert not {"encoder.mean", "encoder.scale"} & {each.name for each in model.graph.initializer}


@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8"])
def test_in_8_bits_floats_go_in_as_well(
    rounded_graph: onnx.ModelProto, rounded: Run, split_dev: Split, name: str
) -> None:
    target = find_target(name)
    pytest.importorskip(target.engine)
    sessions = [
        open_graph(RECIPES[target.graph](graph).SerializeToString(), target.engine, "int8", 1, normal)
        for graph, normal in (
            (rounded_graph, None),
            (normalised_outside(rounded_graph), FLOAT.normal(rounded.student)),
        )
    ]
    for i in range(len(split_dev)):
        one, other = (session(letterbox(split_dev.pixels(i), 32)[0], BEST) for session in sessions)
        assert one["verb_logits"].argmax() == other["verb_logits"].argmax()
        assert np.abs(one["presence"] - other["presence"]).max() < 0.1 * np.abs(one["presence"]).max()


def test_a_kit_takes_floats_as_well(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    target = dataclasses.replace(find_target("orin-nano-trt-fp16"), gates=dataclasses.replace(LOOSE, drift=1e-4))
    found = export(whole, tmp_path / "kit", target, checks(split_dev, 4), form=FLOAT)
    assert found["missed"] == [] and max(found["numerics"]["half"]["drift"].values()) < 0.02
    assert "`pixels` normalised float32 (1, 3, 32, 32) and `verb`" in (tmp_path / "kit" / "README.md").read_text()
    for name in ("model.onnx", "model.fp16.onnx"):
        model = onnx.load(tmp_path / "kit" / name)
        assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match="--pixels: wanted bytes or float, got 'half'"):
        Form(pixels="half")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"type": "float16"}, "preprocess.json: type must be uint8 or float32, got 'float16'"),
        ({"type": "float32"}, "normalised must have a mean and a std of three numbers, got None"),
        (
            {"type": "float32", "normalised": {"mean": [0, 0], "std": [1, 1, 1]}},
            "normalised must have a mean and a std",
        ),
        ({"type": "float32", "normalised": {"mean": [0, 0, 0], "std": [1, 0, 1]}}, "normalised must have a mean"),
        ({"type": "float32", "normalised": {"mean": [0, 0, "x"], "std": [1, 1, 1]}}, "normalised must have a mean"),
        ({"type": "float32", "normalised": {"mean": 3, "std": [1, 1, 1]}}, "normalised must have a mean and a std"),
    ],
)
def test_pixels_that_nobody_can_make_are_refused(
    bundles: tuple[Path, Path], tmp_path: Path, told: dict[str, object], message: str
) -> None:
    manifest = json.loads((bundles[1] / "manifest.json").read_text())
    for name in manifest.pop("files"):
        (tmp_path / name).write_bytes((bundles[1] / name).read_bytes())
    del manifest["format"]
    (tmp_path / "preprocess.json").write_text(json.dumps({"side": 32, **told}))
    seal(tmp_path, manifest)
    with pytest.raises(InputError, match=message):
        open_bundle(tmp_path)
