"""Where an image lies on a teacher's tokens: measured on its own image processor, and carried to a square grid.

Every family resizes, squashes, crops, pads or cuts in its own way, and its config tells only half of that: not the
rounding, not the order of the steps, not what an absent size means. So nothing is derived from configs. A picture whose
colours say where each of its pixels lies (red from left to right, green from top to bottom) goes through the processor
together with its negative, and what comes out is read: where the two differ as far as they can there is image, where
they do not there is padding, and the colours on the image lie on a line whose ends are the edges of the whole image,
those that a crop has cut away included. That holds for whatever moves pixels by a scale and a shift along each axis;
anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgegsr.boxes import Boxes, Letterbox
from edgegsr.errors import InputError
from edgegsr.teacher.sight import Pixels

Floats = npt.NDArray[np.floating[Any]]
Edges = tuple[float, float, float, float]  # left, top, right, bottom

LOW, HIGH = 24, 232  # first and last colour: sharpening filters overshoot, and must not be clipped
TILT = 0.05  # of each slope into the other axis: pixels in a line then round differently, and their mean hardly at all
SMALLEST = 32  # pixels: of less, interpolation at the border leaves no straight line
STEPS = 8  # edges are told in eighths of a pixel: whole pixels stay whole, and the fit is finer than that
CROOKED = 0.02  # of the image: mean distance from the line


@dataclass(frozen=True)
class Geometry:
    """Where an image of `size_wh` pixels lies in a teacher's view, which it sees as rows x columns of tokens."""

    size_wh: tuple[int, int]
    edges_xyxy: Edges  # of the whole image, in [0, 1] of the view; beyond it what the teacher does not see
    rows: int
    columns: int

    @property
    def kept_xyxy(self) -> Edges:
        """The part of the image that the teacher sees, in pixels of the image."""
        (left, top, right, bottom), (width, height) = self.edges_xyxy, self.size_wh
        x, y = width / (right - left), height / (bottom - top)
        return max(-left * x, 0), max(-top * y, 0), min((1 - left) * x, width), min((1 - top) * y, height)

    def forward(self, boxes_xyxy: npt.ArrayLike) -> Boxes:
        """Boxes in [0, 1] of the view, from boxes in pixels of the image. Not clipped."""
        left, top, right, bottom = self.edges_xyxy
        scale = np.array([(right - left) / self.size_wh[0], (bottom - top) / self.size_wh[1]] * 2)
        boxes: Boxes = np.asarray(boxes_xyxy, np.float64) * scale + (left, top, left, top)
        return boxes

    def onto(self, grid: int) -> Overlap:
        """How the tokens lie under a grid x grid over the letterboxed square of the image."""
        by_column, seen_x = self._along(0, grid, self.columns)
        by_row, seen_y = self._along(1, grid, self.rows)
        return Overlap(by_row, by_column, (seen_y[:, None] * seen_x >= 0.5).ravel())

    def _along(self, axis: int, grid: int, tokens: int) -> tuple[Floats, Floats]:
        """(grid, tokens) weights that sum to 1 where anything is seen, and (grid,) the share of each cell that is."""
        side = max(self.size_wh)
        corners = np.linspace(0, side, grid + 1)[:, None].repeat(4, 1)
        cells = self.forward(Letterbox(self.size_wh, side).inverse(corners))[:, axis] * tokens
        kept = self.forward(self.kept_xyxy)[[axis, axis + 2]] * tokens
        low, high = cells[:-1].clip(*kept), cells[1:].clip(*kept)
        edges = np.arange(tokens)
        shared = (np.minimum(high[:, None], edges + 1) - np.maximum(low[:, None], edges)).clip(0)
        total = shared.sum(1, keepdims=True)
        weights = np.divide(shared, total, out=np.zeros_like(shared), where=total > 1e-6)
        return weights, (high - low) / np.diff(cells)


class Overlap(NamedTuple):
    """Tokens (rows, columns) under a square grid: cell (g, h) is the mean of tokens by `rows[g] x columns[h]`."""

    by_row: Floats  # (G, rows)
    by_column: Floats  # (G, columns)
    shown: npt.NDArray[np.bool_]  # (G * G,) at least half of the cell is on the image and in the view


def measure(view: Callable[[Pixels], Floats], size_wh: tuple[int, int], teacher: str) -> Edges:
    """The edges of an image of this size in [0, 1] of the view; `view` gives colours 0 to 255 as (3, h, w)."""
    times = -(-SMALLEST // min(size_wh))
    marks = _marks(size_wh[0] * times, size_wh[1] * times)
    gap = view(marks).astype(np.float64) - view(255 - marks)
    image = np.abs(gap[2] - 255) < 1  # (h, w); where there is padding, marks and negative are alike
    red, green = ((gap[:2] + 255) / 2 - LOW) / (HIGH - LOW) / (1 - TILT)
    across, down = _ends(red - TILT * green, image), _ends((green - TILT * red).T, image.T)
    if across is None or down is None:
        raise InputError(
            f"{teacher}: wanted an image processor that shows an image of {size_wh[0]} x {size_wh[1]} pixels once, "
            "scaled and shifted, got one that cuts it up or shows next to nothing of it; leave such images out or take "
            "another teacher"
        )
    return across[0], down[0], across[1], down[1]


def _marks(width: int, height: int) -> Pixels:
    """Red says how far right a pixel lies, green how far down, blue is full."""
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height)[:, None] + 0.5) / height
    place = np.stack([x + TILT * y, y + TILT * x], -1) / (1 + TILT)
    marks = np.full((height, width, 3), 255, np.uint8)
    marks[..., :2] = np.round(LOW + (HIGH - LOW) * place)
    return marks


def _ends(place: Floats, image: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """Where an axis of the image starts and ends, in [0, 1] of the columns of `place`; None if no line shows it."""
    columns = np.flatnonzero(image.any(0))
    border = len(columns) // 8  # where interpolation bends the line
    columns = columns[border : len(columns) - border]
    if len(columns) < 2:
        return None
    place, image, width = place[:, columns], image[:, columns], place.shape[1]
    slope, start = np.polyfit(columns + 0.5, (place * image).sum(0) / image.sum(0), 1)
    crooked = np.abs(place - slope * (columns + 0.5) - start)[image].mean()
    if slope <= 0 or crooked > CROOKED:
        return None
    return round(-start / slope * STEPS) / STEPS / width, round((1 - start) / slope * STEPS) / STEPS / width
