"""Plants, alive and felled."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Colour, Pen, shade
from edgegsr.data.diorama.things.shapes import arc, star, stroke
from edgegsr.data.diorama.things.thing import (
    BARK,
    BRIGHTS,
    EARTHS,
    GREENS,
    LEAF,
    WHITE,
    Thing,
    lying,
    standing,
)


def crown(pen: Pen, y: float, r: float) -> None:
    """The leaves of a tree: four overlapping rounds with a lit one."""
    pen.oval(-r * 0.75, y + r * 0.3, r * 0.75, r * 0.65, shade(pen.tint, 0.82))
    pen.oval(r * 0.75, y + r * 0.3, r * 0.75, r * 0.65, shade(pen.tint, 0.82))
    pen.oval(0, y, r, r * 0.95, pen.tint)
    pen.oval(-r * 0.3, y - r * 0.3, r * 0.5, r * 0.42, shade(pen.tint, 1.18))


def tree(pen: Pen) -> None:
    pen.poly([(-0.12, 0), (-0.06, -0.2), (-0.05, -1.1), (0.05, -1.1), (0.06, -0.2), (0.12, 0)], pen.tint2)
    pen.limb((0, -0.75), (0.25, -1.05), 0.06, 0.04, shade(pen.tint2, 0.85))
    crown(pen, -1.4, 0.5)


def apple_tree(pen: Pen) -> None:
    pen.poly([(-0.1, 0), (-0.05, -0.15), (-0.05, -0.85), (0.05, -0.85), (0.05, -0.15), (0.1, 0)], pen.tint2)
    crown(pen, -1.1, 0.45)
    for x, y in ((-0.5, -0.9), (-0.2, -0.95), (0.15, -1.2), (0.3, -0.85), (0.55, -1.05), (-0.25, -1.3), (0.02, -0.78)):
        pen.oval(x, y, 0.055, 0.055, (214, 44, 40))


def bush(pen: Pen) -> None:
    pen.oval(-0.22, -0.16, 0.2, 0.16, shade(pen.tint, 0.8))
    pen.oval(0.22, -0.17, 0.2, 0.17, shade(pen.tint, 0.8))
    pen.poly([*arc(0, -0.24, 0.25, 0.22, 180, 360), (0.3, 0), (-0.3, 0)], pen.tint)
    for x, y in ((-0.1, -0.32), (0.12, -0.26), (-0.04, -0.13), (-0.26, -0.2), (0.28, -0.2)):
        stroke(pen, arc(x, y, 0.06, 0.05, 190, 350, 4), 0.022, shade(pen.tint, 1.22))


def blossom(pen: Pen, x: float, y: float, r: float, petals: Colour) -> None:
    pen.poly(star(x, y, r, r * 0.45, 6), petals)
    pen.oval(x, y, r * 0.72, r * 0.72, petals)
    pen.oval(x, y, r * 0.36, r * 0.36, (252, 216, 70) if petals[2] > 90 or petals[1] < 140 else (120, 70, 40))


def flower(pen: Pen) -> None:
    pen.line([(0, 0), (0, -0.2)], 0.022, LEAF)
    for side in (-1, 1):
        pen.poly([(0, -0.03), (side * 0.05, -0.1), (side * 0.1, -0.11), (side * 0.07, -0.05)], shade(LEAF, 1.1))
    blossom(pen, 0, -0.25, 0.09, pen.tint)


def potted_plant(pen: Pen) -> None:
    for x, y in ((-0.2, -0.38), (0.2, -0.4), (-0.1, -0.52), (0.1, -0.54), (0.0, -0.6)):
        pen.poly(
            [(0, -0.16), (x * 0.8 - 0.06, y * 0.75), (x, y), (x * 0.8 + 0.06, y * 0.78)], shade(pen.tint, 1 - abs(x))
        )
    pen.poly([(-0.13, -0.19), (0.13, -0.19), (0.09, 0), (-0.09, 0)], pen.tint2)
    pen.box(-0.145, -0.21, 0.145, -0.16, shade(pen.tint2, 0.8))


def log(pen: Pen) -> None:
    pen.limb((-0.28, -0.1), (0.24, -0.1), 0.2, 0.2, pen.tint)
    for x1, x2, y in ((-0.2, 0.05, -0.14), (-0.05, 0.14, -0.07)):
        pen.line([(x1, y), (x2, y)], 0.016, shade(pen.tint, 0.7))
    pen.limb((-0.12, -0.17), (-0.18, -0.26), 0.06, 0.05, shade(pen.tint, 0.85))
    pen.oval(0.26, -0.1, 0.07, 0.1, (226, 188, 136))
    pen.poly(arc(0.26, -0.1, 0.045, 0.065, 0, 360, 12) + arc(0.26, -0.1, 0.03, 0.045, 360, 0, 12), (176, 130, 84))


def stump(pen: Pen) -> None:
    pen.poly([(-0.15, -0.22), (0.15, -0.22), (0.17, -0.06), (0.24, 0), (-0.24, 0), (-0.17, -0.06)], pen.tint)
    pen.oval(0, -0.22, 0.15, 0.05, (226, 188, 136))
    pen.poly(arc(0, -0.22, 0.09, 0.03, 0, 360, 12) + arc(0, -0.22, 0.06, 0.02, 360, 0, 12), (176, 130, 84))
    pen.line([(-0.08, -0.13), (-0.08, -0.04)], 0.018, shade(pen.tint, 0.7))


def pumpkin(pen: Pen) -> None:
    pen.limb((0.01, -0.2), (0.04, -0.27), 0.04, 0.034, (92, 120, 56))
    for x, rx, f in ((-0.09, 0.08, 0.82), (0.09, 0.08, 0.82), (-0.04, 0.07, 0.93), (0.04, 0.07, 0.93), (0, 0.05, 1.0)):
        pen.oval(x, -0.11, rx, 0.11, shade(pen.tint, f))


def grass_tuft(pen: Pen) -> None:
    pen.poly(
        [
            (-0.1, 0),
            (-0.16, -0.11),
            (-0.06, -0.04),
            (-0.05, -0.17),
            (0.0, -0.05),
            (0.06, -0.18),
            (0.06, -0.04),
            (0.16, -0.12),
            (0.1, 0),
        ],
        pen.tint,
    )
    pen.poly([(-0.05, 0), (-0.02, -0.12), (0.02, -0.02), (0.1, -0.1), (0.06, 0)], shade(pen.tint, 0.75))


GARDEN: dict[str, Thing] = {
    "tree": standing(tree, (*GREENS, (214, 140, 50)), (BARK, (140, 104, 72))),
    "apple_tree": standing(apple_tree, GREENS, (BARK, (140, 104, 72))),
    "bush": standing(bush, GREENS),
    "flower": standing(flower, (*BRIGHTS[:3], *BRIGHTS[5:], WHITE)),
    "potted_plant": standing(potted_plant, GREENS, ((196, 98, 60), (90, 130, 180), (222, 216, 200))),
    "log": lying(log, EARTHS),
    "stump": standing(stump, EARTHS),
    "pumpkin": standing(pumpkin, ((236, 130, 36), (222, 112, 30), (242, 156, 60))),
    "grass_tuft": standing(grass_tuft, GREENS),
}
