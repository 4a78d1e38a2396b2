"""What is pushed or pulled by hand: carts, strollers, machines. Pushed from the left, pulled to the right."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, ring, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    CLOTHS,
    INK,
    METALS,
    RUBBER,
    STEEL,
    WOODS,
    Thing,
    standing,
)
from edgegsr.data.diorama.things.vehicles import spokes, wheel


def cart(pen: Pen) -> None:
    pen.limb((-0.4, -0.36), (0.85, -0.42), 0.04, 0.034, shade(pen.tint, 0.75))
    pen.poly([(-0.56, -0.62), (0.46, -0.62), (0.4, -0.34), (-0.5, -0.34)], pen.tint)
    pen.line([(-0.53, -0.48), (0.43, -0.48)], 0.018, shade(pen.tint, 0.7))
    for x in (-0.3, 0.0, 0.25):
        pen.line([(x, -0.6), (x, -0.36)], 0.018, shade(pen.tint, 0.7))
    r = 0.24
    for dx, dy in ((0.2, 0.0), (0.1, 0.17), (-0.1, 0.17)):
        pen.line([(-0.05 - dx, -r - dy), (-0.05 + dx, -r + dy)], 0.022, pen.tint2)
    ring(pen, -0.05, -r, r, 0.045, pen.tint2)
    pen.oval(-0.05, -r, 0.045, 0.045, shade(pen.tint2, 0.6))


def shopping_cart(pen: Pen) -> None:
    stroke(pen, [(-0.36, -0.56), (-0.26, -0.56), (-0.16, -0.16), (0.3, -0.13)], 0.03, shade(STEEL, 0.75))
    pen.poly([(-0.28, -0.52), (0.36, -0.47), (0.28, -0.24), (-0.2, -0.22)], shade(pen.tint2, 0.9))
    for t in (0.25, 0.5, 0.75):
        pen.line([(-0.28 + 0.64 * t, -0.52 + 0.05 * t), (-0.2 + 0.48 * t, -0.22 - 0.02 * t)], 0.014, shade(STEEL, 0.65))
    pen.line([(-0.24, -0.37), (0.32, -0.36)], 0.014, shade(STEEL, 0.65))
    pen.line([(-0.28, -0.52), (0.36, -0.47)], 0.026, pen.tint)
    pen.limb((-0.4, -0.57), (-0.3, -0.56), 0.045, 0.045, pen.tint)
    for x in (-0.12, 0.26):
        wheel(pen, x, 0.055)


def wheelbarrow(pen: Pen) -> None:
    pen.limb((-0.1, -0.24), (-0.16, -0.02), 0.034, 0.034, shade(STEEL, 0.6))
    pen.poly([(-0.3, -0.48), (0.32, -0.44), (0.2, -0.2), (-0.12, -0.2)], pen.tint)
    pen.poly([(-0.3, -0.48), (0.32, -0.44), (0.29, -0.38), (-0.24, -0.42)], shade(pen.tint, 0.65))
    stroke(pen, [(-0.58, -0.34), (-0.2, -0.22), (0.3, -0.13)], 0.036, pen.tint2)
    wheel(pen, 0.32, 0.13)


def wagon(pen: Pen) -> None:
    pen.line([(0.28, -0.14), (0.6, -0.42)], 0.024, INK)
    pen.limb((0.56, -0.46), (0.66, -0.42), 0.03, 0.03, INK)
    pen.box(-0.36, -0.3, 0.34, -0.12, pen.tint)
    pen.box(-0.39, -0.32, 0.37, -0.27, shade(pen.tint, 0.75))
    for x in (-0.23, 0.21):
        wheel(pen, x, 0.1, pen.tint2)


def stroller(pen: Pen) -> None:
    pen.line([(-0.34, -0.58), (0.18, -0.12)], 0.028, shade(STEEL, 0.7))
    pen.line([(0.2, -0.36), (-0.18, -0.12)], 0.028, shade(STEEL, 0.7))
    pen.poly(arc(0.02, -0.36, 0.26, 0.22, 0, 180, 10), pen.tint)
    pen.poly([(0.02, -0.36), *arc(0.02, -0.36, 0.26, 0.26, 180, 285, 8)], pen.tint2)
    pen.poly([(0.02, -0.36), *arc(0.02, -0.36, 0.26, 0.26, 215, 250, 4)], shade(pen.tint2, 0.75))
    pen.limb((-0.36, -0.6), (-0.29, -0.54), 0.04, 0.04, INK)
    for x in (-0.2, 0.22):
        spokes(pen, x, 0.1, RUBBER)


def lawn_mower(pen: Pen) -> None:
    stroke(pen, [(-0.56, -0.56), (-0.46, -0.55), (-0.06, -0.16)], 0.03, shade(STEEL, 0.65))
    pen.limb((-0.57, -0.56), (-0.47, -0.555), 0.042, 0.042, INK)
    pen.poly([(-0.22, -0.06), (-0.2, -0.19), (0.22, -0.19), (0.34, -0.06)], pen.tint)
    pen.box(-0.1, -0.29, 0.12, -0.18, pen.tint2)
    pen.box(-0.06, -0.33, 0.08, -0.28, INK)
    pen.poly([(-0.2, -0.2), (-0.2, -0.08), (-0.42, -0.06), (-0.38, -0.22)], shade(pen.tint, 0.6))
    for x in (-0.15, 0.22):
        wheel(pen, x, 0.075)


def vacuum_cleaner(pen: Pen) -> None:
    pen.limb((-0.44, -0.58), (0.06, -0.12), 0.032, 0.032, STEEL)
    pen.limb((-0.46, -0.6), (-0.4, -0.54), 0.05, 0.045, INK)
    pen.limb((-0.26, -0.42), (0.02, -0.16), 0.11, 0.17, pen.tint)
    pen.limb((-0.22, -0.36), (-0.06, -0.21), 0.05, 0.07, pen.tint2)
    pen.poly([(-0.1, 0), (-0.06, -0.1), (0.16, -0.13), (0.26, -0.05), (0.28, 0)], shade(pen.tint, 0.7))
    pen.oval(0.2, -0.07, 0.03, 0.022, (252, 232, 150))


WHEELS: dict[str, Thing] = {
    "cart": standing(cart, WOODS, ((112, 72, 46), (90, 60, 44), (196, 60, 50))),
    "shopping_cart": standing(shopping_cart, BRIGHTS[:5], METALS[:3]),
    "wheelbarrow": standing(wheelbarrow, (*BRIGHTS[:4], *METALS[:2]), WOODS),
    "wagon": standing(
        wagon, ((206, 48, 44), (42, 108, 190), (58, 150, 84), (176, 122, 70)), ((240, 236, 226), (246, 206, 70))
    ),
    "stroller": standing(stroller, (*BRIGHTS, *CLOTHS[:3]), (INK, *BRIGHTS[:3])),
    "lawn_mower": standing(
        lawn_mower, ((206, 56, 46), (66, 140, 66), (232, 130, 40), (52, 100, 170)), (STEEL, (70, 72, 78))
    ),
    "vacuum_cleaner": standing(vacuum_cleaner, BRIGHTS, (STEEL, INK, (230, 226, 214))),
}
