from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.boxes import iou
from edgegsr.runtime.labels import place

PICTURE_WH = (640, 480)
TAG_WH = (120, 24)


def overlap(spots: list[tuple[float, ...]]) -> float:
    return max((float(iou(a, b)) for a, b in combinations(spots, 2)), default=0.0)


def is_inside(spot: tuple[float, ...]) -> bool:
    return 0 <= spot[0] < spot[2] <= PICTURE_WH[0] and 0 <= spot[1] < spot[3] <= PICTURE_WH[1]


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ((100, 100, 300, 300), (100, 76, 220, 100)),  # above its box
        ((0, 0, 640, 480), (0, 0, 120, 24)),  # inside, when the box is the picture
        ((600, 200, 640, 300), (520, 176, 640, 200)),  # pushed in from the right border
        ((10, 5, 40, 30), (10, 30, 130, 54)),  # under a small box at the top, and not on it
    ],
)
def test_a_label_stands_at_its_box(box: tuple[float, ...], wanted: tuple[float, ...]) -> None:
    assert place([box], [TAG_WH], PICTURE_WH) == [wanted]


def test_labels_of_the_same_box_stand_beside_one_another() -> None:
    spots = place([(200, 200, 330, 260)] * 6, [TAG_WH] * 6, PICTURE_WH)
    assert len(set(spots)) == 6 and overlap(spots) == 0
    assert all(abs(spot[0] - 200) < 260 and abs(spot[1] - 200) < 160 for spot in spots)  # and not far


def test_a_label_leaves_a_small_box_to_be_seen() -> None:
    ball, player = (130, 180, 160, 198), (100, 200, 300, 400)
    spot = place([player, ball], [TAG_WH] * 2, PICTURE_WH)[0]
    assert iou(spot, ball) == 0


edge = st.integers(0, 480)


@given(st.lists(st.tuples(edge, edge, edge, edge), max_size=6))
def test_labels_are_inside_the_picture_and_never_on_one_another_while_there_is_room(
    corners: list[tuple[int, ...]],
) -> None:
    boxes = [(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])) for c in corners]
    spots = place(boxes, [TAG_WH] * len(boxes), PICTURE_WH)
    assert all(is_inside(spot) for spot in spots)
    assert all((spot[2] - spot[0], spot[3] - spot[1]) == TAG_WH for spot in spots)
    assert overlap(spots) == 0


def test_without_room_there_is_still_a_place() -> None:
    spots = place([(0, 0, 30, 20)] * 6, [(30, 20)] * 6, (30, 20))
    assert spots == [(0, 0, 30, 20)] * 6
