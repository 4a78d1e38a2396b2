"""One four-legged body for all: proportions make the species, the pose moves the joints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgegsr.data.diorama.canvas import Colour, Pen, Point, shade
from edgegsr.data.diorama.things.shapes import stroke
from edgegsr.data.diorama.things.thing import INK


@dataclass(frozen=True)
class Joints:
    hips: Point
    chest: Point
    skull: Point
    muzzle: Point
    pose: str


@dataclass(frozen=True)
class Build:
    """Lengths in heights of an adult, angles in degrees. The chest is thicker than the waist in most animals."""

    length: float  # hips to chest
    back: float  # height of the back above the ground
    girth: float
    waist: float
    leg: float
    neck: float
    rise: float  # of the neck above the horizontal
    head: float  # skull to muzzle
    skull: float
    muzzle: float
    dip: float  # of the muzzle below the horizontal
    ear: tuple[float, float, float]  # length, width, direction (0 up, positive towards the back)
    tail: tuple[Point, ...]  # from the rump, in units of the back's height
    tail_width: tuple[float, float]
    detail: Callable[[Pen, Build, Joints], None]
    face: bool = False  # the head has the second colour
    legs: bool = False  # the legs have the second colour


# Far and near legs: (hind knee, hind foot, its lift, front knee, front foot, its lift), in leg lengths
Gait = tuple[float, float, float, float, float, float]
GAITS: dict[str, tuple[Gait, Gait]] = {
    "stand": ((0.12, 0.2, 0, -0.14, -0.16, 0), (-0.12, -0.06, 0, 0.04, 0.04, 0)),
    "run": ((0.22, 0.0, 0.03, 0.1, -0.2, 0.3), (-0.3, -0.7, 0.12, 0.45, 0.68, 0.2)),
}


def joints(build: Build, pose: str) -> Joints:
    """Where hips, chest and head of this build are in this pose."""
    half = build.length / 2
    rise, dip, neck = build.rise, build.dip, build.neck
    hips, chest = (-half, build.waist / 2 - build.back), (half, build.girth / 2 - build.back)
    if pose == "lie":
        hips, chest = (-half, -build.waist * 0.48), (half, -build.girth * 0.5)
    elif pose == "sit":
        hips, chest = (-half * 0.75, -build.waist * 0.6), (half * 0.3, -build.back * 0.92)
        rise = 65
    elif pose == "run":
        rise, dip = rise * 0.7, dip * 0.8
    x, y = chest[0] + build.girth * 0.12, chest[1] - build.girth * 0.18
    if pose == "graze":
        dip = 62
        drop = -(build.head * math.sin(math.radians(dip)) + build.muzzle * 0.55) - y
        rise, neck = -56, max(drop / math.sin(math.radians(56)), build.girth * 0.3)
    up, down = math.radians(rise), math.radians(dip)
    skull = (x + neck * math.cos(up), y - neck * math.sin(up))
    return Joints(
        hips, chest, skull, (skull[0] + build.head * math.cos(down), skull[1] + build.head * math.sin(down)), pose
    )


def walking_legs(pen: Pen, build: Build, j: Joints, far: bool) -> None:
    gait = GAITS["run" if j.pose == "run" else "stand"][not far]
    coat = pen.tint2 if build.legs else pen.tint
    colour = shade(coat, 0.68 if far else 0.93)
    for (x, y), (knee, foot, lift) in ((j.hips, gait[:3]), (j.chest, gait[3:])):
        reach = -y
        path = [(x, y), (x + knee * reach, y * 0.48), (x + foot * reach, -lift * reach)]
        stroke(pen, path, build.leg * 1.7, colour, build.leg)


def folded_legs(pen: Pen, build: Build, j: Joints) -> None:
    """The legs of who lies or sits."""
    colour = shade(pen.tint2 if build.legs else pen.tint, 0.88)
    w, hx, (cx, cy) = build.leg, j.hips[0], j.chest
    pen.oval(hx + w * 0.4, -build.waist * 0.42, build.waist * 0.6, build.waist * 0.42, colour)
    pen.limb((hx, -w * 0.5), (hx + build.back * 0.38, -w * 0.5), w, w, colour)
    if j.pose == "sit":
        stroke(pen, [(cx + w, cy * 0.9), (cx + w * 1.5, cy * 0.4), (cx + w * 1.6, 0)], w * 1.4, shade(colour, 0.85), w)
        stroke(pen, [(cx - w * 0.2, cy * 0.8), (cx, cy * 0.4), (cx + w * 0.4, 0)], w * 1.4, colour, w)
    else:
        pen.limb((cx - w, -w * 0.6), (cx + build.back * 0.45, -w * 0.5), w * 1.2, w, colour)


def ear(pen: Pen, build: Build, j: Joints, colour: Colour) -> None:
    length, width, turn = build.ear
    a = math.radians(turn)
    x, y = j.skull[0] - build.skull * 0.15, j.skull[1] - build.skull * 0.32
    tip = (x - length * math.sin(a), y - length * math.cos(a))
    pen.limb((x, y), tip, width, width * 0.35, colour)


def quadruped(pen: Pen, build: Build, pose: str) -> None:
    """The animal in one of the poses stand, run, graze, lie and sit, facing right."""
    j = joints(build, pose)
    coat, face = pen.tint, pen.tint2 if build.face else pen.tint
    upright = pose not in ("lie", "sit")
    if upright:
        walking_legs(pen, build, j, far=True)
    rump = (j.hips[0] - build.waist * 0.4, j.hips[1] - build.waist * 0.2)
    tail = [rump, *[(rump[0] + x * build.back, min(rump[1] + y * build.back, -0.02)) for x, y in build.tail]]
    stroke(pen, tail, build.tail_width[0], shade(coat, 0.8), build.tail_width[1])
    pen.limb(j.hips, j.chest, build.waist, build.girth, coat)
    base = (j.chest[0] + build.girth * 0.08, j.chest[1] - build.girth * 0.12)
    pen.limb(base, j.skull, build.girth * 0.6, build.skull * 0.85, coat)
    if upright:
        walking_legs(pen, build, j, far=False)
    else:
        folded_legs(pen, build, j)
    pen.limb(j.skull, j.muzzle, build.skull, build.muzzle, face)
    build.detail(pen, build, j)
    ear(pen, build, j, shade(face, 0.7))
    eye = build.skull * 0.1 + 0.004
    pen.oval(j.skull[0] + build.skull * 0.2, j.skull[1] - build.skull * 0.12, eye, eye, INK)
