"""Estimates of bundles as tables for people and as JSON for programs; each says that it is an ESTIMATE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgegsr.bench import bounds
from edgegsr.bench.estimate import HELD_AGAINST, LABEL, Estimate

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]  # title, headers, rows
SHOWN = 8  # of the layers, the slowest first


def tables(estimates: Mapping[str, Estimate]) -> Iterator[Table]:
    """Title, headers and rows of what to show about bundles, by their names."""
    yield (
        f"{LABEL}: no board was measured",
        ("bundle", "board", "precision", "ms", "start", "mean error", "largest", "errors are of"),
        [row for name, found in estimates.items() for row in _board_rows(name, found)],
    )
    yield "What it rests on, and what it does not know", ("bundle", "to know"), list(_told(estimates))
    for name, found in estimates.items():
        yield _layers(name, found)


def to_json(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """The same, whole, with every layer on the first board."""
    return {
        "label": LABEL,
        "bundles": {
            name: {**found.to_json(), "layers": bounds.to_json(*_explained(found))} for name, found in estimates.items()
        },
    }


def _explained(found: Estimate) -> tuple[list[bounds.Bound], str, str]:
    """The layers on the first board, at the precision that the graph has."""
    first = [each for each in found.boards if each.board == found.boards[0].board]
    here = max(first, key=lambda each: each.precision == found.network.precision)
    return bounds.bounds(found.network, here.board, here.precision), here.board, here.precision


def _board_rows(name: str, found: Estimate) -> Iterator[tuple[str, ...]]:
    for each in found.boards:
        errors = each.errors
        yield (
            name,
            each.name,
            each.precision,
            f"{each.ms:.2f}",
            f"{each.start_share:.0%}",
            f"{errors.mean:.0%}",
            f"{errors.largest:.0%}",
            each.errors_are_of,
        )


def _told(estimates: Mapping[str, Estimate]) -> Iterator[tuple[str, ...]]:
    yield "all", f"held against {HELD_AGAINST}"
    yield "all", f"layers: {bounds.NOTE}"
    for name, found in estimates.items():
        for caveat in dict.fromkeys(caveat for each in found.boards for caveat in each.caveats):
            yield name, caveat


def _layers(name: str, found: Estimate) -> Table:
    every, board, precision = _explained(found)
    slowest = sorted(every, key=lambda each: each.ms, reverse=True)
    rows = [_layer_row(each) for each in slowest[:SHOWN]]
    if rest := slowest[SHOWN:]:
        rows.append(_rest_row(rest))
    title = f"What bounds {name} on {board} in {precision}, layer by layer: {LABEL}"
    return title, ("layer", "kind", "counts in", "arithmetic µs", "memory µs", "bound by", "share"), rows


def _layer_row(each: bounds.Bound) -> tuple[str, ...]:
    layer = each.layer
    how = "8 bits" if layer.in_8_bits else "16 bits"
    return (layer.name, layer.kind, how, *_micros(each.arithmetic_ms, each.memory_ms), each.by, f"{each.share:.1%}")


def _rest_row(rest: Sequence[bounds.Bound]) -> tuple[str, ...]:
    times = _micros(sum(each.arithmetic_ms for each in rest), sum(each.memory_ms for each in rest))
    by = Counter(each.by for each in rest)
    told = ", ".join(f"{count} by {what}" for what, count in by.items())
    return (f"{len(rest)} others", "", "", *times, told, f"{sum(each.share for each in rest):.1%}")


def _micros(*times_ms: float) -> tuple[str, ...]:
    return tuple(f"{1e3 * ms:.2f}" for ms in times_ms)
