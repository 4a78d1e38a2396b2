"""Pairs in training: queries are matched with what people annotated, and what was killed goes on as if it was not."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pairmade import CARD, WIDTH, tables_of

from edgegsr.boxes import iou
from edgegsr.data.loader import Loader
from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit, open_pairs
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.pairs.lesson import Match, PairLesson, cells_of, centre_cells, focal, match
from edgegsr.distill.pairs.report import _charts
from edgegsr.distill.pairs.train import _spoken, begin_with, check_blind, train_pairs
from edgegsr.errors import InputError, TrainingStopped
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.student.config import read_student
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.student.pair_predictor import EagerPairPredictor
from edgegsr.student.pairs import PairAnswer, PairHead, PairStudent

GRID = 8


def said(starts: list[int], objects: list[list[float]], verbs: int = 3, nouns: int = 2) -> PairAnswer:
    """Queries of one image that begin in these cells and say these object boxes."""
    n = len(starts)
    boxes = torch.tensor([objects])
    return PairAnswer(
        torch.zeros(1, n, 4), boxes, torch.zeros(1, n, nouns), torch.zeros(1, n, verbs), torch.zeros(1, n),
        torch.zeros(1, n, WIDTH), torch.zeros(1, n, WIDTH), torch.zeros(1, GRID * GRID), torch.tensor([starts]),
    )  # fmt: skip


def true(objects: list[list[float]], padding: int = 0, verbs: int = 3) -> PairBatch:
    p = len(objects)
    boxes = torch.tensor([objects + [[0.0] * 4] * padding])
    there = torch.tensor([[True] * p + [False] * padding])
    marks = torch.zeros(1, p + padding, verbs, dtype=torch.bool)
    marks[:, :p, 0] = True
    empty = torch.zeros(1)
    return PairBatch(
        empty, torch.zeros_like(boxes), boxes, torch.zeros(1, p + padding, dtype=torch.int64), marks, there,
        empty, [],
    )  # fmt: skip


def matched(answer: PairAnswer, batch: PairBatch) -> Match:
    return match(answer, batch, batch.verbs.any(-1), GRID, TrainConfig())


LEFT, RIGHT = [0.0, 0.0, 0.1, 0.1], [0.8, 0.8, 1.0, 1.0]  # centres in the cells 0 and 63


def test_a_pair_is_matched_with_the_query_that_begins_on_its_object() -> None:
    found = matched(said([63, 0, 30], [LEFT, RIGHT, LEFT]), true([LEFT, RIGHT], padding=1))
    assert found.query[0, :2].tolist() == [1, 0]
    assert found.found.tolist() == [[True, True, False]]
    assert found.taken.tolist() == [[True, True, False]]


def test_of_two_pairs_in_one_cell_each_has_a_query_of_its_own() -> None:
    near = [0.0, 0.0, 0.12, 0.12]
    found = matched(said([0, 1, 63], [near, LEFT, RIGHT]), true([LEFT, near]))
    assert sorted(found.query[0].tolist()) == [0, 1]


def test_more_pairs_than_queries_leave_some_without() -> None:
    found = matched(said([0], [LEFT]), true([LEFT, RIGHT]))
    assert found.found.tolist() == [[True, False]]


@pytest.mark.parametrize(("starts", "left_over"), [([0], None), ([0, 9], 1)])
def test_what_is_annotated_has_the_query_that_two_want(starts: list[int], left_over: int | None) -> None:
    both = true([LEFT, LEFT])
    both.verbs[0, 0] = False  # nobody annotated the first
    found = matched(said(starts, [LEFT] * len(starts)), both)
    assert found.query[0, 1] == 0 and found.found.tolist() == [[left_over is not None, True]]
    assert left_over is None or found.query[0, 0] == left_over


def test_an_image_without_pairs_has_no_match() -> None:
    found = matched(said([0, 1], [LEFT, LEFT]), true([], padding=2))
    assert not found.found.any() and not found.taken.any()


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5))
@settings(max_examples=50)
def test_the_cell_of_a_box_holds_its_centre(edges: list[tuple[float, ...]]) -> None:
    boxes = torch.tensor([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in edges])[None]
    column, row = centre_cells(boxes, GRID)[0].unbind(-1)
    x, y = (boxes[0, :, 0] + boxes[0, :, 2]) / 2 * GRID, (boxes[0, :, 1] + boxes[0, :, 3]) / 2 * GRID
    assert ((column <= x) & (x <= column + 1) & (row <= y) & (y <= row + 1)).all()
    marked = cells_of(boxes, torch.ones(boxes.shape[:2], dtype=torch.bool), GRID)[0]
    assert marked[row * GRID + column].all() and marked.sum() == len({*(row * GRID + column).tolist()})


def test_focal_loss_is_small_where_it_is_right_and_sure() -> None:
    right, wrong = (focal(torch.tensor([x]), torch.tensor([True])).item() for x in (4.0, -4.0))
    assert right < 1e-4 < 0.5 < wrong
    assert focal(torch.tensor([0.0]), torch.tensor([1.0])).item() == pytest.approx(0.25 * 0.25 * np.log(2), abs=1e-6)


@pytest.mark.parametrize(("share", "best"), [(0.3, 0.12), (0.5, 0.5), (0.7, 0.88)])
def test_focal_loss_draws_a_share_towards_the_side_that_it_is_on(share: float, best: float) -> None:
    answers = torch.linspace(0.01, 0.99, 99)
    lost = focal(answers.logit(), torch.full((99,), share))
    unweighed = lost / (0.25 * share + 0.75 * (1 - share))
    assert float(answers[unweighed.argmin()]) == pytest.approx(best, abs=0.011)


def test_training_shows_the_student_where_objects_are(pairs_train: PairSplit) -> None:
    kinds = pairs_train.pairs.kinds
    student = PairStudent(read_student(CARD), tables_of(kinds), torch.from_numpy(kinds.valid), pretrained=False)
    known = torch.zeros(1, GRID * GRID)
    known[0, [5, 17, 40]] = 1
    tokens = student.encoder(torch.full((1, 64, 64, 3), 114, dtype=torch.uint8))
    answer = student.pairs(tokens, student.decoder, known)
    assert {5, 17, 40} <= set(answer.starts[0].tolist())
    assert answer.humans_xyxy.shape == answer.objects_xyxy.shape == (1, 6, 4)
    assert answer.verb_logits.shape == (1, 6, len(kinds.verbs))


def test_verbs_that_training_may_not_know_of_add_no_loss(pairs_train: PairSplit) -> None:
    kinds = pairs_train.pairs.kinds
    student = PairStudent(read_student(CARD), tables_of(kinds), torch.from_numpy(kinds.valid), pretrained=False)
    batch = next(iter(loader_of(pairs_train)))
    losses, without_one = [], kinds.valid.copy()
    without_one[batch.objects[0, 0], batch.verbs[0, 0]] = False
    for allowed in (kinds.valid, without_one, np.zeros_like(kinds.valid)):
        torch.manual_seed(0)
        lesson = PairLesson(student, TrainConfig(), torch.from_numpy(allowed))
        losses.append(float(lesson.losses(lesson(*batch.asked), batch)["verb"].detach()))
    assert losses[0] > losses[1] > losses[2] == 0
    assert kinds.allowed("uv").sum() == (~kinds.unseen["uv"]).sum()


def loader_of(split: PairSplit) -> Loader[PairBatch]:
    return pair_loader(split, 64, 4, train=True)


def test_a_batch_carries_boxes_and_verbs_with_its_pixels(pairs_train: PairSplit) -> None:
    batch = next(iter(loader_of(pairs_train)))
    couples = pairs_train.couples
    for b, row in enumerate(batch.rows.tolist()):
        first, end = pairs_train.first[row : row + 2]
        assert int(batch.has_pair[b].sum()) == end - first
        assert np.array_equal(batch.verbs[b, : end - first].numpy(), couples.verbs[first:end])
        assert np.array_equal(batch.objects[b, : end - first].numpy(), couples.object[first:end])
        inside = batch.humans_xyxy[b][batch.has_pair[b]]
        assert ((inside >= 0) & (inside <= 1)).all() and (inside[:, 2] > inside[:, 0]).all()


def test_all_labels_of_a_human_and_an_object_are_one_couple(pairs_train: PairSplit) -> None:
    couples, pairs = pairs_train.couples, pairs_train.pairs
    rows = np.column_stack([pairs.image, pairs.humans_xyxy, pairs.objects_xyxy, pairs.kind])
    assert couples.verbs.sum() == len(np.unique(rows, axis=0))
    assert couples.verbs.any(1).all()
    assert len(couples.image) < len(pairs.image)


def test_boxes_that_people_drew_anew_for_each_label_are_one_couple(pairs_train: PairSplit) -> None:
    pairs = pairs_train.pairs
    row = int(pairs.image[0])
    moved = replace(
        pairs,
        image=np.append(pairs.image, row),
        kind=np.append(pairs.kind, pairs.kind[0]),
        humans_xyxy=np.vstack([pairs.humans_xyxy, pairs.humans_xyxy[:1] + 1]),
        objects_xyxy=np.vstack([pairs.objects_xyxy, pairs.objects_xyxy[:1]]),
    )
    assert iou(pairs.humans_xyxy[0], pairs.humans_xyxy[0] + 1) > 0.5
    assert len(PairSplit("train", moved, pairs_train.folder).couples.image) == len(pairs_train.couples.image)


# --- whole trainings ---


def run(out: Path, pairs_train: PairSplit, pairs_dev: PairSplit, **more: Any) -> PairRun:
    return train_pairs(CARD, pairs_train, pairs_dev, tables_of(pairs_train.pairs.kinds), out, **more)


def test_a_finished_run_has_all_that_it_needs(pair_run: PairRun) -> None:
    names = {path.name for path in pair_run.folder.iterdir()}
    assert {"config.toml", "kinds.json", "ontology.json", "tables.safetensors", "student.safetensors"} <= names
    lines = [json.loads(line) for line in (pair_run.folder / "metrics.jsonl").read_text().splitlines()]
    assert {"verb", "noun", "l1", "giou", "presence", "seed"} <= lines[0].keys()
    assert set(lines[-1]["all"]) == {"full", "rare", "non_rare"}
    page = (pair_run.folder / "report.html").read_text()
    assert "data:image/jpeg" in page
    assert "these figures say nothing about photos or HICO-DET" in page


def test_a_stopped_training_takes_the_steps_of_one_that_never_stopped(
    pair_run: PairRun, tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit
) -> None:
    def stop(step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "again", pairs_train, pairs_dev, on_step=stop)
    again = run(tmp_path / "again", pairs_train, pairs_dev)
    for name, tensor in pair_run.student.state_dict().items():
        assert torch.equal(tensor, again.student.state_dict()[name]), name


def test_the_run_opens_and_says_the_same(pair_run: PairRun) -> None:
    opened = open_pair_run(pair_run.folder)
    pixels = torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
    for a, b in zip(pair_run.student(pixels), opened.student(pixels)):
        assert torch.equal(a, b)


def test_another_training_is_refused_in_the_same_folder(
    pair_run: PairRun, pairs_train: PairSplit, pairs_dev: PairSplit
) -> None:
    with pytest.raises(InputError, match=r"holds another training \(pairs\.unseen: '' there, 'uv' here;"):
        run(pair_run.folder, pairs_train, pairs_dev, setting="uv")


def test_a_dev_of_other_interactions_is_refused(tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit) -> None:
    kinds = pairs_dev.pairs.kinds
    other = replace(kinds, verbs=kinds.verbs[::-1])
    turned = replace(pairs_dev, pairs=replace(pairs_dev.pairs, kinds=other))
    with pytest.raises(InputError, match="split 'dev' names other interactions than 'train', or in another order"):
        run(tmp_path / "x", pairs_train, turned)


def test_a_start_gives_all_it_knows_of_pairs(
    pair_run: PairRun, tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit
) -> None:
    begun = run(tmp_path / "next", pairs_train, pairs_dev, start=pair_run.folder, overrides={"epochs": 1})
    copied = shutil.copytree(pair_run.folder, tmp_path / "elsewhere")
    assert len(begun.config["pairs"]["start"]) == 64
    again = run(tmp_path / "next", pairs_train, pairs_dev, start=copied, overrides={"epochs": 1})
    assert again.config["pairs"]["start_name"] == str(pair_run.folder)
    assert f"begun with {pair_run.folder}" in (begun.folder / "report.html").read_text()
    student = PairStudent(read_student(CARD), begun.tables, torch.from_numpy(begun.kinds.valid), pretrained=False)
    begin_with(student, pair_run.folder)
    mine, theirs = student.state_dict(), pair_run.student.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    with pytest.raises(
        InputError, match=r"is of another card \(its .* does not fit\); give a run of the same encoder and decoder"
    ):
        other = {**CARD, "student": {**CARD["student"], "width": 32}}
        train_pairs(
            other, pairs_train, pairs_dev, tables_of(pairs_train.pairs.kinds), tmp_path / "other", start=pair_run.folder
        )


def test_a_start_that_has_learned_what_is_to_be_unseen_is_refused(
    pair_run: PairRun, crowd: Path, pairs_train: PairSplit, pairs_dev: PairSplit, tmp_path: Path
) -> None:
    learn, dev = (open_pairs(str(crowd), split, setting="uv") for split in ("train", "dev"))
    with pytest.raises(InputError, match="was trained with every kind, so uv would not be unseen; give a run trained"):
        run(tmp_path / "told", learn, dev, setting="uv", start=pair_run.folder)
    assert not (tmp_path / "told").exists()
    blind = run(tmp_path / "blind", learn, dev, setting="uv", overrides={"epochs": 1})
    begun = run(tmp_path / "next", learn, dev, setting="uv", start=blind.folder, overrides={"epochs": 1})
    assert begun.config["pairs"]["start_name"] == str(blind.folder)
    other = [open_pairs(str(crowd), split, setting="uo") for split in ("train", "dev")]
    with pytest.raises(InputError, match="was trained in setting uv, so uo would not be unseen"):
        run(tmp_path / "other", *other, setting="uo", start=blind.folder)
    find_no_acts = {"epochs": 1, "weights.verb": 0.0}
    detector = run(tmp_path / "detector", pairs_train, pairs_dev, overrides=find_no_acts)
    check_blind(detector.folder, "uv", detector.kinds)


def test_a_start_gives_its_trunk_where_its_head_does_not_fit(pair_run: PairRun) -> None:
    wide = PairStudent(
        read_student(CARD), tables_of(pair_run.kinds, 40), torch.from_numpy(pair_run.kinds.valid), pretrained=False
    )
    before = copy.deepcopy(wide.state_dict())
    begin_with(wide, pair_run.folder)
    mine, theirs = wide.state_dict(), pair_run.student.state_dict()
    fits = {name for name in mine if mine[name].shape == theirs[name].shape}
    assert mine.keys() - fits == {
        f"pairs.{of}.project.{part}" for of in ("object", "verb") for part in ("weight", "bias")
    }
    for name in mine:
        assert torch.equal(mine[name], (theirs if name in fits else before)[name]), name


def test_zero_shot_training_never_sees_unseen_kinds(crowd: Path) -> None:
    for setting in ("rf_uc", "uo"):
        for split in ("train", "dev"):
            opened = open_pairs(str(crowd), split, setting=setting)
            assert not opened.pairs.kinds.unseen[setting][opened.pairs.kind].any()
        assert open_pairs(str(crowd), "test", setting=setting).pairs.kinds.unseen[setting].any()
    with pytest.raises(InputError, match="zero-shot setting: wanted one of"):
        open_pairs(str(crowd), "train", setting="all")


def test_a_training_that_is_asked_to_stop_says_how_to_go_on(
    tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit
) -> None:
    def ask(step: int) -> None:
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingStopped, match="stopped after step 2 of"):
        run(tmp_path / "stopped", pairs_train, pairs_dev, on_step=ask)


# --- a teacher beside it ---


# --- one photo at a time ---


def test_what_is_said_of_one_photo_is_what_is_scored(pair_run: PairRun, pairs_dev: PairSplit) -> None:
    said = answer_pairs(pair_run.student, pairs_dev)
    for i in range(len(pairs_dev)):
        found = EagerPairPredictor(pair_run).predict(pairs_dev.path(i), sure=0.0)
        assert [each.score for each in found] == pytest.approx(said.scores[i].tolist(), abs=1e-6)
        scored = [(pair_run.kinds.names(kind), box) for kind, box in zip(said.kinds[i], said.humans_xyxy[i])]
        for told in found[:5]:
            same = [box for words, box in scored if words == (told.verb, told.noun)]
            assert min(np.abs(box - told.human_xyxy).max() for box in same) < 0.5


def test_only_what_is_sure_enough_is_told(pair_run: PairRun, pairs_dev: PairSplit) -> None:
    some, none = (EagerPairPredictor(pair_run).predict(pairs_dev.path(0), sure) for sure in (0.0, 0.999))
    assert len(some) == 100 and not none
    assert [each.score for each in some] == sorted((each.score for each in some), reverse=True)


def test_a_step_that_is_not_finite_stops_with_its_images(
    tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = PairHead.forward

    def broken(self: PairHead, *given: Any) -> PairAnswer:
        return forward(self, *given)._replace(humans_xyxy=torch.full((4, 6, 4), float("nan"), requires_grad=True))

    monkeypatch.setattr(PairHead, "forward", broken)
    with pytest.raises(TrainingStopped, match=r"step 1 is not finite .*; its images: crowd_train_"):
        run(tmp_path / "broken", pairs_train, pairs_dev)


def test_an_object_that_is_out_of_training_is_no_wrong_answer(pairs_train: PairSplit) -> None:
    kinds = pairs_train.pairs.kinds
    student = PairStudent(read_student(CARD), tables_of(kinds), torch.from_numpy(kinds.valid), pretrained=False)
    batch = next(iter(loader_of(pairs_train)))
    others = sorted(set(range(len(kinds.objects))) - set(batch.objects.flatten().tolist()))
    fewer = kinds.valid.copy()
    fewer[others] = False
    nouns = []
    for allowed in (kinds.valid, fewer):
        lesson = PairLesson(student, TrainConfig(), torch.from_numpy(allowed))
        torch.manual_seed(0)
        nouns.append(float(lesson.losses(lesson(*batch.asked), batch)["noun"].detach()))
    assert nouns[1] < nouns[0]


def test_a_group_that_dev_does_not_show_is_not_drawn_and_not_zero() -> None:
    line = {"kind": "dev", "step": 4, "all": {"full": 0.25, "rare": None, "non_rare": 0.25}}
    [chart] = _charts([line, {**line, "step": 8}])
    assert "full" in chart and "non_rare" in chart and ">rare" not in chart
    assert _spoken("", line) == "mAP over the kinds that dev shows: full 25.0, rare –, non-rare 25.0"
    assert _spoken("uv", line).startswith("mAP over the seen kinds that dev shows: full")
