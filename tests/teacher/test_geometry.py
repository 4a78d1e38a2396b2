from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgegsr.errors import InputError
from edgegsr.teacher.geometry import Floats, Geometry, measure
from edgegsr.teacher.sight import Pixels

VIEW = 64


def resized(pixels: Pixels, size_wh: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size_wh, Image.Resampling.BICUBIC))


def squash(pixels: Pixels) -> Floats:
    return resized(pixels, (VIEW, VIEW)).transpose(2, 0, 1)


def crop(pixels: Pixels) -> Floats:
    """The short side fills the view, the middle of the long one is seen."""
    height, width = pixels.shape[:2]
    wide, high = round(width * VIEW / min(width, height)), round(height * VIEW / min(width, height))
    left, top = (wide - VIEW) // 2, (high - VIEW) // 2
    return resized(pixels, (wide, high))[top : top + VIEW, left : left + VIEW].transpose(2, 0, 1)


def pad(pixels: Pixels) -> Floats:
    """The long side fills the view, the rest, at the right or below, is as light as the marks themselves."""
    height, width = pixels.shape[:2]
    wide, high = round(width * VIEW / max(width, height)), round(height * VIEW / max(width, height))
    view = np.full((VIEW, VIEW, 3), 255, np.uint8)
    view[:high, :wide] = resized(pixels, (wide, high))
    return view.transpose(2, 0, 1)


def edges_of(geometry: tuple[float, ...]) -> list[float]:
    return [edge * VIEW for edge in geometry]


@pytest.mark.parametrize("size_wh", [(200, 100), (97, 311), (64, 64), (1000, 700), (40, 33), (7, 5)])
def test_edges_are_read_off_a_squashed_a_cropped_and_a_padded_image(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    off = 0.13 if min(size_wh) >= 32 else 0.5  # pixels of the view; the tiny are measured enlarged
    assert edges_of(measure(squash, size_wh, "t")) == pytest.approx([0, 0, VIEW, VIEW], abs=off)
    wide, high = round(width * VIEW / min(size_wh)), round(height * VIEW / min(size_wh))
    left, top = -((wide - VIEW) // 2), -((high - VIEW) // 2)
    seen = Geometry(size_wh, measure(crop, size_wh, "t"), 1, 1).kept_xyxy
    kept = Geometry(size_wh, (left / VIEW, top / VIEW, (left + wide) / VIEW, (top + high) / VIEW), 1, 1).kept_xyxy
    assert seen == pytest.approx(kept, abs=off * max(size_wh) / VIEW)
    wide, high = round(width * VIEW / max(size_wh)), round(height * VIEW / max(size_wh))
    assert edges_of(measure(pad, size_wh, "t")) == pytest.approx([0, 0, wide, high], abs=off)


def test_whole_pixels_are_read_as_whole_pixels() -> None:
    assert measure(squash, (640, 480), "t") == (0, 0, 1, 1)
    assert measure(pad, (640, 480), "t") == (0, 0, 1, 0.75)


def tiles(pixels: Pixels) -> Floats:
    quarter = squash(pixels)[:, ::2, ::2]
    return np.tile(quarter, (1, 2, 2))


def mirrored(pixels: Pixels) -> Floats:
    return squash(pixels)[:, :, ::-1]


def blind(pixels: Pixels) -> Floats:
    return np.zeros((3, VIEW, VIEW))


@pytest.mark.parametrize("view", [tiles, mirrored, blind])
def test_processor_that_rearranges_or_hides_the_image_is_refused(view: Callable[[Pixels], Floats]) -> None:
    wanted = "big/teacher: wanted an image processor that shows an image of 120 x 80 pixels once, scaled and shifted"
    with pytest.raises(InputError, match=wanted):
        measure(view, (120, 80), "big/teacher")


def test_image_too_thin_to_be_seen_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"900 x 12 pixels once, .* shows next to nothing of it; leave such images out"
    ):
        measure(pad, (900, 12), "t")


def test_boxes_reach_the_view_by_scale_and_shift() -> None:
    cropped = Geometry((200, 100), (-0.5, 0.0, 1.5, 1.0), 4, 4)
    assert cropped.kept_xyxy == (50, 0, 150, 100)
    assert cropped.forward([50, 0, 150, 100]).tolist() == [0, 0, 1, 1]
    assert cropped.forward([0, 0, 100, 50]).tolist() == [-0.5, 0, 0.5, 0.5]


def test_tokens_of_a_square_image_are_its_cells() -> None:
    under = Geometry((300, 300), (0, 0, 1, 1), 5, 5).onto(5)
    assert np.allclose(under.by_row, np.eye(5)) and np.allclose(under.by_column, np.eye(5))
    assert under.shown.all()


def test_squashed_tokens_are_stretched_back_over_the_letterboxed_square() -> None:
    under = Geometry((200, 100), (0, 0, 1, 1), 4, 4).onto(4)  # the image fills the two rows in the middle
    assert np.allclose(under.by_column, np.eye(4))
    assert np.allclose(under.by_row, [[0, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 0]])
    assert under.shown.reshape(4, 4).tolist() == [[False] * 4, [True] * 4, [True] * 4, [False] * 4]


def test_cells_outside_a_centre_crop_are_not_shown_and_empty() -> None:
    under = Geometry((200, 100), (-0.5, 0, 1.5, 1), 2, 2).onto(4)  # the view is the square in the middle
    assert np.allclose(under.by_column, [[0, 0], [1, 0], [0, 1], [0, 0]])
    assert under.shown.reshape(4, 4)[1:3, 1:3].all() and under.shown.sum() == 4


def test_coarser_cells_are_means_and_half_seen_cells_are_of_what_is_seen() -> None:
    under = Geometry((100, 100), (0, 0, 1, 1), 4, 6).onto(2)
    assert np.allclose(under.by_row, [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    assert np.allclose(under.by_column, np.kron(np.eye(2), [1 / 3] * 3))
    padded = Geometry((100, 100), (0, 0, 1, 0.75), 4, 1).onto(1)
    assert np.allclose(padded.by_row, [[1 / 3, 1 / 3, 1 / 3, 0]])


sizes, shares = st.integers(1, 2000), st.floats(-2, 0.45)


@given(st.tuples(sizes, sizes), st.tuples(shares, shares), st.integers(1, 40), st.integers(1, 40), st.integers(1, 24))
def test_every_cell_is_a_mean_of_tokens_or_empty(
    size_wh: tuple[int, int], inset: tuple[float, float], rows: int, columns: int, grid: int
) -> None:
    geometry = Geometry(size_wh, (inset[0], inset[1], 1 - inset[0], 1 - inset[1]), rows, columns)
    under = geometry.onto(grid)
    for weights in (under.by_row, under.by_column):
        total = weights.sum(1)
        assert (weights >= 0).all() and np.all(np.isclose(total, 1) | (total == 0))
    seen = (under.by_row.sum(1)[:, None] * under.by_column.sum(1)).ravel() > 0
    assert not (under.shown & ~seen).any()
    left, top, right, bottom = geometry.kept_xyxy
    assert -1e-6 <= left < right <= size_wh[0] + 1e-6 and -1e-6 <= top < bottom <= size_wh[1] + 1e-6
