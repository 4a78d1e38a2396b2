"""Sport and toys."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import arc, rounded, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    DARKS,
    INK,
    METALS,
    PALE_WOOD,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    held,
    lying,
    standing,
    upright,
)


def bat(pen: Pen) -> None:
    pen.limb((0, 0.06), (0, -0.12), 0.03, 0.036, shade(pen.tint, 0.6))
    pen.limb((0, -0.1), (0, -0.42), 0.036, 0.078, pen.tint)
    pen.oval(0, 0.07, 0.028, 0.016, shade(pen.tint, 0.5))
    pen.line([(-0.018, -0.26), (-0.022, -0.42)], 0.012, shade(pen.tint, 1.4))


def racket(pen: Pen) -> None:
    pen.poly(arc(0, -0.33, 0.1, 0.13, 0, 360, 16), shade(WHITE, 0.95))
    for x in (-0.04, 0.0, 0.04):
        pen.line([(x, -0.45), (x, -0.21)], 0.007, STEEL)
    for y in (-0.38, -0.33, -0.28):
        pen.line([(-0.09, y), (0.09, y)], 0.007, STEEL)
    pen.poly(arc(0, -0.33, 0.115, 0.15, 0, 360, 20) + arc(0, -0.33, 0.09, 0.12, 360, 0, 20), pen.tint)
    pen.limb((0, -0.18), (0, -0.06), 0.04, 0.03, pen.tint)
    pen.limb((0, 0.07), (0, -0.07), 0.04, 0.038, INK)


def fishing_rod(pen: Pen) -> None:
    pen.limb((0, 0.15), (0, -0.95), 0.03, 0.008, pen.tint)
    pen.limb((0, 0.15), (0, -0.04), 0.042, 0.038, PALE_WOOD)
    pen.oval(0.04, -0.1, 0.04, 0.04, STEEL)
    pen.oval(0.04, -0.1, 0.018, 0.018, INK)


def bow(pen: Pen) -> None:
    curve = [(-0.36, 0.14), (-0.3, 0.07), (-0.2, 0.02), (-0.08, 0), (0.08, 0), (0.2, 0.02), (0.3, 0.07), (0.36, 0.14)]
    pen.line([curve[0], curve[-1]], 0.008, WHITE)
    stroke(pen, curve, 0.034, pen.tint)
    pen.limb((-0.05, 0), (0.05, 0), 0.046, 0.046, shade(pen.tint, 0.5))


def arrow(pen: Pen) -> None:
    pen.line([(0, 0.02), (0, -0.42)], 0.018, PALE_WOOD)
    pen.poly([(-0.03, -0.4), (0, -0.49), (0.03, -0.4)], shade(STEEL, 0.6))
    pen.poly([(0, -0.02), (-0.04, 0.02), (-0.04, 0.09), (0, 0.05), (0.04, 0.09), (0.04, 0.02)], pen.tint)


def ball(pen: Pen) -> None:
    pen.oval(0, 0, 0.075, 0.075, pen.tint)
    pen.poly(arc(0, 0, 0.075, 0.075, 20, 160) + arc(0, 0, 0.075, 0.03, 160, 20), shade(pen.tint, 0.78))
    stroke(pen, [(-0.068, -0.02), (-0.02, 0.01), (0.03, 0.01), (0.07, -0.02)], 0.02, pen.tint2)
    stroke(pen, [(-0.005, -0.073), (0.012, -0.03), (0.01, 0.03), (-0.005, 0.073)], 0.02, pen.tint2)


def baseball(pen: Pen) -> None:
    pen.oval(0, 0, 0.056, 0.056, pen.tint)
    stroke(pen, arc(-0.065, 0, 0.045, 0.05, -55, 55, 5), 0.012, (206, 50, 46))
    stroke(pen, arc(0.065, 0, 0.045, 0.05, 125, 235, 5), 0.012, (206, 50, 46))


def glove(pen: Pen) -> None:
    for x, y in ((-0.075, -0.1), (-0.028, -0.13), (0.02, -0.13), (0.066, -0.11)):
        pen.limb((x * 0.8, 0), (x, y), 0.055, 0.05, pen.tint)
    pen.limb((0.05, 0.02), (0.125, -0.03), 0.055, 0.055, shade(pen.tint, 0.85))
    pen.oval(0, 0.01, 0.085, 0.075, pen.tint)
    pen.oval(0.0, -0.005, 0.045, 0.04, shade(pen.tint, 0.65))
    pen.box(-0.055, 0.07, 0.055, 0.1, shade(pen.tint, 0.6))


def club(pen: Pen) -> None:
    pen.limb((0, 0.1), (0, -0.52), 0.026, 0.018, STEEL)
    pen.limb((0, 0.1), (0, -0.08), 0.036, 0.032, INK)
    pen.poly(
        [(-0.03, -0.55), (-0.02, -0.5), (0.03, -0.48), (0.11, -0.5), (0.14, -0.55), (0.12, -0.59), (0, -0.59)], pen.tint
    )
    pen.line([(0.0, -0.575), (0.11, -0.575)], 0.02, shade(pen.tint, 1.4))


def balloon(pen: Pen) -> None:
    stroke(pen, [(0, 0.0), (0.015, -0.1), (-0.01, -0.2), (0, -0.32)], 0.012, shade(WHITE, 0.85))
    pen.poly([(0, -0.3), (0.025, -0.27), (-0.025, -0.27)], shade(pen.tint, 0.7))
    pen.oval(0, -0.42, 0.105, 0.13, pen.tint)
    pen.oval(-0.035, -0.47, 0.022, 0.034, shade(pen.tint, 1.55))


def kite(pen: Pen) -> None:
    pen.line([(0, 0), (0.12, -0.55)], 0.01, shade(WHITE, 0.9))
    tail = [(0.1, -0.5), (0.2, -0.42), (0.16, -0.34), (0.26, -0.27), (0.22, -0.2)]
    stroke(pen, tail, 0.014, pen.tint2)
    for x, y in ((0.18, -0.38), (0.23, -0.29), (0.22, -0.2)):
        pen.poly(
            [(x - 0.035, y - 0.025), (x + 0.035, y + 0.025), (x + 0.035, y - 0.025), (x - 0.035, y + 0.025)], pen.tint
        )
    pen.poly([(0.1, -0.48), (-0.02, -0.74), (0.2, -0.94), (0.28, -0.66)], pen.tint)
    pen.poly([(0.1, -0.48), (0.15, -0.71), (0.28, -0.66)], pen.tint2)
    pen.poly([(-0.02, -0.74), (0.2, -0.94), (0.15, -0.71)], pen.tint2)


def flag(pen: Pen) -> None:
    pen.limb((0, 0.12), (0, -0.52), 0.022, 0.018, PALE_WOOD)
    wave = [(0.0, -0.5), (0.09, -0.52), (0.18, -0.48), (0.28, -0.5)]
    pen.poly([*wave, *[(x, y + 0.2) for x, y in reversed(wave)]], pen.tint)
    pen.poly([*[(x, y + 0.07) for x, y in wave], *[(x, y + 0.13) for x, y in reversed(wave)]], pen.tint2)
    pen.oval(0, -0.53, 0.016, 0.016, (230, 190, 80))


def teddy_bear(pen: Pen) -> None:
    for x in (-0.06, 0.06):
        pen.oval(x, -0.135, 0.03, 0.03, shade(pen.tint, 0.8))
        pen.limb((x * 0.8, -0.01), (x * 1.7, 0.03), 0.045, 0.045, shade(pen.tint, 0.88))
        pen.limb((x * 0.6, 0.08), (x * 1.2, 0.13), 0.055, 0.06, shade(pen.tint, 0.88))
    pen.oval(0, 0.04, 0.07, 0.085, pen.tint)
    pen.oval(0, 0.05, 0.04, 0.05, shade(pen.tint, 1.35))
    pen.oval(0, -0.085, 0.075, 0.065, pen.tint)
    pen.oval(0, -0.065, 0.034, 0.026, shade(pen.tint, 1.45))
    pen.oval(0, -0.075, 0.012, 0.009, INK)
    for x in (-0.03, 0.03):
        pen.oval(x, -0.105, 0.01, 0.01, INK)


def target(pen: Pen) -> None:
    for x in (-0.24, 0.24):
        pen.limb((x * 0.3, -0.6), (x, -0.02), 0.035, 0.03, (142, 92, 52))
    for r, colour in ((0.3, WHITE), (0.24, INK), (0.18, pen.tint2), (0.12, pen.tint), (0.055, (250, 214, 70))):
        pen.oval(0, -0.62, r, r, colour)


def barbell(pen: Pen) -> None:
    pen.limb((-0.56, 0), (0.56, 0), 0.024, 0.024, STEEL)
    for x in (-0.48, 0.48):
        side = 0.05 if x > 0 else -0.05
        rounded(pen, x - 0.03, -0.16, x + 0.03, 0.16, 0.02, pen.tint)
        rounded(pen, x + side - 0.022, -0.11, x + side + 0.022, 0.11, 0.015, shade(pen.tint, 0.7))


def skateboard(pen: Pen) -> None:
    for x in (-0.14, 0.14):
        pen.limb((x, -0.08), (x, -0.05), 0.05, 0.04, STEEL)
        pen.oval(x, -0.034, 0.034, 0.034, pen.tint2)
        pen.oval(x, -0.034, 0.013, 0.013, WHITE)
    stroke(pen, [(-0.27, -0.135), (-0.2, -0.095), (0, -0.09), (0.2, -0.095), (0.27, -0.135)], 0.032, pen.tint)


def surfboard(pen: Pen) -> None:
    pen.poly([(-0.36, -0.04), (-0.3, 0), (-0.25, 0), (-0.22, -0.04)], shade(pen.tint, 0.6))
    under = [(0.5, -0.135), (0.34, -0.05), (0, -0.028), (-0.34, -0.03), (-0.46, -0.06)]
    pen.poly([*under, (-0.3, -0.085), (0, -0.09), (0.3, -0.1)], pen.tint)
    pen.poly([(-0.44, -0.06), (0, -0.07), (0.42, -0.1), (0.34, -0.066), (0, -0.046), (-0.38, -0.047)], pen.tint2)


def ski(pen: Pen) -> None:
    stroke(pen, [(-0.42, -0.02), (0.36, -0.02), (0.45, -0.045), (0.5, -0.1)], 0.032, pen.tint)
    pen.box(-0.08, -0.075, 0.09, -0.02, INK)
    pen.line([(-0.36, -0.022), (-0.16, -0.022)], 0.012, pen.tint2)


def sled(pen: Pen) -> None:
    stroke(pen, [(-0.36, -0.02), (0.28, -0.02), (0.37, -0.06), (0.4, -0.14), (0.34, -0.2)], 0.034, STEEL)
    for x in (-0.24, 0.02, 0.24):
        pen.limb((x, -0.15), (x, -0.03), 0.026, 0.026, shade(pen.tint, 0.7))
    pen.limb((-0.38, -0.165), (0.32, -0.165), 0.05, 0.05, pen.tint)


def swing(pen: Pen) -> None:
    for side in (-1, 1):
        pen.limb((side * 0.12, -1.28), (side * 0.55, -0.02), 0.04, 0.045, shade(pen.tint, 0.8))
        pen.line([(side * 0.13, -1.26), (side * 0.13, -0.31)], 0.014, shade(STEEL, 0.7))
    pen.limb((-0.2, -1.28), (0.2, -1.28), 0.055, 0.055, pen.tint)
    pen.limb((-0.16, -0.3), (0.16, -0.3), 0.04, 0.04, pen.tint2)


PLAY: dict[str, Thing] = {
    "bat": held(bat, (*WOODS, *METALS[:1], (60, 62, 70))),
    "racket": held(racket, BRIGHTS),
    "fishing_rod": held(fishing_rod, (*DARKS, *WOODS[:2])),
    "bow": held(bow, (*WOODS, (60, 62, 70))),
    "arrow": held(arrow, (*BRIGHTS[:4], WHITE)),
    "ball": upright(ball, BRIGHTS, (WHITE, (250, 216, 80), INK)),
    "baseball": upright(baseball, ((248, 246, 240), (240, 236, 222))),
    "glove": held(glove, ((160, 98, 54), (128, 74, 44), (190, 60, 50), (66, 68, 74))),
    "club": held(club, (*METALS, (60, 62, 70))),
    "balloon": upright(balloon, BRIGHTS),
    "kite": upright(kite, BRIGHTS, ((250, 214, 70), WHITE, (90, 180, 220))),
    "flag": held(flag, BRIGHTS, (WHITE, (250, 214, 70), INK)),
    "teddy_bear": upright(teddy_bear, ((176, 120, 70), (206, 160, 104), (130, 88, 60), (226, 196, 160))),
    "target": standing(target, ((214, 54, 48),), ((60, 130, 200),)),
    "barbell": upright(barbell, (*DARKS, (196, 52, 46), (50, 96, 160))),
    "skateboard": lying(skateboard, BRIGHTS, (INK, (90, 94, 104), (200, 90, 50))),
    "surfboard": lying(surfboard, (*BRIGHTS, WHITE), (WHITE, (250, 214, 70), (60, 170, 200))),
    "ski": lying(ski, BRIGHTS, (WHITE, (250, 214, 70))),
    "sled": lying(sled, (*WOODS, (214, 62, 52), (42, 108, 190))),
    "swing": standing(swing, (*METALS[:2], *BRIGHTS[:4]), (*WOODS[:2], (214, 62, 52), (60, 62, 70))),
}
