"""One scene of Diorama: a verb performed at a place, others around it, a camera, light, and what can be seen of it.

`scene(seed, index)` is a pure function of its arguments; everything else (files, loaders, teachers) asks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
import numpy.typing as npt

from edgegsr.data.diorama import figures
from edgegsr.data.diorama.act import Act, Entity
from edgegsr.data.diorama.canvas import Canvas, Pen
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.light import light
from edgegsr.data.diorama.places import PLACES
from edgegsr.data.diorama.script import Verb, verbs
from edgegsr.data.diorama.things import THINGS, extent
from edgegsr.situation import Box

SIZES_WH = ((224, 224), (256, 196), (196, 256))
MIN_PIXELS = 12  # fewer visible pixels are no box
MIN_VISIBLE = 0.2  # of the box that would be there without occlusion and frame

OUTDOOR_THINGS = tuple("bush rock tree bench trash_can mailbox barrel bird flower sign hay stump cat bucket".split())
INDOOR_THINGS = tuple("chair box lamp potted_plant basket bag stool ball cat bucket suitcase trash_can".split())
LYING_TOOLS = """
    broom mop rake shovel hammer saw drill comb feather_duster knife pencil sponge video_camera umbrella
    book brush bat iron
    """.split()
OCCLUDERS = tuple("bush box grass_tuft rock barrel potted_plant".split())
WATERY = ("water",)

# what bystanders may do: little room, no partner, nothing unseen
SIDE_VERBS = """
    running waving reading phoning carrying kicking drinking dancing sitting photographing sweeping
    juggling biking kneeling crawling singing strumming skating throwing
    """.split()


@dataclass(frozen=True)
class Seen:
    """An entity with what the camera sees of it."""

    entity: Entity
    box_xyxy: Box | None


@dataclass(frozen=True)
class Scene:
    """A picture and everything that is true of it."""

    verb: str
    place: str
    pixels: npt.NDArray[np.uint8]  # (H, W, 3)
    fillers: dict[str, str]  # role -> noun, "" where the role is empty
    boxes: dict[str, Box | None]  # role -> what is visible of its filler
    seen: tuple[Seen, ...]  # agent first, then what it deals with, then the others
    relations: tuple[tuple[int, str, int], ...]  # entity id, predicate, entity id
    mirrored: bool

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]


def scene(seed: object, index: int, verb: str) -> Scene:
    """The scene with this number of a verb: the same on every platform."""
    dice = Dice("diorama", seed, verb, index)
    script = verbs()[verb]
    place = dice.pick(script.places)
    ids = count(1)
    act = Act(script, place, dice, ids).rehearse()
    mirrored = dice.chance(0.5)
    middle = Canvas()
    act.paint(middle, (0.0, 0.0), 1.0, mirrored)
    focus = middle.bounds() if act.posture else (-0.8, -1.2, 0.8, 0.3)

    canvas = Canvas()
    PLACES[place].draw(Pen(canvas, 0), dice)
    others = _others(canvas, dice, place, ids, focus) if act.posture or dice.chance(0.6) else []
    canvas.append(middle)
    if dice.chance(0.12) and PLACES[place].ground not in WATERY:
        _occluder(canvas, dice, ids, focus)

    size_wh = _format(dice, focus)
    camera = _camera(dice, size_wh, focus)
    pixels, owner = canvas.render(size_wh, camera)
    return _record(act, others, place, light(pixels, dice), owner, canvas.boxes(camera), mirrored)


def _record(
    act: Act,
    others: list[Act],
    place: str,
    pixels: npt.NDArray[np.uint8],
    owner: npt.NDArray[np.uint8],
    whole: dict[int, Box],
    mirrored: bool,
) -> Scene:
    entities = [entity for each in (act, *others) for entity in each.entities]
    seen = tuple(Seen(entity, visible(owner, entity.id, whole.get(entity.id))) for entity in entities)
    by_role = {s.entity.role: s.box_xyxy for s in seen[: len(act.entities)] if s.entity.role}
    fillers = {role: place if role == "place" else act.fillers.get(role, "") for role in act.verb.frame.roles}
    relations = [relation for each in (act, *others) for relation in each.relations]
    relations += [
        (each.entities[0].id, each.verb.name, e.id) for each in (act, *others) for e in each.entities[1:] if e.role
    ]
    boxes = {role: by_role.get(role) for role in act.verb.frame.roles}
    return Scene(act.verb.name, place, pixels, fillers, boxes, seen, tuple(relations), mirrored)


def visible(owner: npt.NDArray[np.uint8], who: int, whole: Box | None) -> Box | None:
    """What the camera sees of somebody or something; nothing where that is too little."""
    if whole is None:
        return None
    mask = cv2.inRange(owner, who, who)
    x, y, w, h = cv2.boundingRect(mask)
    area = max((whole[2] - whole[0]) * (whole[3] - whole[1]), 1.0)
    if w * h < MIN_VISIBLE * area or cv2.countNonZero(mask) < MIN_PIXELS:
        return None
    return float(x), float(y), float(x + w), float(y + h)


def _format(dice: Dice, focus: Box) -> tuple[int, int]:
    """Upright or wide as a photographer would choose for this focus."""
    ratio = (focus[2] - focus[0]) / (focus[3] - focus[1])
    fitting = [size for size in SIZES_WH if (ratio < 1.3 or size[0] >= size[1]) and (ratio > 0.5 or size[0] <= size[1])]
    return dice.pick(fitting)


def _camera(dice: Dice, size_wh: tuple[int, int], focus: Box) -> npt.NDArray[np.float64]:
    """Stage units to pixels: the focus fills the frame more or less, tilted a little."""
    w, h = size_wh
    x1, y1, x2, y2 = focus
    wide, high = max(x2 - x1, 0.7), max(y2 - y1, 0.7)
    scale = min(w / wide, h / high) * dice.uniform(0.66, 0.94)
    scale = max(min(scale, h / 1.15), w / 4.8, h / 3.8)
    tilt = math.radians(dice.uniform(-5, 5))
    slack_x, slack_y = max(w - wide * scale, 0.0) / 2, max(h - high * scale, 0.0) / 2
    cx = w / 2 + slack_x * dice.uniform(-0.7, 0.7)
    cy = h / 2 + slack_y * dice.uniform(-0.5, 0.5)
    cos, sin = math.cos(tilt) * scale, math.sin(tilt) * scale
    mx, my = (x1 + x2) / 2, (y1 + y2) / 2
    return np.array([[cos, -sin, cx - cos * mx + sin * my], [sin, cos, cy - sin * mx - cos * my]])


def _others(canvas: Canvas, dice: Dice, place: str, ids: count[int], focus: Box) -> list[Act]:
    """Clutter behind, and sometimes people further back who do something else."""
    x1, _, x2, _ = focus
    wet = PLACES[place].ground in WATERY
    if not wet:
        clutter(canvas, dice, PLACES[place].indoor, ids, focus)
    acts: list[Act] = []
    for side in (-1, 1):
        if wet or not dice.chance(0.22):
            continue
        idle = not dice.chance(0.7)
        other = _idle(place, dice, ids) if idle else Act(verbs()[dice.pick(SIDE_VERBS)], place, dice, ids)
        other.rehearse()
        x = (x1 if side < 0 else x2) + side * dice.uniform(0.15, 0.5)
        other.paint(canvas, (x, -dice.uniform(0.08, 0.2)), dice.uniform(0.55, 0.72), side > 0)
        if idle:
            other.entities[0].verb = ""
        acts.append(other)
    return acts


def _idle(place: str, dice: Dice, ids: count[int]) -> Act:
    """Somebody who just stands there."""
    template = verbs()["bowing"]
    return Act(
        Verb(template.frame, "common", (), (place,), ("stand", "walk"), ("hang", "hips"), (), (), False),
        place,
        dice,
        ids,
    )


def clutter(canvas: Canvas, dice: Dice, indoor: bool, ids: count[int], focus: Box) -> None:
    """Things that lie and stand about."""
    for _ in range(dice.integer(4)):
        side = dice.sign()
        x = (focus[2] if side > 0 else focus[0]) + side * dice.uniform(-0.05, 0.8)
        lying = dice.chance(0.35)
        noun = dice.pick(LYING_TOOLS if lying else INDOOR_THINGS if indoor else OUTDOOR_THINGS)
        thing = THINGS[noun]
        turn = dice.sign() * math.radians(dice.uniform(80, 98)) if lying and not thing.upright else 0.0
        y = -dice.uniform(0.0, 0.16)
        if thing.kind == "held" and thing.upright:
            y -= extent(noun)[3]
        pen = Pen(
            canvas,
            next(ids),
            (x, y),
            dice.uniform(0.75, 1.0),
            turn,
            dice.chance(0.5),
            dice.pick(thing.tints),
            dice.pick(thing.tints2),
        )
        thing.draw(pen)


def _occluder(canvas: Canvas, dice: Dice, ids: count[int], focus: Box) -> None:
    noun = dice.pick(OCCLUDERS)
    thing = THINGS[noun]
    x = dice.uniform(focus[0], focus[2])
    y = dice.uniform(0.2, 0.34) - (extent(noun)[3] if thing.kind == "held" else 0.0)
    thing.draw(
        Pen(
            canvas,
            next(ids),
            (x, y),
            dice.uniform(0.7, 1.0),
            0.0,
            dice.chance(0.5),
            dice.pick(thing.tints),
            dice.pick(thing.tints2),
        )
    )


def people(seen: tuple[Seen, ...]) -> list[Seen]:
    """The people among what is seen."""
    return [s for s in seen if s.entity.noun in figures.PEOPLE]
