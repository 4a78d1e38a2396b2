"""Plants, heaps and what lies or grows on the ground."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Colour, Pen, shade
from edgegsr.data.diorama.things.shapes import arc, star, stroke, teeth
from edgegsr.data.diorama.things.thing import (
    BARK,
    BRIGHTS,
    EARTHS,
    GREENS,
    LEAF,
    STRAW,
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
    pen.oval(-0.22, -0.16, 0.2, 0.17, shade(pen.tint, 0.8))
    pen.oval(0.22, -0.17, 0.2, 0.18, shade(pen.tint, 0.8))
    pen.poly([*arc(0, -0.24, 0.25, 0.22, 180, 360), (0.3, 0), (-0.3, 0)], pen.tint)
    for x, y in ((-0.1, -0.32), (0.12, -0.28), (0.0, -0.14)):
        pen.poly(star(x, y, 0.06, 0.03, 5), shade(pen.tint, 1.2))


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


def rock(pen: Pen) -> None:
    pen.poly([(-0.24, 0), (-0.22, -0.15), (-0.1, -0.27), (0.08, -0.25), (0.2, -0.14), (0.25, 0)], pen.tint)
    pen.poly([(-0.22, -0.15), (-0.1, -0.27), (0.08, -0.25), (-0.03, -0.16)], shade(pen.tint, 1.25))
    pen.poly([(0.08, -0.25), (0.2, -0.14), (0.25, 0), (0.06, 0), (-0.03, -0.16)], shade(pen.tint, 0.8))


def leaf_pile(pen: Pen) -> None:
    pen.poly([(-0.36, 0), *arc(0, 0.02, 0.3, 0.22, 180, 360, 8), (0.36, 0)], pen.tint)
    leaves = (
        (-0.24, -0.04, 0),
        (-0.1, -0.12, 2),
        (0.06, -0.16, 0),
        (0.2, -0.07, 2),
        (-0.02, -0.05, 1),
        (0.3, -0.02, 1),
    )
    colours = (pen.tint2, (226, 176, 50), (150, 70, 36))
    for x, y, i in leaves:
        pen.poly(star(x, y, 0.075, 0.032, 5), colours[i])
    for x, y in ((-0.4, -0.02), (0.14, -0.22), (-0.16, -0.2)):
        pen.poly(star(x, y, 0.055, 0.024, 5), pen.tint2)


def snow_pile(pen: Pen) -> None:
    pen.poly(
        [(-0.38, 0), *arc(-0.12, -0.05, 0.24, 0.16, 190, 300, 6), *arc(0.1, -0.02, 0.26, 0.1, 260, 360, 6), (0.38, 0)],
        pen.tint,
    )
    pen.poly([(-0.38, 0), (-0.2, -0.05), (0.1, -0.02), (0.34, -0.05), (0.38, 0)], shade(pen.tint, 0.86))
    for x, y in ((-0.18, -0.14), (0.02, -0.1), (0.16, -0.07)):
        pen.oval(x, y, 0.02, 0.014, (200, 220, 240))


def dirt_pile(pen: Pen) -> None:
    pen.poly([(-0.34, 0), (-0.2, -0.1), (-0.08, -0.23), (0.04, -0.25), (0.16, -0.13), (0.34, 0)], pen.tint)
    pen.poly([(0.04, -0.25), (0.16, -0.13), (0.34, 0), (0.08, 0), (0.0, -0.12)], shade(pen.tint, 0.78))
    for x, y in ((-0.16, -0.06), (-0.05, -0.15), (0.12, -0.07), (-0.3, -0.01), (0.3, -0.015)):
        pen.oval(x, y, 0.026, 0.02, shade(pen.tint, 0.6))


def sand_pile(pen: Pen) -> None:
    pen.poly([(-0.36, 0), (-0.15, -0.12), (0, -0.24), (0.15, -0.12), (0.36, 0)], pen.tint)
    pen.poly([(0, -0.24), (0.15, -0.12), (0.36, 0), (0.1, 0)], shade(pen.tint, 0.85))
    for x, y in ((-0.16, -0.05), (-0.06, -0.1), (0.02, -0.04), (0.16, -0.05)):
        pen.oval(x, y, 0.01, 0.01, shade(pen.tint, 0.6))


def puddle(pen: Pen) -> None:
    pen.oval(0, -0.04, 0.3, 0.04, pen.tint)
    pen.oval(-0.06, -0.045, 0.16, 0.018, shade(pen.tint, 1.35))


def pumpkin(pen: Pen) -> None:
    pen.limb((0.01, -0.2), (0.04, -0.27), 0.04, 0.034, (92, 120, 56))
    for x, rx, f in ((-0.09, 0.08, 0.82), (0.09, 0.08, 0.82), (-0.04, 0.07, 0.93), (0.04, 0.07, 0.93), (0, 0.05, 1.0)):
        pen.oval(x, -0.11, rx, 0.11, shade(pen.tint, f))


def hay(pen: Pen) -> None:
    pen.poly([(-0.36, 0), (-0.33, -0.2), (-0.18, -0.42), (0, -0.5), (0.18, -0.42), (0.33, -0.2), (0.36, 0)], pen.tint)
    pen.poly([*teeth(-0.4, 0.4, -0.05, 0.0, 9), (0.3, -0.1), (-0.3, -0.1)], shade(pen.tint, 0.82))
    for x, y in ((-0.14, -0.34), (0.06, -0.4), (0.16, -0.26), (-0.22, -0.2), (-0.02, -0.24), (0.1, -0.16)):
        pen.line([(x, y), (x + 0.07, y + 0.06)], 0.014, shade(pen.tint, 0.72))


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


def campfire(pen: Pen) -> None:
    pen.poly(
        [(-0.15, -0.06), (-0.16, -0.2), (-0.08, -0.16), (-0.02, -0.42), (0.06, -0.2), (0.13, -0.28), (0.15, -0.06)],
        (240, 96, 36),
    )
    pen.poly(
        [(-0.09, -0.05), (-0.07, -0.15), (-0.03, -0.12), (0.0, -0.28), (0.05, -0.12), (0.09, -0.05)], (252, 186, 50)
    )
    pen.poly([(-0.04, -0.05), (0.0, -0.17), (0.04, -0.05)], (255, 240, 160))
    pen.limb((-0.2, -0.09), (0.2, -0.035), 0.06, 0.06, pen.tint)
    pen.limb((-0.2, -0.035), (0.2, -0.09), 0.06, 0.06, shade(pen.tint, 0.75))


def volcano(pen: Pen) -> None:
    for x, y, r in ((-0.1, -1.1, 0.14), (0.1, -1.2, 0.17), (0.25, -1.05, 0.12)):
        pen.oval(x, y, r, r * 0.8, pen.tint2)
    pen.poly([(0, -0.8), (-0.09, -1.12), (-0.02, -1.02), (0.02, -1.2), (0.05, -1.0), (0.12, -1.08)], (248, 150, 40))
    pen.poly([(-0.85, 0), (-0.4, -0.5), (-0.17, -0.9), (0.17, -0.9), (0.4, -0.5), (0.85, 0)], pen.tint)
    pen.poly([(0.17, -0.9), (0.4, -0.5), (0.85, 0), (0.3, 0), (0.1, -0.45)], shade(pen.tint, 0.8))
    lava = [
        (-0.17, -0.9),
        (0.17, -0.9),
        (0.13, -0.72),
        (0.2, -0.45),
        (0.1, -0.5),
        (0.03, -0.28),
        (-0.03, -0.62),
        (-0.14, -0.5),
    ]
    pen.poly(lava, (236, 76, 36))


def wave(pen: Pen) -> None:
    curl = [
        (0.62, -0.5),
        (0.5, -0.72),
        (0.2, -0.85),
        (-0.1, -0.8),
        (-0.4, -0.55),
        (-0.62, -0.25),
        (-0.95, -0.05),
        (-0.95, 0),
    ]
    hollow = [(0.95, 0), (0.6, -0.06), (0.38, -0.2), (0.3, -0.4), (0.4, -0.52)]
    pen.poly([*curl, *hollow], pen.tint)
    pen.poly(
        [(-0.95, 0), (-0.4, -0.2), (0.05, -0.5), (0.3, -0.4), (0.38, -0.2), (0.6, -0.06), (0.95, 0)],
        shade(pen.tint, 0.78),
    )
    stroke(pen, [(-0.62, -0.28), (-0.4, -0.56), (-0.1, -0.81), (0.2, -0.86), (0.5, -0.73), (0.62, -0.5)], 0.07, WHITE)
    for x, y in ((0.62, -0.46), (0.5, -0.52), (0.7, -0.36), (0.42, -0.5)):
        pen.oval(x, y, 0.06, 0.05, WHITE)
    stroke(pen, [(-0.4, -0.3), (-0.1, -0.52), (0.12, -0.62)], 0.025, shade(pen.tint, 1.35))


GARDEN: dict[str, Thing] = {
    "tree": standing(tree, (*GREENS, (214, 140, 50)), (BARK, (140, 104, 72))),
    "apple_tree": standing(apple_tree, GREENS, (BARK, (140, 104, 72))),
    "bush": standing(bush, GREENS),
    "flower": standing(flower, (*BRIGHTS[:3], *BRIGHTS[5:], WHITE)),
    "potted_plant": standing(potted_plant, GREENS, ((196, 98, 60), (90, 130, 180), (222, 216, 200))),
    "log": lying(log, EARTHS),
    "stump": standing(stump, EARTHS),
    "rock": standing(rock, ((140, 142, 146), (120, 116, 112), (164, 156, 146), (110, 118, 130))),
    "leaf_pile": lying(leaf_pile, ((204, 110, 40), (190, 90, 36), (214, 134, 46)), ((196, 60, 40), (232, 150, 40))),
    "snow_pile": lying(snow_pile, ((246, 249, 253), (238, 244, 250), (230, 238, 248))),
    "dirt_pile": lying(dirt_pile, EARTHS),
    "sand_pile": lying(sand_pile, ((236, 206, 136), (226, 194, 126), (242, 218, 160))),
    "puddle": lying(puddle, ((112, 166, 214), (96, 148, 190), (130, 180, 206))),
    "pumpkin": standing(pumpkin, ((236, 130, 36), (222, 112, 30), (242, 156, 60))),
    "hay": standing(hay, (STRAW, (212, 172, 80), (234, 200, 112))),
    "grass_tuft": standing(grass_tuft, GREENS),
    "campfire": standing(campfire, EARTHS),
    "volcano": standing(volcano, ((110, 88, 80), (92, 84, 88), (128, 98, 80)), ((150, 148, 152), (190, 186, 184))),
    "wave": standing(wave, ((56, 150, 206), (40, 130, 190), (60, 170, 196))),
}
