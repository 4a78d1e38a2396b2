"""Instruments."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import teeth
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    INK,
    METALS,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    held,
    standing,
)


def drumstick(pen: Pen) -> None:
    pen.limb((0, 0.06), (0, -0.22), 0.03, 0.018, pen.tint)
    pen.oval(0, -0.235, 0.02, 0.026, shade(pen.tint, 0.8))


def guitar(pen: Pen) -> None:
    pen.limb((0, -0.1), (0, -0.44), 0.036, 0.03, shade(pen.tint, 0.5))
    pen.poly([(-0.026, -0.43), (0.026, -0.43), (0.036, -0.52), (-0.036, -0.52)], shade(pen.tint, 0.65))
    pen.oval(0, 0.05, 0.14, 0.13, pen.tint)
    pen.oval(0, -0.09, 0.105, 0.095, pen.tint)
    pen.oval(0, -0.04, 0.046, 0.046, shade(pen.tint, 0.35))
    pen.box(-0.05, 0.08, 0.05, 0.105, shade(pen.tint, 0.45))
    for x in (-0.01, 0.01):
        pen.line([(x, 0.09), (x, -0.44)], 0.006, WHITE)


def flute(pen: Pen) -> None:
    pen.limb((0, 0.2), (0, -0.2), 0.034, 0.034, pen.tint)
    pen.box(-0.02, -0.215, 0.02, -0.19, shade(pen.tint, 0.6))
    for y in (-0.06, -0.01, 0.04, 0.09, 0.14):
        pen.oval(0, y, 0.012, 0.012, shade(pen.tint, 0.4))
    pen.oval(0, -0.14, 0.01, 0.016, INK)


def drum(pen: Pen) -> None:
    for x in (-0.13, 0.13):
        pen.limb((x * 0.7, -0.2), (x, -0.01), 0.026, 0.02, STEEL)
    pen.box(-0.19, -0.4, 0.19, -0.16, pen.tint)
    zigzag = teeth(-0.19, 0.19, -0.37, -0.19, 4)
    pen.line(zigzag, 0.014, pen.tint2)
    pen.limb((-0.18, -0.17), (0.18, -0.17), 0.035, 0.035, WHITE)
    pen.oval(0, -0.4, 0.2, 0.04, WHITE)


MUSIC: dict[str, Thing] = {
    "drumstick": held(drumstick, WOODS[:3]),
    "guitar": held(guitar, ((214, 140, 66), (176, 92, 44), (196, 60, 50), (60, 110, 160), (226, 180, 100))),
    "flute": held(flute, (*METALS[:3], *WOODS[:3], (230, 196, 100))),
    "drum": standing(drum, BRIGHTS[:4], ((250, 214, 80), WHITE)),
}
