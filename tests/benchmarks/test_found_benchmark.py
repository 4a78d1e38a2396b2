"""What is right of the couples that a detector finds besides annotated ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgegsr.data.pairs import Couples, PairSplit
from edgegsr.interactions import Kinds, Pairs

KINDS = Kinds(("ride", "hold"), ("bicycle", "cup"), np.array([[0, 0], [1, 1]], np.int32), np.array([False, False]), {})


@pytest.fixture
def found(script: Any) -> Any:
    return script("found")


def split_of(images: tuple[str, ...], *rows: tuple[int, float, int, bool]) -> PairSplit:
    """Image, where human and object begin, which object it is, and whether somebody has said what the two do."""
    humans = np.array([[row[1], 0, row[1] + 10, 10] for row in rows], float)
    verbs = np.array([[row[3], False] for row in rows])
    couples = Couples(
        np.array([row[0] for row in rows]),
        humans,
        humans + np.array([0, 20, 0, 20]),
        np.array([row[2] for row in rows]),
        verbs,
    )
    nobody, boxes = np.zeros(0, np.int64), np.zeros((0, 4))
    pairs = Pairs(KINDS, images, np.full((len(images), 2), 100), nobody, nobody, boxes, boxes)
    return PairSplit("train", pairs, Path(), couples)


def test_what_is_found_besides_is_held_against_all_annotations_of_its_photo(found: Any) -> None:
    whole = split_of(("a", "b", "c"), (0, 0, 0, True), (1, 0, 0, True), (1, 40, 1, True), (2, 0, 1, True))
    told_and_found = split_of(
        ("b", "c"), (0, 0, 0, True), (0, 1, 0, False), (0, 41, 1, False), (0, 70, 0, False), (1, 1, 1, False)
    )
    source = SimpleNamespace(split=told_and_found)
    assert found.counts(source, whole) == {"couples": 4, "right": 3}


def test_how_likely_what_is_found_was_said_to_be_a_pair_is_told_by_fifths_beside_what_was_right(found: Any) -> None:
    torch = pytest.importorskip("torch")
    whole = split_of(("a",), *((0, 20 * i, 0, True) for i in range(5)))
    told = split_of(("a",), *((0, 20 * i, 0, False) for i in range(10)), (0, 0, 0, True))
    is_pair = torch.tensor([[0.9], [0.8], [0.7], [0.6], [0.5], [0.4], [0.3], [0.2], [0.15], [0.1], [1.0]])
    said = found.by_fifths(SimpleNamespace(split=told, is_pair=is_pair), whole)
    assert [part for _, part in said] == [0, 0, 0.5, 1, 1]
    assert [share for share, _ in said] == pytest.approx([0.125, 0.25, 0.45, 0.65, 0.85])


def test_what_a_teacher_says_of_kinds_out_of_training_is_held_against_all_annotations(found: Any) -> None:
    torch = pytest.importorskip("torch")
    whole = split_of(("a",), (0, 0, 0, True), (0, 40, 1, True), (0, 80, 1, False))
    likely = torch.tensor([[0.9, 0.6], [0.2, -1], [0.7, -1], [0.8, 0.1]])
    told = split_of(("a",), (0, 0, 0, False), (0, 40, 1, False), (0, 81, 1, False), (0, 20, 0, True))
    said = found.unseen(SimpleNamespace(split=told, likely=likely), whole)
    assert said == {"asked": 6, "true": 2, "said": 4, "right": 1}
