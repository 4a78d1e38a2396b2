"""The scenarios of MLPerf Inference: how photos come, for how long, and what is told of the time that they took. numpy.

single-stream   one photo, the next when it is done          p90
multi-stream    eight photos, the next eight when all are    p99
offline         as many as there are, as fast as they go     photos a second
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgegsr.bench.stopping import Claim, claim, fewest

PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "p99_9_ms": 99.9}
SEED = 2747215439041700203  # of MLPerf's order of samples
BARS = 60  # of a histogram, the last of which holds all that took longer than 99.5 % did


@dataclass(frozen=True)
class Scenario:
    """How photos come, and what percentile of their latencies is claimed."""

    photos: int  # of a query
    percentile: float | None


@dataclass(frozen=True)
class Pace:
    """How long a model is asked at least."""

    seconds: float
    queries: int
    cold_starts: int
    claims: bool = True  # as many queries as a claim takes, however long that is


SCENARIOS = {
    "single-stream": Scenario(1, 0.90),
    "multi-stream": Scenario(8, 0.99),
    "offline": Scenario(64, None),
}
PACES = {  # MLPerf asks for ten minutes; what is shorter says so
    "mlperf": Pace(600.0, 1024, 10),
    "default": Pace(20.0, 256, 5),
    "quick": Pace(2.0, 64, 1, claims=False),
}


def least_queries(scenario: str, pace: str) -> int:
    """Of one subject."""
    percentile, least = SCENARIOS[scenario].percentile, PACES[pace]
    if percentile is None:
        return math.ceil(least.queries / SCENARIOS[scenario].photos)
    return max(least.queries, fewest(percentile)) if least.claims else least.queries


@dataclass(frozen=True)
class Load:
    """What came of asking, block by block."""

    scenario: str
    pace: str
    blocks_s: Sequence[Sequence[float]]  # the latencies of the queries of each block

    @property
    def latencies_s(self) -> list[float]:
        return [each for block in self.blocks_s for each in block]

    @property
    def claim(self) -> Claim | None:
        percentile = SCENARIOS[self.scenario].percentile
        return None if percentile is None else claim(self.latencies_s, percentile)

    def to_json(self) -> dict[str, Any]:
        took = 1000 * np.asarray(self.latencies_s)
        found, photos = self.claim, SCENARIOS[self.scenario].photos * len(took)
        return {
            "scenario": self.scenario,
            "pace": self.pace,
            "queries": len(took),
            "photos": photos,
            "seconds": round(float(took.sum()) / 1000, 3),
            "photos_per_s": round(1000 * photos / float(took.sum()), 3),
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
            "blocks_p50_ms": [round(1000 * float(np.median(block)), 4) for block in self.blocks_s],
            "histogram": _histogram(took),
        }


def order(photos: int, seed: int = SEED) -> Iterator[int]:
    """Photos at random, without end, every one as often as the others."""
    dice = np.random.default_rng(seed)
    while True:
        yield from dice.permutation(photos).tolist()


def _histogram(took_ms: Any) -> dict[str, list[float]]:
    low, high = float(took_ms.min()), float(np.percentile(took_ms, 99.5))
    edges = np.linspace(low, max(high, low * 1.001 + 1e-6), BARS + 1)
    counts, _ = np.histogram(np.minimum(took_ms, edges[-1]), edges)
    return {"edges_ms": edges.round(4).tolist(), "counts": counts.tolist()}
