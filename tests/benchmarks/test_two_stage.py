"""Two stages beside pair queries: what is paired, what the graph says, and what is told of both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnxscript")

import numpy as np
import onnx
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import tables_pairs
import two_stage
from two_stage_model import EACH, Shape, masks, slots

from edgegsr.interactions import Kinds
from edgegsr.student.config import StudentConfig, read_student
from edgegsr.student.cost import cost
from edgegsr.teacher.regions import cover, normed

HGNET = {
    "stem_channels": [3, 8, 16],
    "stage_mid_channels": [8, 8, 16],
    "stage_out_channels": [16, 32, 64],
    "stage_num_blocks": [1, 1, 1],
    "stage_numb_of_layers": [2, 2, 2],
    "stage_light_block": [False, False, True],
    "stage_kernel_size": [3, 3, 5],
}
SHAPES = {
    "225 pairs": Shape(),
    "all else": Shape(people=True, union=False, dense=False, keys=False, among=True),
}
PIXELS = torch.from_numpy(two_stage.pixels_of(64))


def tiny() -> StudentConfig:
    encoder = {"backbone": "hgnet_v2", "options": HGNET}
    shape = {"side": 64, "strides": [8, 16], "width": 32, "heads": 2, "pairs": 6, "decoder_layers": 1}
    return read_student({"student": {**shape, "encoder": encoder}})


def words(*objects: str) -> Kinds:
    return Kinds(("hold", "ride", "eat"), objects, np.array([[0, 0], [1, 1]]), np.zeros(2, bool))


@pytest.fixture(scope="module")
def built() -> two_stage.Networks:
    return two_stage.networks(tiny(), words("apple", "bicycle", "cup", "drum", "egg"), SHAPES)


@pytest.fixture(scope="module")
def ready(built: two_stage.Networks, tmp_path_factory: pytest.TempPathFactory) -> two_stage.Ready:
    return two_stage.prepared_all(built, tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize(("people", "count"), [(False, 225), (True, 435)])
def test_pairs_are_all_different_and_never_of_one_slot(people: bool, count: int) -> None:
    human, thing = slots(people)
    assert len(set(zip(human.tolist(), thing.tolist()))) == len(human) == count
    assert not (human == thing).any() and human.max() < EACH and thing.max() == 2 * EACH - 1
    assert int(thing.min()) == (0 if people else EACH)


def test_every_pair_of_thirty_boxes_is_answered(built: two_stage.Networks) -> None:
    for name, network in built.theirs.items():
        with torch.no_grad():
            said = network(PIXELS)
        pairs = 435 if SHAPES[name].people else 225
        assert said.boxes_xyxy.shape == (1, 30, 4) and said.object_logits.shape == (1, 30, 6)
        assert said.verb_logits.shape == (1, pairs, 3) and said.verb_logits.isfinite().all()
        assert said.boxes_xyxy.min() >= 0 and said.boxes_xyxy.max() <= 1
        assert (said.boxes_xyxy[..., :2] <= said.boxes_xyxy[..., 2:]).all()


def test_the_likeliest_humans_come_first(built: two_stage.Networks) -> None:
    find, fine = built.theirs["225 pairs"].find, torch.randn(1, 64, 32)
    with torch.no_grad():
        _, said = find(fine)
        every = find.words(find.embed(fine))
    assert torch.equal(said[0, :EACH, -1], every[0, :, -1].topk(EACH).values)
    assert torch.equal(said[0, EACH:, :-1].amax(-1), every[0, :, :-1].amax(-1).topk(EACH).values)


def test_a_person_among_the_objects_is_no_word_of_its_own() -> None:
    theirs = two_stage.networks(tiny(), words("apple", "person"), {"225 pairs": Shape()}).theirs["225 pairs"]
    assert len(theirs.find.words.table) == 2


def test_masks_of_boxes_are_those_of_the_teacher() -> None:
    corners = torch.rand(1, 40, 2, 2).sort(2).values.flatten(2)
    assert torch.allclose(masks(corners, 8), normed(cover(corners, 8)), atol=1e-5)
    nothing = torch.tensor([[[1.0, 1, 1, 1], [0, 0, 0, 0]]])  # is a sliver of a cell
    assert masks(nothing, 8).sum(-1)[0].tolist() == pytest.approx([1, 1], abs=1e-2)


@pytest.mark.long
def test_only_what_follows_the_encoder_differs(ready: two_stage.Ready, built: two_stage.Networks) -> None:
    (ours, _), spent = ready["ours"], cost(built.ours)
    parts = ("backbone", "mixer")
    assert ours["parameters"]["total"] == spent.total_parameters
    assert ours["parameters"]["encoder"] == sum(spent.parameters[part] for part in parts)
    assert ours["gflops"]["encoder"] == round(sum(spent.gflops[part] for part in parts), 4) > 0
    for name in built.theirs:
        theirs, _ = ready[name]
        assert theirs["parameters"]["encoder"] == ours["parameters"]["encoder"]
        assert theirs["gflops"]["encoder"] == ours["gflops"]["encoder"]
        assert theirs["gflops"]["what_follows"] > ours["gflops"]["what_follows"]


@pytest.mark.long
def test_the_graphs_say_what_the_networks_say(ready: two_stage.Ready, built: two_stage.Networks) -> None:
    for name, network in {"ours": built.ours, **built.theirs}.items():
        facts, path = ready[name]
        found = two_stage.looking(path, "onnxruntime fp32", 64, 1)()
        with torch.no_grad():
            wanted = two_stage.Said(network)(PIXELS)
        off = [float((a - torch.from_numpy(b)).abs().max() / a.abs().max()) for a, b in zip(wanted, found)]
        assert len(found) == len(wanted) and facts["drift"] <= max(off) < 1e-4, name


@pytest.mark.long
def test_every_shape_in_a_graph_is_known_before(ready: two_stage.Ready) -> None:
    for _, path in ready.values():
        graph = onnx.load(path).graph
        assert all(dim.dim_value for each in graph.output for dim in each.type.tensor_type.shape.dim)
        assert not {"GatherElements", "NonZero", "Loop", "If"} & {node.op_type for node in graph.node}


@pytest.mark.long
def test_a_comparison_has_its_figures(ready: two_stage.Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: ready[name] for name in ("ours", "225 pairs")}
    found = two_stage.side_by_side(few, 64, ["onnxruntime fp32"], threads=1, blocks=2, seconds=0.01)
    assert found["ours"]["pairs"] == 6 and found["two_stages"]["225 pairs"]["pairs"] == 225
    for each in (found["ours"], found["two_stages"]["225 pairs"]):
        assert each["gflops"]["total"] > 0 and each["drift"] < 1e-5
        assert {"p50_ms", "p90_ms", "p99_ms", "calls"} <= set(each["engines"]["onnxruntime fp32"])
    row = found["two_stages"]["225 pairs"]["engines"]["onnxruntime fp32"]
    assert row["times_ours_spread"][0] <= row["times_ours"] <= row["times_ours_spread"][1]
    settings = [{"side": 64, "vocabulary": "tiny", "verbs": 3, "objects": 5, **found}]
    told = two_stage.aim(settings)
    assert told["least"] == row["times_ours"] and told["of"] == "225 pairs, 64 px, tiny, onnxruntime fp32"
    assert told["met"] == (row["times_ours"] > 1)
    result = {"threads": 1, "machine": {"cpu": "a CPU"}, "blocks": 2, "settings": settings}
    monkeypatch.setattr(tables_pairs, "load", {"two-stage": result}.__getitem__)
    ours, theirs = tables_pairs.two_stage().splitlines()[-2:]
    assert ours.startswith("| 64 px, 3 verbs, 5 objects | ours, 6 queries |") and " times (" not in ours
    assert f"{row['p50_ms']:.1f}, {row['times_ours']:.2f} times (" in theirs


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--engines", "tensorrt"), "--engines: wanted some of onnxruntime fp32, openvino fp32, openvino bf16, got"),
        (("--only", "15 pairs"), "--only: wanted some of 225 pairs, 225 pairs, no union,"),
        (("--vocabularies", "swig"), "--vocabularies: wanted some of crowd, hico, got swig"),
        (("--student", "nano", "--engines", "onnxruntime fp32"), "student.pairs must be above 0"),
        (
            ("--sides", "100", "--engines", "onnxruntime fp32"),
            "side must be a multiple of the coarse stride 16, got 100",
        ),
    ],
)
def test_what_is_not_known_is_refused(
    given: tuple[str, ...], told: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["two_stage.py", *given])
    with pytest.raises(SystemExit):
        two_stage.main()
    assert told in capsys.readouterr().err
