from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.boxes import Letterbox, clip, iou, iou_matrix
from edgegsr.errors import InputError

coordinate = st.floats(-1e4, 1e4, allow_nan=False)
any_corners = st.tuples(coordinate, coordinate, coordinate, coordinate)
box = any_corners.map(lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])])
length = st.integers(1, 5000)
letterboxes = st.builds(Letterbox, st.tuples(length, length), st.integers(1, 1024))


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0.0),  # they touch
        ([0, 0, 2, 2], [5, 5, 6, 6], 0.0),
        ([0, 0, 4, 4], [1, 1, 3, 3], 0.25),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),  # a point has no area
        ([2, 2, 0, 0], [0, 0, 2, 2], 0.0),  # corners the wrong way round have none either
        ([0, 0, 1, 2], [0, 0, 1, 1], 0.5),  # exactly at the threshold of the protocol
    ],
)
def test_iou_of_boxes_counted_by_hand(a: list[int], b: list[int], wanted: float) -> None:
    assert iou(a, b) == pytest.approx(wanted, abs=0)


@given(any_corners, any_corners)
def test_iou_is_symmetric_and_between_0_and_1(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1


@given(st.tuples(coordinate, coordinate), st.floats(0.1, 1e3), st.floats(0.1, 1e3))
def test_iou_of_a_box_with_itself_is_1(corner: tuple[float, float], width: float, height: float) -> None:
    itself = [*corner, corner[0] + width, corner[1] + height]
    assert iou(itself, itself) == 1


def test_iou_broadcasts_and_the_matrix_holds_every_pair() -> None:
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.uniform(0, 9, (n, 2, 2)), axis=1).reshape(n, 4) for n in (5, 3))
    pairs = iou_matrix(a, b)
    assert pairs.shape == (5, 3)
    assert all(pairs[i, j] == iou(a[i], b[j]) for i in range(5) for j in range(3))
    assert np.array_equal(iou(a, b[0]), pairs[:, 0])
    assert iou_matrix(a[None], b[None]).shape == (1, 5, 3)
    assert iou_matrix(np.zeros((0, 4)), b).shape == (0, 3)


@given(any_corners, length, length)
def test_a_clipped_box_lies_in_the_image_and_clipping_twice_changes_nothing(
    corners: tuple[float, ...], width: int, height: int
) -> None:
    once = clip(corners, (width, height))
    assert (once >= 0).all() and (once[::2] <= width).all() and (once[1::2] <= height).all()
    assert np.array_equal(clip(once, (width, height)), once)


def test_clip_takes_one_size_for_each_box() -> None:
    assert clip([[0, 0, 9, 9], [-1, 0, 9, 9]], [[4, 5], [6, 7]]).tolist() == [[0, 0, 4, 5], [0, 0, 6, 7]]


@pytest.mark.parametrize(
    ("given_dtype", "wanted"), [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i8", "f8"), ("i4", "f8"), ("u1", "f4")]
)
def test_boxes_come_back_in_a_sensible_type(given_dtype: str, wanted: str) -> None:
    boxes = np.ones((2, 4), given_dtype)
    for result in (clip(boxes, (5, 5)), Letterbox((5, 5), 9).forward(boxes)):
        assert result.dtype == np.dtype(wanted)
    assert iou(boxes, boxes).dtype == np.float64


@given(letterboxes, box)
def test_into_the_letterbox_and_back_is_identity(letterbox: Letterbox, corners: list[float]) -> None:
    assert np.allclose(letterbox.inverse(letterbox.forward(corners)), corners, rtol=1e-12, atol=1e-6)


@given(letterboxes)
def test_the_content_is_centred_and_its_edges_are_whole_pixels(letterbox: Letterbox) -> None:
    whole_image = letterbox.forward([0, 0, *letterbox.size_wh])
    edges = np.rint(whole_image)
    assert np.allclose(whole_image, edges, rtol=0, atol=1e-9)
    assert edges[:2].min() >= 0 and edges[2:].max() == letterbox.side
    before, after = edges[:2], letterbox.side - edges[2:]
    assert ((after - before >= 0) & (after - before <= 1)).all()
    assert (edges[2:] - edges[:2]).tolist() == list(letterbox.resized_wh)


@pytest.mark.parametrize(
    ("size_wh", "side", "resized_wh", "pad_xy"),
    [
        ((640, 480), 320, (320, 240), (0, 40)),
        ((480, 640), 320, (240, 320), (40, 0)),
        ((333, 500), 224, (149, 224), (37, 0)),  # 149.184 is no whole number
        ((10_000, 1), 128, (128, 1), (0, 63)),  # never thinner than a pixel
        ((64, 32), 128, (128, 64), (0, 32)),  # small images grow
        ((7, 7), 7, (7, 7), (0, 0)),
    ],
)
def test_letterbox_geometry(
    size_wh: tuple[int, int], side: int, resized_wh: tuple[int, int], pad_xy: tuple[int, int]
) -> None:
    letterbox = Letterbox(size_wh, side)
    assert (letterbox.resized_wh, letterbox.pad_xy) == (resized_wh, pad_xy)
    assert letterbox.scale == side / max(size_wh)
    assert letterbox.scale_xy == (resized_wh[0] / size_wh[0], resized_wh[1] / size_wh[1])


def test_many_boxes_travel_together() -> None:
    boxes = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert np.allclose(Letterbox((33, 21), 64).forward(boxes)[1, 2], Letterbox((33, 21), 64).forward(boxes[1, 2]))


@pytest.mark.parametrize(("size_wh", "side"), [((0, 5), 9), ((5, -1), 9), ((5, 5), 0)])
def test_letterbox_of_nothing_is_refused(size_wh: tuple[int, int], side: int) -> None:
    with pytest.raises(InputError, match="letterbox: wanted a size and a side of at least 1 pixel, got size_wh="):
        Letterbox(size_wh, side)


def test_boxes_of_another_shape_are_refused_with_the_shape() -> None:
    with pytest.raises(ValueError, match=r"boxes: wanted the shape \(\.\.\., 4\), got \(2, 3\)"):
        iou(np.zeros((2, 3)), np.zeros((2, 4)))
