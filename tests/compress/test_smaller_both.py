"""Students of both heads are cut, recover and count in 8 bits like any other, and keep one trunk."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")
pytest.importorskip("nncf")

import bothworld  # noqa: E402
import pairworld  # noqa: E402

from edgegsr.bench.roofline import Roofline  # noqa: E402
from edgegsr.both_run import BothRun, open_both_run  # noqa: E402
from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes  # noqa: E402
from edgegsr.compress.figures import dropped, read_steps, rows  # noqa: E402
from edgegsr.compress.layers import in_16_bits, layers_of  # noqa: E402
from edgegsr.compress.prune import kept_count, pruned, without_layers  # noqa: E402
from edgegsr.compress.school import BothSchool, start_of  # noqa: E402
from edgegsr.compress.sensitivity import read_sensitivity  # noqa: E402
from edgegsr.compress.steps import narrowed  # noqa: E402
from edgegsr.compress.strands import strands_of  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill.journal import read_metrics  # noqa: E402
from edgegsr.distill.schedule import groups  # noqa: E402
from edgegsr.distill.start import Start  # noqa: E402
from edgegsr.distill.training import Training  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.target import find_target  # noqa: E402
from edgegsr.student.both import BothStudent, halves_of, of_each  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.pairs import PairStudent  # noqa: E402
from edgegsr.student.quantizers import Quantized, hooks, places, unrounded  # noqa: E402

HERE = find_target("onnx-fp32")
LITTLE = {"multiple": 2, "rounds": 1, "batches": 2, "epochs": 1}
SMALLER = Wishes(PruneConfig(0.5, **LITTLE), QuantizeConfig(qat=True, calibration=4, epochs=1, max_drop=1), HERE)
PTQ = Wishes(PruneConfig(), QuantizeConfig(ptq=True, calibration=4, max_drop=1), HERE)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> BothRun:
    return bothworld.run(tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="module")
def school(split_train: Split, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> BothSchool:
    crowds = pairworld.photos(tmp_path_factory.mktemp("crowds"))
    return bothworld.school((split_train, split_dev), (replace(crowds, name="train"), crowds))


@pytest.fixture(scope="module")
def smaller(both: BothRun, school: BothSchool, tmp_path_factory: pytest.TempPathFactory) -> BothRun:
    return compress(both, tmp_path_factory.mktemp("smaller") / "run", SMALLER, school, 1)


def smaller_by(student: BothStudent, ratio: float) -> Any:
    strands = strands_of(student)
    scores = {strand.name: -np.arange(strand.units, dtype=float) for strand in strands}
    return pruned(student, {strand.name: kept_count(strand, ratio, 1) for strand in strands}, scores)


def seen() -> Any:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8))


def test_strands_of_the_trunk_run_on_in_both_halves(both: BothRun) -> None:
    strands = {strand.name: strand for strand in strands_of(both.student)}
    of_halves = [{strand.name for strand in strands_of(half)} for half in halves_of(both.student).values()]
    assert strands.keys() == of_halves[0] | of_halves[1]
    read_by = {part.layer for part in strands["tokens"].slices}
    assert {"situations.pool.attention.k", "pairs.pairs.seed", "situations.encoder.fine.project"} <= read_by
    assert not any(layer.startswith(("pairs.encoder.", "pairs.decoder.")) for layer in read_by)
    parts = [(p.layer, p.width, place) for s in strands.values() for p in s.slices for place in p.places.ravel()]
    assert len(parts) == len(set(parts)), "no unit is cut twice"


def test_a_narrow_one_is_cheaper_learns_and_is_told_by_its_configs(both: BothRun) -> None:
    smaller = smaller_by(both.student, 0.5).student
    assert smaller.situations.encoder is smaller.pairs.encoder and smaller.situations.decoder is smaller.pairs.decoder
    assert cost(smaller).total_gflops < 0.5 * cost(both.student).total_gflops
    again = BothStudent(
        Student(smaller.situations.config, both.situations.tables, pretrained=False),
        PairStudent(smaller.pairs.config, both.pairs.tables, both.pairs.student.pairs.valid, pretrained=False),
    )
    again.load_state_dict(smaller.state_dict())
    for one, other in zip(smaller.eval()(seen()), again.eval()(seen())):
        assert all(torch.equal(a, b) for a, b in zip(one, other))
    said = smaller.train()(seen())
    sum(part.float().sum() for half in said for part in half).backward()
    lacking = [name for name, weight in smaller.named_parameters() if weight.grad is None]
    assert not [name for name in lacking if "encoder.backbone" not in name], lacking


def test_both_halves_lose_the_last_decoder_layers(tmp_path: Path) -> None:
    student = bothworld.run(tmp_path).student
    with pytest.raises(InputError, match="the student has 1 decoder layers; leave one"):
        without_layers(student, 1)
    student.decoder.layers.append(student.decoder.layers[0])
    for half in halves_of(student).values():
        half.config = replace(half.config, decoder_layers=2)
    fewer = without_layers(student, 1)
    assert [half.config.decoder_layers for half in halves_of(fewer).values()] == [1, 1]
    assert fewer.pairs.decoder is fewer.situations.decoder and len(fewer.decoder.layers) == 1


def test_what_teaches_both_is_narrowed_by_half(both: BothRun) -> None:
    lesson = {f"{half}to_patches.weight": torch.zeros(3, both.student.token_width) for half in ("situations.", "")}
    found = narrowed(lesson, both.student, {"tokens": [0, 2]})
    assert [tuple(tensor.shape) for tensor in found.values()] == [(3, 2), (3, 2)]


def test_every_step_is_a_run_of_both(smaller: BothRun, both: BothRun) -> None:
    steps = read_steps(smaller.folder)
    assert list(steps) == [
        "as it came",
        "cut, round 1",
        "recovered, round 1",
        "INT8, calibrated",
        "INT8, trained",
        "INT8, as kept",
    ]
    assert steps["recovered, round 1"]["parameters"] < 0.6 * steps["as it came"]["parameters"]
    first = steps["as it came"]
    assert first["weight_bytes"] == sum(
        (both.folder / half / "student.safetensors").stat().st_size for half in ("situations", "pairs")
    )
    assert first["dev"]["pairs"].keys() == {"mean_ap"} and "verb_top1" in first["dev"]["all"]
    heads, lines = rows(steps)
    assert heads[-2:] == ["grounded", "mAP"] and {len(line) for line in lines} == {len(heads)}
    fell = [{"dev": {**first["dev"], "pairs": {"mean_ap": value}}} for value in (0.5, 0.1)]
    assert dropped(dict(zip(("as it came", "at last"), fell)), 0.5) == [
        "mean_ap, pairs: 10.0 % of 50.0 % before: lost 80.0%, at most 50.0% was wanted"
    ]


def test_its_trunk_is_one_to_the_last_scale(smaller: BothRun) -> None:
    mine, theirs = smaller.situations.student, smaller.pairs.student
    assert isinstance(mine, Quantized) and isinstance(theirs, Quantized)
    scales = [
        {(place.operator, place.port): quant for place, (_, quant) in zip(places(half), hooks(half))}
        for half in (mine, theirs)
    ]
    of_encoder = [key for key in scales[0] if key[0].startswith("encoder/")]
    assert of_encoder and all(scales[0][key] is scales[1][key] for key in of_encoder)
    names = {layer.name for layer in layers_of(smaller.student)}
    assert any(name.startswith("situations.encoder.") for name in names)
    assert any(name.startswith("situations.decoder.") for name in names)
    assert any(name.startswith("pairs.pairs.") for name in names)
    assert not any(name.startswith(("pairs.encoder.", "pairs.decoder.")) for name in names)


def test_rounding_is_learned_from_both_lessons_with_the_float_student_watching(smaller: BothRun) -> None:
    calibrated, trained = (open_both_run(smaller.folder / "steps" / f"int8-{how}") for how in ("calibrated", "trained"))
    for half in ("situations", "pairs"):
        told = read_metrics(trained.folder / half / "metrics.jsonl")
        assert max(line["watched"] for line in told if line["kind"] == "train") > 0
        before, after = (dict(getattr(run, half).student.named_parameters()) for run in (calibrated, trained))
        moved = [name for name in before if not torch.equal(before[name], after[name])]
        assert any(name.endswith(".scale") for name in moved) and any(name.startswith("encoder.") for name in moved)
    assert any(name.startswith("pairs.") for name in moved)


def test_the_page_tells_of_both(smaller: BothRun) -> None:
    page = (smaller.folder / "report.html").read_text("utf-8")
    assert "images of dev (situations) and 6 images of dev (pairs), method none" in page
    assert "50% of the channels cut in 1 round, INT8 calibrated on 8 images" in page
    assert "by HICO-DET&#x27;s protocol" in page and "Each layer rounded alone" in page
    assert page.count("<th>pairs</th>") == 1, "which have one score"
    assert "situations.decoder" in page and "pairs.pairs.verb" in page and "nan" not in page


def test_the_same_compression_of_both_changes_nothing(smaller: BothRun, both: BothRun, school: BothSchool) -> None:
    before = {path: path.stat().st_mtime_ns for path in smaller.folder.rglob("student.safetensors")}
    compress(both, smaller.folder, SMALLER, school, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before} and len(before) == 14
    other = replace(SMALLER, quantize=replace(SMALLER.quantize, calibration=3))
    with pytest.raises(InputError, match="another compression"):
        compress(both, smaller.folder, other, school, 1)
    with pytest.raises(InputError, match="is quantized already"):
        compress(smaller, smaller.folder, PTQ, school, 1)


@pytest.mark.long
def test_trainings_of_both_that_were_stopped_go_on_to_the_same_weights(
    smaller: BothRun, both: BothRun, school: BothSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, watchers = Training.update, []

    def dying(self: Training, *given: Any) -> Any:
        watchers.append(self.lesson.pairs.watcher)
        if len(watchers) in (3, 11):
            raise KeyboardInterrupt
        return real(self, *given)

    monkeypatch.setattr(Training, "update", dying)
    for workers in (0, 1):  # which may be another number each time
        settings = replace(school.settings, checkpoint_every=1, workers=workers)
        often = BothSchool(replace(school.situations, settings=settings), replace(school.pairs, settings=settings))
        with pytest.raises(KeyboardInterrupt):
            compress(both, tmp_path / "run", SMALLER, often, 1)
    assert watchers[2] is None and watchers[10] is not None, "one was stopped in its recovery, one while it was watched"
    shutil.copy(smaller.folder / "sensitivity.json", tmp_path / "run")  # what every layer costs is seen elsewhere
    done, made = compress(both, tmp_path / "run", SMALLER, school, 1), len(watchers)
    assert made < 20, "each goes on from the step before"
    for name, tensor in smaller.student.state_dict().items():
        assert torch.equal(tensor, done.student.state_dict()[name]), name
    (done.folder / "pairs" / "student.safetensors").unlink()
    with pytest.raises(InputError, match="pairs: this compression is not finished"):
        open_both_run(done.folder)


def test_scales_learn_as_slowly_as_those_of_one_head(smaller: BothRun, school: BothSchool) -> None:
    lesson = school.lesson(start_of(open_both_run(smaller.folder / "steps" / "int8-calibrated")))
    scales = {id(quant.scale) for half in halves_of(lesson.student).values() for _, quant in hooks(half)}
    rates = {group["lr"] for group in groups(lesson, school.settings) for part in group["params"] if id(part) in scales}
    assert rates == {school.settings.lr * school.settings.scale_lr_factor}


@pytest.mark.long
def test_layers_stay_in_16_bits_in_both_halves_at_once(both: BothRun, school: BothSchool, tmp_path: Path) -> None:
    strict = replace(PTQ, quantize=replace(PTQ.quantize, max_drop=0.0, judged_on=4))
    done = compress(both, tmp_path / "run", strict, school, 1)
    felt = read_sensitivity(done.folder)
    assert felt is not None and {name.split(".")[0] for name in felt.layers} == {"situations", "pairs"}
    assert {layer.name for layer in layers_of(done.student)} == felt.layers.keys() - set(felt.sixteen or ())
    student = open_both_run(done.folder / "steps" / "int8-calibrated").student
    [layer] = [layer for layer in layers_of(student) if layer.name == "situations.decoder.layers.0.mlp.0.weight"]
    body = of_each(student, lambda half, part: unrounded(part, getattr(both, half).tables))
    mixed = in_16_bits(student, body, [layer])
    for before, after in zip(*(map(rounded_weights, halves_of(each).values()) for each in (student, mixed))):
        assert before - after == {"decoder.layers.0.mlp.0.weight"}


def rounded_weights(student: Any) -> set[str]:
    return {place.weight for place in places(student)} - {""}


@pytest.mark.long
def test_a_latency_is_met_by_cuts_that_suit_both(both: BothRun, school: BothSchool, tmp_path: Path) -> None:
    board = replace(HERE, engine="tensorrt", precision="fp16", roofline=Roofline(0.0, 0.1, 1e6))
    done = compress(
        both, tmp_path / "run", Wishes(PruneConfig(latency=0.7, **LITTLE), QuantizeConfig(), board), school, 1
    )
    assert cost(done.student).total_gflops <= 0.71 * cost(both.student).total_gflops
    blocks = json.loads((done.folder / "search.json").read_text())["options"]
    assert {"pool", "pairs", "queries"} <= blocks.keys()


def test_zeros_of_both_stay_zero(both: BothRun, school: BothSchool, tmp_path: Path) -> None:
    wishes = Wishes(PruneConfig(sparse="0.5", epochs=1), QuantizeConfig(), HERE)
    done = compress(both, tmp_path / "run", wishes, school, 1)
    weight = done.student.situations.encoder.fine.project.weight
    assert (weight == 0).float().mean() >= 0.5
    assert list(read_steps(done.folder)) == ["as it came", "sparse, 0.5", "sparse, recovered"]


def test_a_lesson_of_both_begins_with_what_taught_them(both: BothRun, school: BothSchool) -> None:
    start = start_of(both)
    assert isinstance(start, Start) and not start.lesson
    lesson = school.lesson(start)
    assert lesson.student is not both.student
    for name, tensor in both.student.state_dict().items():
        assert torch.equal(tensor, lesson.student.state_dict()[name]), name
    turns = list(school.turns(both.student, 20))
    assert [turn.step for turn in turns] == list(range(20)), "more than one epoch has"
    assert len(turns[0].batch.pairs.pixels) == 2
