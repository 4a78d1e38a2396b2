"""Cuts units off a student: which ones by their importance, how many by a ratio and the widths that a target likes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import nn

from edgegsr.compress.strands import Strand, strands_of
from edgegsr.errors import InputError
from edgegsr.student import widths
from edgegsr.student.both import AnyStudent, halves_of

Scores = Mapping[str, npt.NDArray[np.floating[Any]]]  # importance of every unit, by strand


Kept = Mapping[str, Sequence[int]]  # units of each strand that was cut


class Pruned(NamedTuple):
    """A narrower student, and what of it was kept."""

    student: AnyStudent
    kept: Kept


def pruned(student: AnyStudent, counts: Mapping[str, int], scores: Scores) -> Pruned:
    """A copy that keeps so many units of each strand, whose config tells its widths; of strands not named, all."""
    strands = [strand for strand in strands_of(student) if counts.get(strand.name, strand.units) < strand.units]
    kept = {strand.name: kept_units(scores[strand.name], counts[strand.name]) for strand in strands}
    smaller = copy.deepcopy(student)
    take_off(smaller, strands, kept)
    return Pruned(described(smaller), kept)


def check_ratio(strand: Strand, ratio: float) -> None:
    """Refuses to leave nothing of a strand."""
    if not 0 <= ratio < 1 or strand.units * (1 - ratio) < 0.5:
        raise InputError(
            f"--prune {ratio:g}: would leave nothing of {strand.name}, which has {strand.units} "
            f"{'heads' if strand.heads else 'channels'}; give at most {1 - 0.5 / strand.units:.2f}"
        )


def kept_count(strand: Strand, ratio: float, multiple: int) -> int:
    """How many units a strand keeps; channels are rounded to the nearest multiple, and never below one of it."""
    if not ratio:
        return strand.units
    step = 1 if strand.heads else min(multiple, strand.units)
    return min(max(round(strand.units * (1 - ratio) / step), 1) * step, strand.units)


def counts(strands: Sequence[Strand], ratios: Mapping[str, float], multiple: int, share: float = 1.0) -> dict[str, int]:
    """How many units each strand keeps when its block loses a share of its ratio."""
    return {strand.name: kept_count(strand, share * ratios.get(strand.block, 0), multiple) for strand in strands}


def kept_units(scores: npt.NDArray[np.floating[Any]], count: int) -> list[int]:
    """The most important units, in their order."""
    return sorted(np.argsort(-scores, kind="stable")[:count].tolist())


def take_off(student: nn.Module, strands: Iterable[Strand], kept: Mapping[str, Sequence[int]]) -> None:
    """Leaves of each strand the units that are kept."""
    gone: dict[str, list[set[int]]] = {}
    for strand in strands:
        lost = np.setdiff1d(np.arange(strand.units), kept[strand.name])
        for part in strand.slices:
            layer = gone.setdefault(part.layer, [set(), set()])
            layer[part.width].update(part.places[lost].ravel().tolist())
            if _is_depthwise(student.get_submodule(part.layer)):
                layer[1 - part.width] = layer[part.width]
    for name, lost_of_each in gone.items():
        module = student.get_submodule(name)
        all_units = widths.widths(module) or ()
        widths.keep(module, [[i for i in range(n) if i not in lost] for n, lost in zip(all_units, lost_of_each)])


def check_layers(student: AnyStudent, dropped: int) -> None:
    """Refuses to leave no decoder layer."""
    if dropped and dropped >= (layers := len(student.decoder.layers)):
        raise InputError(f"--drop-layers {dropped}: the student has {layers} decoder layers; leave one")


def without_layers(student: AnyStudent, dropped: int) -> AnyStudent:
    """A copy without the last decoder layers."""
    check_layers(student, dropped)
    smaller = copy.deepcopy(student)
    smaller.decoder.layers = smaller.decoder.layers[:-dropped]
    for half in halves_of(smaller).values():
        half.config = replace(half.config, decoder_layers=len(smaller.decoder.layers))
    return described(smaller)


def described(student: AnyStudent) -> AnyStudent:
    """The same student, with its widths in its config."""
    for half in halves_of(student).values():
        wide = half.card_widths
        narrow = {name: list(here) for name, here in widths.all_widths(half).items() if here != wide[name]}
        half.config = replace(half.config, widths=narrow)
    return student


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups > 1
