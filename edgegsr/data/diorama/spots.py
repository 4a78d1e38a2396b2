"""Where things go: one small function per anchor name of verbs.toml.

An anchor reads what is already placed in an `Act` and answers with a `Spot`. Layers are painted from low to high:
the agent's far limbs are at 20, the body at 30, things in the hands at 40, the near arm at 50.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgegsr.data.diorama.canvas import Point
from edgegsr.data.diorama.things import BACKS, HANDLES, MOUTHS, SEATS, THINGS, extent

if TYPE_CHECKING:
    from edgegsr.data.diorama.act import Act

TABLE_TOP = 0.42
FAR, BEHIND, BACK, HELD, FRONT = 5, 12, 25, 40, 60

LEVEL = {"drill": 90.0, "hose": 90.0, "watering_can": 22.0, "spray_bottle": 0.0, "iron": 0.0}
DECKS = {"bed": 0.30, "sofa": 0.27, "rug": 0.02, "skateboard": 0.09, "surfboard": 0.05, "ski": 0.03, "sled": 0.13}
CHAIRS = ("chair", "bench", "stool", "sofa")


@dataclass(frozen=True)
class Spot:
    """Where a thing is drawn: in stage units around the feet of the agent."""

    at: Point
    layer: int
    turn: float = 0.0
    mirror: bool = False
    scale: float = 1.0


def _left_at(x: float, layer: int = BEHIND) -> Callable[[Act, str], Spot]:
    """A thing on the ground, or on the wall, whose left edge is at x."""
    return lambda act, noun: Spot((x - extent(noun)[0] + act.dice.uniform(0, 0.05), _lift(noun)), layer)


def _lift(noun: str) -> float:
    return -0.7 if THINGS[noun].kind == "hung" else 0.0


def _right_at(x: float, layer: int = BEHIND) -> Callable[[Act, str], Spot]:
    return lambda act, noun: Spot((x - extent(noun)[2] - act.dice.uniform(0, 0.05), 0.0), layer)


def _front(act: Act, noun: str) -> Spot:
    """Before the agent; what is pushed has its handle in the hands."""
    if noun in HANDLES and "push" in act.arms:
        return Spot((act.hand[0] - HANDLES[noun][0], 0.0), BEHIND)
    return _left_at(0.28)(act, noun)


def _hand(act: Act, noun: str) -> Spot:
    return Spot(act.hand, HELD, 0.0 if act.upright(noun) else act.turn)


def _hold(act: Act, noun: str) -> Spot:
    _, y1, _, y2 = extent(noun)
    if y2 - y1 > 0.5:  # a broom in the arms is held across them
        return Spot(act.hand, HELD, math.radians(58))
    return Spot((act.hand[0], act.hand[1] + (0.02 if act.upright(noun) else 0.0)), HELD, act.dice.uniform(-0.12, 0.12))


def _tilt(act: Act, noun: str) -> Spot:
    """A vessel that follows the arm instead of staying upright."""
    return Spot(act.hand, HELD, act.turn)


def _level(act: Act, noun: str) -> Spot:
    return Spot(act.hand, HELD, math.radians(LEVEL.get(noun, 0.0)))


def _floor_tool(act: Act, noun: str) -> Spot:
    """A long tool from the hand to the ground in front."""
    length = -extent(noun)[1]
    turn = math.acos(max(-1.0, min(1.0, (act.hand[1] + 0.02) / length)))
    return Spot(act.hand, HELD, turn)


def _rod(act: Act, noun: str) -> Spot:
    turn = math.radians(50)
    tip = _tip_of(act.hand, noun, turn)
    act.cord(tip, (tip[0] + 0.12, 0.22), HELD, width=0.008)
    return Spot(act.hand, HELD, turn)


def _tip_of(hand: Point, noun: str, turn: float) -> Point:
    length = -extent(noun)[1]
    return hand[0] + length * math.sin(turn), hand[1] - length * math.cos(turn)


def _tip(act: Act, noun: str) -> Spot:
    x1, _, x2, _ = extent(noun)
    return Spot((act.spots["tip"][0] + 0.10 + (x2 - x1) * 0.3, 0.05), FRONT)


def _table(act: Act, noun: str) -> Spot:
    left = max(0.16, act.hand[0] - 0.12)
    table = act.prop("table", Spot((left - extent("table")[0], 0.0), BACK))
    low = extent(noun)[3]
    x = max(act.hand[0] + 0.10, table[0] - 0.26) if noun != "laptop" else act.hand[0] + 0.05
    act.spots["top"] = (x, -TABLE_TOP + extent(noun)[1] - low)
    return Spot((x, -TABLE_TOP - low), BACK + 1)


def _stream(act: Act, noun: str) -> Spot:
    return Spot((act.spots["tip"][0], act.spots["tip"][1] + 0.01), HELD - 1)


def _far(act: Act, noun: str) -> Spot:
    lift = -0.75 if noun == "bird" else _lift(noun)
    return Spot((act.dice.uniform(0.78, 0.95) - extent(noun)[0], lift), FAR)


def _air(act: Act, noun: str) -> Spot:
    reach = 0.30 if "catch" in act.arms else 0.46
    return Spot((reach + act.dice.uniform(0.04, 0.14), act.hand[1] - act.dice.uniform(0.02, 0.14)), FRONT)


def _foot(act: Act, noun: str) -> Spot:
    x, y = act.feet
    return Spot((x + 0.15, y - 0.02), FRONT)


def _over(act: Act, noun: str) -> Spot:
    x1, y1, x2, y2 = extent(noun)
    return Spot((act.hand[0] - (x1 + x2) / 2 - 0.03, act.hand[1] - (y2 if noun == "box" else (y1 + y2) / 2)), HELD)


def _above(act: Act, noun: str) -> Spot:
    x, y = act.spots["tip"]
    return Spot((x - 0.02, y - act.dice.uniform(0.20, 0.32)), FRONT, act.dice.uniform(-0.6, 0.6))


def _top(act: Act, noun: str) -> Spot:
    x, y = act.spots["front"]
    return Spot((x, y - extent(noun)[3]), BEHIND + 1)


def _loaded(act: Act, noun: str) -> Spot:
    return Spot((act.hand[0] + 0.08, act.hand[1] - extent(noun)[3] - 0.02), HELD + 1)


def _under(act: Act, noun: str) -> Spot:
    x1, y1, x2, _ = extent(noun)
    if noun in CHAIRS and act.posture == "sit":
        return Spot((-(x1 + x2) / 2 * 0.6, 0.0), BEHIND - 4)
    deck = DECKS.get(noun, -y1 * 0.93)
    act.base = (0.0, -(deck - 0.27) if act.posture == "sit" else -deck)
    return Spot((-(x1 + x2) / 2, 0.0), BEHIND)


def _mount(act: Act, noun: str) -> Spot:
    x, y = SEATS.get(noun) or (0.0, -BACKS[noun])
    act.base = (x + act.dice.uniform(-0.03, 0.03), y - 0.02)
    return Spot((0.0, 0.0), 22)


def _aboard(act: Act, noun: str) -> Spot:
    act.base = (-0.15, -0.06)
    return Spot((0.0, 0.06), 55)


def _scale(act: Act, noun: str) -> Spot:
    x1, _, x2, _ = extent(noun)
    x = 0.19 - (x1 if noun == "wall" else (x1 + x2) / 2)
    return Spot((x, 0.0), BEHIND)


def _facing(act: Act, noun: str) -> Spot:
    """An animal that looks at the agent, its mouth at the hand."""
    return Spot((act.hand[0] + 0.05 + MOUTHS[noun][0], 0.0), BEHIND, mirror=True)


def _flee(act: Act, noun: str) -> Spot:
    lift = -0.3 if noun == "bird" else 0.0
    return Spot((act.front + 0.28 - extent(noun)[0], lift), BEHIND)


def _muzzle(act: Act, noun: str) -> Spot:
    x1, _, x2, _ = extent(noun)
    lift = -extent(noun)[3] if act.upright(noun) and extent(noun)[3] > 0.03 else 0.0
    return Spot((act.hand[0] + 0.03 + (x2 - x1) * 0.25 - (x1 + x2) / 2, lift), FRONT)


def _sky(act: Act, noun: str) -> Spot:
    at = (act.hand[0] + act.dice.uniform(0.35, 0.6), act.hand[1] - act.dice.uniform(0.35, 0.6))
    act.cord(act.hand, at, FRONT, width=0.008)
    return Spot(at, FRONT, act.dice.uniform(0.3, 0.8))


def _below(act: Act, noun: str) -> Spot:
    x1, _, x2, _ = extent(noun)
    return Spot((-(x1 + x2) / 2, 0.06), BEHIND)


def _under_hand(act: Act, noun: str) -> Spot:
    return Spot((act.hand[0] + 0.03, act.dice.uniform(-0.26, -0.12)), FRONT)


def _board(act: Act, noun: str) -> Spot:
    return Spot((0.30 - extent(noun)[0], 0.0), FAR)


SPOTS: dict[str, Callable[[Act, str], Spot]] = {
    "hand": _hand,
    "hold": _hold,
    "tilt": _tilt,
    "level": _level,
    "floor": _floor_tool,
    "rod": _rod,
    "tip": _tip,
    "table": _table,
    "stream": _stream,
    "front": _front,
    "close": _left_at(0.12),
    "low": _left_at(0.34, FRONT),
    "far": _far,
    "behind": _right_at(-0.36),
    "follower": _right_at(-0.38),
    "heel": _right_at(-0.22, FRONT),
    "air": _air,
    "foot": _foot,
    "over": _over,
    "above": _above,
    "top": _top,
    "loaded": _loaded,
    "under": _under,
    "mount": _mount,
    "aboard": _aboard,
    "scale": _scale,
    "rest": _right_at(-0.12),
    "facing": _facing,
    "flee": _flee,
    "muzzle": _muzzle,
    "sky": _sky,
    "below": _below,
    "backdrop": lambda act, noun: Spot((-0.1, 0.12), FAR),
    "under_hand": _under_hand,
    "board": _board,
}
FIRST = ("under", "mount", "aboard", "scale")  # they say where the agent is
LAST = ("tip", "top", "loaded", "stream", "above", "cord")  # they ask where other things are
