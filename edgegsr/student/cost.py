"""What a student costs: weights and arithmetic of one image, part by part.

A multiply-add counts as two operations. Counted are convolutions and matrix products, which is where the time goes;
norms, activations, softmax and lookups are not. Words are counted at the size of the tables the student has now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgegsr.bench.clock import timed
from edgegsr.student.both import BothStudent
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB
TIMED = 12  # images, one by one

PARTS = {
    "backbone": ("encoder.backbone",),  # the image tower
    "mixer": ("encoder.fine", "encoder.coarse", "encoder.mixer", "encoder.fine_norm", "encoder.coarse_norm"),
    "decoder": ("queries", "decoder"),
    "heads": ("pool", "verb", "noun", "box", "presence"),
    "tables": ("verb_words", "noun_words"),  # cosines to the words: grows with the vocabulary, not with the network
}
PARTS_OF_PAIRS = {**{part: PARTS[part] for part in ("backbone", "mixer")}, "decoder": ("decoder",), "heads": ("pairs",)}


@dataclass(frozen=True)
class Cost:
    """Weights and GFLOPs per part of one forward pass of one image."""

    side: int
    parameters: dict[str, int]
    gflops: dict[str, float]
    table_values: int  # numbers in the text tables, which are no weights

    @property
    def total_parameters(self) -> int:
        return sum(self.parameters.values())

    @property
    def total_gflops(self) -> float:
        return sum(self.gflops.values())


def cost(student: Student | PairStudent | BothStudent) -> Cost:
    """Counts by running one grey image; the heads of pairs hold their tables."""
    if isinstance(student, BothStudent):
        return _of_both(cost(student.situations), cost(student.pairs))
    parts = PARTS_OF_PAIRS if isinstance(student, PairStudent) else PARTS
    side = student.config.side
    pixels = torch.full((1, side, side, 3), 114, dtype=torch.uint8, device=student.encoder.mean.device)
    training = student.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        student.eval()(pixels)
    student.train(training)
    counts = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    gflops = {
        part: sum(counts.get(f"{type(student).__name__}.{name}", 0) for name in names) / 1e9
        for part, names in parts.items()
    }
    if parts is PARTS_OF_PAIRS:
        gflops["heads"] -= gflops["decoder"]  # which runs inside of the head
    return Cost(
        side=side,
        parameters={part: sum(map(_parameters, _modules(student, names))) for part, names in parts.items()},
        gflops=gflops,
        table_values=sum(buffer.numel() for name, buffer in student.named_buffers() if _is_table(name)),
    )


def _of_both(situations: Cost, pairs: Cost) -> Cost:
    """One trunk, whose decoder runs for either head."""
    weights = {**situations.parameters, "pairs": pairs.parameters["heads"]}
    gflops = {**situations.gflops, "pairs": pairs.gflops["decoder"] + pairs.gflops["heads"]}
    return Cost(situations.side, weights, gflops, situations.table_values + pairs.table_values)


def latency_ms(look: Callable[[Pixels], object], images: Iterable[Pixels]) -> float:
    """The median of single images, one after the other."""
    turns = cycle(list(images))
    return timed(lambda: look(next(turns)), 0, 0).p50_ms


def _modules(student: torch.nn.Module, names: tuple[str, ...]) -> list[torch.nn.Module]:
    return [student.get_submodule(name) for name in names]


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _is_table(name: str) -> bool:
    return name.endswith("_words.table") or name == "queries.roles"
