"""What the protocols of interactions share: predictions beside the truth they may mean, and overlap."""

from __future__ import annotations

import numpy as np

from edgegsr import boxes
from edgegsr.interactions import Floats, Ints

HALF = 0.5
WIDTHS = ("plus1", "plain")  # of inclusive pixels x1..x2: x2 - x1 + 1, or x2 - x1
_NEXT_PIXEL = np.array([0.0, 0.0, 1.0, 1.0])


def candidates(said: Ints, true: Ints) -> tuple[Ints, Ints]:
    """Each prediction beside each truth of the same key, as two columns of rows; in the order of both tables."""
    order = np.argsort(true, kind="stable")
    first = np.searchsorted(true[order], said, "left")
    counts = np.searchsorted(true[order], said, "right") - first
    rows = np.repeat(np.arange(len(said)), counts)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[np.repeat(first, counts) + nth]


def overlap(said_xyxy: Floats, true_xyxy: Floats, width: str) -> Floats:
    """The overlap of each pair of boxes."""
    if width == "plain":
        said_xyxy, true_xyxy = said_xyxy - _NEXT_PIXEL, true_xyxy - _NEXT_PIXEL
    return boxes.iou(said_xyxy, true_xyxy)
