"""Average precision of many classes from the verdicts on their ranked predictions, by every rule in use. numpy only."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from edgegsr.interactions import Bools, Floats, Ints

# Recall points: the official protocol's k * 0.1 lies just above 3, 6 and 7 tenths in floating point, so that a recall
# of exactly 3/5 misses its point; points built from both ends, as MATLAB's colon does, lose 3 tenths alone.
POINTS = ("float64", "exact", "both_ends", "all")
_TENTHS = np.arange(11)
_ABOVE = {"float64": 0.1 * _TENTHS, "both_ends": np.where(_TENTHS <= 5, 0.1 * _TENTHS, 1 - 0.1 * (10 - _TENTHS))}


class Curve(NamedTuple):
    """What each class earned."""

    ap: Floats  # (K,)
    recall: Floats  # (K,) at the last prediction


def curves(classes: Ints, right: Bools, positives: Ints, points: str) -> Curve:
    """AP of K classes; predictions come best first, with their class and whether they are right.

    A class without positives or predictions has 0.
    """
    order = np.argsort(classes, kind="stable")
    ends = np.searchsorted(classes[order], np.arange(len(positives) + 1))
    ap, recall = np.zeros(len(positives)), np.zeros(len(positives))
    for k, (start, end) in enumerate(pairwise(ends.tolist())):
        if end > start and positives[k]:
            found: Ints = np.cumsum(right[order[start:end]])
            ap[k] = _average_precision(found, int(positives[k]), points)
            recall[k] = found[-1] / positives[k]
    return Curve(ap, recall)


def reached_by(positives: Ints, points: str) -> Ints:
    """(K, 11) how many right predictions reach each of eleven points of recall, by the arithmetic of `curves`."""
    pos = positives[:, None]
    if points == "exact":
        return -(-_TENTHS * pos // 10)
    least = np.floor(_ABOVE[points] * pos).astype(np.int64) - 1
    for _ in range(3):  # the first whose share, in floating point, is not below the point
        least += least / np.maximum(pos, 1) < _ABOVE[points]
    return np.maximum(least, 0)


def _average_precision(found: Ints, positives: int, points: str) -> float:
    """`found`: how many of the first 1, 2, 3 … predictions are right."""
    precision = found / np.arange(1, len(found) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    if points == "all":  # the area under the envelope: each new right one adds a step of recall
        steps = np.flatnonzero(np.diff(found, prepend=0))
        return float(best_from_here[steps].sum() / positives)
    if points == "exact":
        reached = np.searchsorted(10 * found, _TENTHS * positives)
    else:
        reached = np.searchsorted(found / positives, _ABOVE[points])
    best = np.append(best_from_here, 0.0)
    return float(best[reached].mean())
