"""Outlines that many things share, each one polygon, so that a scene stays cheap to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgegsr.data.diorama.canvas import Colour, Pen, Point


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 10) -> list[Point]:
    """Points along an ellipse; degrees from the right, growing clockwise as seen (y is down)."""
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def star(x: float, y: float, outer: float, inner: float, spikes: int) -> list[Point]:
    """A star, a gear, a splash or a tuft."""
    turns = [math.pi * (i / spikes - 0.5) for i in range(2 * spikes)]
    radii = [outer, inner] * spikes
    return [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, turns)]


def teeth(x1: float, x2: float, base: float, tip: float, count: int) -> list[Point]:
    """A zigzag from (x1, base) to (x2, base) whose points reach `tip`."""
    step = (x2 - x1) / (2 * count)
    return [(x1 + step * i, tip if i % 2 else base) for i in range(2 * count + 1)]


def rounded(pen: Pen, x1: float, y1: float, x2: float, y2: float, r: float, colour: Colour) -> None:
    """A box with round corners."""
    corners = [(x2 - r, y1 + r, -90), (x2 - r, y2 - r, 0), (x1 + r, y2 - r, 90), (x1 + r, y1 + r, 180)]
    pen.poly([p for x, y, a in corners for p in arc(x, y, r, r, a, a + 90, 3)], colour)


def ring(pen: Pen, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
    """A hoop: the fill rule leaves the inner circle open."""
    inner = radius - width
    pen.poly(arc(x, y, radius, radius, 0, 360, 20) + arc(x, y, inner, inner, 360, 0, 20), colour)


def stroke(pen: Pen, points: Sequence[Point], width: float, colour: Colour, end_width: float | None = None) -> None:
    """A bent bar through the points as one polygon; `end_width` tapers it."""
    last = len(points) - 1
    taper = (width if end_width is None else end_width) - width
    left, right = [], []
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(i - 1, 0)], points[min(i + 1, last)]
        half = (width + taper * i / last) / 2 / (math.hypot(bx - ax, by - ay) or 1e-9)
        left.append((x - (by - ay) * half, y + (bx - ax) * half))
        right.append((x + (by - ay) * half, y - (bx - ax) * half))
    pen.poly(left + right[::-1], colour)
