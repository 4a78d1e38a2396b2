"""A student of pairs as a bundle, and the bundle on photos, next to the student in torch."""

from __future__ import annotations

import copy
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
import pairworld
import torch

from edgegsr.bundle import PAIR_OUTPUTS, open_bundle, seal
from edgegsr.data.pairs import PairSplit
from edgegsr.errors import InputError
from edgegsr.export import modelcard
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.gates import missed
from edgegsr.export.int8 import RECIPES
from edgegsr.export.judge import Checks
from edgegsr.export.onnx import graph_of
from edgegsr.export.pair_parity import heard, pair_parity, same_interactions
from edgegsr.export.rows import telling_starts
from edgegsr.export.target import Gates, Target, find_target
from edgegsr.export.tensorrt_rules import check
from edgegsr.export.vocabulary import Vocab
from edgegsr.graphfile import read_graph
from edgegsr.images import letterbox
from edgegsr.pair_run import PairRun
from edgegsr.runtime import InteractionRecognizer, SituationRecognizer
from edgegsr.runtime.session import STARTS, open_graph
from edgegsr.situation import Interaction
from edgegsr.student.cost import cost
from edgegsr.student.pair_predictor import EagerPairPredictor

TARGET = find_target("onnx-fp32")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> PairRun:
    return pairworld.run(tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PairSplit:
    return pairworld.photos(tmp_path_factory.mktemp("photos"))


def checks(photos: PairSplit, **more: Any) -> Checks:
    return Checks(photos, threads=1, **more)


@pytest.fixture(scope="module")
def bundle(learned: PairRun, photos: PairSplit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "bundle"
    assert export(learned, out, TARGET, checks(photos))["missed"] == []
    return out


def near(one: list[Interaction], other: list[Interaction]) -> bool:
    scores = np.allclose([each.score for each in one], [each.score for each in other], atol=1e-4)
    return same_interactions(one, other) and scores


def test_a_bundle_of_pairs_says_what_the_student_says(bundle: Path, learned: PairRun, photos: PairSplit) -> None:
    recognizer, eager = InteractionRecognizer(bundle, threads=1), EagerPairPredictor(learned)
    said = [eager.predict(photos.path(i)) for i in range(len(photos))]
    assert sum(map(len, said)) > len(photos), "it says something"
    for i, wanted in enumerate(said):
        path = photos.path(i)
        for photo in (path, str(path), path.read_bytes(), photos.pixels(i)):
            assert near(recognizer.predict(photo), wanted)
        *before, last = recognizer.predict_in_steps(path)
        assert before == [None] * 3 and last is not None and near(last, wanted)
    assert near(recognizer.predict_all([photos.path(1)])[0], said[1])
    assert recognizer.predict(photos.path(0), sure=1.0) == []
    every = recognizer.predict(photos.path(0), sure=0.0)
    assert len(every) == 5 * len(pairworld.KINDS), "what does not go together is never told"


def test_manifest_and_card_of_pairs_tell_what_is_there(bundle: Path, learned: PairRun) -> None:
    found = open_bundle(bundle)
    assert (found.heads, found.inputs) == (("pairs",), ("pixels",))
    assert (found.manifest["inputs"], found.manifest["outputs"]) == (["pixels"], [*PAIR_OUTPUTS])
    assert found.manifest["vocabulary"] == {"verbs": 3, "objects": 2, "kinds": 4, "folded": True}
    assert found.manifest["source"] == {"method": "none", "data": "made", "unseen": "uv"}
    assert {"kinds.json", "vocabulary.json"} <= found.manifest["files"].keys()
    assert found.manifest["parameters"] == sum(each.numel() for each in learned.student.parameters())
    numerics = json.loads((bundle / "numerics.json").read_text())
    assert numerics["same"] == {"starts": 1.0, "interactions": 1.0} and max(numerics["drift"].values()) < 1e-4
    assert numerics["drift"].keys() == {*PAIR_OUTPUTS} and json.loads((bundle / "perf.json").read_text())["p50_ms"] > 0
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "`pair_verb_logits` over 3 verbs" in card and "the same interactions on 100.0%" in card
    assert "method none, without the unseen kinds of uv" in card and "a situation" not in card


def test_the_graph_of_pairs_is_plain_onnx(bundle: Path) -> None:
    model = onnx.load(bundle / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    found = read_graph((bundle / "model.onnx").read_bytes(), "here")
    assert (found.inputs, found.outputs) == (("pixels",), PAIR_OUTPUTS)
    assert found.operators == {node.op_type for node in model.graph.node} and "TopK" in found.operators
    assert not [name for name in found.operators if name.startswith("Gather") and name != "Gather"]
    dims = [[dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in model.graph.output]
    assert dims == [[1, 5, 4], [1, 5, 4], [1, 5, 2], [1, 5, 3], [1, 5]]
    assert check(model, (10, 3)) == [], "TopK and Gather are what TensorRT knows"


def test_pairs_in_opset_17_are_within_the_rules_of_tensorrt_8(learned: PairRun) -> None:
    from edgegsr.export.older import in_opset_17
    from edgegsr.export.tensorrt import cast_first

    older = in_opset_17(cast_first(graph_of(learned.student)), norms=True)
    onnx.checker.check_model(older, full_check=True)
    assert check(older, (8, 6)) == []


def test_numbers_are_compared_where_the_student_begins_with_the_cells_of_the_graph(
    learned: PairRun, photos: PairSplit
) -> None:
    """Of two cells that are equally likely one is taken by a hair, and everything after it is something else."""
    other = pairworld.run()
    with torch.no_grad():
        other.student.pairs.seed.weight.neg_()
    graphs = [graph_of(other.student), telling_starts(graph_of(other.student))]
    sessions = [open_graph(each.SerializeToString(), "onnxruntime", "fp32", 1, None, ("pixels",)) for each in graphs]
    found = pair_parity(learned.student, learned.kinds, sessions[0], sessions[1], photos, 4)
    assert max(found.drift.values()) < 1e-4 and found.same["starts"] == 0 and found.same["interactions"] < 1
    assert sessions[1](np.zeros((32, 32, 3), np.uint8))[STARTS].shape == (5,)


def test_a_graph_of_pairs_that_answers_nan_drifts_without_end(learned: PairRun, photos: PairSplit) -> None:
    starting = open_graph(
        telling_starts(graph_of(learned.student)).SerializeToString(), "onnxruntime", "fp32", 1, None, ("pixels",)
    )

    def broken(pixels: Any, verb: int) -> Any:
        return {name: np.full_like(value, np.nan) for name, value in starting(pixels).items() if name != STARTS}

    found = pair_parity(learned.student, learned.kinds, broken, starting, photos, 3)
    assert all(np.isnan(value) for value in found.drift.values()) and found.same["interactions"] == 0
    assert len(list(missed(Gates(), {"drift": found.drift}, {}))) == len(PAIR_OUTPUTS)


def test_the_same_interactions_are_the_same_in_any_order() -> None:
    box, far = (0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 5.0)
    one, other = Interaction(box, box, "cup", "hold", 0.9), Interaction(box, None, "cup", "eat", 0.5)
    assert same_interactions([one, other], [other, one]) and same_interactions([], [])
    assert not same_interactions([one], [one, other]) and not same_interactions([one, one], [one, other])
    assert not same_interactions([one], [dataclasses.replace(one, object_xyxy=far)])
    assert not same_interactions([one], None)


@pytest.mark.parametrize("name", ["onnx-fp16", "openvino-fp32", "openvino-bf16", "orin-nano-trt-fp16"])
def test_pairs_go_to_every_target_of_floats(learned: PairRun, photos: PairSplit, tmp_path: Path, name: str) -> None:
    target = find_target(name)
    if target.engine == "openvino":
        pytest.importorskip("openvino")
    loose = dataclasses.replace(target, gates=dataclasses.replace(target.gates, drift=0.1, kept=0.0, half=1.0))
    found = export(learned, tmp_path / "bundle", loose, checks(photos))
    assert found["missed"] == [] and max(found["numerics"]["drift"].values()) < 0.1
    if target.precision != "fp32":
        assert {group: [*part] for group, part in found["numerics"]["dev"]["student"].items()} == {"all": ["mean_ap"]}
    if target.engine == "tensorrt":
        assert found["numerics"]["findings"] == [] and "int64" not in (tmp_path / "bundle" / "README.md").read_text()
        assert "`pair_presence` out, float32" in (tmp_path / "bundle" / "README.md").read_text()
        return
    recognizer = InteractionRecognizer(tmp_path / "bundle", threads=1)
    assert recognizer.engine == target.engine
    assert recognizer.predict(photos.path(0))


@pytest.fixture(scope="module")
def coarse(learned: PairRun, photos: PairSplit) -> PairRun:
    """The same student in 8 bits."""
    pytest.importorskip("nncf")
    from edgegsr.compress.calibrate import calibrated

    student = copy.deepcopy(learned.student).fold()
    squares = np.stack([letterbox(photos.pixels(i), student.config.side)[0] for i in range(len(photos))])
    return dataclasses.replace(learned, student=calibrated(student, [torch.from_numpy(squares)]))


def open_gates(name: str) -> Target:
    """A target that keeps tiny students, which no 8 bits make faster and whose few layers engines do not all fuse."""
    target = find_target(name)
    return dataclasses.replace(target, gates=dataclasses.replace(target.gates, kept=0.0, latency=99.0, fused=0.75))


@pytest.mark.parametrize("name", ["onnx-int8", "onnx-int8-arm64", "openvino-int8", "orin-nano-trt-int8"])
def test_pairs_count_in_8_bits_as_each_engine_likes_it(
    coarse: PairRun, photos: PairSplit, tmp_path: Path, name: str
) -> None:
    target, out = open_gates(name), tmp_path / "bundle"
    if target.engine == "openvino":
        pytest.importorskip("openvino")
    found = export(coarse, out, target, checks(photos))
    numerics = found["numerics"]
    assert found["missed"] == [] and max(numerics["drift"].values()) < 0.3
    assert {*numerics["dev"]} >= {"student", "graph"} and numerics["dev"]["graph"]["all"].keys() == {"mean_ap"}
    if target.engine == "tensorrt":
        assert numerics["findings"] and not any(each["refused"] for each in numerics["findings"])
        return
    if target.is_here:
        layers = numerics["layers"]
        assert layers["in_8_bits"] >= 0.75 * layers["wanted_in_8_bits"] > 5
        assert {"int8", "fp32"} <= found["perf"]["in_turns_ms"].keys()
    assert open_bundle(out).manifest["outputs"] == [*PAIR_OUTPUTS]
    assert InteractionRecognizer(out, threads=1).predict(photos.path(0))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_graph_in_8_bits_says_what_simulated_8_bits_say(coarse: PairRun, photos: PairSplit, engine: str) -> None:
    pytest.importorskip(engine)
    graph = RECIPES[engine](graph_of(coarse.student))
    sessions = [
        open_graph(each.SerializeToString(), engine, "int8", 1, None, ("pixels",))
        for each in (graph, telling_starts(graph))
    ]
    found = pair_parity(coarse.student, coarse.kinds, sessions[0], sessions[1], photos, len(photos))
    drift = np.array([*found.drift.values()])
    assert np.median(drift) < 0.1 and 0 < drift.max() < 0.5, found


def test_a_card_says_by_whose_knowledge() -> None:
    taught = {"teacher": "/home/me/clip", "detector": "PekingU/rtdetr_v2_r18vd"}
    config = {"method": "mipd", "teacher": taught, "pairs": {"start_name": "diorama-detector-160"}}
    assert modelcard._method(config) == (
        "mipd, taught by clip, with what was found by PekingU/rtdetr_v2_r18vd, begun with diorama-detector-160"
    )
    assert modelcard._method({"method": "none", "pairs": {"start_name": ""}}) == "none"


def test_8_bits_of_pairs_tell_which_gates_they_miss(
    coarse: PairRun, photos: PairSplit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from commandline import run

    target = find_target("onnx-int8")
    strict = dataclasses.replace(target, gates=dataclasses.replace(target.gates, latency=1e-6, fused=1.0, kept=0.0))
    found = export(coarse, tmp_path / "bundle", strict, checks(photos, allow_regression=True))
    assert found["written"], "where a regression is allowed"
    unfused, slow = found["missed"]
    assert "layers count in 8 bits, at least 100% was wanted" in unfused
    assert "in the same engine; at most 1e-06 times that was wanted" in slow
    told = (tmp_path / "bundle" / "MODEL_CARD.md").read_text("utf-8")
    assert told.endswith(f"## Kept though it misses a gate\n\n- {unfused}\n- {slow}\n")
    capsys.readouterr()
    assert run("verify", tmp_path / "bundle", "--json") == 0
    said = capsys.readouterr().out
    assert json.loads(said.splitlines()[-1])["missed"] == [unfused, slow]
    assert said.count("kept though it misses a gate: ") == 2 and "whole, and nothing else in it" in said


def test_8_bits_of_pairs_want_a_run_in_8_bits(
    learned: PairRun, coarse: PairRun, photos: PairSplit, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"counts in float32; run `edgegsr compress .* --ptq` first, which finds"):
        export(learned, tmp_path / "bundle", find_target("onnx-int8"), checks(photos))
    with pytest.raises(InputError, match="counts in INT8, and fp32 does not; export the run that it was made from"):
        export(coarse, tmp_path / "bundle", TARGET, checks(photos))


def test_pairs_that_lose_too_much_are_not_kept(learned: PairRun, photos: PairSplit, tmp_path: Path) -> None:
    told = {"drift": {}, "dev": {"student": {"all": {"mean_ap": 0.5}}, "graph": {"all": {"mean_ap": 0.4}}}}
    (line,) = missed(Gates(), told, {})
    assert line == "mean_ap, all: 40.0 % where the student has 50.0 %, at least 99% of it was wanted"
    strict = dataclasses.replace(TARGET, gates=Gates(drift=1e-12))
    assert not export(learned, tmp_path / "bundle", strict, checks(photos, images=2))["written"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_for_situations_is_refused_for_pairs(learned: PairRun, photos: PairSplit, tmp_path: Path) -> None:
    for more, said in (
        ({"form": Form(ask=True)}, "--with-ask: .*: is a run of pairs, of whom nothing is asked again; leave it out"),
        ({"vocab": Vocab("input")}, "--vocab input: .*: is a run of pairs, whose words are folded into the graph"),
    ):
        with pytest.raises(InputError, match=said):
            export(learned, tmp_path / "bundle", TARGET, checks(photos), **more)


def test_a_graph_of_pairs_may_take_floats(learned: PairRun, photos: PairSplit, tmp_path: Path) -> None:
    assert export(learned, tmp_path / "bundle", TARGET, checks(photos), form=Form("float"))["missed"] == []
    eager = EagerPairPredictor(learned).predict(photos.path(0))
    assert near(InteractionRecognizer(tmp_path / "bundle").predict(photos.path(0)), eager)


def test_a_device_says_pairs_without_torch(bundle: Path, photos: PairSplit) -> None:
    code = (
        "import sys; from edgegsr.runtime import InteractionRecognizer; "
        f"print(len(InteractionRecognizer({str(bundle)!r}).predict({str(photos.path(0))!r}))); "
        "print([name for name in ('torch', 'transformers', 'onnx', 'cv2', 'typer', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split("\n")[0]) > 0 and done.stdout.split("\n")[1] == "[]"


def test_threads_may_ask_about_pairs_at_once(bundle: Path, photos: PairSplit) -> None:
    recognizer = InteractionRecognizer(bundle, threads=1)
    every = [photos.path(i % len(photos)) for i in range(32)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(recognizer.predict, every)) == recognizer.predict_all(every)


def test_a_bundle_of_pairs_is_opened_by_its_own_recognizer(bundle: Path) -> None:
    with pytest.raises(
        InputError, match="is a bundle of pairs; open it with InteractionRecognizer instead of SituationRecognizer"
    ):
        SituationRecognizer(bundle)


def test_kinds_that_do_not_fit_the_graph_are_refused(bundle: Path, photos: PairSplit, tmp_path: Path) -> None:
    import shutil

    kinds = json.loads((bundle / "kinds.json").read_text())
    for change, said in (
        ({"verbs": [*kinds["verbs"], "push"]}, r"pair_verb_logits must have the shape \(5, 4\) by kinds.json, got"),
        ({"objects": [*kinds["objects"], "cart"]}, r"object_logits must have the shape \(5, 3\) by kinds.json, got"),
    ):
        folder = tmp_path / "bundle"
        shutil.copytree(bundle, folder)
        (folder / "kinds.json").write_text(json.dumps(kinds | change))
        seal(folder, json.loads((folder / "manifest.json").read_text()))
        with pytest.raises(InputError, match=f"{folder}: its graph does not answer as it should: {said}"):
            InteractionRecognizer(folder).predict(photos.path(0))
        shutil.rmtree(folder)


def test_the_cost_of_pairs_has_all_of_their_weights(learned: PairRun) -> None:
    spent = cost(learned.student)
    assert spent.total_parameters == sum(each.numel() for each in learned.student.parameters())
    assert spent.table_values == 24 * (3 + 2) and all(spent.gflops.values())


def test_in_8_bits_boxes_count_where_a_pair_would_be_told_of() -> None:
    boxes, elsewhere = np.zeros((3, 4), np.float32), np.ones((3, 4), np.float32)
    told = {"humans_xyxy": boxes, "objects_xyxy": boxes, "pair_presence": np.array([-3.0, -3.0, 2.0], np.float32)}
    says = {"humans_xyxy": elsewhere, "objects_xyxy": elsewhere, "pair_presence": np.array([-3.0, 2.0, np.nan])}
    found = heard(says, told)
    for name in ("humans_xyxy", "objects_xyxy"):
        assert found[name].tolist() == [[0.0] * 4, [1.0] * 4, [1.0] * 4]
