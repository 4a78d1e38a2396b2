"""How far a graph of pairs is from its student, on photos: its numbers, and the interactions that they decode to.

Which cells pairs begin with is a choice, as the verb of a situation is: of two that are equally likely one is taken by
a hair. So numbers are compared where the student begins with the cells of the graph, and how often both choose the
same cells is told beside them. In 8 bits another choice is like that: between two humans that are equally likely, a
query takes one by a step. Nobody is told of a query that is hardly a pair, so its boxes are not compared there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.boxes import iou
from edgegsr.bundle import PAIR_OUTPUTS
from edgegsr.data.pairs import PairSplit
from edgegsr.export.onnx import SaidPairs
from edgegsr.export.parity import BATCH, Apart, Parity, spread
from edgegsr.interactions import Kinds
from edgegsr.progress import track
from edgegsr.runtime.decode_pairs import SURE
from edgegsr.runtime.interactions import interactions
from edgegsr.runtime.session import BEST, STARTS, Numbers, Session
from edgegsr.situation import Interaction
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import counts_in_8_bits

SAME = 0.9  # overlap of boxes that are the same
BOXES, PRESENCE = PAIR_OUTPUTS[:2], PAIR_OUTPUTS[-1]


def pair_parity(
    student: PairStudent, kinds: Kinds, session: Session, starting: Session, photos: PairSplit, images: int
) -> Parity:
    """Both look at the same photos, spread over the split; `starting` is the graph that tells its cells as well."""
    seen = spread(photos, images, student.config.side)
    squares = np.stack([square for square, _ in seen])
    starts = np.stack([starting(square, BEST)[STARTS] for square in squares]).astype(np.int64)
    own, told = _student(student, squares), _student(student, squares, starts)
    apart, same = Apart(PAIR_OUTPUTS), dict.fromkeys((STARTS, "interactions"), 0.0)
    for i, (square, geometry) in enumerate(track(seen, "asking the graph")):
        says = session(square, BEST)
        apart.add(told[i], heard(says, told[i]) if counts_in_8_bits(student) else says)
        same[STARTS] += set(own[i][STARTS].tolist()) == set(starts[i].tolist())
        same["interactions"] += same_interactions(*(_decoded(each, geometry, kinds) for each in (own[i], says)))
    return Parity(len(seen), apart.shares(), {name: count / len(seen) for name, count in same.items()})


def heard(says: Numbers, told: Numbers) -> Numbers:
    """What a graph says, with the student's boxes where neither finds a pair that would be told of."""
    quiet = np.maximum(says[PRESENCE], told[PRESENCE]) < math.log(SURE / (1 - SURE))  # and not where one is no number
    return {**says, **{name: np.where(quiet[:, None], told[name], says[name]) for name in BOXES}}


def _decoded(said: Numbers, geometry: Any, kinds: Kinds) -> list[Interaction] | None:
    """The interactions that numbers stand for; none at all where they are no numbers."""
    try:
        return interactions(said, geometry, kinds)
    except ValueError:
        return None


def same_interactions(one: Sequence[Interaction] | None, other: Sequence[Interaction] | None) -> bool:
    """Whether two say the same of one photo, in any order: the same words, and boxes that all but cover each other."""
    if one is None or other is None:
        return False
    left = list(other)
    for each in one:
        found = next((mine for mine in left if _same(each, mine)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _same(one: Interaction, other: Interaction) -> bool:
    if (one.verb, one.noun) != (other.verb, other.noun):
        return False
    boxes = ((one.human_xyxy, other.human_xyxy), (one.object_xyxy or (), other.object_xyxy or ()))
    return all(a == b or float(iou(np.array(a), np.array(b))) >= SAME for a, b in boxes)


@torch.no_grad()
def _student(
    student: PairStudent, squares: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64] | None = None
) -> list[Numbers]:
    """What the student says of each square, and which cells it begins with: its own, or these in their order."""
    found: list[Numbers] = []
    for begin in track(range(0, len(squares), BATCH), "asking the student"):
        pixels, known, order = torch.from_numpy(squares[begin : begin + BATCH]), None, None
        if starts is not None:
            chosen = torch.from_numpy(starts[begin : begin + BATCH])
            known = torch.zeros(len(pixels), student.config.fine_grid**2).scatter_(1, chosen, 1.0)
        said = student.eval()(pixels, known)
        if starts is not None:
            order = said.starts.argsort(1).gather(1, chosen.argsort(1).argsort(1))
        values = (*SaidPairs.of(said), said.starts)
        rows = torch.arange(len(pixels))[:, None]
        parts = [each.numpy() if order is None else each[rows, order].numpy() for each in values]
        found += (dict(zip((*PAIR_OUTPUTS, STARTS), each)) for each in zip(*parts))
    return found
