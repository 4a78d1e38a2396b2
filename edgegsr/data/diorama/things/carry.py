"""Things to carry other things in, and a few to carry for themselves."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, ring, rounded, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    CLOTHS,
    DARKS,
    INK,
    METALS,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    held,
    upright,
)


def umbrella(pen: Pen) -> None:
    pen.line([(0, 0.06), (0, -0.62)], 0.02, INK)
    stroke(pen, [(0, 0.05), (0.01, 0.1), (0.05, 0.11), (0.07, 0.07)], 0.026, pen.tint2)
    scallops = [p for x in (0.24, 0.08, -0.08, -0.24) for p in arc(x, -0.36, 0.08, 0.035, 0, -180, 4)]
    pen.poly([*arc(0, -0.36, 0.32, 0.24, 180, 360, 12), *scallops], pen.tint)
    middle = [*arc(0, -0.36, 0.16, 0.24, 180, 360, 8), *scallops[5:15]]
    pen.poly(middle, shade(pen.tint, 0.8))


def suitcase(pen: Pen) -> None:
    ring(pen, 0, 0.02, 0.055, 0.02, INK)
    rounded(pen, -0.2, 0.03, 0.2, 0.31, 0.03, pen.tint)
    for x in (-0.13, 0.13):
        pen.box(x - 0.02, 0.03, x + 0.02, 0.31, shade(pen.tint, 0.6))
    pen.box(-0.2, 0.155, 0.2, 0.17, shade(pen.tint, 0.75))
    pen.box(-0.025, 0.1, 0.025, 0.135, (230, 196, 100))


def bag(pen: Pen) -> None:
    stroke(pen, arc(0, 0.1, 0.075, 0.1, 180, 360, 8), 0.022, shade(pen.tint, 0.65))
    pen.poly([(-0.12, 0.09), (0.12, 0.09), (0.14, 0.32), (-0.14, 0.32)], pen.tint)
    pen.poly([(0.06, 0.09), (0.12, 0.09), (0.14, 0.32), (0.075, 0.32)], shade(pen.tint, 0.8))
    pen.oval(-0.03, 0.2, 0.045, 0.045, pen.tint2)


def basket(pen: Pen) -> None:
    stroke(pen, arc(0, 0.16, 0.14, 0.16, 180, 360, 10), 0.024, shade(pen.tint, 0.75))
    pen.poly([(-0.17, 0.15), (0.17, 0.15), (0.13, 0.3), (-0.13, 0.3)], pen.tint)
    for y in (0.205, 0.255):
        pen.line([(-0.15 + (y - 0.2) * 0.3, y), (0.15 - (y - 0.2) * 0.3, y)], 0.012, shade(pen.tint, 0.68))
    for x in (-0.085, 0.0, 0.085):
        pen.line([(x, 0.17), (x * 0.85, 0.29)], 0.012, shade(pen.tint, 0.68))
    pen.limb((-0.165, 0.15), (0.165, 0.15), 0.035, 0.035, shade(pen.tint, 0.85))


def bucket(pen: Pen) -> None:
    stroke(pen, arc(0, 0.1, 0.105, 0.1, 180, 360, 8), 0.014, shade(STEEL, 0.7))
    pen.poly([(-0.115, 0.1), (0.115, 0.1), (0.085, 0.3), (-0.085, 0.3)], pen.tint)
    pen.poly([(0.045, 0.1), (0.115, 0.1), (0.085, 0.3), (0.035, 0.3)], shade(pen.tint, 0.8))
    pen.oval(0, 0.1, 0.115, 0.028, shade(pen.tint, 0.55))


def watering_can(pen: Pen) -> None:
    stroke(pen, [(-0.1, 0.13), (-0.11, 0.03), (-0.05, -0.005), (0.03, 0.0), (0.05, 0.06)], 0.024, shade(pen.tint, 0.75))
    pen.limb((0.06, 0.2), (0.2, 0.04), 0.05, 0.026, shade(pen.tint, 0.85))
    pen.poly([(0.165, 0.035), (0.21, 0.075), (0.27, 0.015), (0.2, -0.03)], shade(pen.tint, 0.65))
    pen.poly([(-0.09, 0.07), (0.07, 0.07), (0.09, 0.25), (-0.11, 0.25)], pen.tint)
    pen.oval(-0.01, 0.07, 0.08, 0.02, shade(pen.tint, 0.55))
    pen.box(-0.1, 0.19, 0.083, 0.21, shade(pen.tint, 0.8))


def box(pen: Pen) -> None:
    pen.box(-0.17, -0.12, 0.17, 0.15, pen.tint)
    pen.box(-0.19, -0.15, 0.19, -0.1, shade(pen.tint, 0.8))
    pen.box(-0.03, -0.15, 0.03, 0.0, shade(pen.tint, 1.35))
    pen.poly([(0.08, 0.1), (0.11, 0.05), (0.14, 0.1)], shade(pen.tint, 0.6))


def backpack(pen: Pen) -> None:
    stroke(pen, arc(0.07, 0.14, 0.06, 0.12, -110, 90, 8), 0.028, shade(pen.tint, 0.55))
    ring(pen, 0, 0.0, 0.035, 0.016, shade(pen.tint, 0.55))
    rounded(pen, -0.11, 0.01, 0.09, 0.31, 0.05, pen.tint)
    rounded(pen, -0.14, 0.16, 0.05, 0.29, 0.03, pen.tint2)
    pen.poly([(-0.12, 0.02), (0.09, 0.04), (0.09, 0.13), (-0.12, 0.13)], shade(pen.tint, 0.75))
    pen.box(-0.03, 0.1, 0.0, 0.15, STEEL)


def gift(pen: Pen) -> None:
    pen.box(-0.12, -0.07, 0.12, 0.13, pen.tint)
    pen.box(-0.135, -0.1, 0.135, -0.05, shade(pen.tint, 0.85))
    pen.box(-0.025, -0.1, 0.025, 0.13, pen.tint2)
    pen.poly([(0, -0.095), (-0.08, -0.17), (-0.1, -0.1)], pen.tint2)
    pen.poly([(0, -0.095), (0.08, -0.17), (0.1, -0.1)], pen.tint2)
    pen.oval(0, -0.105, 0.024, 0.02, shade(pen.tint2, 0.8))


def candle(pen: Pen) -> None:
    pen.box(-0.026, -0.13, 0.026, 0.02, pen.tint)
    pen.poly([(0, -0.25), (-0.032, -0.175), (0, -0.14), (0.032, -0.175)], (250, 170, 40))
    pen.poly([(0, -0.215), (-0.014, -0.172), (0, -0.15), (0.014, -0.172)], (255, 236, 140))
    pen.oval(0, 0.03, 0.075, 0.022, pen.tint2)
    pen.box(-0.032, 0.0, 0.032, 0.03, pen.tint2)


def feather(pen: Pen) -> None:
    vane = [(0, 0.0), (-0.045, -0.07), (-0.05, -0.16), (-0.02, -0.26), (0.03, -0.3), (0.055, -0.2), (0.05, -0.1)]
    pen.poly(vane, pen.tint)
    pen.poly([(0, 0.0), (0.05, -0.1), (0.055, -0.2), (0.03, -0.3), (0.01, -0.15)], shade(pen.tint, 0.78))
    stroke(pen, [(-0.01, 0.07), (0.0, 0), (0.01, -0.15), (0.028, -0.28)], 0.012, shade(pen.tint, 0.5))


CARRY: dict[str, Thing] = {
    "umbrella": held(umbrella, BRIGHTS, WOODS),
    "suitcase": upright(suitcase, (*WOODS[:2], *CLOTHS, *DARKS[:1])),
    "bag": upright(bag, (*BRIGHTS, *CLOTHS[3:]), (WHITE, (250, 214, 80))),
    "basket": upright(basket, ((206, 160, 96), (176, 126, 70), (222, 184, 126))),
    "bucket": upright(bucket, (*BRIGHTS[:4], *METALS[:2])),
    "watering_can": upright(
        watering_can, ((66, 150, 90), (70, 130, 190), (214, 80, 60), (150, 158, 166), (240, 180, 60))
    ),
    "box": upright(box, ((200, 152, 98), (184, 136, 86), (214, 172, 124))),
    "backpack": upright(backpack, BRIGHTS, ((250, 200, 70), (60, 64, 74), (120, 170, 200))),
    "gift": upright(gift, BRIGHTS, ((250, 214, 70), WHITE, (250, 120, 150))),
    "candle": upright(candle, ((248, 240, 220), (220, 80, 70), (120, 160, 200)), ((214, 176, 80), *METALS[:2])),
    "feather": held(feather, (WHITE, (90, 140, 200), (200, 90, 70), (120, 110, 104), (90, 170, 120))),
}
