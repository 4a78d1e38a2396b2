"""Furniture and what hangs on the wall."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, rounded
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    CLOTHS,
    DARKS,
    GLASS,
    INK,
    PALES,
    WHITE,
    WOODS,
    Thing,
    hung,
    lying,
    standing,
)


def table(pen: Pen) -> None:
    for x in (-0.39, 0.39):
        pen.box(x - 0.028, -0.38, x + 0.028, 0, shade(pen.tint, 0.75))
    pen.box(-0.4, -0.38, 0.4, -0.33, shade(pen.tint, 0.65))
    pen.box(-0.45, -0.42, 0.45, -0.37, pen.tint)


def chair(pen: Pen) -> None:
    pen.limb((0.14, -0.24), (0.16, -0.015), 0.032, 0.028, shade(pen.tint, 0.7))
    pen.limb((-0.13, -0.24), (-0.16, -0.015), 0.032, 0.028, shade(pen.tint, 0.7))
    pen.limb((-0.14, -0.26), (-0.19, -0.6), 0.034, 0.04, pen.tint)
    pen.limb((-0.155, -0.27), (0.155, -0.255), 0.05, 0.046, pen.tint)
    pen.limb((-0.17, -0.44), (-0.19, -0.6), 0.06, 0.06, shade(pen.tint, 0.85))


def stool(pen: Pen) -> None:
    for x in (-0.11, 0.11):
        pen.limb((x * 0.7, -0.25), (x, -0.015), 0.03, 0.028, shade(pen.tint, 0.75))
    pen.line([(-0.1, -0.1), (0.1, -0.1)], 0.022, shade(pen.tint, 0.6))
    pen.limb((-0.11, -0.255), (0.11, -0.255), 0.045, 0.045, pen.tint)


def bench(pen: Pen) -> None:
    for x in (-0.38, 0.38):
        pen.limb((x, -0.52), (x, -0.015), 0.036, 0.036, INK)
    for y in (-0.5, -0.42, -0.34):
        pen.limb((-0.46, y), (0.46, y), 0.05, 0.05, shade(pen.tint, 0.86))
    pen.limb((-0.48, -0.25), (0.48, -0.25), 0.055, 0.055, pen.tint)


def bed(pen: Pen) -> None:
    pen.box(-0.58, -0.48, -0.52, 0, shade(pen.tint, 0.8))
    pen.box(0.5, -0.3, 0.56, 0, shade(pen.tint, 0.8))
    pen.box(-0.55, -0.17, 0.53, -0.07, pen.tint)
    rounded(pen, -0.53, -0.28, 0.51, -0.15, 0.03, WHITE)
    rounded(pen, -0.52, -0.36, -0.3, -0.25, 0.04, shade(WHITE, 0.93))
    rounded(pen, -0.22, -0.31, 0.52, -0.12, 0.035, pen.tint2)
    pen.box(-0.22, -0.29, -0.15, -0.12, shade(pen.tint2, 1.35))


def sofa(pen: Pen) -> None:
    for x in (-0.44, 0.44):
        pen.box(x - 0.03, -0.06, x + 0.03, 0, (92, 64, 44))
    rounded(pen, -0.45, -0.54, 0.45, -0.1, 0.07, shade(pen.tint, 0.85))
    for x1, x2 in ((-0.38, -0.01), (0.01, 0.38)):
        rounded(pen, x1, -0.29, x2, -0.17, 0.03, pen.tint)
    pen.box(-0.45, -0.18, 0.45, -0.05, shade(pen.tint, 0.75))
    for x in (-0.47, 0.47):
        rounded(pen, x - 0.07, -0.37, x + 0.07, -0.04, 0.06, pen.tint)
    pen.poly([(-0.3, -0.44), (-0.18, -0.47), (-0.14, -0.33), (-0.27, -0.29)], pen.tint2)


def shelf(pen: Pen) -> None:
    pen.box(-0.32, -1.0, 0.32, 0, pen.tint)
    for y in (-0.69, -0.37, -0.05):
        pen.box(-0.28, y - 0.27, 0.28, y, shade(pen.tint, 0.45))
    books = ((-0.27, -0.69, 0.1, 0), (-0.16, -0.69, 0.16, 1), (-0.27, -0.37, 0.2, 3), (0.0, -0.37, 0.08, 0))
    for x, y, w, i in books:
        pen.box(x, y - 0.2 - 0.02 * (i % 2), x + w, y, BRIGHTS[i])
    pen.box(0.02, -0.87, 0.08, -0.69, pen.tint2)
    pen.box(0.11, -0.89, 0.19, -0.69, BRIGHTS[4])
    pen.box(-0.2, -0.18, 0.06, -0.05, BRIGHTS[2])
    pen.oval(0.18, -0.13, 0.06, 0.08, pen.tint2)
    pen.box(0.12, -0.55, 0.24, -0.37, BRIGHTS[6])


def lamp(pen: Pen) -> None:
    pen.oval(0, -0.015, 0.12, 0.02, INK)
    pen.line([(0, -0.02), (0, -0.66)], 0.026, INK)
    pen.poly([(-0.09, -0.88), (0.09, -0.88), (0.17, -0.62), (-0.17, -0.62)], pen.tint)
    pen.poly([(0.03, -0.88), (0.09, -0.88), (0.17, -0.62), (0.06, -0.62)], shade(pen.tint, 0.85))


def door(pen: Pen) -> None:
    pen.box(-0.29, -1.23, 0.29, 0, shade(pen.tint, 0.6))
    pen.box(-0.25, -1.19, 0.25, 0, pen.tint)
    for y in (-1.1, -0.5):
        pen.box(-0.17, y, 0.17, y + 0.4, shade(pen.tint, 0.82))
    pen.oval(0.2, -0.58, 0.03, 0.03, (236, 200, 96))


def rug(pen: Pen) -> None:
    pen.poly([(-0.48, -0.14), (0.48, -0.14), (0.58, 0), (-0.58, 0)], pen.tint)
    pen.poly([(-0.42, -0.12), (0.42, -0.12), (0.49, -0.02), (-0.49, -0.02)], pen.tint2)
    pen.poly([(-0.36, -0.1), (0.36, -0.1), (0.41, -0.04), (-0.41, -0.04)], pen.tint)


def picture(pen: Pen) -> None:
    pen.box(-0.2, -0.15, 0.2, 0.15, pen.tint)
    pen.box(-0.165, -0.115, 0.165, 0.115, pen.tint2)
    pen.oval(0.08, -0.05, 0.035, 0.035, (250, 214, 80))
    pen.poly([(-0.165, 0.115), (-0.06, -0.03), (0.02, 0.06), (0.08, 0.0), (0.165, 0.115)], (90, 140, 96))


def window(pen: Pen) -> None:
    pen.box(-0.25, -0.28, 0.25, 0.28, pen.tint)
    pen.box(-0.215, -0.245, 0.215, 0.245, pen.tint2)
    pen.poly([(-0.215, 0.1), (0.05, -0.245), (0.16, -0.245), (-0.215, 0.24)], shade(pen.tint2, 1.5))
    pen.box(-0.018, -0.25, 0.018, 0.25, pen.tint)
    pen.box(-0.22, -0.018, 0.22, 0.018, pen.tint)
    pen.box(-0.29, 0.27, 0.29, 0.32, shade(pen.tint, 0.85))


def clock(pen: Pen) -> None:
    pen.oval(0, 0, 0.15, 0.15, pen.tint)
    pen.oval(0, 0, 0.12, 0.12, WHITE)
    for x, y in ((0, -0.095), (0.095, 0), (0, 0.095), (-0.095, 0)):
        pen.oval(x, y, 0.014, 0.014, INK)
    pen.line([(0, 0), (0, -0.075)], 0.018, INK)
    pen.line([(0, 0), (0.05, 0.03)], 0.022, INK)


def shirt(pen: Pen) -> None:
    for side in (-1, 1):
        pen.poly(
            [(side * 0.1, -0.16), (side * 0.21, -0.05), (side * 0.15, 0.01), (side * 0.08, -0.05)], shade(pen.tint, 0.8)
        )
    pen.poly([(-0.11, -0.16), (0.11, -0.16), (0.11, 0.18), (-0.11, 0.18)], pen.tint)
    pen.poly(arc(0, -0.165, 0.045, 0.045, 0, 180, 6), shade(pen.tint, 0.55))
    pen.box(-0.11, 0.0, 0.11, 0.045, pen.tint2)


def curtain(pen: Pen) -> None:
    pen.limb((-0.38, -0.4), (0.38, -0.4), 0.03, 0.03, (120, 86, 54))
    for side in (-1, 1):
        hem = [(0.35, -0.39), (0.1, -0.39), (0.14, -0.1), (0.26, 0.05), (0.2, 0.4), (0.37, 0.4)]
        pen.poly([(side * x, y) for x, y in hem], pen.tint)
        for x in (0.19, 0.28):
            pen.line([(side * x, -0.36), (side * (x + 0.06), 0.02)], 0.016, shade(pen.tint, 0.75))
        pen.line([(side * 0.25, 0.05), (side * 0.36, 0.05)], 0.035, pen.tint2)


HOME: dict[str, Thing] = {
    "table": standing(table, (*WOODS, *PALES[:1])),
    "chair": standing(chair, (*WOODS, *BRIGHTS[:4])),
    "stool": standing(stool, (*WOODS, *BRIGHTS[:3])),
    "bench": standing(bench, (*WOODS[:3], (90, 140, 100))),
    "bed": standing(bed, WOODS, (*CLOTHS, *BRIGHTS[:3])),
    "sofa": standing(sofa, CLOTHS, (*BRIGHTS[2:5], WHITE)),
    "shelf": standing(shelf, WOODS, (WHITE, (222, 92, 140))),
    "lamp": standing(lamp, ((252, 232, 160), (248, 214, 150), (240, 190, 150), (214, 226, 240))),
    "door": standing(door, (*WOODS, *BRIGHTS[:4], *PALES[:1])),
    "rug": lying(rug, CLOTHS, PALES),
    "picture": hung(picture, (*WOODS, *DARKS[:1], (214, 176, 80)), (GLASS, (240, 200, 170), (200, 220, 200))),
    "window": hung(window, (WHITE, *WOODS), (GLASS, (150, 196, 226), (196, 220, 236))),
    "clock": hung(clock, (*BRIGHTS, *DARKS[:1], *WOODS[:1])),
    "shirt": hung(shirt, (*BRIGHTS, WHITE), (WHITE, *BRIGHTS[:3])),
    "curtain": hung(curtain, (*CLOTHS, *BRIGHTS[:2]), ((230, 196, 100), WHITE)),
}
