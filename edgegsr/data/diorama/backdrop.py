"""What all places are built from: wide fills, rows, grids and ridges, each of them one polygon.

A backdrop spans far more than the camera shows, so that tilt and zoom never find its edge. The wall meets the floor,
or the land the sky, at FOOT; people stand in front of that line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from edgegsr.data.diorama.canvas import Colour, Pen, Point, blend, shade
from edgegsr.data.diorama.dice import Dice

LEFT, RIGHT = -3.4, 3.4
WEST, EAST = -2.4, 2.4  # details end here: no camera sees farther, and each point costs
TOP, FOOT, BOTTOM = -3.2, -0.3, 1.7

CLOUD = (236, 240, 243)
SKIES: list[Colour] = [(178, 208, 230), (196, 218, 232), (165, 196, 224), (205, 214, 222)]
GRASSES: list[Colour] = [(140, 172, 104), (126, 164, 98), (152, 178, 112)]


def shape(pen: Pen, x: float, y: float, outline: Sequence[Point], colour: Colour, size: float = 1.0) -> None:
    """An outline given around (x, y)."""
    pen.poly([(x + size * dx, y + size * dy) for dx, dy in outline], colour)


def mirrored(half: Sequence[Point]) -> list[Point]:
    """The outline whose right half, from top to foot or from foot to top, is given."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def near(dice: Dice, colour: Colour, spread: int = 10) -> Colour:
    """The colour with a little chance in each channel."""
    r, g, b = (min(255, max(0, c + dice.integer(2 * spread + 1) - spread)) for c in colour)
    return r, g, b


def fill(pen: Pen, colour: Colour, top: float = TOP) -> None:
    """One colour from `top` to the lower edge, over the whole width."""
    pen.box(LEFT, top, RIGHT, BOTTOM, colour)


def steps(first: float, last: float, step: float) -> list[float]:
    return [first + i * step for i in range(int((last - first) / step) + 1)]


def comb(pen: Pen, xs: Iterable[float], width: float, tip: float, base: float, colour: Colour) -> None:
    """Upright bars between `tip` and `base`; a hairline joins them at the base."""
    outline: list[Point] = []
    for x in xs:
        outline += [(x, base), (x, tip), (x + width, tip), (x + width, base)]
    pen.poly(outline, colour)


def rungs(pen: Pen, ys: Iterable[float], width: float, x1: float, x2: float, colour: Colour) -> None:
    """Level bars between x1 and x2; a hairline joins them at x1."""
    outline: list[Point] = []
    for y in ys:
        outline += [(x1, y), (x2, y), (x2, y + width), (x1, y + width)]
    pen.poly(outline, colour)


def lattice(
    pen: Pen, x1: float, y1: float, x2: float, y2: float, columns: int, rows: int, bar: float, colour: Colour
) -> None:
    """A frame with columns x rows holes, which show what was painted before."""
    w, h = (x2 - x1 - bar) / columns, (y2 - y1 - bar) / rows
    outline: list[Point] = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    for row in range(rows - 1, -1, -1):
        top, foot = y1 + bar + row * h, y1 + (row + 1) * h
        outline.append((x1, top))  # the path between holes runs inside the bars, unseen
        for column in range(columns):
            left, right = x1 + bar + column * w, x1 + (column + 1) * w
            outline += [(left, top), (left, foot), (right, foot), (right, top), (left, top)]
        outline.append((x1, top))
    pen.poly(outline, colour)


def bumps(pen: Pen, x1: float, x2: float, y: float, step: float, height: float, base: float, colour: Colour) -> None:
    """A row of round tops at `y`: a hedge, a cloud, heads of a crowd."""
    arc = [(0.0, 0.0), (0.06, -0.5), (0.25, -0.87), (0.5, -1.0), (0.75, -0.87), (0.94, -0.5)]
    outline = [(x + dx * step, y + dy * height) for x in steps(x1, x2 - step, step) for dx, dy in arc]
    pen.poly([*outline, (x2, y), (x2, base), (x1, base)], colour)


def ridge(pen: Pen, dice: Dice, y: float, height: float, step: float, base: float, colour: Colour) -> None:
    """A jagged line of peaks: firs or mountains."""
    x = WEST - dice.throw() * step
    outline: list[Point] = [(x, base)]
    while x < EAST:
        rise = height * dice.uniform(0.55, 1.0)
        outline += [(x, y), (x + step / 2, y - rise)]
        x += step * dice.uniform(0.8, 1.2)
    pen.poly([*outline, (x, y), (x, base)], colour)


def hills(pen: Pen, dice: Dice, y: float, height: float, base: float, colour: Colour) -> None:
    """A soft skyline."""
    phase, rate = dice.uniform(0, 6), dice.uniform(1.2, 2.0)
    waves = [(x, y - height * (0.5 + 0.5 * math.sin(rate * x + phase))) for x in steps(LEFT, RIGHT, 0.2)]
    pen.poly([(LEFT, base), *waves, (RIGHT, base)], colour)


def rays(pen: Pen, step: float, width: float, colour: Colour, top: float = FOOT, deep: float = 3.0) -> None:
    """Lines on the ground that run away from the viewer: boards, furrows, lanes."""
    outline: list[Point] = []
    for x in steps(WEST, EAST, step):
        outline += [(x * deep, BOTTOM), (x, top), (x * deep + width, BOTTOM)]
    pen.poly(outline, colour)


def cloud(pen: Pen, x: float, y: float, w: float, colour: Colour) -> None:
    left = [(0, 0), (-0.02, -0.1), (0.1, -0.18), (0.2, -0.17), (0.27, -0.3), (0.42, -0.38)]
    right = [(0.58, -0.34), (0.67, -0.22), (0.82, -0.25), (0.97, -0.17), (1.02, -0.06), (0.98, 0)]
    shape(pen, x, y, [*left, *right], colour, w)


def sky(pen: Pen, dice: Dice, clouds: int = 2) -> Colour:
    """The sky over everything, and its colour."""
    colour = near(dice, dice.pick(SKIES), 6)
    fill(pen, colour)
    for i in range(clouds):
        x, y, w = (i - clouds / 2) * 1.1 + dice.uniform(0.0, 1.0), dice.uniform(-1.5, -1.05), dice.uniform(0.4, 0.6)
        cloud(pen, x, y, w, blend(colour, CLOUD, 0.7))
    return colour


def room(pen: Pen, wall: Colour, floor: Colour) -> None:
    """Wall, floor and the skirting board between them."""
    fill(pen, wall)
    fill(pen, shade(wall, 0.8), FOOT - 0.04)
    fill(pen, floor, FOOT)


def tiles(pen: Pen, y1: float, y2: float, size: float, colour: Colour) -> None:
    """Joints of a tiled wall."""
    comb(pen, steps(WEST, EAST, size), 0.012, y2, y1, colour)
    rungs(pen, steps(y1, y2, size), 0.012, LEFT, RIGHT, colour)


def window(pen: Pen, x: float, y: float, w: float, h: float, view: Colour, frame: Colour, rows: int = 2) -> None:
    """A window with its middle at x and its upper edge at y."""
    pen.box(x - w / 2, y, x + w / 2, y + h, view)
    lattice(pen, x - w / 2 - 0.02, y - 0.02, x + w / 2 + 0.02, y + h + 0.02, 2, rows, 0.04, frame)


def tree(pen: Pen, x: float, y: float, size: float, leaf: Colour, trunk: Colour) -> None:
    """A broad-leaved tree whose foot is at (x, y)."""
    pen.limb((x, y), (x, y - 0.6 * size), 0.14 * size, 0.09 * size, trunk)
    crown = [(0.0, -0.45), (0.24, -0.4), (0.41, -0.52), (0.42, -0.74), (0.26, -0.94), (0.05, -1.02)]
    shape(pen, x, y, mirrored(crown), leaf, size)


def beside(dice: Dice, closest: float = 0.4, farthest: float = 0.65) -> tuple[float, float]:
    """Two places left and right of the middle, in either order, where people seldom hide what is behind them."""
    side = dice.sign()
    return side * dice.uniform(closest, farthest), -side * dice.uniform(closest, farthest)


def fence(pen: Pen, y: float, height: float, step: float, colour: Colour) -> None:
    """Two rails and pickets."""
    rungs(pen, [y - 0.8 * height, y - 0.35 * height], 0.035, LEFT, RIGHT, shade(colour, 0.9))
    picket: Sequence[Point] = [(-0.2, 0), (-0.2, -0.85), (0, -1), (0.2, -0.85), (0.2, 0)]
    pen.poly([(x + dx * step, y + dy * height) for x in steps(WEST, EAST, step) for dx, dy in picket], colour)
