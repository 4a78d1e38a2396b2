"""Cuts units off a student: which ones by their importance, how many by a ratio and the widths that a target likes."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import nn

from edgegsr.compress.groups import Group, groups_of
from edgegsr.errors import InputError
from edgegsr.student import widths
from edgegsr.student.model import Student

Scores = Mapping[str, npt.NDArray[np.floating[Any]]]  # importance of every unit, by group


class Pruned(NamedTuple):
    """A narrower student, and which units of each group it has kept."""

    student: Student
    kept: Mapping[str, Sequence[int]]


def pruned(student: Student, counts: Mapping[str, int], scores: Scores) -> Pruned:
    """A copy that keeps so many units of each group, whose config tells its widths; of groups not named, all."""
    groups = [group for group in groups_of(student) if counts.get(group.name, group.units) < group.units]
    kept = {group.name: kept_units(scores[group.name], counts[group.name]) for group in groups}
    smaller = copy.deepcopy(student)
    cut(smaller, groups, kept)
    return Pruned(described(smaller), kept)


def kept_count(group: Group, ratio: float, multiple: int) -> int:
    """How many units a group keeps; channels are rounded to the nearest multiple, and never below one of it."""
    if not 0 <= ratio < 1 or group.units * (1 - ratio) < 0.5:
        raise InputError(
            f"--prune {ratio:g}: would leave nothing of {group.name}, which has {group.units} "
            f"{'heads' if group.heads else 'channels'}; give at most {1 - 0.5 / group.units:.2f}"
        )
    if not ratio:
        return group.units
    step = 1 if group.heads else min(multiple, group.units)
    return min(max(round(group.units * (1 - ratio) / step), 1) * step, group.units)


def kept_units(scores: npt.NDArray[np.floating[Any]], count: int) -> list[int]:
    """The most important units, in their order."""
    return sorted(np.argsort(-scores, kind="stable")[:count].tolist())


def cut(student: Student, groups: Iterable[Group], kept: Mapping[str, Sequence[int]]) -> None:
    """Leaves of each group the units that are kept."""
    gone: dict[str, list[set[int]]] = {}
    for group in groups:
        lost = np.setdiff1d(np.arange(group.units), kept[group.name])
        for part in group.slices if len(lost) else ():
            layer = gone.setdefault(part.layer, [set(), set()])
            layer[part.width].update(part.places[lost].ravel().tolist())
            if _is_depthwise(student.get_submodule(part.layer)):
                layer[1 - part.width] = layer[part.width]
    for name, lost_of_each in gone.items():
        module = student.get_submodule(name)
        all_units = widths.widths(module) or ()
        widths.keep(module, [[i for i in range(n) if i not in lost] for n, lost in zip(all_units, lost_of_each)])


def without_layers(student: Student, dropped: Collection[int]) -> Student:
    """A copy with fewer decoder layers."""
    smaller = copy.deepcopy(student)
    kept = [layer for i, layer in enumerate(smaller.decoder.layers) if i not in dropped]
    if not kept:
        raise InputError(f"all {len(smaller.decoder.layers)} decoder layers were to be dropped; leave one")
    smaller.decoder.layers = nn.ModuleList(kept)
    smaller.config = replace(smaller.config, decoder_layers=len(kept))
    return described(smaller)


def described(student: Student) -> Student:
    """The same student, with its widths in its config."""
    wide = student.card_widths
    narrow = {name: list(here) for name, here in widths.all_widths(student).items() if here != wide[name]}
    student.config = replace(student.config, widths=narrow)
    return student


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups > 1
