"""Table ware, pots and kitchen furniture."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, blend, shade
from edgegsr.data.diorama.things.shapes import arc, ring, rounded, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    DARKS,
    GLASS,
    INK,
    METALS,
    PALES,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    held,
    standing,
    upright,
)


def knife(pen: Pen) -> None:
    pen.limb((0, 0.09), (0, -0.05), 0.048, 0.04, pen.tint)
    pen.poly([(-0.03, -0.05), (-0.03, -0.31), (0.02, -0.24), (0.042, -0.15), (0.042, -0.05)], pen.tint2)
    pen.poly([(-0.03, -0.05), (-0.03, -0.31), (-0.008, -0.28), (-0.008, -0.05)], shade(pen.tint2, 0.78))


def spoon(pen: Pen) -> None:
    pen.limb((0, 0.11), (0, -0.12), 0.034, 0.024, pen.tint)
    pen.oval(0, -0.175, 0.056, 0.075, pen.tint)
    pen.oval(0, -0.175, 0.034, 0.052, shade(pen.tint, 0.75))


def fork(pen: Pen) -> None:
    pen.limb((0, 0.11), (0, -0.12), 0.034, 0.024, pen.tint)
    tines = [(-0.064, -0.26), (-0.038, -0.26), (-0.034, -0.17), (-0.013, -0.17), (-0.013, -0.26)]
    pen.poly([(0, -0.09), (-0.055, -0.13), *tines, *[(-x, y) for x, y in reversed(tines)], (0.055, -0.13)], pen.tint)


def cup(pen: Pen) -> None:
    ring(pen, 0.06, 0.005, 0.042, 0.018, shade(pen.tint, 0.8))
    pen.poly([(-0.065, -0.06), (0.055, -0.06), (0.045, 0.065), (-0.055, 0.065)], pen.tint)
    pen.oval(-0.005, -0.06, 0.06, 0.016, shade(pen.tint, 0.5))
    pen.box(-0.06, -0.005, 0.05, 0.018, pen.tint2)


def glass(pen: Pen) -> None:
    pen.poly([(-0.05, -0.085), (0.05, -0.085), (0.038, 0.075), (-0.038, 0.075)], shade(GLASS, 1.5))
    pen.poly([(-0.043, -0.035), (0.043, -0.035), (0.036, 0.065), (-0.036, 0.065)], pen.tint)
    pen.line([(-0.028, -0.07), (-0.022, 0.05)], 0.01, WHITE)


def bottle(pen: Pen) -> None:
    body = [
        (-0.022, -0.16),
        (0.022, -0.16),
        (0.024, -0.08),
        (0.055, -0.03),
        (0.055, 0.15),
        (-0.055, 0.15),
        (-0.055, -0.03),
    ]
    pen.poly([*body, (-0.024, -0.08)], pen.tint)
    pen.box(-0.03, -0.185, 0.03, -0.15, shade(pen.tint, 0.5))
    pen.box(-0.055, 0.01, 0.055, 0.09, pen.tint2)
    pen.line([(-0.035, -0.02), (-0.035, 0.13)], 0.012, shade(pen.tint, 1.4))


def frying_pan(pen: Pen) -> None:
    pen.limb((0, 0.07), (0, -0.12), 0.04, 0.03, pen.tint2)
    pen.oval(0, -0.25, 0.14, 0.15, pen.tint)
    pen.oval(0, -0.25, 0.11, 0.12, shade(pen.tint, 1.25))


def cooking_pot(pen: Pen) -> None:
    pen.limb((-0.2, -0.05), (0.2, -0.05), 0.035, 0.035, INK)
    pen.poly([(-0.16, -0.1), (0.16, -0.1), (0.16, 0.1), (0.13, 0.13), (-0.13, 0.13), (-0.16, 0.1)], pen.tint)
    pen.box(0.06, -0.1, 0.16, 0.1, shade(pen.tint, 0.82))
    pen.limb((-0.155, -0.105), (0.155, -0.105), 0.035, 0.035, shade(pen.tint, 0.62))
    pen.box(-0.12, -0.05, -0.095, 0.08, shade(pen.tint, 1.5))


def plate(pen: Pen) -> None:
    pen.oval(0, 0, 0.15, 0.055, pen.tint)
    pen.poly(arc(0, 0.0, 0.15, 0.055, 0, 180) + arc(0, -0.012, 0.15, 0.055, 180, 0), shade(pen.tint, 0.78))
    pen.oval(0, -0.006, 0.09, 0.028, pen.tint2)


def bowl(pen: Pen) -> None:
    pen.poly(arc(0, -0.04, 0.11, 0.11, 0, 180), pen.tint)
    pen.box(-0.05, 0.055, 0.05, 0.08, shade(pen.tint, 0.7))
    pen.oval(0, -0.04, 0.11, 0.032, shade(pen.tint, 0.75))
    pen.oval(0, -0.038, 0.09, 0.022, pen.tint2)


def tray(pen: Pen) -> None:
    pen.limb((-0.24, -0.015), (0.24, -0.015), 0.05, 0.05, pen.tint)
    pen.box(-0.21, -0.01, 0.21, 0.03, shade(pen.tint, 0.75))


def grill(pen: Pen) -> None:
    for x in (-0.17, 0.17):
        pen.limb((x * 0.6, -0.28), (x, -0.02), 0.028, 0.024, STEEL)
    pen.poly(arc(0, -0.42, 0.24, 0.2, 0, 180), pen.tint)
    pen.oval(0, -0.42, 0.24, 0.05, shade(pen.tint, 0.6))
    pen.oval(0, -0.415, 0.19, 0.032, (226, 98, 40))
    for x in (-0.12, -0.04, 0.04, 0.12):
        pen.line([(x * 0.9, -0.45), (x, -0.385)], 0.013, STEEL)
    pen.line([(-0.22, -0.42), (0.22, -0.42)], 0.013, STEEL)
    pen.oval(-0.14, -0.03, 0.035, 0.03, INK)


def stove(pen: Pen) -> None:
    pen.box(-0.24, -0.48, 0.24, 0, pen.tint)
    pen.box(-0.26, -0.5, 0.26, -0.465, shade(pen.tint, 0.45))
    rounded(pen, -0.17, -0.32, 0.17, -0.07, 0.03, INK)
    pen.box(-0.13, -0.28, 0.13, -0.11, (96, 74, 62))
    pen.line([(-0.15, -0.35), (0.15, -0.35)], 0.018, STEEL)
    for x in (-0.17, -0.06, 0.06, 0.17):
        pen.oval(x, -0.42, 0.022, 0.022, INK)
    pen.box(-0.17, -0.525, 0.17, -0.5, INK)


def sink(pen: Pen) -> None:
    pen.box(-0.3, -0.42, 0.3, 0, pen.tint)
    pen.box(-0.005, -0.4, 0.005, -0.02, shade(pen.tint, 0.6))
    for x in (-0.05, 0.05):
        pen.oval(x, -0.25, 0.014, 0.014, INK)
    pen.box(-0.33, -0.46, 0.33, -0.41, shade(WHITE, 0.9))
    pen.poly([(-0.2, -0.46), (0.2, -0.46), (0.15, -0.36), (-0.15, -0.36)], STEEL)
    stroke(
        pen, [(-0.14, -0.46), (-0.14, -0.62), (-0.11, -0.66), (-0.04, -0.66), (-0.02, -0.6)], 0.036, shade(STEEL, 0.7)
    )
    pen.limb((-0.2, -0.52), (-0.1, -0.52), 0.03, 0.03, shade(STEEL, 0.7))


FILLED = ((92, 164, 226), (240, 160, 50), (150, 40, 60), (250, 246, 236))

KITCHEN: dict[str, Thing] = {
    "knife": held(knife, (*DARKS, *WOODS[:2]), ((205, 211, 218), (188, 194, 202))),
    "spoon": held(spoon, (*METALS[:3], *WOODS[:3])),
    "fork": held(fork, (*METALS[:3], (214, 180, 80))),
    "cup": upright(cup, (*BRIGHTS, *PALES[:2]), (WHITE, (250, 220, 120), (220, 90, 80))),
    "glass": upright(glass, FILLED),
    "bottle": upright(bottle, ((46, 120, 70), (120, 70, 40), (70, 140, 190), (180, 50, 50)), (WHITE, (246, 226, 150))),
    "frying_pan": held(frying_pan, ((62, 64, 70), (84, 88, 96), (150, 62, 50)), (*DARKS, *WOODS[:2])),
    "cooking_pot": upright(cooking_pot, (*METALS[:3], (196, 62, 52), (60, 110, 170), (230, 140, 50))),
    "plate": upright(plate, (*PALES, (120, 170, 210), (210, 110, 90)), (blend(WHITE, STEEL, 0.3), (214, 226, 234))),
    "bowl": upright(bowl, (*PALES[1:], *BRIGHTS), ((236, 170, 70), (180, 60, 40), (120, 160, 70), (245, 236, 210))),
    "tray": upright(tray, (*METALS[:3], *WOODS[:3], (190, 60, 60))),
    "grill": standing(grill, ((58, 60, 66), (176, 50, 44), (50, 74, 100))),
    "stove": standing(stove, (*PALES, (180, 186, 192), (200, 80, 66))),
    "sink": standing(sink, (*WOODS[:3], *PALES[1:], (110, 150, 160))),
}
