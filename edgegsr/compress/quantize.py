"""From float to 8 bits: calibrated, trained with the rounding, and with the layers in 16 bits that need it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgegsr.both_run import BothRun
from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.config import QuantizeConfig
from edgegsr.compress.layers import Layer, in_16_bits, layers_of
from edgegsr.compress.prune import Pruned
from edgegsr.compress.school import Schooling
from edgegsr.compress.sensitivity import Judges, sensitivity
from edgegsr.compress.steps import STEPS, AnyRun, made
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.errors import InputError, require
from edgegsr.images import letterbox
from edgegsr.pair_run import PairRun
from edgegsr.run import Run
from edgegsr.student.quantizers import AnyQuantized, counts_in_8_bits, unrounded

LOOKED_AT = 8  # images at a time, when scales are found
COMPARED = 64  # images on which outputs are compared, at once


def quantizing(run: AnyRun, out: Path, wish: QuantizeConfig, school: Schooling[AnyRun]) -> Iterator[tuple[str, AnyRun]]:
    """The runs in 8 bits: as calibrated, as trained with the student before them as a second teacher, and as kept."""
    steps, side = out / STEPS, run.student.config.side
    folded = made(steps / "folded", run, lambda: Pruned(copy.deepcopy(run.student).fold(), {}))

    def rounded() -> Pruned:
        return Pruned(calibrated(folded.student, calibration_photos(school.learn, side, wish)), {})

    at = made(steps / "int8-calibrated", folded, rounded)
    yield "INT8, calibrated", at
    if wish.qat:
        lr = wish.lr_share * school.settings.lr
        at = school.train(steps / "int8-trained", at, folded.student, epochs=wish.epochs, lr=lr, warmup_epochs=0.1)
        yield "INT8, trained", at
    kept = made(steps / "int8", at, lambda: Pruned(_mixed(at, folded, out, wish, school), {}), packed=True)
    yield "INT8, as kept", kept


def calibration_photos(learn: Split | PairSplit, side: int, wish: QuantizeConfig) -> Sequence[Tensor]:
    """Photos of a split, drawn by seed, as they are looked at when scales are found."""
    rows = np.random.default_rng(wish.seed).permutation(len(learn))[: wish.calibration]
    return torch.split(_pixels(learn, rows, side), LOOKED_AT)


def refuse_quantized(run: Run | PairRun | BothRun) -> None:
    """Of a student in 8 bits nothing is cut, and no other 8 bits are made."""
    if counts_in_8_bits(run.student):
        raise InputError(f"{run.folder}: is quantized already; compress the run that it was made from")


def check_calibration(*schools: Schooling[Any]) -> None:
    """Refuses to find scales on nothing."""
    for school in schools:
        require(len(school.learn) > 0, f"8 bits: wanted photos to calibrate on, got 0 in {school.learn.name}")


def _mixed(run: AnyRun, folded: AnyRun, out: Path, wish: QuantizeConfig, school: Schooling[AnyRun]) -> AnyQuantized:
    """The student with those layers in 16 bits that need it."""
    student, judge, side = run.student, school.judge, run.student.config.side
    assert isinstance(student, AnyQuantized)

    def mixed(layers: Collection[Layer]) -> AnyQuantized:
        return in_16_bits(student, unrounded(student, run.tables), layers)

    rows = np.random.default_rng(wish.seed).permutation(len(judge))[: wish.judged_on]
    judges = Judges(
        pixels=_pixels(judge, rows[:COMPARED], side),
        some=lambda rounded: school.score(rounded, judge.take(rows)),
        whole=lambda layers: school.score(mixed(layers)),
        before=school.score(folded.student),
    )
    names = sensitivity(student, judges, wish.max_drop, out).sixteen
    if names is None:
        print(f"--max-drop {wish.max_drop:g}: not met by 0, 1, 2, 4 … layers in 16 bits; all are in 8", file=sys.stderr)
    return mixed([layer for layer in layers_of(student) if layer.name in (names or [])])


def _pixels(split: Split | PairSplit, rows: Iterable[int], side: int) -> Tensor:
    return torch.stack([torch.from_numpy(letterbox(split.pixels(int(row)), side)[0]) for row in rows])
