"""Things to eat."""

from __future__ import annotations

import math

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, stroke
from edgegsr.data.diorama.things.thing import INK, LEAF, WHITE, Thing, held, upright


def bread(pen: Pen) -> None:
    pen.poly([*arc(0, 0.0, 0.16, 0.09, 180, 360), (0.15, 0.06), (-0.15, 0.06)], pen.tint)
    for x in (-0.08, 0.0, 0.08):
        pen.line([(x - 0.02, -0.02), (x + 0.02, -0.06)], 0.02, shade(pen.tint, 1.5))
    pen.box(-0.15, 0.035, 0.15, 0.06, shade(pen.tint, 0.72))


def apple(pen: Pen) -> None:
    pen.oval(-0.025, 0, 0.045, 0.058, pen.tint)
    pen.oval(0.025, 0, 0.045, 0.058, pen.tint)
    pen.line([(0, -0.045), (0.01, -0.085)], 0.014, (90, 60, 40))
    pen.poly([(0.01, -0.07), (0.04, -0.1), (0.07, -0.085), (0.04, -0.065)], LEAF)
    pen.oval(-0.035, -0.02, 0.012, 0.018, shade(pen.tint, 1.5))


def cake(pen: Pen) -> None:
    pen.oval(0, 0.09, 0.19, 0.025, (214, 218, 224))
    pen.box(-0.15, -0.06, 0.15, 0.09, pen.tint)
    pen.box(-0.15, 0.01, 0.15, 0.035, pen.tint2)
    drips = [(-0.15, -0.07), (0.15, -0.07), (0.15, -0.01), (0.1, -0.035), (0.05, 0.0), (0, -0.035), (-0.05, 0.0)]
    pen.poly([*drips, (-0.1, -0.035), (-0.15, -0.01)], pen.tint2)
    for x in (-0.08, 0, 0.08):
        pen.box(x - 0.009, -0.13, x + 0.009, -0.07, (92, 150, 210))
        pen.poly([(x, -0.175), (x - 0.014, -0.145), (x, -0.13), (x + 0.014, -0.145)], (250, 190, 50))


def pizza(pen: Pen) -> None:
    pen.oval(0, 0, 0.15, 0.15, (204, 142, 70))
    pen.oval(0, 0, 0.125, 0.125, pen.tint)
    for x, y in ((-0.055, -0.05), (0.05, -0.065), (0.065, 0.04), (-0.03, 0.065), (-0.005, -0.002)):
        pen.oval(x, y, 0.027, 0.027, (190, 56, 42))
    for x, y in ((0.0, -0.1), (-0.085, 0.02), (0.02, 0.09)):
        pen.oval(x, y, 0.014, 0.014, LEAF)


def carrot(pen: Pen) -> None:
    for x in (-0.05, 0.05, 0):
        pen.limb((0, 0.07), (x, 0.16), 0.022, 0.034, LEAF)
    pen.limb((0, 0.06), (0, -0.14), 0.075, 0.012, pen.tint)
    pen.line([(-0.035, 0.02), (-0.005, 0.02)], 0.012, shade(pen.tint, 0.75))
    pen.line([(0.002, -0.03), (0.024, -0.03)], 0.012, shade(pen.tint, 0.75))


def fish(pen: Pen) -> None:
    pen.poly([(-0.09, 0), (-0.18, -0.065), (-0.155, 0), (-0.18, 0.065)], shade(pen.tint, 0.75))
    pen.poly([(-0.03, -0.05), (0.02, -0.1), (0.06, -0.05)], shade(pen.tint, 0.75))
    pen.oval(0.01, 0, 0.135, 0.066, pen.tint)
    pen.poly([*arc(0.01, 0, 0.135, 0.066, 20, 160), (0.01, 0.02)], shade(pen.tint, 1.4))
    stroke(pen, arc(0.02, 0, 0.045, 0.05, -60, 60, 5), 0.012, shade(pen.tint, 0.7))
    pen.oval(0.1, -0.018, 0.014, 0.014, INK)


def meat(pen: Pen) -> None:
    pen.limb((-0.06, 0.05), (-0.14, 0.11), 0.03, 0.03, WHITE)
    pen.oval(-0.15, 0.1, 0.02, 0.024, WHITE)
    pen.oval(-0.14, 0.125, 0.022, 0.02, WHITE)
    pen.limb((0.035, -0.02), (-0.065, 0.055), 0.16, 0.07, pen.tint)
    pen.oval(0.05, -0.04, 0.045, 0.045, shade(pen.tint, 1.25))


def pancake(pen: Pen) -> None:
    for y in (0.05, 0.02, -0.01):
        pen.oval(0, y, 0.13, 0.032, shade(pen.tint, 0.7))
        pen.oval(0, y - 0.012, 0.13, 0.032, pen.tint)
    pen.poly([(-0.03, -0.04), (0.035, -0.045), (0.04, -0.018), (-0.025, -0.012)], (252, 230, 120))


def cheese(pen: Pen) -> None:
    pen.poly([(-0.13, 0.0), (0.11, -0.09), (0.13, 0.0)], shade(pen.tint, 1.35))
    pen.box(-0.13, 0.0, 0.13, 0.09, pen.tint)
    for x, y, r in ((-0.06, 0.04, 0.02), (0.02, 0.06, 0.015), (0.08, 0.035, 0.022), (0.06, -0.035, 0.014)):
        pen.oval(x, y, r, r * 0.9, shade(pen.tint, 0.75))


def banana(pen: Pen) -> None:
    curve = arc(-0.11, -0.02, 0.13, 0.15, -55, 62, 8)
    width = [0.012, 0.035, 0.05, 0.056, 0.058, 0.056, 0.05, 0.036, 0.018]
    inner = [(x - w * math.cos(i * 0.2 - 0.8), y) for i, ((x, y), w) in enumerate(zip(curve, width))]
    pen.poly(curve + inner[::-1], pen.tint)
    pen.limb(curve[0], (curve[0][0] - 0.01, curve[0][1] - 0.03), 0.02, 0.016, (110, 86, 40))
    stroke(pen, curve[1:-1], 0.012, shade(pen.tint, 0.82))


FOOD: dict[str, Thing] = {
    "bread": upright(bread, ((198, 134, 66), (176, 112, 56), (216, 164, 96))),
    "apple": upright(apple, ((208, 44, 40), (120, 172, 58), (226, 90, 50), (180, 30, 44))),
    "cake": upright(cake, ((222, 178, 118), (122, 76, 50), (246, 214, 170)), ((244, 150, 180), WHITE, (96, 58, 40))),
    "pizza": upright(pizza, ((246, 206, 96), (244, 190, 80))),
    "carrot": held(carrot, ((238, 126, 36), (226, 108, 30))),
    "fish": upright(fish, ((104, 148, 184), (150, 164, 176), (222, 120, 70), (90, 140, 130))),
    "meat": upright(meat, ((168, 84, 50), (146, 68, 44), (186, 104, 60))),
    "pancake": upright(pancake, ((222, 166, 90), (206, 146, 74))),
    "cheese": upright(cheese, ((244, 196, 66), (240, 180, 60), (246, 216, 120))),
    "banana": held(banana, ((248, 214, 64), (240, 200, 50))),
}
