"""Pictures with several people at once, each with something of their own to do: the staged world of interactions.

`crowd(seed, index)` is a pure function of its arguments, like `scene`. A pair is a person and what that person deals
with, under every verb that is true of the two: somebody sweeps with a broom, and holds it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np
import numpy.typing as npt

from edgegsr.data.diorama import figures
from edgegsr.data.diorama.act import PARTNERS, PREDICATES, Act, Entity
from edgegsr.data.diorama.canvas import Canvas, Pen
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.light import light
from edgegsr.data.diorama.places import PLACES
from edgegsr.data.diorama.script import Put, Verb, verbs
from edgegsr.data.diorama.spots import FIRST
from edgegsr.data.diorama.stage import WATERY, Seen, clutter, visible
from edgegsr.interactions import PERSON
from edgegsr.situation import Box

SIZE_WH = (288, 192)
BACKDROP_WH = (4.6, 3.6)  # what a camera may see of a place, in stage units
WIDEST = 4.0  # of all acts together
HOW_MANY = {1: 0.15, 2: 0.6, 3: 0.25}  # people with something to do
HANDLING = {  # what the scene graph says of somebody and something, as a verb; the rest is told by the act alone
    "holds": "holding", "is on": "riding or standing on", "is in": "being in", "hangs on": "climbing on",
    "leans on": "leaning on", "is above": "hovering over", "pulls": "pulling", "leads": "leading", "faces": "facing",
    "embraces": "embracing", "touches": "touching", "is before": "standing before", "looks at": "looking at",
    "is at": "working at", "throws": "throwing up",
}  # fmt: skip
NOWHERE = ("ground", "part", "none", "empty", "thumb", "pole")  # puts of which nothing is drawn as a thing
TOOLS = ("+tool", "+ski", "+vehicle", "+bed", "+grill", "+easel", "+oar")  # props that the act is done with
TAIL = 1 / 12  # how often the least frequent act is staged beside the most frequent one
SHARE = 0.2  # of the kinds, the objects or the verbs, that a zero-shot setting keeps out


@dataclass(frozen=True)
class Pair:
    """A person and a thing, by their places in `Crowd.seen`, and what is true of them."""

    human: int
    thing: int
    verbs: tuple[str, ...]


@dataclass(frozen=True)
class Crowd:
    """A picture, everybody and everything in it, and who deals with what."""

    place: str
    pixels: npt.NDArray[np.uint8]  # (H, W, 3)
    seen: tuple[Seen, ...]
    pairs: tuple[Pair, ...]


@cache
def castable() -> dict[str, Verb]:
    """The verbs that a person may perform in a crowd: on dry land, with something that can be seen."""
    return {
        name: verb
        for name, verb in verbs().items()
        if verb.posture and not verb.cast and any(map(_drawn, verb.puts)) and _land(verb)
    }


@cache
def weights() -> dict[str, float]:
    """How often each act is staged: a long tail, in an order of its own."""
    ranked = Dice("crowd", "tail").shuffle(sorted(castable()))
    return {name: TAIL ** (rank / (len(ranked) - 1)) for rank, name in enumerate(ranked)}


def crowd(seed: object, index: int) -> Crowd:
    """The picture with this number: the same on every platform."""
    dice = Dice("crowd", seed, index)
    first = castable()[dice.weigh(weights())]
    place = dice.pick(_land(first))
    ids = count(1)
    fitting = {name: weights()[name] for name, verb in castable().items() if place in verb.places}
    names = [first.name, *(dice.weigh(fitting) for _ in range(dice.weigh(HOW_MANY) - 1))]
    acts = [Act(castable()[name], place, dice, ids).rehearse() for name in names]
    layer, focus = _side_by_side(acts, dice)

    canvas = Canvas()
    PLACES[place].draw(Pen(canvas, 0), dice)
    clutter(canvas, dice, PLACES[place].indoor, ids, focus)
    canvas.append(layer)
    camera = _camera(dice, focus)
    pixels, owner = canvas.render(SIZE_WH, camera)
    whole = canvas.boxes(camera)
    entities = [entity for act in acts for entity in act.entities]
    seen = tuple(Seen(entity, visible(owner, entity.id, whole.get(entity.id))) for entity in entities)
    return Crowd(place, light(pixels, dice), seen, tuple(_pairs(acts, seen)))


def _side_by_side(acts: list[Act], dice: Dice) -> tuple[Canvas, Box]:
    """The acts from left to right, who stands further back painted first, and the box around all of them."""
    placed: list[tuple[float, Act, float, float, bool]] = []
    right = 0.0
    for act in acts:
        mirror, scale = dice.chance(0.5), dice.uniform(0.8, 1.0)
        alone = Canvas()
        act.paint(alone, (0.0, 0.0), scale, mirror)
        x1, _, x2, _ = alone.bounds()
        placed.append((-0.35 * (1 - scale), act, right - x1, scale, mirror))
        right += x2 - x1 + dice.uniform(-0.06, 0.22)
    layer, fit = Canvas(), min(1.0, WIDEST / right)
    for y, act, x, scale, mirror in sorted(placed, key=lambda each: each[0]):
        act.paint(layer, ((x - right / 2) * fit, y), scale * fit, mirror)
    return layer, layer.bounds()


def _camera(dice: Dice, focus: Box) -> npt.NDArray[np.float64]:
    """Stage units to pixels: all of the focus is in the frame, tilted a little."""
    w, h = SIZE_WH
    x1, y1, x2, y2 = focus
    scale = min(w / max(x2 - x1, 0.9), h / max(y2 - y1, 0.9)) * dice.uniform(0.78, 0.95)
    scale = max(scale, w / BACKDROP_WH[0], h / BACKDROP_WH[1])
    tilt = math.radians(dice.uniform(-3, 3))
    slack_x, slack_y = max(w - (x2 - x1) * scale, 0.0) / 2, max(h - (y2 - y1) * scale, 0.0) / 2
    cx, cy = w / 2 + slack_x * dice.uniform(-0.6, 0.6), h / 2 + slack_y * dice.uniform(-0.5, 0.5)
    cos, sin = math.cos(tilt) * scale, math.sin(tilt) * scale
    mx, my = (x1 + x2) / 2, (y1 + y2) / 2
    return np.array([[cos, -sin, cx - cos * mx + sin * my], [sin, cos, cy - sin * mx - cos * my]])


def _pairs(acts: list[Act], seen: tuple[Seen, ...]) -> Iterator[Pair]:
    """Every person with everything of their act that the camera sees."""
    place = {each.entity.id: i for i, each in enumerate(seen)}
    for act in acts:
        person = act.entities[0]
        true: dict[int, list[str]] = {}
        for subject, predicate, other in act.relations:
            if subject == person.id and predicate in HANDLING:
                true.setdefault(other, []).append(HANDLING[predicate])
        for entity in act.entities[1:]:
            said = [*([act.verb.name] if names(act.verb, entity) else []), *true.get(entity.id, ())]
            human, thing = place[person.id], place[entity.id]
            if said and seen[human].box_xyxy and seen[thing].box_xyxy:
                yield Pair(human, thing, tuple(dict.fromkeys(said)))


def names(verb: Verb, entity: Entity) -> bool:
    """Whether the verb's name says something of the person and this: every filler, and what it is done with."""
    return bool(entity.role) or any(put.role in TOOLS and entity.noun in put.nouns for put in verb.puts)


def noun_of(noun: str) -> str:
    """What a pair's object is called: people are persons, whoever they are."""
    return PERSON if noun in figures.PEOPLE else noun


# --- the words ---


@cache
def kinds() -> dict[tuple[str, str], float]:
    """(verb, object) -> how often it is staged in a picture with one act, most frequent first."""
    expected: defaultdict[tuple[str, str], float] = defaultdict(float)
    total = sum(weights().values())
    for name, verb in castable().items():
        for put in filter(_drawn, verb.puts):
            often = weights()[name] / total / len(put.nouns) * (0.5 if put.optional else 1)
            said = [] if put.is_prop and put.role not in TOOLS else [name]
            for noun in put.nouns:
                handling = HANDLING.get(_predicate(put, noun))
                for word in dict.fromkeys([*said, *([handling] if handling else [])]):
                    expected[word, noun_of(noun)] += often
    return dict(sorted(expected.items(), key=lambda each: (-each[1], each[0])))


@cache
def unseen() -> Mapping[str, frozenset[tuple[str, str]]]:
    """The kinds that each zero-shot setting keeps out: rare ones first, frequent ones first, by object, by verb.

    Compositions leave every verb and every object with another kind that training shows.
    """
    words = list(kinds())
    objects = _chosen("object", [noun for _, noun in words if noun != PERSON])
    acts = _chosen("verb", [verb for verb, _ in words if verb not in HANDLING.values()])
    return {
        "rf_uc": _compositions(words[::-1]),
        "nf_uc": _compositions(words),
        "uo": frozenset(kind for kind in words if kind[1] in objects),
        "uv": frozenset(kind for kind in words if kind[0] in acts),
    }


def _compositions(ranked: list[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    left = [Counter(kind[side] for kind in ranked) for side in (0, 1)]
    out: set[tuple[str, str]] = set()
    for kind in ranked:
        if len(out) < SHARE * len(ranked) and all(left[side][kind[side]] > 1 for side in (0, 1)):
            out.add(kind)
            for side in (0, 1):
                left[side][kind[side]] -= 1
    return frozenset(out)


def _chosen(what: str, words: list[str]) -> frozenset[str]:
    ranked = Dice("crowd", "unseen", what).shuffle(sorted(set(words)))
    return frozenset(ranked[: round(SHARE * len(ranked))])


def _predicate(put: Put, noun: str) -> str:
    """What `Act` writes into its scene graph when it puts this."""
    if put.where in FIRST:
        return "is on"
    if put.where in PARTNERS and noun in figures.PEOPLE:
        return PREDICATES.get(put.where, "is beside")
    return {"arc": "throws", "cord": "holds"}.get(put.where) or PREDICATES.get(put.where, "acts on")


def _drawn(put: Put) -> bool:
    return put.where not in NOWHERE and bool(put.nouns)


def _land(verb: Verb) -> tuple[str, ...]:
    return tuple(place for place in verb.places if PLACES[place].ground not in WATERY)
