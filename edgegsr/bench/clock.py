"""The time that a call takes: many calls after some that do not count, and what of them is told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WARM_S, MEASURED_S, LEAST = 0.3, 1.5, 30  # seconds and calls
TURNS, TURN_S = 4, 0.3


@dataclass(frozen=True)
class Timed:
    """Milliseconds of `calls` calls."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    calls: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def timed(call: Callable[[], object], warm_s: float = WARM_S, measured_s: float = MEASURED_S) -> Timed:
    """Calls again and again, at least so many times and so long."""
    for _ in _calls(call, warm_s, 2):
        pass
    took = np.array(list(_calls(call, measured_s, LEAST)))
    p50, p90, p99 = np.percentile(1000 * took, (50, 90, 99)).round(4).tolist()
    return Timed(p50, p90, p99, len(took))


def _calls(call: Callable[[], object], seconds: float, least: int) -> Iterator[float]:
    began, count = time.perf_counter(), 0
    while count < least or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        call()
        yield time.perf_counter() - before
        count += 1


def best_of_turns(opened: Sequence[Callable[[], Callable[[], object]]]) -> list[float]:
    """The best median of several calls in milliseconds, which take turns so that what slows the machine slows all.

    Each is opened for its turn and closed after it: idle threads of one engine would take the cores of the next.
    """
    best = [math.inf] * len(opened)
    for _ in range(TURNS):
        for i, open_call in enumerate(opened):
            best[i] = min(best[i], timed(open_call(), TURN_S / 3, TURN_S).p50_ms)
    return best
