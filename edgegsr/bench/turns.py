"""Several models asked in turns, in short blocks: what slows the machine slows all of them, and the blocks of a round
tell which is faster. numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgegsr.bench.load import PACES, SCENARIOS, SEED, Load, least_queries, order
from edgegsr.progress import track

BLOCK_S = 0.5  # or as long as the queries of a slow subject take
LEAST_ROUNDS = 6  # so that the spread of blocks tells something
AWAKE = [[0]] * 3  # queries before those of a block, while threads wake up
TRIED_S, TRIED = 0.3, 5  # seconds and queries that tell how many a block holds

Query = Sequence[int]  # photos
Ask = Callable[[Sequence[Query]], Sequence[Sequence[float]]]  # the seconds of the steps of each query
Around = Callable[[str], AbstractContextManager[Any]]  # what watches while a subject is asked


@dataclass
class Asked:
    """What one subject took, block by block."""

    steps_s: list[list[Sequence[float]]] = field(default_factory=list)  # of each query of each block

    @property
    def seconds(self) -> float:
        return sum(sum(query) for block in self.steps_s for query in block)

    @property
    def queries(self) -> int:
        return sum(map(len, self.steps_s))

    def load(self, scenario: str, pace: str) -> Load:
        return Load(scenario, pace, [[sum(query) for query in block] for block in self.steps_s])

    def steps(self, names: Sequence[str], photos: int) -> dict[str, dict[str, float]]:
        """Milliseconds of one photo, by what they are spent on."""
        took = 1000 * np.array([query for block in self.steps_s for query in block]) / photos
        return {
            name: {
                "p50_ms": round(float(np.median(each)), 4),
                "p90_ms": round(float(np.percentile(each, 90)), 4),
                "mean_ms": round(float(each.mean()), 4),
            }
            for name, each in zip(names, took.T)
        }


def in_turns(subjects: Mapping[str, Ask], scenario: str, pace: str, photos: int, around: Around) -> dict[str, Asked]:
    """Every subject asked about the same photos, as long as the pace says of each."""
    size, least, rows = SCENARIOS[scenario].photos, least_queries(scenario, pace), order(photos, SEED)
    typical = {name: _typical_s(ask, _queries(rows, size)) for name, ask in subjects.items()}
    rounds = max(LEAST_ROUNDS, math.ceil(PACES[pace].seconds / BLOCK_S))
    lengths = {name: math.ceil(max(BLOCK_S / each, least / rounds)) for name, each in typical.items()}
    found: dict[str, Asked] = {name: Asked() for name in subjects}
    over = _until(lambda: _enough(found, rounds, least, PACES[pace].seconds))
    turn = list(subjects.items())
    for _ in track(over, f"{scenario}, in turns", rounds):
        asked = _queries(rows, size)
        longest = [next(asked) for _ in range(max(lengths.values()))]
        for name, ask in turn:
            ask(AWAKE)
            with around(name):
                found[name].steps_s.append(list(ask(longest[: lengths[name]])))
        turn.append(turn.pop(0))  # nobody always follows the same one
    return found


def faster(of: Asked, beside: Asked) -> dict[str, float]:
    """How many times as fast `of` is, in the median of the rounds, and between which the most of them lie."""
    ratios = [
        float(np.median([sum(q) for q in theirs]) / np.median([sum(q) for q in ours]))
        for ours, theirs in zip(of.steps_s, beside.steps_s)
    ]
    low, middle, high = np.percentile(ratios, (10, 50, 90))
    return {"times": round(float(middle), 3), "p10": round(float(low), 3), "p90": round(float(high), 3)}


def _enough(found: Mapping[str, Asked], blocks: int, queries: int, seconds: float) -> bool:
    return all(
        len(each.steps_s) >= blocks and each.queries >= queries and each.seconds >= seconds for each in found.values()
    )


def _until(over: Callable[[], bool]) -> Iterator[None]:
    while not over():
        yield


def _typical_s(ask: Ask, queries: Iterator[Query]) -> float:
    """The median of some queries, after some that do not count."""
    ask(AWAKE)
    took: list[float] = []
    while len(took) < TRIED or sum(took) < TRIED_S:
        took += [sum(query) for query in ask([next(queries)])]
    return max(float(np.median(took)), 1e-6)


def _queries(rows: Iterator[int], size: int) -> Iterator[Query]:
    while True:
        yield [next(rows) for _ in range(size)]
