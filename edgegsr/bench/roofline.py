"""How long a network would take on a board that is not here: an ESTIMATE, by a law that published latencies bear out.

    ms = start + GFLOPs / (share * dense TOPS) + MB of weights / (GB/s)

`share`, what a real network reaches of the peak, is one number for each family of boards and precision; `start`, what
even nothing takes, is one for each board and precision. Both are fitted here, to convolutional networks at 640 pixels,
so that nobody has to believe a constant. Attention is outside of what the law was held against. numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgegsr.card import read_toml
from edgegsr.errors import require

BOARDS = Path(__file__).with_name("boards.toml")
WEIGHT_BYTES = {"fp16": 2, "int8": 1}


class Point(NamedTuple):
    """One latency that somebody has published."""

    board: str
    precision: str
    gflops: float
    weights: float
    ms: float


@dataclass(frozen=True)
class Roofline:
    """A board that is not here, as a law: a start, and what arithmetic and weights take on top of it."""

    start_ms: float
    tops: float  # trillions of operations a second that a network reaches, a multiply-add being two
    gb_per_s: float
    weight_bytes: int = 4  # of one weight

    def __post_init__(self) -> None:
        for name in ("tops", "gb_per_s", "weight_bytes"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        require(self.start_ms >= 0, f"start_ms must be 0 or more, got {self.start_ms}")

    def predict_ms(self, gflops: float, weights: float) -> float:
        return self.start_ms + gflops / self.tops + weights * self.weight_bytes / self.gb_per_s / 1e6


@dataclass(frozen=True)
class Board:
    """What its maker says of a board."""

    name: str
    family: str  # of one architecture
    tops: Mapping[str, float]  # dense, by precision
    gb_per_s: float


@dataclass(frozen=True)
class Law:
    """What latencies have in common."""

    shares: Mapping[tuple[str, str], float]  # of the peak, by family and precision
    starts_ms: Mapping[tuple[str, str], float]  # by board and precision

    def roofline(self, board: str, precision: str) -> Roofline:
        """What it says of one board, whose name is looked up among those that are known."""
        require(board in boards(), f"board must be one of {', '.join(boards())}, got {board!r}")
        here = boards()[board]
        tops = self.shares[here.family, precision] * here.tops[precision]
        return Roofline(self.start_ms(board, precision), tops, here.gb_per_s, WEIGHT_BYTES[precision])

    def predict_ms(self, board: str, precision: str, gflops: float, weights: float) -> float:
        return self.roofline(board, precision).predict_ms(gflops, weights)

    def start_ms(self, board: str, precision: str) -> float:
        """Of a board that nobody has measured, the longest that is known of its family."""
        family = boards()[board].family
        known = {
            at: ms for (at, kind), ms in self.starts_ms.items() if kind == precision and boards()[at].family == family
        }
        return known.get(board, max(known.values()))


class Errors(NamedTuple):
    """How far a law is off, in shares of what was measured."""

    mean: float
    largest: float
    points: int


@cache
def boards() -> dict[str, Board]:
    return {
        key: Board(
            told["name"], told["family"], {"fp16": told["fp16_tflops"], "int8": told["int8_tops"]}, told["gb_per_s"]
        )
        for key, told in read_toml(BOARDS)["boards"].items()
    }


def published(held_out: bool = False, family: str = "") -> list[Point]:
    """All latencies that the law is fitted to, or those of another release of the same software; or of one family."""
    told = read_toml(BOARDS)
    sizes = list(zip(told["network"]["gflops"], told["network"]["weights_m"]))
    every = _points(told["boards"], sizes, held_out)
    return [point for point in every if family in ("", boards()[point.board].family)]


def _points(told: Mapping[str, Any], sizes: Sequence[tuple[float, float]], held_out: bool) -> Iterator[Point]:
    for board, facts in told.items():
        rows = facts.get("held_out", {}) if held_out else facts
        for precision in WEIGHT_BYTES:
            for (gflops, millions), ms in zip(sizes, rows.get(f"{precision}_ms", [])):
                yield Point(board, precision, gflops, 1e6 * millions, ms)


def fit(points: Sequence[Point]) -> Law:
    """The law with the smallest squared error, in shares of what was measured."""
    starts = sorted({(point.board, point.precision) for point in points})
    kinds = sorted({(boards()[board].family, precision) for board, precision in starts})
    rows, wanted = np.zeros((len(points), len(starts) + len(kinds))), np.zeros(len(points))
    for row, point in enumerate(points):
        here = boards()[point.board]
        rows[row, starts.index((point.board, point.precision))] = 1
        kind = kinds.index((here.family, point.precision))
        rows[row, len(starts) + kind] = point.gflops / here.tops[point.precision]
        wanted[row] = point.ms - point.weights * WEIGHT_BYTES[point.precision] / here.gb_per_s / 1e6
    weight = 1 / np.array([point.ms for point in points])
    found = np.linalg.lstsq(rows * weight[:, None], wanted * weight, rcond=None)[0].tolist()
    shares = {kind: 1 / slope for kind, slope in zip(kinds, found[len(starts) :])}
    return Law(shares, dict(zip(starts, found)))


@cache
def law() -> Law:
    """Fitted to all that is published."""
    return fit(published())


def errors(found: Law, points: Sequence[Point]) -> Errors:
    off = [abs(found.predict_ms(*point[:4]) - point.ms) / point.ms for point in points]
    return Errors(float(np.mean(off)), max(off), len(off))


def without_a_board(points: Sequence[Point]) -> Errors:
    """How far off the law is about boards that it has not seen: their peak is known, their start the longest known."""
    off = []
    for left_out in sorted({point.board for point in points}):
        blind = fit([point for point in points if point.board != left_out])
        mean, largest, count = errors(blind, [point for point in points if point.board == left_out])
        off.append((mean, largest, count))
    counts = [count for *_, count in off]
    return Errors(float(np.average([mean for mean, *_ in off], weights=counts)), max(o[1] for o in off), sum(counts))
