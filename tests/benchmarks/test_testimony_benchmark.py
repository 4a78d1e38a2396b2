"""How couples that were put together are held against annotated ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgegsr.data.pairs import Couples


@pytest.fixture
def testimony(script: Any) -> Any:
    return script("testimony")


def couples(*rows: tuple[int, float, float, int]) -> Couples:
    """Image, where the human and where the object begin, and which object it is; all boxes are 10 wide and high."""
    humans, objects = (np.array([[row[i], 0, row[i] + 10, 10] for row in rows], float) for i in (1, 2))
    image, noun = (np.array([row[i] for row in rows]) for i in (0, 3))
    return Couples(image, humans, objects, noun, np.zeros((len(rows), 2), bool))


def test_a_couple_is_found_by_image_object_and_both_boxes(testimony: Any) -> None:
    true = couples((0, 0, 20, 1))
    found = couples((1, 0, 20, 1), (0, 0, 20, 2), (0, 5, 20, 1), (0, 1, 21, 1), (0, 0, 40, 1))
    assert testimony.best_match(true, 0, found) == 3
    assert testimony.best_match(true, 0, couples((0, 6, 20, 1))) == -1
    assert testimony.finds_object(true, 0, couples((0, 60, 20, 1)))
    assert not testimony.finds_object(true, 0, couples((0, 0, 29, 1)))
