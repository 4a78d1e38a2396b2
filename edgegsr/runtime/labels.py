"""Where the labels of boxes go to be readable: inside the picture, near their box, not on one another. stdlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgegsr.situation import Box

ON_A_LABEL, ON_A_SMALL_BOX = 100.0, 0.5  # what a covered pixel costs, against one pixel of distance


def place(boxes: Sequence[Box], sizes_wh: Sequence[tuple[int, int]], picture_wh: tuple[int, int]) -> list[Box]:
    """One rectangle of each size, for the box of the same index; earlier boxes choose first."""
    taken: list[Box] = []
    for box, size_wh in zip(boxes, sizes_wh):
        others = [other for other in boxes if _area(other) < 4 * size_wh[0] * size_wh[1]]
        taken.append(min(_spots(box, size_wh, picture_wh), key=lambda spot: _cost(spot, box, taken, others)))
    return taken


def _spots(box: Box, size_wh: tuple[int, int], picture_wh: tuple[int, int]) -> Iterator[Box]:
    """The corners of the box from outside and inside, best first, then everywhere else."""
    width, height = size_wh
    x1, y1, x2, y2 = box
    for top in (y1 - height, y1, y2, y2 - height):
        for left in (x1, x2 - width):
            yield _inside(left, top, size_wh, picture_wh)
    for top in range(0, picture_wh[1] - height + 1, max(1, height // 2)):
        for left in range(0, picture_wh[0] - width + 1, max(1, height)):
            yield left, top, left + width, top + height


def _cost(spot: Box, box: Box, taken: Sequence[Box], small: Sequence[Box]) -> float:
    gap_x = max(spot[0] - box[2], box[0] - spot[2], 0)
    gap_y = max(spot[1] - box[3], box[1] - spot[3], 0)
    covered = sum(_overlap(spot, other) for other in small)
    return ON_A_LABEL * sum(_overlap(spot, other) for other in taken) + ON_A_SMALL_BOX * covered + gap_x + gap_y


def _inside(left: float, top: float, size_wh: tuple[int, int], picture_wh: tuple[int, int]) -> Box:
    left = max(0, min(left, picture_wh[0] - size_wh[0]))
    top = max(0, min(top, picture_wh[1] - size_wh[1]))
    return left, top, left + size_wh[0], top + size_wh[1]


def _overlap(a: Box, b: Box) -> float:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
