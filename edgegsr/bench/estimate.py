"""What a graph would take on boards that are not here: an ESTIMATE for each board and precision, and how far it is off.

The milliseconds are those of the law in roofline.py and of nothing else, so that its published errors are theirs. What
takes a graph out of what the law was held against is found in the graph and told as caveats. numpy, and onnx to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from edgegsr.bench.layers import Network, layers
from edgegsr.bench.roofline import Errors, boards, errors, law, published, without_a_board
from edgegsr.errors import require

LABEL = "ESTIMATE"
PRECISIONS = ("fp16", "int8")
CALIBRATED_SIDE = 640
HELD_AGAINST = (
    "published latencies of one family of convolutional networks at 640 px, batch 1, in TensorRT: the network alone, "
    "without decoding a photo or its answers, in power modes that the source does not name"
)
WHOLLY = 0.9  # of the arithmetic in 8 bits: a graph that an engine would call int8


@dataclass(frozen=True)
class OnBoard:
    """One board at one precision."""

    board: str
    name: str
    precision: str
    start_ms: float
    arithmetic_ms: float
    weights_ms: float  # what it takes to read them
    errors: Errors  # of the law, about what `errors_are_of` says
    errors_are_of: str
    caveats: tuple[str, ...]

    @property
    def ms(self) -> float:
        return self.start_ms + self.arithmetic_ms + self.weights_ms

    @property
    def start_share(self) -> float:
        return self.start_ms / self.ms

    def to_json(self) -> dict[str, Any]:
        return {
            "label": LABEL,
            "board": self.board,
            "name": self.name,
            "precision": self.precision,
            "ms": round(self.ms, 3),
            "start_ms": round(self.start_ms, 3),
            "arithmetic_ms": round(self.arithmetic_ms, 4),
            "weights_ms": round(self.weights_ms, 4),
            "start_share": round(self.start_share, 3),
            "mean_error": round(self.errors.mean, 3),
            "largest_error": round(self.errors.largest, 3),
            "errors_are_of": self.errors_are_of,
            "caveats": list(self.caveats),
        }


@dataclass(frozen=True)
class Estimate:
    """A graph on every board that was asked for."""

    network: Network
    boards: tuple[OnBoard, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "label": LABEL,
            "held_against": HELD_AGAINST,
            "network": {
                "gflops": round(self.network.gflops, 6),
                "weights": self.network.weights,
                "layer_count": len(self.network.layers),
                "side": self.network.side,
                "share_in_8_bits": round(self.network.share_in_8_bits, 4),
                "attention_products": self.network.attention,
            },
            "boards": [each.to_json() for each in self.boards],
        }


def estimate(
    graph: bytes, where: str = "model.onnx", precisions: Sequence[str] = PRECISIONS, names: Sequence[str] = ()
) -> Estimate:
    """The bytes of an ONNX file on these boards, or on all that the law knows."""
    unknown = [precision for precision in precisions if precision not in PRECISIONS]
    require(not unknown, f"precision must be one of {', '.join(PRECISIONS)}, got {', '.join(map(repr, unknown))}")
    network = layers(graph, where)
    return Estimate(
        network, tuple(on_board(network, name, precision) for name in names or boards() for precision in precisions)
    )


def on_board(network: Network, board: str, precision: str) -> OnBoard:
    """What the law says of a network on one board."""
    here = law().roofline(board, precision)
    start, counted = here.start_ms, here.predict_ms(network.gflops, 0)
    found, of = errors_of(board)
    if network.gflops < _least(board):
        of += ", all about larger networks than this one"
    return OnBoard(
        board,
        boards()[board].name,
        precision,
        start,
        counted - start,
        here.predict_ms(0, network.weights) - start,
        found,
        of,
        tuple(caveats(network, board, precision)),
    )


@cache
def errors_of(board: str) -> tuple[Errors, str]:
    """How far off the law is where a board is concerned, by the hardest question that was asked of it, and that one."""
    family = boards()[board].family
    known = published(family=family)
    if not (own := [point for point in known if point.board == board]):
        return without_a_board(known), "boards left out of the fit, as this one is"
    if again := [point for point in published(held_out=True, family=family) if point.board == board]:
        return errors(law(), again), "this board with another release of the software"
    return errors(law(), own), "the points that it was fitted to"


def caveats(network: Network, board: str, precision: str) -> Iterator[str]:
    """What of a network on a board lies outside of what the law was held against."""
    if network.gflops < _least(board):
        yield (
            "mostly the start, which is known of larger networks alone: the smallest that was measured has "
            f"{_least(board)} GFLOPs, this one {network.gflops:.3g}"
        )
    if network.side != CALIBRATED_SIDE:
        yield f"the law was fitted at {CALIBRATED_SIDE} px, this graph reads {network.side} px"
    if network.attention:
        yield f"the law was fitted to convolutions; {network.attention} products have no weights, as in attention"
    if precision == "int8" and network.share_in_8_bits < WHOLLY:
        yield f"int8: told as if all arithmetic were in 8 bits, and {network.share_in_8_bits:.0%} of this graph's is"
    if all(point.board != board for point in published()):
        yield (
            f"{boards()[board].name}: nobody has published its latencies; its start is taken to be the longest that is "
            "known of its family"
        )


def _least(board: str) -> float:
    """GFLOPs of the smallest network that was measured on boards of this family."""
    return min(point.gflops for point in published(family=boards()[board].family))
