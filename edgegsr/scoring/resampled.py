"""What the scores of HICO-DET would be on other photos of the same kind: a bootstrap over photos. numpy only.

The verdicts on predictions are those on all photos; a draw only changes how often each photo counts. So a draw is two
sums along the ranked predictions and a look at where they reach each recall.
"""

from __future__ import annotations

import numpy as np

from edgegsr.interactions import Bools, Floats, Ints, Pairs
from edgegsr.scoring.curve import reached_by
from edgegsr.scoring.hico import REFERENCE, judge
from edgegsr.scoring.pair_predictions import PredictedPairs


def resampled(
    truth: Pairs, predictions: PredictedPairs, draws: int, seed: int, points: str = REFERENCE.recall_points
) -> Floats:
    """(draws, K) the AP of each kind on so many photos drawn from all; NaN where a draw has no true pair of it.

    By the official rules, but for the points of recall: one of the eleven's.
    """
    said = predictions.ranked()
    right = judge(truth, said)
    order = np.argsort(said.kind, kind="stable")
    ranks = _Ranks(said.kind[order], said.image[order], right[order], len(truth.kinds))
    dice = np.random.default_rng(seed)
    found = np.empty((draws, len(truth.kinds)))
    for row in found:
        times = np.bincount(dice.integers(len(truth), size=len(truth)), minlength=len(truth))
        positives = np.bincount(truth.kind, times[truth.image], len(truth.kinds)).astype(np.int64)
        row[:] = np.where(positives, ranks.ap(times, positives, points), np.nan)
    return found


def around(score: float, drawn: Floats, share: float) -> tuple[float, float]:
    """Where a share of what draws say lies, moved onto the score of all photos.

    A draw has fewer kinds than the photos that it is drawn from, and fewer that could be mistaken for one: that alone
    lifts it, by more than it varies where kinds are rare.
    """
    low, high = np.percentile(drawn - drawn.mean(), (50 * (1 - share), 50 * (1 + share)))
    return score + float(low), score + float(high)


class _Ranks:
    """The predictions of every kind, best first, one kind after the other."""

    def __init__(self, kind: Ints, image: Ints, right: Bools, kinds: int) -> None:
        self.image, self.right, self.kinds = image, right, np.arange(kinds)
        self.kind = kind.astype(np.int64)
        self.start = np.searchsorted(self.kind, self.kinds)
        self.last_first = 2.0 * (kinds - 1 - self.kind)  # apart enough that the best of one kind is none of the next

    def ap(self, times: Ints, positives: Ints, points: str) -> Floats:
        """(K,) by the 11 points of recall, where each photo counts so many times."""
        counts = times[self.image]
        said, right = self._so_far(counts), self._so_far(counts * self.right)
        precision = right / np.maximum(said, 1)
        best_from_here = np.maximum.accumulate((precision + self.last_first)[::-1])[::-1] - self.last_first
        most = int(positives.max(initial=0)) + 2
        wanted = np.minimum(reached_by(positives, points), most - 1) + most * self.kinds[:, None]
        at = np.searchsorted(right + most * self.kind, wanted)
        there = at < np.append(self.start[1:], len(self.kind))[:, None]
        return np.asarray(np.where(there, np.append(best_from_here, 0.0)[at], 0.0).mean(1))

    def _so_far(self, counts: Ints) -> Ints:
        """Their sum from the first of the kind on."""
        sums = np.concatenate([[0], np.cumsum(counts)])
        return np.asarray(sums[1:] - sums[self.start[self.kind]])
