"""Asks a model the way that MLPerf Inference does, and tells how long it took. numpy.

single-stream   one photo, the next when it is done          p90
multi-stream    eight photos, the next eight when all are    p99
offline         all photos at once                           photos a second
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgegsr.bench.stopping import Claim, claim

PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "p99_9_ms": 99.9}
SEED = 2747215439041700203  # of MLPerf's order of samples

Look = Callable[[int], object]  # asks about the photo with this number


@dataclass(frozen=True)
class Scenario:
    """How photos come, and what percentile of their latencies is claimed."""

    photos: int  # of a query; 0: all of them
    percentile: float | None


@dataclass(frozen=True)
class Pace:
    """How long a model is asked at least."""

    seconds: float
    queries: int
    warm_s: float


SCENARIOS = {
    "single-stream": Scenario(1, 0.90),
    "multi-stream": Scenario(8, 0.99),
    "offline": Scenario(0, None),
}
PACES = {  # MLPerf asks for ten minutes; what is shorter says so
    "mlperf": Pace(600.0, 1024, 5.0),
    "default": Pace(20.0, 256, 1.0),
    "quick": Pace(2.0, 64, 0.3),
}


@dataclass(frozen=True)
class Load:
    """What came of asking."""

    scenario: str
    pace: str
    latencies_s: Sequence[float]  # of each query
    seconds: float
    photos: int

    @property
    def claim(self) -> Claim | None:
        percentile = SCENARIOS[self.scenario].percentile
        return None if percentile is None else claim(self.latencies_s, percentile)

    def to_json(self) -> dict[str, Any]:
        took = 1000 * np.asarray(self.latencies_s)
        found = self.claim
        return {
            "scenario": self.scenario,
            "pace": self.pace,
            "queries": len(took),
            "photos": self.photos,
            "seconds": round(self.seconds, 3),
            "photos_per_s": round(self.photos / self.seconds, 3),
            "mean_ms": round(float(took.mean()), 4),
            "min_ms": round(float(took.min()), 4),
            "max_ms": round(float(took.max()), 4),
            "cv": round(float(took.std() / took.mean()), 4),  # spread in shares of the mean
            **{name: round(float(np.percentile(took, p)), 4) for name, p in PERCENTILES.items()},
            "claim": found
            and {
                "percentile": found.percentile,
                "ms": None if found.estimate is None else round(1000 * found.estimate, 4),
                "confidence": 0.99,
                "queries_lacking": found.lacking,
            },
        }


def ask(look: Look, photos: int, scenario: str = "single-stream", pace: str = "default", seed: int = SEED) -> Load:
    """Asks about `photos` different photos, in an order that the seed decides, at least as long as the pace says."""
    how, least = SCENARIOS[scenario], PACES[pace]
    order = _order(photos, seed)
    _warm(look, order, least.warm_s)
    if not how.photos:
        return _offline(look, order, photos, scenario, pace)
    latencies, began = list[float](), time.perf_counter()
    while len(latencies) < least.queries or time.perf_counter() - began < least.seconds:
        before = time.perf_counter()
        for _ in range(how.photos):
            look(next(order))
        latencies.append(time.perf_counter() - before)
    return Load(scenario, pace, latencies, time.perf_counter() - began, how.photos * len(latencies))


def _offline(look: Look, order: Iterator[int], photos: int, scenario: str, pace: str) -> Load:
    """One query: as many photos as the pace asks for, and all of them at least once."""
    least = PACES[pace]
    count, began = 0, time.perf_counter()
    while count < max(photos, least.queries) or time.perf_counter() - began < least.seconds:
        look(next(order))
        count += 1
    seconds = time.perf_counter() - began
    return Load(scenario, pace, [seconds], seconds, count)


def _warm(look: Look, order: Iterator[int], seconds: float) -> None:
    began = time.perf_counter()
    look(next(order))
    while time.perf_counter() - began < seconds:
        look(next(order))


def _order(photos: int, seed: int) -> Iterator[int]:
    """Photos at random, without end."""
    dice = np.random.default_rng(seed)
    while True:
        yield from dice.permutation(photos).tolist()
