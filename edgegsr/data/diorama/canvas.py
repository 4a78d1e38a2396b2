"""Flat shapes in metres of the stage, rasterised once: an anti-aliased picture and who owns each pixel.

Shapes are collected as polygons in stage units and transformed together, so a camera is one matrix. OpenCV fills
polygons in fixed-point integer arithmetic, so the same scene gives the same bytes on every platform; that is why
this is not Pillow, whose polygons use floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
Colour = tuple[int, int, int]

SUBPIXEL_BITS = 4  # coordinates are snapped to 1/16 pixel
NOBODY = 0

_CIRCLE = [(math.cos(i * math.pi / 10), math.sin(i * math.pi / 10)) for i in range(20)]


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (factor > 1)."""
    r, g, b = colour
    if factor <= 1:
        return int(r * factor), int(g * factor), int(b * factor)
    f = min(factor - 1, 1.0)
    return int(r + (255 - r) * f), int(g + (255 - g) * f), int(b + (255 - b) * f)


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """A colour between a (share 0) and b (share 1)."""
    return tuple(int(x + (y - x) * share) for x, y in zip(a, b))  # type: ignore[return-value]


class Canvas:
    """Collects polygons in painting order."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.starts: list[int] = []
        self.colours: list[Colour] = []
        self.owners: list[int] = []

    def add(self, points: Sequence[Point], colour: Colour, owner: int) -> None:
        self.starts.append(len(self.points))
        self.points.extend(points)
        self.colours.append(colour)
        self.owners.append(owner)

    def append(self, other: Canvas) -> None:
        """Paints everything of another canvas on top."""
        self.starts += [start + len(self.points) for start in other.starts]
        self.points += other.points
        self.colours += other.colours
        self.owners += other.owners

    def bounds(self) -> tuple[float, float, float, float]:
        """The box around all shapes that somebody owns, in stage units."""
        ends = [*self.starts[1:], len(self.points)]
        owned = [p for a, b, who in zip(self.starts, ends, self.owners) if who != NOBODY for p in self.points[a:b]]
        xs, ys = [p[0] for p in owned or self.points], [p[1] for p in owned or self.points]
        return min(xs), min(ys), max(xs), max(ys)

    def boxes(self, camera: npt.NDArray[np.float64]) -> dict[int, tuple[float, float, float, float]]:
        """For each owner the box around all of its shapes in pixels, hidden parts and parts outside included."""
        stage = np.array(self.points, np.float64) @ camera[:, :2].T + camera[:, 2]
        low = np.minimum.reduceat(stage, self.starts).tolist()
        high = np.maximum.reduceat(stage, self.starts).tolist()
        out: dict[int, tuple[float, float, float, float]] = {}
        for who, (x1, y1), (x2, y2) in zip(self.owners, low, high):
            if who in out:
                a, b, c, d = out[who]
                x1, y1, x2, y2 = min(a, x1), min(b, y1), max(c, x2), max(d, y2)
            out[who] = (x1, y1, x2, y2)
        return out

    def render(
        self, size_wh: tuple[int, int], camera: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """The picture (H, W, 3) and the owner of each pixel (H, W); `camera` (2, 3) maps stage units to pixels."""
        w, h = size_wh
        pixels = np.zeros((h, w, 3), np.uint8)
        owner = np.zeros((h, w), np.uint8)
        stage = np.array(self.points, np.float64)
        fixed = (stage @ camera[:, :2].T + (camera[:, 2] - 0.5)) * (1 << SUBPIXEL_BITS)
        polygons = np.split(np.rint(fixed).astype(np.int32), self.starts[1:])
        for polygon, colour, who in zip(polygons, self.colours, self.owners):
            cv2.fillPoly(pixels, [polygon], colour, cv2.LINE_AA, SUBPIXEL_BITS)
            cv2.fillPoly(owner, [polygon], who, cv2.LINE_8, SUBPIXEL_BITS)
        return pixels, owner


class Pen:
    """Draws in the local coordinates of one thing: x right, y down, one unit = the height of an adult.

    `tint` and `tint2` are the colours that this copy of the thing was given.
    """

    def __init__(
        self,
        canvas: Canvas,
        owner: int,
        at: Point = (0.0, 0.0),
        scale: float = 1.0,
        turn: float = 0.0,
        mirror: bool = False,
        tint: Colour = (200, 60, 50),
        tint2: Colour = (240, 240, 235),
    ) -> None:
        self.canvas, self.owner, self.tint, self.tint2 = canvas, owner, tint, tint2
        cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
        side = -1.0 if mirror else 1.0
        self._map = (side * cos, -sin, at[0], side * sin, cos, at[1])

    def child(
        self,
        at: Point = (0.0, 0.0),
        scale: float = 1.0,
        turn: float = 0.0,
        mirror: bool = False,
        owner: int | None = None,
        tint: Colour | None = None,
        tint2: Colour | None = None,
    ) -> Pen:
        """A pen whose local coordinates lie inside those of this one."""
        who = self.owner if owner is None else owner
        pen = Pen(self.canvas, who, at, scale, turn, mirror, tint or self.tint, tint2 or self.tint2)
        a, b, tx, c, d, ty = self._map
        e, f, ux, g, h, uy = pen._map
        pen._map = (
            a * e + b * g,
            a * f + b * h,
            a * ux + b * uy + tx,
            c * e + d * g,
            c * f + d * h,
            c * ux + d * uy + ty,
        )
        return pen

    def place(self, x: float, y: float) -> Point:
        """Local coordinates to the stage."""
        a, b, tx, c, d, ty = self._map
        return a * x + b * y + tx, c * x + d * y + ty

    def poly(self, points: Sequence[Point], colour: Colour) -> None:
        a, b, tx, c, d, ty = self._map
        self.canvas.add([(a * x + b * y + tx, c * x + d * y + ty) for x, y in points], colour, self.owner)

    def box(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        self.poly([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self.poly([(x + rx * c, y + ry * s) for c, s in _CIRCLE], colour)

    def limb(self, a: Point, b: Point, wa: float, wb: float, colour: Colour) -> None:
        """A rounded bar from a (width wa) to b (width wb)."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy) or 1e-9
        ux, uy = dx / length, dy / length
        ra, rb = wa / 2, wb / 2
        back = [(a[0] + ra * (ux * c - uy * s), a[1] + ra * (uy * c + ux * s)) for c, s in _CIRCLE[5:16:2]]
        front = [
            (b[0] + rb * (ux * c - uy * s), b[1] + rb * (uy * c + ux * s)) for c, s in _CIRCLE[15:] + _CIRCLE[:6:2]
        ]
        self.poly(back + front, colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A rounded stroke through the points."""
        for a, b in pairwise(points):
            self.limb(a, b, width, width, colour)
