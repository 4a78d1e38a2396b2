"""What a teacher says of kinds that nobody could annotate: how likely each is, and of what a detector finds, whether it
is a pair at all. No label of such a kind is read.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

from edgegsr.data.pairs import PairSplit
from edgegsr.interactions import Bools
from edgegsr.teacher.sight import TEMPERATURE

KNOWN = 0.5  # mean likelihood, where a verb is annotated, from which a teacher is believed to know it
LIKELY = f"shares at {TEMPERATURE}, of verbs with {KNOWN} or more where they are annotated"
KEPT = "what the teacher takes for a kind out of training that it knows"  # of what is found
IS_PAIR = "by the nearest verb, as annotations tell of kinds in training"  # how likely what is kept is a pair
FEWEST = 20  # couples that are right, and that are wrong, from which that is told


class Sought(NamedTuple):
    """Kinds that nobody could annotate, and what tells them apart."""

    kinds: Bools  # (O, V)
    verbs: Tensor  # (V, t) texts

    def nearness(self, seen: Tensor, split: PairSplit) -> Tensor:
        """(M, V) how near what is seen of each couple is to each verb that its object allows; -inf for others."""
        allows = torch.from_numpy(split.pairs.kinds.valid[split.couples.object])
        return (seen.float() @ self.verbs.T).masked_fill(~allows, -math.inf)

    def believed(self, near: Tensor, split: PairSplit) -> Tensor:
        """(M, V) how likely a verb is where it makes a kind that is sought, and the teacher knows it; -1 elsewhere.

        Of what is true at once it names one thing: who sweeps with a broom also holds it. That shows where annotations
        call such a verb true and it hardly ever does. Of verbs that are annotated nowhere it is believed.
        """
        likely = (near / TEMPERATURE).softmax(-1)
        there = torch.from_numpy(split.couples.verbs)
        knows = (likely * there).sum(0) >= KNOWN * there.sum(0)
        return likely.masked_fill(~(torch.from_numpy(self.kinds[split.couples.object]) & knows), -1)

    def is_pair(self, near: Tensor, split: PairSplit, met: Bools) -> Tensor:
        """(M,) how likely each couple is a pair, 1 where it is annotated; 0 where nothing says so.

        A couple that the teacher takes for a kind in training would be annotated, if it were a pair. So such couples
        tell how right it is at what nearness: right is what a detector put together as annotators did (`met`, of what
        is annotated), wrong what it found besides.
        """
        told, best = split.couples.annotated, near.amax(-1).double().numpy()
        known = ~self.kinds[split.couples.object, near.argmax(-1).numpy()]
        right, wrong = best[known & met], best[known & ~told]
        if min(len(right), len(wrong)) < FEWEST:
            return torch.from_numpy(told).float()
        return torch.from_numpy(np.where(told, 1.0, _logistic(right, wrong, best))).float()


def _logistic(right: npt.NDArray[Any], wrong: npt.NDArray[Any], asked: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """How likely each number is one of the right ones, by the likeliest logistic curve."""
    both = np.concatenate([right, wrong])
    middle, width = both.mean(), both.std() or 1.0
    true, false = (right - middle) / width, (wrong - middle) / width

    def lost(line: npt.NDArray[Any]) -> float:
        slope, offset = line
        of_true, of_false = np.logaddexp(0, -slope * true - offset), np.logaddexp(0, slope * false + offset)
        return float(of_true.sum() + of_false.sum()) / len(both)

    slope, offset = minimize(lost, np.zeros(2)).x
    return np.asarray(1 / (1 + np.exp(-slope * (asked - middle) / width - offset)))
