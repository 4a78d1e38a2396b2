"""What bounds each layer of a graph on a board that is not here: arithmetic or memory. An explanation of an ESTIMATE.

A layer takes as long as the slower of the two. The rates are those of the law in roofline.py, but the law was never
held against single layers, and the sum of these is not what it predicts: it has a start, and counts no activations.
(Whether bytes of activations would make the law better cannot be told: those of the published networks are unknown.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgegsr.bench.estimate import LABEL, Estimate
from edgegsr.bench.layers import Layer, Network
from edgegsr.bench.roofline import law

NOTE = (
    "single layers by the rates of the law, which was held against whole networks alone; without the start, so that "
    "they do not add up to its milliseconds"
)


@dataclass(frozen=True)
class Bound:
    """One layer on one board."""

    layer: Layer
    arithmetic_ms: float
    memory_ms: float
    megabytes: float
    share: float = 0.0  # of the sum of all

    @property
    def ms(self) -> float:
        return max(self.arithmetic_ms, self.memory_ms)

    @property
    def by(self) -> str:
        return "arithmetic" if self.arithmetic_ms >= self.memory_ms else "memory"


def bounds(network: Network, board: str, precision: str) -> list[Bound]:
    """Every layer on this board, in the order of the graph.

    A graph without 8 bits is taken in int8 as if it were exported so: layers with weights in 8 bits, attention not.
    """
    layers = network.layers
    if precision == "int8" and network.precision != precision:
        layers = tuple(replace(layer, in_8_bits=layer.weights > 0, out_in_8_bits=layer.weights > 0) for layer in layers)
    if precision == "fp16":
        layers = tuple(replace(layer, in_8_bits=False, out_in_8_bits=False) for layer in layers)
    found = [_bound(layer, board, precision) for layer in layers]
    total = sum(each.ms for each in found) or 1.0
    return [replace(each, share=each.ms / total) for each in found]


def _bound(layer: Layer, board: str, precision: str) -> Bound:
    here = law().roofline(board, "int8" if layer.in_8_bits else "fp16")
    moved = layer.megabytes(precision)
    return Bound(layer, layer.gflops / here.tops, moved / here.gb_per_s, moved)


def to_json(found: list[Bound], board: str, precision: str) -> dict[str, Any]:
    """The same as a table for programs."""
    return {
        "label": LABEL,
        "note": NOTE,
        "board": board,
        "precision": precision,
        "ms": round(sum(each.ms for each in found), 4),
        "bound_by_memory": round(sum(each.share for each in found if each.by == "memory"), 4),
        "layers": [
            {
                "name": each.layer.name,
                "kind": each.layer.kind,
                "gflops": round(each.layer.gflops, 9),
                "megabytes": round(each.megabytes, 6),
                "in_8_bits": each.layer.in_8_bits,
                "arithmetic_ms": round(each.arithmetic_ms, 6),
                "memory_ms": round(each.memory_ms, 6),
                "bound_by": each.by,
                "share": round(each.share, 4),
            }
            for each in found
        ],
    }


def with_bounds(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates of bundles by their names, as bench.json has them, with every layer on the first board."""
    return {name: {**found.to_json(), "bounds": to_json(*_on_the_first(found))} for name, found in estimates.items()}


def _on_the_first(found: Estimate) -> tuple[list[Bound], str, str]:
    """The layers on the first board, at the precision that the graph has."""
    first = [each for each in found.boards if each.board == found.boards[0].board]
    here = max(first, key=lambda each: each.precision == found.network.precision)
    return bounds(found.network, here.board, here.precision), here.board, here.precision
