"""From float to 8 bits: calibrated, trained with the rounding, and with the layers in 16 bits that need it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgegsr.both_run import BothRun, parts_of
from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.config import QuantizeConfig
from edgegsr.compress.layers import Layer, Rounded, in_16_bits, layers_of
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
from edgegsr.student.both import of_each
from edgegsr.student.quantizers import counts_in_8_bits, unrounded

LOOKED_AT = 8  # images at a time, when scales are found
COMPARED = 64  # images on which outputs are compared, at once


def quantizing(run: AnyRun, out: Path, wish: QuantizeConfig, school: Schooling[AnyRun]) -> Iterator[tuple[str, AnyRun]]:
    """The runs in 8 bits: as calibrated, as trained with the student before them as a second teacher, and as kept."""
    steps, side = out / STEPS, run.student.config.side
    folded = made(steps / "folded", run, lambda: Pruned(copy.deepcopy(run.student).fold(), {}))

    def rounded() -> Pruned:
        photos = [some for part in school.parts for some in _calibration_photos(part.learn, side, wish)]
        return Pruned(calibrated(folded.student, photos), {})

    at = made(steps / "int8-calibrated", folded, rounded)
    yield "INT8, calibrated", at
    if wish.qat:
        lr = wish.lr_share * school.settings.lr
        at = school.train(steps / "int8-trained", at, folded.student, epochs=wish.epochs, lr=lr, warmup_epochs=0.1)
        yield "INT8, trained", at
    kept = made(steps / "int8", at, lambda: Pruned(_mixed(at, folded, out, wish, school), {}), packed=True)
    yield "INT8, as kept", kept


def _calibration_photos(learn: Split | PairSplit, side: int, wish: QuantizeConfig) -> Sequence[Tensor]:
    """Photos of a split, drawn by seed, as they are looked at when scales are found."""
    return torch.split(_pixels(learn, _drawn(learn, wish.calibration, wish), side), LOOKED_AT)


def refuse_quantized(run: Run | PairRun | BothRun) -> None:
    """Of a student in 8 bits nothing is cut, and no other 8 bits are made."""
    if counts_in_8_bits(run.student):
        raise InputError(f"{run.folder}: is quantized already; compress the run that it was made from")


def check_calibration(school: Schooling[Any]) -> None:
    """Refuses to find scales on nothing."""
    for part in school.parts:
        require(len(part.learn) > 0, f"8 bits: wanted photos to calibrate on, got 0 in {part.learn.name}")


def _mixed(run: AnyRun, folded: AnyRun, out: Path, wish: QuantizeConfig, school: Schooling[AnyRun]) -> Rounded:
    """The student with those layers in 16 bits that need it."""
    student, parts, side = run.student, parts_of(run), run.student.config.side
    assert isinstance(student, Rounded)

    def mixed(layers: Collection[Layer]) -> Rounded:
        body = of_each(student, lambda half, part: unrounded(part, parts[half].tables))
        return in_16_bits(student, body, layers)

    few = [part.judge.take(_drawn(part.judge, wish.judged_on, wish)) for part in school.parts]
    judges = Judges(
        pixels=torch.cat([_pixels(split, range(min(COMPARED, len(split))), side) for split in few]),
        some=lambda rounded: school.score(rounded, few),
        whole=lambda layers: school.score(mixed(layers)),
        before=school.score(folded.student),
    )
    names = sensitivity(student, judges, wish.max_drop, out).sixteen
    if names is None:
        told = f"no number of layers in 16 bits keeps every dev score within {wish.max_drop:g} of what it was"
        print(f"{told} (--max-drop); all are in 8", file=sys.stderr)
    return mixed([layer for layer in layers_of(student) if layer.name in (names or [])])


def _drawn(split: Split | PairSplit, count: int, wish: QuantizeConfig) -> npt.NDArray[np.int64]:
    return np.random.default_rng(wish.seed).permutation(len(split))[:count]


def _pixels(split: Split | PairSplit, rows: Iterable[int], side: int) -> Tensor:
    return torch.stack([torch.from_numpy(letterbox(split.pixels(int(row)), side)[0]) for row in rows])
