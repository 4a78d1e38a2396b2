"""What annotations of kinds in training tell of what is found, and nobody could annotate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgegsr.data.pairs import Couples, PairSplit
from edgegsr.interactions import Kinds, Pairs
from edgegsr.teacher.found import again
from edgegsr.teacher.sought import FEWEST, Sought

KINDS = Kinds(("riding", "washing"), ("bicycle",), np.array([[0, 0], [1, 0]]), np.zeros(2, bool))
WASHING = Sought(np.array([[False, True]]), torch.eye(2, 3))  # kept out of training


def a_split(couples: Couples) -> PairSplit:
    none, boxes = np.zeros(0, np.int64), np.zeros((0, 4))
    pairs = Pairs(KINDS, ("a.jpg",), np.array([[100, 100]]), none, none, boxes, boxes)
    return PairSplit("train", pairs, Path("nowhere"), couples)


def couples_of(is_annotated: np.ndarray) -> Couples:
    count = len(is_annotated)
    verbs = np.stack([is_annotated, np.zeros(count, bool)], 1)
    boxes = np.tile([0.0, 0.0, 9.0, 9.0], (count, 1))
    return Couples(np.zeros(count, np.int64), boxes, boxes, np.zeros(count, np.int64), verbs)


def seen_at(cosines: np.ndarray, verb: int) -> torch.Tensor:
    """Unit vectors that are so near to a verb, and to nothing else."""
    away = np.sqrt(1 - cosines**2)
    columns = [away, away, away]
    columns[verb], columns[1 - verb] = cosines, np.zeros(len(cosines))
    return torch.from_numpy(np.stack(columns, 1)).float()


def told_of(right: np.ndarray, wrong: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """How likely what looks so near to washing is a pair, where what looks so near to riding was right, and wrong."""
    seen = torch.cat([seen_at(right, 0), seen_at(wrong, 0), seen_at(asked, 1)])
    is_annotated = np.arange(len(seen)) < len(right)
    split = a_split(couples_of(is_annotated))
    is_pair = WASHING.is_pair(WASHING.nearness(seen, split), split, is_annotated).numpy()
    assert (is_pair[: len(right)] == 1).all()
    return is_pair[len(right) + len(wrong) :]


def test_what_is_found_is_a_pair_as_often_as_what_looks_as_near_to_kinds_in_training() -> None:
    rng = np.random.default_rng(0)
    near = rng.uniform(0.2, 0.9, 20_000)
    is_right = rng.random(len(near)) < 1 / (1 + np.exp(-(near - 0.5) / 0.1))
    asked = np.array([0.3, 0.5, 0.6, 0.8])
    told = told_of(near[is_right], near[~is_right], asked)
    assert told == pytest.approx(1 / (1 + np.exp(-(asked - 0.5) / 0.1)), abs=0.02)


@pytest.mark.parametrize("right, wrong", [(FEWEST - 1, 500), (500, FEWEST - 1), (0, 0)])
def test_of_few_couples_nothing_is_told(right: int, wrong: int) -> None:
    assert not told_of(np.full(right, 0.8), np.full(wrong, 0.3), np.array([0.8, 0.3])).any()


def test_couples_that_nothing_tells_apart_are_all_as_likely_as_they_are_on_average() -> None:
    assert told_of(np.full(75, 0.6), np.full(25, 0.6), np.array([0.6])) == pytest.approx([0.75], abs=1e-3)
    apart = told_of(np.full(30, 0.9), np.full(30, 0.2), np.array([0.9, 0.2]))
    assert np.isfinite(apart).all() and apart[0] > 0.95 and apart[1] < 0.05


def test_only_annotated_couples_that_the_detector_puts_together_count_as_right() -> None:
    seen = torch.cat([seen_at(np.full(90, 0.6), 0), seen_at(np.full(30, 0.6), 0), seen_at(np.array([0.6]), 1)])
    is_annotated = np.arange(len(seen)) < 90
    split = a_split(couples_of(is_annotated))
    for count in (30, 90):
        is_pair = WASHING.is_pair(WASHING.nearness(seen, split), split, np.arange(len(seen)) < count)
        assert float(is_pair[-1]) == pytest.approx(count / (count + 30), abs=1e-3)


def test_a_couple_is_found_again_with_its_human_its_object_and_its_word() -> None:
    mine = couples_of(np.ones(4, bool))
    mine = replace(mine, humans_xyxy=mine.humans_xyxy + 20 * np.arange(4)[:, None])
    theirs = mine.only(np.array([0, 1, 2]))
    theirs = replace(
        theirs,
        humans_xyxy=np.add(theirs.humans_xyxy, [[1], [50], [0]]),  # the second has another human
        objects_xyxy=np.add(theirs.objects_xyxy, [[1], [0], [50]]),  # and the third another object
    )
    assert again(a_split(mine), a_split(theirs)).tolist() == [True, False, False, False]
    other_word = replace(theirs, object=np.ones(3, np.int64))
    assert not again(a_split(mine), a_split(other_word)).any()
