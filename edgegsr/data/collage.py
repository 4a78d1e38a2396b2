"""Collages: what is in a box of one training image, pasted over a box of another. Nobody has annotated them.

A teacher that knows more situations than training shows can say what a collage looks like: new combinations of what
training shows, from training images alone.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgegsr.annotations import Annotations

Unit = tuple[float, float, float, float]  # xyxy in [0, 1] of a letterboxed square
Pixels = npt.NDArray[np.uint8]

COUNT = 2  # collages of an image
TRIES = 20  # pairs of boxes, before an image stays as it is
LEAST, MOST = 0.03, 0.8  # of the square: sides of a box that is cut out or covered
INSTRUMENTS = 0.8  # how often agents are left alone: a person covers most of a picture


@dataclass(frozen=True)
class Collage:
    """Which part of which other image stands where in the square of an image."""

    row: int
    other: int
    source: Unit
    target: Unit
    flipped: bool

    def __str__(self) -> str:
        return " ".join(map(str, astuple(self)))


def draw_collage(truth: Annotations, boxes: npt.NDArray[np.float32], row: int, number: int, seed: int) -> Collage:
    """The collage with this number of a row; `boxes` (N, 6, 4) are unit boxes, zeros where there is none."""
    dice = np.random.default_rng((seed, row, number))
    for _ in range(TRIES):
        other = int(dice.integers(len(truth)))
        here, there = (_pick(dice, truth, boxes, i) for i in (row, other))
        if here is None or there is None or other == row:
            continue
        target = _fitted(here, there)
        if target is not None:
            return Collage(row, other, there, target, bool(dice.random() < 0.5))
    return Collage(row, row, (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0), False)


def paste(square: Pixels, other: Pixels, collage: Collage) -> Pixels:
    """The square (S, S, 3) of an image with the part of the other image's square."""
    side = len(square)
    x1, y1, x2, y2 = (round(side * edge) for edge in collage.target)
    left, top, right, bottom = (len(other) * edge for edge in collage.source)
    size = max(x2 - x1, 1), max(y2 - y1, 1)
    content = Image.fromarray(other).resize(size, Image.Resampling.BILINEAR, (left, top, right, bottom), 3.0)
    if collage.flipped:
        content = content.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    result = square.copy()
    result[y1 : y1 + size[1], x1 : x1 + size[0]] = np.asarray(content)[: side - y1, : side - x1]
    return result


def _pick(dice: np.random.Generator, truth: Annotations, boxes: npt.NDArray[np.float32], row: int) -> Unit | None:
    """One box of an image, large enough to see something; mostly not the agent's."""
    roles = truth.ontology.frames[truth.verbs[row]].roles
    slots = [i for i, has in enumerate(truth.has_box[row]) if has]
    if dice.random() < INSTRUMENTS:
        slots = [i for i in slots if roles[i] != "agent"]
    if not slots:
        return None
    x1, y1, x2, y2 = (float(edge) for edge in boxes[row, slots[int(dice.integers(len(slots)))]])
    return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) >= LEAST else None


def _fitted(here: Unit, there: Unit) -> Unit | None:
    """Over the middle of `here`, just large enough to cover it, in the shape of `there`; inside the square."""
    ratio = (there[2] - there[0]) / (there[3] - there[1])
    height = max(here[3] - here[1], (here[2] - here[0]) / ratio)
    width = height * ratio
    if max(width, height) > MOST:
        return None
    left = min(max((here[0] + here[2] - width) / 2, 0.0), 1 - width)
    top = min(max((here[1] + here[3] - height) / 2, 0.0), 1 - height)
    return left, top, left + width, top + height
