"""Tools for cleaning, building and repairing."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, ring, rounded, stroke, teeth
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    DARKS,
    INK,
    METALS,
    PALE_WOOD,
    PALES,
    RUBBER,
    STEEL,
    STRAW,
    WHITE,
    WOODS,
    Thing,
    held,
    upright,
)


def broom(pen: Pen) -> None:
    pen.limb((0, 0.28), (0, -0.34), 0.032, 0.032, pen.tint)
    pen.poly([(0.045, -0.32), (-0.045, -0.32), *teeth(-0.16, 0.16, -0.57, -0.6, 6)], pen.tint2)
    for x in (-0.06, 0.0, 0.06):
        pen.line([(x * 0.6, -0.42), (x * 1.4, -0.54)], 0.013, shade(pen.tint2, 0.72))
    pen.box(-0.055, -0.385, 0.055, -0.33, (176, 58, 46))


def mop(pen: Pen) -> None:
    pen.limb((0, 0.28), (0, -0.32), 0.032, 0.032, pen.tint)
    for x in (-0.14, 0.14, -0.075, 0.075, 0):
        colour = shade(pen.tint2, 0.82) if abs(x) == 0.075 else pen.tint2
        pen.limb((x * 0.35, -0.34), (x * 0.85, -0.44), 0.055, 0.055, colour)
        pen.limb((x * 0.85, -0.44), (x, -0.6 + abs(x) * 0.45), 0.055, 0.06, colour)
    pen.limb((-0.06, -0.335), (0.06, -0.335), 0.05, 0.05, shade(pen.tint, 0.6))


def rake(pen: Pen) -> None:
    pen.limb((0, 0.28), (0, -0.4), 0.028, 0.028, pen.tint)
    for x in (-0.17, -0.085, 0, 0.085, 0.17):
        pen.line([(x * 0.15, -0.36), (x, -0.55 + abs(x) * 0.15)], 0.018, pen.tint2)
        pen.limb((x, -0.54 + abs(x) * 0.15), (x * 1.02 + 0.012, -0.59 + abs(x) * 0.15), 0.018, 0.012, pen.tint2)
    stroke(pen, [(-0.1, -0.455), (0, -0.475), (0.1, -0.455)], 0.018, pen.tint2)


def shovel(pen: Pen) -> None:
    pen.limb((0, 0.24), (0, -0.34), 0.034, 0.034, pen.tint)
    ring(pen, 0, 0.27, 0.06, 0.024, shade(pen.tint, 0.65))
    right = [(0.115, -0.32), (0.115, -0.48), (0.07, -0.57), (0, -0.62)]
    pen.poly([*right, *[(-x, y) for x, y in reversed(right)]], pen.tint2)
    pen.poly([*right, (0.02, -0.32)], shade(pen.tint2, 0.8))
    pen.limb((0, -0.28), (0, -0.42), 0.05, 0.03, shade(pen.tint2, 0.6))


def hammer(pen: Pen) -> None:
    pen.limb((0, 0.09), (0, -0.2), 0.038, 0.03, pen.tint)
    pen.box(-0.05, -0.26, 0.05, -0.185, pen.tint2)
    pen.box(0.05, -0.275, 0.1, -0.17, shade(pen.tint2, 0.75))
    pen.poly([(-0.05, -0.26), (-0.05, -0.2), (-0.13, -0.165), (-0.09, -0.235)], shade(pen.tint2, 0.85))


def saw(pen: Pen) -> None:
    blade = [(-0.07, -0.03), (-0.04, -0.46), (0.01, -0.46)]
    tooth = 0.42 / 6
    for i in range(6):
        y, x = -0.46 + tooth * i, 0.01 + 0.008 * i
        blade += [(x, y), (x + 0.04, y + tooth * 0.5)]
    pen.poly([*blade, (0.06, -0.03)], pen.tint2)
    rounded(pen, -0.08, -0.06, 0.08, 0.1, 0.04, pen.tint)
    pen.oval(0, 0.02, 0.034, 0.04, shade(pen.tint, 0.4))


def axe(pen: Pen) -> None:
    pen.limb((0, 0.14), (0, -0.37), 0.04, 0.034, pen.tint)
    edge = arc(0.03, -0.27, 0.13, 0.13, -55, 55, 6)
    pen.poly([(-0.045, -0.32), (0.03, -0.31), *edge, (0.03, -0.23), (-0.045, -0.22)], pen.tint2)
    pen.poly([*edge, *arc(0.0, -0.27, 0.125, 0.125, 50, -50, 6)], WHITE)


def drill(pen: Pen) -> None:
    rounded(pen, -0.12, -0.13, -0.03, 0.1, 0.025, pen.tint)
    pen.poly([(-0.04, -0.04), (-0.04, 0.05), (0.09, 0.065), (0.09, 0.0)], shade(pen.tint, 0.75))
    pen.box(0.07, -0.05, 0.12, 0.085, INK)
    pen.poly([(-0.11, -0.12), (-0.04, -0.12), (-0.055, -0.19), (-0.095, -0.19)], RUBBER)
    pen.limb((-0.075, -0.18), (-0.075, -0.3), 0.022, 0.014, STEEL)


def torch(pen: Pen) -> None:
    stroke(pen, [(0, 0.08), (0.0, -0.1), (0.02, -0.17), (0.07, -0.23)], 0.03, STEEL, 0.02)
    pen.limb((0, 0.1), (0, -0.04), 0.055, 0.046, pen.tint)
    pen.oval(0.03, 0.02, 0.022, 0.022, INK)
    stroke(pen, [(0.0, 0.11), (0.01, 0.18), (0.05, 0.25), (0.06, 0.34)], 0.022, RUBBER)
    pen.poly([(0.05, -0.24), (0.085, -0.21), (0.15, -0.33)], (92, 168, 240))


def trowel(pen: Pen) -> None:
    pen.limb((0, 0.06), (0, -0.04), 0.042, 0.036, pen.tint)
    pen.line([(0, -0.05), (0, -0.1)], 0.018, shade(STEEL, 0.7))
    pen.poly([(-0.065, -0.1), (0.065, -0.1), (0.055, -0.18), (0, -0.27), (-0.055, -0.18)], STEEL)
    pen.poly([(0, -0.1), (0.065, -0.1), (0.055, -0.18), (0, -0.27)], shade(STEEL, 0.8))


def pump(pen: Pen) -> None:
    pen.limb((-0.09, 0), (0.09, 0), 0.04, 0.04, INK)
    pen.line([(0, 0), (0, -0.16)], 0.02, STEEL)
    pen.box(-0.035, -0.45, 0.035, -0.14, pen.tint)
    pen.box(0.01, -0.45, 0.035, -0.14, shade(pen.tint, 0.75))
    pen.box(-0.1, -0.48, 0.1, -0.445, INK)
    stroke(pen, [(0.03, -0.42), (0.13, -0.36), (0.16, -0.25), (0.12, -0.15)], 0.02, RUBBER)


def hose(pen: Pen) -> None:
    tail = [(0, 0), (0, 0.1), (0.01, 0.18), (0.04, 0.26), (0.08, 0.33), (0.1, 0.4), (0.09, 0.47), (0.05, 0.53)]
    stroke(pen, tail, 0.036, pen.tint)
    pen.limb((0, 0.06), (0, -0.06), 0.05, 0.045, pen.tint2)
    pen.poly([(-0.018, -0.06), (0.018, -0.06), (0.035, -0.15), (-0.035, -0.15)], shade(pen.tint2, 0.7))


def spray_bottle(pen: Pen) -> None:
    rounded(pen, -0.055, 0.03, 0.055, 0.2, 0.025, pen.tint)
    pen.poly([(-0.05, 0.05), (0.05, 0.05), (0.02, -0.03), (-0.02, -0.03)], shade(pen.tint, 1.25))
    pen.poly([(-0.035, -0.04), (-0.045, -0.09), (0.09, -0.09), (0.09, -0.06), (0.03, -0.045), (0.03, -0.02)], pen.tint2)
    stroke(pen, [(0.035, -0.05), (0.045, -0.01), (0.075, 0.01)], 0.016, pen.tint2)
    pen.box(-0.04, 0.08, 0.04, 0.15, WHITE)


def feather_duster(pen: Pen) -> None:
    pen.limb((0, 0.1), (0, -0.12), 0.03, 0.026, pen.tint2)
    for x in (-0.07, 0.07, 0):
        colour = shade(pen.tint, 0.8) if x else pen.tint
        pen.poly(
            [
                (0, -0.08),
                (x - 0.06, -0.16),
                (x - 0.055, -0.3),
                (x, -0.38 + abs(x)),
                (x + 0.055, -0.3),
                (x + 0.06, -0.16),
            ],
            colour,
        )
    pen.line([(0, -0.12), (0, -0.32)], 0.01, shade(pen.tint, 1.4))


def brush(pen: Pen) -> None:
    pen.limb((0, 0.11), (-0.005, -0.06), 0.032, 0.04, pen.tint)
    pen.limb((-0.008, -0.07), (-0.008, -0.24), 0.05, 0.05, pen.tint)
    bristles = [(x, y) for y, x in teeth(-0.26, -0.06, 0.065, 0.088, 6)]
    pen.poly([(0.015, -0.06), (0.015, -0.26), *bristles], pen.tint2)


def comb(pen: Pen) -> None:
    tines = [(x, y) for y, x in teeth(-0.2, 0.0, 0.0, 0.075, 6)]
    pen.poly([(-0.03, 0.09), (-0.035, -0.22), (0.075, -0.22), (0.075, -0.2), *tines, (0.02, 0.09)], pen.tint)


def sponge(pen: Pen) -> None:
    rounded(pen, -0.085, -0.065, 0.085, 0.045, 0.025, pen.tint)
    pen.box(-0.08, 0.015, 0.08, 0.045, pen.tint2)
    for x, y in ((-0.05, -0.035), (0.0, -0.015), (0.045, -0.04), (-0.03, 0.0), (0.055, -0.005)):
        pen.oval(x, y, 0.012, 0.01, shade(pen.tint, 0.7))


def rope_coil(pen: Pen) -> None:
    ring(pen, 0, 0.08, 0.12, 0.04, shade(pen.tint, 0.75))
    ring(pen, 0.01, 0.07, 0.105, 0.03, pen.tint)
    pen.limb((0, -0.05), (0, 0.03), 0.05, 0.05, shade(pen.tint, 0.6))
    stroke(pen, [(0.09, 0.14), (0.13, 0.21), (0.11, 0.27)], 0.03, pen.tint)


def oar(pen: Pen) -> None:
    pen.limb((0, 0.2), (0, -0.5), 0.036, 0.034, pen.tint)
    pen.poly(
        [(-0.025, -0.42), (-0.08, -0.52), (-0.075, -0.74), (0.075, -0.74), (0.08, -0.52), (0.025, -0.42)], pen.tint2
    )
    pen.line([(0, -0.44), (0, -0.68)], 0.016, shade(pen.tint2, 0.75))


def scissors(pen: Pen) -> None:
    pen.limb((-0.02, 0.02), (0.045, -0.2), 0.034, 0.008, STEEL)
    pen.limb((0.02, 0.02), (-0.045, -0.2), 0.034, 0.008, shade(STEEL, 0.82))
    ring(pen, -0.045, 0.06, 0.05, 0.022, pen.tint)
    ring(pen, 0.045, 0.06, 0.05, 0.022, pen.tint)
    pen.oval(0, -0.045, 0.012, 0.012, INK)


def iron(pen: Pen) -> None:
    sole = [(-0.13, 0.13), (-0.13, 0.07), (-0.06, 0.04), (0.04, 0.04), (0.12, 0.08), (0.16, 0.13)]
    pen.poly(sole, pen.tint)
    pen.poly([(-0.14, 0.12), (0.16, 0.12), (0.175, 0.15), (-0.14, 0.15)], STEEL)
    stroke(pen, [(-0.1, 0.06), (-0.1, 0.0), (0.05, 0.0), (0.08, 0.06)], 0.036, shade(pen.tint, 0.65))


TOOLS: dict[str, Thing] = {
    "broom": held(broom, WOODS, (STRAW, (204, 160, 74), (214, 176, 110))),
    "mop": held(mop, BRIGHTS[:4], (WHITE, (222, 224, 226), (196, 214, 230))),
    "rake": held(rake, WOODS, ((70, 140, 80), (200, 70, 50), (110, 116, 126), (230, 150, 40))),
    "shovel": held(shovel, WOODS, METALS),
    "hammer": held(hammer, (*WOODS, (196, 60, 50)), METALS),
    "saw": held(saw, (*WOODS, (214, 62, 52), (232, 116, 44)), METALS[:3]),
    "axe": held(axe, WOODS, ((150, 156, 166), (110, 116, 126), (190, 52, 44))),
    "drill": held(drill, BRIGHTS[:6]),
    "torch": held(torch, ((196, 60, 50), (200, 150, 50), (60, 90, 150), (90, 94, 100))),
    "trowel": held(trowel, (*WOODS, (196, 60, 50))),
    "pump": held(pump, BRIGHTS),
    "hose": held(hose, ((60, 140, 74), (66, 160, 110), (226, 176, 50), (52, 110, 170)), ((230, 130, 40), (60, 62, 70))),
    "spray_bottle": upright(
        spray_bottle, ((66, 150, 210), (90, 180, 120), (230, 120, 160), (240, 190, 60)), BRIGHTS[:3]
    ),
    "feather_duster": held(
        feather_duster, ((222, 92, 140), (134, 72, 160), (42, 140, 190), (240, 176, 40), (150, 100, 66)), WOODS
    ),
    "brush": held(brush, (*WOODS, *BRIGHTS[:3]), (INK, (240, 226, 190), WHITE)),
    "comb": held(comb, (*DARKS[:2], *BRIGHTS[:4])),
    "sponge": upright(
        sponge, ((246, 206, 70), (244, 184, 84), (240, 150, 170), (130, 200, 220)), ((76, 140, 80), (210, 150, 50))
    ),
    "rope_coil": upright(rope_coil, ((204, 168, 110), (188, 150, 96), (216, 196, 160))),
    "oar": held(oar, WOODS, (*WOODS[:3], *BRIGHTS[:3], PALE_WOOD)),
    "scissors": held(scissors, BRIGHTS),
    "iron": upright(iron, (*BRIGHTS[:4], *PALES[2:])),
}
