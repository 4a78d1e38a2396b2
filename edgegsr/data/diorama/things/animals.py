"""Animals: the builds of the four-legged ones, and birds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from edgegsr.data.diorama.canvas import Pen, Point, shade
from edgegsr.data.diorama.things.birds import BIRD_MOUTHS, BIRD_POSES, BIRDS
from edgegsr.data.diorama.things.quadruped import Build, Joints, joints, quadruped
from edgegsr.data.diorama.things.shapes import arc, stroke
from edgegsr.data.diorama.things.thing import INK, WHITE, Draw, Thing, standing


def dog_detail(pen: Pen, build: Build, j: Joints) -> None:
    pen.oval(j.muzzle[0] + 0.02, j.muzzle[1] - 0.018, 0.02, 0.017, INK)
    x, y = j.chest[0] + 0.05, j.chest[1] - 0.06
    pen.line([(x - 0.04, y - 0.03), (x + 0.045, y + 0.025)], 0.026, pen.tint2)


def cat_detail(pen: Pen, build: Build, j: Joints) -> None:
    x, y = j.skull
    pen.poly([(x + 0.01, y - 0.035), (x + 0.05, y - 0.1), (x + 0.055, y - 0.02)], shade(pen.tint, 0.85))
    pen.oval(j.muzzle[0] + 0.022, j.muzzle[1] - 0.006, 0.01, 0.008, (230, 120, 130))
    for t in (0.3, 0.55):
        sx, sy = (a + (b - a) * t for a, b in zip(j.hips, j.chest))
        pen.line([(sx, sy - 0.045), (sx - 0.008, sy)], 0.016, shade(pen.tint, 0.68))


def horse_detail(pen: Pen, build: Build, j: Joints) -> None:
    (cx, cy), (sx, sy) = j.chest, j.skull
    stroke(pen, [(sx + 0.05, sy - 0.07), (sx - 0.05, sy - 0.03), (cx - 0.02, cy - 0.13)], 0.05, pen.tint2, 0.12)
    pen.oval(j.muzzle[0] + 0.02, j.muzzle[1], 0.04, 0.04, shade(pen.tint, 0.7))


def cow_detail(pen: Pen, build: Build, j: Joints) -> None:
    (hx, hy), (sx, sy) = j.hips, j.skull
    saddle = [
        (-0.08, -0.16),
        (0.62, -0.17),
        (0.66, -0.02),
        (0.56, 0.06),
        (0.48, -0.06),
        (0.34, -0.08),
        (0.3, 0.08),
        (0.14, 0.1),
        (0.06, -0.03),
        (-0.1, 0.02),
    ]
    pen.poly([(hx + x, hy + y) for x, y in saddle], pen.tint2)
    if j.pose != "lie":
        pen.oval(hx + 0.24, hy + 0.19, 0.09, 0.055, (240, 170, 170))
    pen.oval(j.muzzle[0] + 0.01, j.muzzle[1], 0.065, 0.06, (240, 178, 170))
    stroke(pen, [(sx, sy - 0.08), (sx + 0.07, sy - 0.12), (sx + 0.08, sy - 0.2)], 0.045, (236, 226, 196), 0.012)


def fluff(x: float, y: float, rx: float, ry: float, puffs: int) -> list[Point]:
    """The outline of a cloud."""
    turns = [math.pi * 2 * i / (puffs * 5) for i in range(puffs * 5)]
    return [
        (x + rx * f * math.cos(a), y + ry * f * math.sin(a))
        for a in turns
        for f in [0.88 + 0.15 * abs(math.sin(a * puffs / 2))]
    ]


def sheep_detail(pen: Pen, build: Build, j: Joints) -> None:
    x, y = (j.hips[0] + j.chest[0]) / 2, min((j.hips[1] + j.chest[1]) / 2, -0.2)
    pen.poly(fluff(x, y + 0.01, build.length * 0.98, 0.19, 10), shade(pen.tint, 0.88))
    pen.poly(fluff(x, y - 0.03, build.length * 0.85, 0.15, 9), pen.tint)
    pen.oval(j.skull[0] - 0.02, j.skull[1] - 0.05, 0.065, 0.045, pen.tint)


def goat_detail(pen: Pen, build: Build, j: Joints) -> None:
    (sx, sy), (mx, my) = j.skull, j.muzzle
    stroke(pen, [(sx + 0.02, sy - 0.03), (sx + 0.0, sy - 0.12), (sx - 0.07, sy - 0.16)], 0.034, (120, 104, 88), 0.01)
    pen.poly([(mx - 0.05, my + 0.02), (mx - 0.005, my + 0.02), (mx - 0.03, min(my + 0.11, 0))], shade(pen.tint, 0.75))


def pig_detail(pen: Pen, build: Build, j: Joints) -> None:
    mx, my = j.muzzle
    pen.limb((mx + 0.02, my), (mx + 0.05, my), 0.085, 0.09, shade(pen.tint, 0.82))
    pen.oval(mx + 0.075, my - 0.012, 0.009, 0.014, shade(pen.tint, 0.45))


def rabbit_detail(pen: Pen, build: Build, j: Joints) -> None:
    x, y = j.skull
    pen.limb((x, y - 0.02), (x + 0.012, y - 0.14), 0.034, 0.024, pen.tint)
    pen.oval(j.hips[0] - 0.07, j.hips[1] + 0.01, 0.03, 0.03, WHITE)
    pen.oval(j.muzzle[0] + 0.022, j.muzzle[1] - 0.004, 0.009, 0.007, (226, 120, 130))


def elephant_detail(pen: Pen, build: Build, j: Joints) -> None:
    (sx, sy), (mx, my) = j.skull, j.muzzle
    end = min(my + 0.62, -0.06)
    trunk = [
        (mx - 0.04, my - 0.04),
        (mx + 0.06, my + 0.16),
        (mx + 0.05, my + 0.36),
        (mx + 0.1, end),
        (mx + 0.2, end - 0.06),
    ]
    stroke(pen, trunk, 0.2, pen.tint, 0.08)
    stroke(pen, [(mx - 0.02, my + 0.08), (mx + 0.1, my + 0.2), (mx + 0.24, my + 0.17)], 0.055, WHITE, 0.015)
    ear = [
        *arc(sx - 0.12, sy + 0.02, 0.22, 0.28, 180, 350, 8),
        (sx + 0.02, sy + 0.22),
        (sx - 0.14, sy + 0.42),
        (sx - 0.3, sy + 0.24),
    ]
    pen.poly(ear, shade(pen.tint, 0.82))


BUILDS: dict[str, Build] = {
    "dog": Build(0.34, 0.36, 0.16, 0.13, 0.042, 0.13, 50, 0.12, 0.13, 0.07, 12, (0.11, 0.07, 165),
                 ((-0.2, -0.3), (-0.28, -0.62)), (0.045, 0.02), dog_detail),
    "cat": Build(0.22, 0.235, 0.105, 0.1, 0.03, 0.075, 45, 0.03, 0.125, 0.085, 20, (0.085, 0.05, 20),
                 ((-0.3, -0.05), (-0.48, -0.35), (-0.4, -0.8)), (0.034, 0.028), cat_detail),
    "horse": Build(0.62, 0.8, 0.31, 0.28, 0.066, 0.42, 54, 0.24, 0.18, 0.11, 38, (0.12, 0.06, 10),
                   ((-0.1, 0.06), (-0.17, 0.3), (-0.14, 0.56)), (0.08, 0.05), horse_detail),
    "cow": Build(0.66, 0.74, 0.38, 0.36, 0.07, 0.2, 22, 0.2, 0.2, 0.15, 35, (0.13, 0.07, 100),
                 ((-0.08, 0.04), (-0.1, 0.35), (-0.1, 0.5)), (0.03, 0.05), cow_detail),
    "sheep": Build(0.3, 0.46, 0.27, 0.26, 0.044, 0.11, 30, 0.09, 0.12, 0.08, 40, (0.08, 0.045, 110),
                   ((-0.12, 0.06), (-0.16, 0.16)), (0.08, 0.06), sheep_detail, face=True, legs=True),
    "goat": Build(0.36, 0.46, 0.2, 0.19, 0.038, 0.19, 52, 0.12, 0.11, 0.07, 34, (0.09, 0.04, 115),
                  ((-0.12, -0.08), (-0.18, -0.2)), (0.05, 0.02), goat_detail),
    "pig": Build(0.36, 0.42, 0.28, 0.27, 0.056, 0.1, 10, 0.12, 0.2, 0.1, 18, (0.1, 0.075, -25),
                 ((-0.1, -0.1), (-0.2, -0.02), (-0.16, 0.08), (-0.24, 0.02)), (0.024, 0.018), pig_detail),
    "rabbit": Build(0.1, 0.17, 0.11, 0.14, 0.034, 0.055, 40, 0.035, 0.1, 0.07, 18, (0.12, 0.034, 25),
                    ((-0.02, 0), (-0.04, 0)), (0.03, 0.03), rabbit_detail),
    "elephant": Build(0.72, 1.22, 0.66, 0.64, 0.17, 0.26, 20, 0.2, 0.44, 0.26, 40, (0.04, 0.04, 90),
                      ((-0.06, 0.06), (-0.09, 0.25), (-0.1, 0.4)), (0.04, 0.03), elephant_detail),
}  # fmt: skip

GRAZERS = ("horse", "cow", "sheep", "goat")
SITTERS = ("dog", "cat")


def _poses(name: str) -> dict[str, Draw]:
    names = ["stand", "run", "lie"] + ["graze"] * (name in GRAZERS) + ["sit"] * (name in SITTERS)
    return {pose: partial(quadruped, build=BUILDS[name], pose=pose) for pose in names}


ANIMAL_POSES: dict[str, dict[str, Callable[[Pen], None]]] = {name: _poses(name) for name in BUILDS} | BIRD_POSES


def _mouth(build: Build) -> Point:
    x, y = joints(build, "stand").muzzle
    return round(x + build.muzzle * 0.4, 3), round(y + build.muzzle * 0.2, 3)


MOUTHS: dict[str, Point] = {name: _mouth(build) for name, build in BUILDS.items()} | BIRD_MOUTHS
BACKS: dict[str, float] = {name: build.back for name, build in BUILDS.items()}

COATS = {
    "dog": (
        ((176, 120, 66), (226, 200, 160), (86, 66, 54), (206, 160, 96), (60, 58, 60)),
        ((206, 56, 50), (52, 110, 190)),
    ),
    "cat": (((226, 142, 62), (130, 130, 136), (66, 62, 64), (232, 214, 186)), (WHITE,)),
    "horse": (
        ((142, 84, 48), (96, 62, 44), (200, 196, 188), (176, 116, 62)),
        ((58, 42, 36), (226, 196, 140), (40, 38, 40)),
    ),
    "cow": (((244, 240, 232), (240, 226, 204)), ((60, 54, 54), (150, 88, 52))),
    "sheep": (((246, 242, 230), (234, 228, 212)), ((60, 54, 54), (206, 180, 150))),
    "goat": (((222, 212, 194), (160, 120, 84), (120, 112, 106)), (WHITE,)),
    "pig": (((242, 172, 168), (234, 152, 152), (226, 176, 156)), (WHITE,)),
    "rabbit": (((186, 156, 124), (150, 142, 138), (240, 236, 228)), (WHITE,)),
    "elephant": (((142, 146, 156), (122, 126, 136), (156, 150, 148)), (WHITE,)),
}
ANIMALS: dict[str, Thing] = {
    name: standing(ANIMAL_POSES[name]["stand"], tints, tints2) for name, (tints, tints2) in COATS.items()
} | BIRDS
