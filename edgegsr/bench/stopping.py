"""How sure a percentile of few latencies is: the early stopping of MLPerf Inference. stdlib.

Of n latencies the t largest may lie above a percentile p with a chance that is known. The t-th largest, for the largest
t whose chance is at most 1 %, is what may be claimed of p.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DOUBT = 0.01  # the chance that a claim is wrong


@dataclass(frozen=True)
class Claim:
    """What may be said of a percentile."""

    percentile: float
    estimate: float | None  # with 99 % confidence no less than the true one; None where there are too few
    discarded: int  # the largest latencies, which lie above the estimate
    lacking: int  # queries to a first claim

    @property
    def holds(self) -> bool:
        return self.estimate is not None


def claim(latencies: Sequence[float], percentile: float) -> Claim:
    """What latencies say of a percentile, such as 0.9."""
    t = above(len(latencies), percentile)
    if not t:
        return Claim(percentile, None, 0, fewest(percentile) - len(latencies))
    return Claim(percentile, sorted(latencies)[-t], t - 1, 0)


def above(n: int, percentile: float) -> int:
    """The largest t with at most 1 % chance that t or fewer of n latencies lie above the percentile; 0 for none."""
    if not 0 < percentile < 1:
        raise ValueError(f"percentile: wanted one between 0 and 1, got {percentile}")
    chance, t = 0.0, -1
    while t < n:
        chance += math.exp(_log_chance(n, t + 1, percentile))
        if chance > DOUBT:
            break
        t += 1
    return max(t, 0)


def fewest(percentile: float) -> int:
    """The queries that a first claim takes."""
    low, high = 1, 2
    while not above(high, percentile):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if above(middle, percentile) else (middle, high)
    return high


def _log_chance(n: int, i: int, percentile: float) -> float:
    """Of exactly i of n above the percentile."""
    ways = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return ways + i * math.log1p(-percentile) + (n - i) * math.log(percentile)
