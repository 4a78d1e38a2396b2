"""Which layers suffer most from 8 bits, and the fewest that have to stay in 16 so that the dev scores hold.

Every layer is rounded alone, the rest is float. What that does to a score on some hundreds of images is mostly chance,
so layers are ordered by the noise that it adds to the student's outputs; the scores decide how many stay in 16 bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgegsr.compress.layers import Layer, Rounded, idle, layers_of, silent
from edgegsr.errors import InputError
from edgegsr.files import read_json, reading, write_whole
from edgegsr.progress import track
from edgegsr.scoring.brief import Dev, worst
from edgegsr.student.both import AnyStudent, BothStudent, halves_of
from edgegsr.student.pairs import PairStudent, in_order

FILE = "sensitivity.json"


@dataclass(frozen=True)
class Felt:
    """What rounding one layer does."""

    parameters: int
    noise: float  # in shares of the variance of an output, the mean of all
    lost: float  # the largest share of a dev score


@dataclass(frozen=True)
class Sensitivity:
    """Every layer, and which have to stay in 16 bits; None where no number of them is enough."""

    layers: dict[str, Felt]
    sixteen: list[str] | None


@dataclass(frozen=True)
class Judges:
    """What tells how good a student is."""

    pixels: Tensor  # to compare outputs on
    some: Callable[[Rounded], Dev]  # the scores on some of dev
    whole: Callable[[Collection[Layer]], Dev]  # on all of it, with these layers in 16 bits
    before: Dev  # the same, in float


def sensitivity(student: Rounded, judges: Judges, most: float, out: Path) -> Sensitivity:
    """Found once; what is felt is kept layer by layer. `most` is the share of a score that may be lost."""
    path = out / FILE
    known: dict[str, Any] = read_json(path) if path.is_file() else {"layers": {}}
    every = layers_of(student)
    with reading(path):
        felt_before = _told({"sixteen": None, **known})
    if felt_before.layers.keys() - {layer.name for layer in every}:
        raise InputError(f"{path}: is of another student; give another --out")
    if "sixteen" not in known:
        for name, felt in _felt(student, every, judges, known["layers"]):
            known["layers"][name] = asdict(felt)
            write_whole(path, json.dumps(known, indent=1))
        known["sixteen"] = _sixteen(_ordered(every, known["layers"]), judges, most)
        write_whole(path, json.dumps(known, indent=1))
    return _told(known)


def read_sensitivity(out: Path) -> Sensitivity | None:
    """What was found before, all of it."""
    known = read_json(out / FILE) if (out / FILE).is_file() else {}
    with reading(out / FILE):
        return _told(known) if "sixteen" in known else None


def _told(known: Mapping[str, Any]) -> Sensitivity:
    """What the file holds, whose numbers must be some."""
    layers = {name: Felt(**felt) for name, felt in known["layers"].items()}
    for felt in layers.values():
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in asdict(felt).values()):
            raise ValueError(f"wanted numbers, got {felt}")
    if set(known["sixteen"] or ()) - layers.keys():
        raise ValueError("a layer in 16 bits that was not measured")
    return Sensitivity(layers, known["sixteen"])


@torch.no_grad()
def _felt(
    student: Rounded, every: Sequence[Layer], judges: Judges, known: Collection[str]
) -> Iterator[tuple[str, Felt]]:
    """What every layer that is not known yet does when it alone is rounded."""
    quantizers = idle(every, every)
    todo = [layer for layer in every if layer.name not in known]
    if not todo:
        return
    with silent(quantizers):
        dev, said = judges.some(student), _asking(student, judges.pixels)
        outputs = said()
    for layer in track(todo, "rounding one layer at a time"):
        with silent(quantizers - layer.quantizers):
            noise = _noise(outputs, said())
            yield layer.name, Felt(layer.parameters, noise, worst(dev, judges.some(student)))


def _ordered(every: Sequence[Layer], felt: dict[str, Any]) -> list[Layer]:
    return sorted(every, key=lambda layer: -felt[layer.name]["noise"])


def _sixteen(ordered: Sequence[Layer], judges: Judges, most: float) -> list[str] | None:
    """The first layers that are enough, less those of them that are not needed."""

    def enough(kept: Sequence[Layer]) -> bool:
        return worst(judges.before, judges.whole(kept)) <= most

    few, counts = 0, [0, *(2**n for n in range(len(ordered).bit_length()) if 2**n < len(ordered)), len(ordered)]
    for count in track(counts, "looking for layers to keep in 16 bits"):
        if enough(ordered[:count]):
            break
        few = count + 1
    else:
        return None
    while few < count:
        middle = (few + count) // 2
        few, count = (few, middle) if enough(ordered[:middle]) else (middle + 1, count)
    kept = list(ordered[:count])
    for layer in track(kept[-2::-1], "taking layers back to 8 bits"):  # without the last they were not enough
        if enough(fewer := [each for each in kept if each is not layer]):
            kept = fewer
    return [layer.name for layer in kept]


def _asking(student: AnyStudent, pixels: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    """What asks it again and again what it was asked now: about the same verbs, or from the same cells."""
    if isinstance(student, BothStudent):
        asked = [_asking(half, pixels) for half in halves_of(student).values()]
        return lambda: tuple(answer for ask in asked for answer in ask())
    first = student(pixels)
    if isinstance(student, PairStudent):
        known = torch.zeros_like(first.seeds).scatter_(1, first.starts, 1)
        return lambda: in_order(student(pixels, known))[:5]
    verbs = first.verb_logits.argmax(-1)
    there = student.queries.mask[verbs] == 0  # slots past the frame mean nothing

    def said() -> tuple[Tensor, ...]:
        view = student.encode(pixels)
        answer = student.ask(view, verbs)
        return student.verb_logits(view), answer.noun_logits[there], answer.boxes_xyxy[there], answer.presence[there]

    return said


def _noise(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    shares = [(now - was).var() / was.var().clamp(min=1e-12) for was, now in zip(before, after)]
    return float(torch.stack(shares).mean())
