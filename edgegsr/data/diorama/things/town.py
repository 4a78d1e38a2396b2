"""Built things of yard, school and street."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, rounded, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    CLOTHS,
    INK,
    METALS,
    PALE_WOOD,
    PALES,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    lying,
    standing,
)


def easel(pen: Pen) -> None:
    for x in (-0.26, 0.26):
        pen.limb((x * 0.25, -0.86), (x, -0.02), 0.034, 0.034, pen.tint)
    pen.box(-0.24, -0.8, 0.24, -0.3, shade(WHITE, 0.82))
    pen.box(-0.22, -0.79, 0.24, -0.32, WHITE)
    pen.limb((-0.26, -0.28), (0.26, -0.28), 0.045, 0.045, shade(pen.tint, 0.8))
    stroke(pen, [(-0.15, -0.42), (-0.05, -0.56), (0.02, -0.5), (0.14, -0.64)], 0.04, pen.tint2)
    pen.oval(-0.1, -0.68, 0.05, 0.05, (250, 200, 60))
    pen.oval(0.1, -0.42, 0.06, 0.04, (86, 160, 90))


def whiteboard(pen: Pen) -> None:
    for x in (-0.42, 0.42):
        pen.limb((x, -0.6), (x, -0.03), 0.03, 0.03, STEEL)
        pen.limb((x - 0.08, -0.02), (x + 0.08, -0.02), 0.03, 0.03, INK)
    pen.box(-0.56, -1.12, 0.56, -0.42, pen.tint)
    pen.box(-0.52, -1.08, 0.52, -0.46, (250, 251, 252))
    pen.line([(-0.42, -0.96), (-0.02, -0.96)], 0.024, pen.tint2)
    pen.line([(-0.42, -0.86), (-0.12, -0.86)], 0.024, pen.tint2)
    pen.line([(-0.42, -0.6), (-0.22, -0.72), (-0.08, -0.64)], 0.024, (206, 60, 54))
    pen.box(-0.2, -0.43, 0.2, -0.39, STEEL)


def fence(pen: Pen) -> None:
    for y in (-0.38, -0.14):
        pen.box(-0.66, y - 0.03, 0.66, y + 0.03, shade(pen.tint, 0.8))
    for x in (-0.55, -0.33, -0.11, 0.11, 0.33, 0.55):
        pen.poly([(x - 0.07, 0), (x - 0.07, -0.46), (x, -0.54), (x + 0.07, -0.46), (x + 0.07, 0)], pen.tint)


def wall(pen: Pen) -> None:
    pen.box(-0.65, -0.82, 0.65, 0, pen.tint)
    for y in (-0.615, -0.41, -0.205):
        pen.box(-0.65, y - 0.012, 0.65, y + 0.012, pen.tint2)
    for i, xs in enumerate(((-0.32, 0.1, 0.5), (-0.1, 0.3), (-0.32, 0.1, 0.5))):
        for x in xs:
            pen.box(x - 0.012, -0.205 * (i + 1), x + 0.012, -0.205 * i, pen.tint2)
    pen.box(-0.68, -0.86, 0.68, -0.79, shade(pen.tint, 0.7))


def ladder(pen: Pen) -> None:
    for y in (-0.15, -0.36, -0.57, -0.78, -0.99, -1.2):
        pen.limb((-0.14, y), (0.14, y), 0.034, 0.034, shade(pen.tint, 0.8))
    for x in (-0.15, 0.15):
        pen.limb((x, -1.36), (x, -0.02), 0.042, 0.042, pen.tint)


def clothesline(pen: Pen) -> None:
    for x in (-0.85, 0.85):
        pen.limb((x, -1.04), (x, -0.02), 0.045, 0.05, pen.tint)
        pen.limb((x - 0.1, -1.0), (x + 0.1, -1.0), 0.04, 0.04, pen.tint)
    stroke(pen, [(-0.85, -0.99), (-0.4, -0.95), (0, -0.94), (0.4, -0.95), (0.85, -0.99)], 0.014, WHITE)
    pen.poly([(-0.62, -0.97), (-0.36, -0.95), (-0.37, -0.6), (-0.6, -0.62)], pen.tint2)
    pen.poly([(-0.22, -0.95), (-0.06, -0.94), (-0.07, -0.72), (-0.21, -0.72)], (250, 214, 100))


def flagpole(pen: Pen) -> None:
    pen.box(-0.1, -0.06, 0.1, 0, shade(STEEL, 0.7))
    pen.limb((0, -1.72), (0, -0.04), 0.03, 0.045, STEEL)
    wave = [(0.02, -1.68), (0.18, -1.72), (0.36, -1.66), (0.56, -1.7)]
    for i, colour in enumerate((pen.tint, WHITE, pen.tint2)):
        top, bottom = 0.125 * i, 0.125 * (i + 1)
        pen.poly([*[(x, y + top) for x, y in wave], *[(x, y + bottom) for x, y in reversed(wave)]], colour)
    pen.oval(0, -1.74, 0.035, 0.035, (236, 196, 80))


def scale(pen: Pen) -> None:
    pen.poly([(-0.11, -0.24), (0.11, -0.24), (0.16, 0), (-0.16, 0)], pen.tint)
    pen.oval(0, -0.11, 0.09, 0.09, WHITE)
    pen.line([(0, -0.1), (0.045, -0.16)], 0.018, (206, 50, 46))
    for x, y in ((-0.06, -0.12), (0, -0.175), (0.062, -0.1)):
        pen.oval(x, y, 0.01, 0.01, INK)
    pen.box(-0.025, -0.3, 0.025, -0.23, shade(STEEL, 0.7))
    pen.poly([(-0.2, -0.33), (0.2, -0.33), (0.14, -0.285), (-0.14, -0.285)], STEEL)


def plank(pen: Pen) -> None:
    for x in (-0.3, 0.3):
        for foot in (-0.09, 0.09):
            pen.limb((x, -0.36), (x + foot, -0.015), 0.034, 0.03, shade(pen.tint, 0.7))
        pen.line([(x - 0.05, -0.15), (x + 0.05, -0.15)], 0.024, shade(pen.tint, 0.6))
    pen.box(-0.52, -0.4, 0.52, -0.34, pen.tint)
    pen.box(-0.52, -0.36, 0.52, -0.34, shade(pen.tint, 0.8))
    pen.line([(-0.4, -0.38), (-0.1, -0.38)], 0.008, shade(pen.tint, 0.75))


def tent(pen: Pen) -> None:
    pen.poly([(-0.7, 0), (-0.06, -0.78), (0.06, -0.78), (0.7, 0)], pen.tint)
    pen.poly([(0.0, -0.78), (0.06, -0.78), (0.7, 0), (0.3, 0)], shade(pen.tint, 0.8))
    pen.poly([(-0.22, 0), (0.0, -0.6), (0.22, 0)], shade(pen.tint, 0.35))
    pen.poly([(-0.22, 0), (0.0, -0.6), (-0.3, -0.1), (-0.34, 0)], pen.tint2)


def market_stall(pen: Pen) -> None:
    for x in (-0.58, 0.58):
        pen.box(x - 0.03, -1.1, x + 0.03, 0, PALE_WOOD)
    pen.box(-0.62, -0.48, 0.62, 0, (176, 122, 70))
    pen.box(-0.66, -0.54, 0.66, -0.45, PALE_WOOD)
    for i in range(6):
        x = -0.72 + 0.24 * i
        colour = pen.tint2 if i % 2 else pen.tint
        pen.poly(
            [
                (x + 0.03, -1.3),
                (x + 0.21, -1.3),
                (x + 0.24, -1.02),
                *arc(x + 0.12, -1.02, 0.12, 0.05, 0, 180, 5),
                (x, -1.02),
            ],
            colour,
        )
    for x, colour in ((-0.38, (222, 60, 44)), (0.0, (240, 160, 40)), (0.38, (110, 170, 60))):
        pen.poly(arc(x, -0.54, 0.17, 0.1, 180, 360, 8), colour)


def barrel(pen: Pen) -> None:
    pen.poly(
        [
            (-0.17, -0.52),
            (0.17, -0.52),
            *arc(0.17, -0.26, 0.06, 0.26, -80, 80, 6),
            (0.17, 0),
            (-0.17, 0),
            *arc(-0.17, -0.26, 0.06, 0.26, 100, 260, 6),
        ],
        pen.tint,
    )
    for x in (-0.08, 0.08):
        pen.line([(x, -0.5), (x, -0.02)], 0.012, shade(pen.tint, 0.7))
    for y in (-0.41, -0.12):
        pen.box(-0.215, y - 0.03, 0.215, y + 0.03, shade(STEEL, 0.6))
    pen.oval(0, -0.52, 0.17, 0.03, shade(pen.tint, 0.6))


def trash_can(pen: Pen) -> None:
    pen.poly([(-0.16, -0.4), (0.16, -0.4), (0.13, 0), (-0.13, 0)], pen.tint)
    for x in (-0.075, 0.0, 0.075):
        pen.line([(x, -0.36), (x * 0.85, -0.04)], 0.018, shade(pen.tint, 0.72))
    rounded(pen, -0.185, -0.46, 0.185, -0.39, 0.03, shade(pen.tint, 0.8))
    rounded(pen, -0.05, -0.5, 0.05, -0.45, 0.02, shade(pen.tint, 0.6))


def mailbox(pen: Pen) -> None:
    pen.box(-0.03, -0.5, 0.03, 0, (126, 90, 58))
    pen.poly(
        [
            *arc(-0.1, -0.62, 0.09, 0.12, 180, 270, 5),
            *arc(0.14, -0.62, 0.09, 0.12, 270, 360, 5),
            (0.23, -0.48),
            (-0.19, -0.48),
        ],
        pen.tint,
    )
    pen.poly([*arc(0.14, -0.62, 0.09, 0.12, 180, 360, 8), (0.23, -0.48), (0.05, -0.48)], shade(pen.tint, 0.7))
    pen.box(0.09, -0.64, 0.19, -0.615, INK)
    pen.line([(-0.1, -0.6), (-0.1, -0.8)], 0.02, STEEL)
    pen.box(-0.1, -0.83, -0.01, -0.76, pen.tint2)


def sign(pen: Pen) -> None:
    pen.box(-0.028, -0.7, 0.028, 0, (150, 154, 160))
    pen.poly([(-0.28, -0.98), (0.2, -0.98), (0.34, -0.82), (0.2, -0.66), (-0.28, -0.66)], pen.tint)
    pen.line([(-0.2, -0.88), (0.1, -0.88)], 0.035, pen.tint2)
    pen.line([(-0.2, -0.77), (0.04, -0.77)], 0.035, pen.tint2)


TOWN: dict[str, Thing] = {
    "easel": standing(easel, WOODS, BRIGHTS),
    "whiteboard": standing(whiteboard, METALS, BRIGHTS[1:4]),
    "fence": standing(fence, (*WOODS, WHITE)),
    "wall": standing(
        wall, ((182, 88, 66), (160, 80, 62), (196, 112, 84), (150, 146, 142)), ((220, 206, 190), (200, 190, 178))
    ),
    "ladder": standing(ladder, (*WOODS, *METALS[:2], (240, 176, 40))),
    "clothesline": standing(clothesline, (*WOODS, *METALS[:2]), (*CLOTHS, *BRIGHTS[:2])),
    "flagpole": standing(flagpole, BRIGHTS[:4], BRIGHTS[4:7]),
    "scale": standing(scale, (*BRIGHTS[:4], *PALES[2:])),
    "plank": lying(plank, WOODS),
    "tent": standing(tent, (*BRIGHTS[:5], (120, 140, 90)), ((250, 220, 120), WHITE)),
    "market_stall": standing(market_stall, BRIGHTS[:4], (WHITE, (250, 236, 190))),
    "barrel": standing(barrel, WOODS),
    "trash_can": standing(trash_can, (*METALS, (60, 120, 80), (60, 90, 140))),
    "mailbox": standing(
        mailbox, ((52, 96, 170), (200, 56, 48), (90, 140, 90), (150, 154, 160)), ((230, 60, 50), (250, 200, 60))
    ),
    "sign": standing(sign, ((42, 108, 190), (58, 150, 84), (176, 122, 70), (240, 190, 60)), (WHITE, (240, 240, 220))),
}
