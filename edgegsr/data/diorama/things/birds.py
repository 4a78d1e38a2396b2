"""Chicken, duck and a small bird, standing, running, sitting and flying."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from edgegsr.data.diorama.canvas import Pen, Point, shade
from edgegsr.data.diorama.things.shapes import arc, stroke
from edgegsr.data.diorama.things.thing import INK, WHITE, Thing, standing

ORANGE = (240, 150, 40)
RED = (214, 44, 40)
CHICKEN, DUCK = 0.82, 0.85


def legs(pen: Pen, hip: float, leg: float, pose: str, width: float) -> None:
    """Two thin legs from the belly at height `leg`; none when the bird sits or flies."""
    if pose in ("lie", "fly"):
        return
    for side in (-1, 1):
        reach = side * leg * (0.9 if pose == "run" else 0.3)
        lift = leg * 0.35 if pose == "run" and side < 0 else 0.0
        foot = (hip + reach, -lift - width / 2)
        pen.line([(hip + side * 0.01, -leg * 1.3), foot, (foot[0] + leg * 0.4, foot[1])], width, ORANGE)


def drop(pose: str, leg: float) -> float:
    return leg if pose == "lie" else 0.0


def chicken(pen: Pen, pose: str) -> None:
    pen, leg = pen.child(scale=CHICKEN), 0.09
    d = drop(pose, leg)
    legs(pen, -0.01, leg, pose, 0.018)
    pen.poly(
        [(-0.09, -0.16 + d), (-0.2, -0.31 + d), (-0.14, -0.31 + d), (-0.11, -0.36 + d), (-0.04, -0.25 + d)],
        shade(pen.tint, 0.7),
    )
    pen.poly(
        [
            *arc(-0.01, -0.2 + d, 0.13, 0.12, 10, 190, 8),
            (-0.06, -0.24 + d),
            (0.03, -0.26 + d),
            (0.06, -0.36 + d),
            (0.12, -0.34 + d),
        ],
        pen.tint,
    )
    pen.oval(0.09, -0.36 + d, 0.052, 0.052, pen.tint)
    pen.poly(
        [
            (0.05, -0.4 + d),
            (0.04, -0.45 + d),
            (0.07, -0.43 + d),
            (0.09, -0.46 + d),
            (0.11, -0.43 + d),
            (0.14, -0.44 + d),
            (0.12, -0.39 + d),
        ],
        RED,
    )
    pen.poly([(0.135, -0.38 + d), (0.19, -0.355 + d), (0.135, -0.34 + d)], ORANGE)
    pen.oval(0.13, -0.315 + d, 0.016, 0.026, RED)
    pen.oval(0.1, -0.375 + d, 0.01, 0.01, INK)
    if pose == "fly":
        pen.poly([(-0.06, -0.2), (-0.16, -0.46), (-0.02, -0.42), (0.05, -0.22)], shade(pen.tint, 0.8))
    else:
        pen.poly(arc(-0.03, -0.21 + d, 0.08, 0.07, 0, 180, 8), shade(pen.tint, 0.82))


def duck(pen: Pen, pose: str) -> None:
    pen, leg = pen.child(scale=DUCK), 0.06
    d = drop(pose, leg)
    legs(pen, -0.01, leg, pose, 0.024)
    pen.poly(
        [*arc(0.0, -0.14 + d, 0.16, 0.11, 0, 180, 10), (-0.23, -0.24 + d), (-0.1, -0.2 + d), (0.08, -0.2 + d)], pen.tint
    )
    stroke(pen, [(0.1, -0.12 + d), (0.12, -0.2 + d), (0.125, -0.27 + d)], 0.1, pen.tint2, 0.07)
    pen.oval(0.13, -0.28 + d, 0.07, 0.062, pen.tint2)
    pen.poly([(0.18, -0.305 + d), (0.27, -0.27 + d), (0.27, -0.24 + d), (0.18, -0.245 + d)], ORANGE)
    pen.oval(0.15, -0.3 + d, 0.01, 0.01, INK)
    if pose == "fly":
        pen.poly([(-0.08, -0.16), (-0.2, -0.44), (-0.04, -0.42), (0.06, -0.17)], shade(pen.tint, 0.8))
    else:
        pen.poly(
            [(-0.18, -0.2 + d), (0.05, -0.2 + d), *arc(-0.04, -0.16 + d, 0.09, 0.06, 0, 150, 6)], shade(pen.tint, 0.82)
        )


def bird(pen: Pen, pose: str) -> None:
    leg = 0.035
    d = drop(pose, leg)
    legs(pen, 0.0, leg, pose, 0.01)
    pen.poly([(-0.06, -0.08 + d), (-0.17, -0.06 + d), (-0.17, -0.1 + d), (-0.05, -0.13 + d)], shade(pen.tint, 0.7))
    pen.oval(0.0, -0.095 + d, 0.085, 0.065, pen.tint)
    pen.poly(arc(0.01, -0.095 + d, 0.07, 0.062, 10, 150, 8), pen.tint2)
    pen.oval(0.06, -0.15 + d, 0.05, 0.048, pen.tint)
    pen.poly([(0.1, -0.165 + d), (0.15, -0.145 + d), (0.1, -0.13 + d)], (236, 170, 50))
    pen.oval(0.072, -0.16 + d, 0.01, 0.01, INK)
    if pose == "fly":
        pen.poly([(-0.04, -0.1), (-0.14, -0.28), (0.0, -0.26), (0.05, -0.12)], shade(pen.tint, 0.75))
        pen.poly([(0.0, -0.12), (0.0, -0.3), (0.1, -0.24), (0.06, -0.13)], shade(pen.tint, 0.6))
    else:
        pen.poly([(-0.12, -0.08 + d), (0.0, -0.14 + d), (0.03, -0.09 + d), (-0.02, -0.065 + d)], shade(pen.tint, 0.75))


_DRAW = {"chicken": chicken, "duck": duck, "bird": bird}
BIRD_POSES: dict[str, dict[str, Callable[[Pen], None]]] = {
    name: {pose: partial(draw, pose=pose) for pose in ("stand", "run", "lie", "fly")} for name, draw in _DRAW.items()
}
BIRD_MOUTHS: dict[str, Point] = {"chicken": (0.15, -0.29), "duck": (0.22, -0.215), "bird": (0.14, -0.145)}
BIRDS: dict[str, Thing] = {
    "chicken": standing(BIRD_POSES["chicken"]["stand"], ((244, 238, 226), (176, 100, 54), (226, 170, 96))),
    "duck": standing(BIRD_POSES["duck"]["stand"], ((246, 244, 238), (160, 138, 116)), (WHITE, (50, 120, 80))),
    "bird": standing(
        BIRD_POSES["bird"]["stand"],
        ((70, 130, 200), (206, 70, 56), (120, 96, 76), (236, 190, 60)),
        (WHITE, (236, 180, 120)),
    ),
}
