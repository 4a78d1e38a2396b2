"""The folder of a training of both heads: two runs like any other, whose encoder and decoder are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.errors import InputError
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import WEIGHTS, Run, open_run
from edgegsr.student.both import BothStudent
from edgegsr.student.config import TRUNK
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import Quantized, hooks, places, share_scales

HALVES = (SITUATIONS, PAIRS)  # what their folders are called


@dataclass(frozen=True)
class BothRun:
    """Both halves, and the student that they are together."""

    folder: Path
    situations: Run
    pairs: PairRun
    student: BothStudent

    @property
    def config(self) -> Mapping[str, Any]:
        """Of the half of pairs, which names the other one."""
        return self.pairs.config


def parts_of(run: Run | PairRun | BothRun) -> dict[str, Run | PairRun]:
    """The runs of one head that it is made of, by the folder in it: itself under no name, or both halves."""
    return {SITUATIONS: run.situations, PAIRS: run.pairs} if isinstance(run, BothRun) else {"": run}


def open_both_run(folder: str | Path) -> BothRun:
    """The runs in a folder, checked, and that they have one trunk."""
    folder = Path(folder)
    situations, pairs = open_run(folder / SITUATIONS), open_pair_run(folder / PAIRS)
    rounded = [half for half in (situations, pairs) if isinstance(half.student, Quantized)]
    if len(rounded) == 1:
        raise InputError(
            f"{rounded[0].folder}: counts in INT8 and the other half does not; run `edgegsr compress --ptq` on the "
            "folder of both, or export this one alone"
        )
    mine, theirs = _trunk(situations.student), _trunk(pairs.student)
    for name in sorted(mine.keys() | theirs.keys()):
        if not (name in mine and name in theirs and torch.equal(mine[name], theirs[name])):
            raise InputError(
                f"{folder}: {name} is another one in {SITUATIONS}/{WEIGHTS} than in {PAIRS}/{WEIGHTS}; wanted both "
                "halves of one `edgegsr distill --situations`, copy the whole folder again"
            )
    if isinstance(situations.student, Quantized) and isinstance(pairs.student, Quantized):
        share_scales(situations.student, pairs.student)  # what one half learns of them, the other one knows
    return BothRun(folder, situations, pairs, BothStudent(situations.student, pairs.student).eval())


def _trunk(student: Student | PairStudent) -> dict[str, Tensor]:
    """What both halves share: weights, and the scales that an encoder rounds with."""
    found = {n: tensor for n, tensor in student.state_dict().items() if n.startswith(TRUNK)}
    if isinstance(student, Quantized):
        rounded = zip(places(student), hooks(student))
        found |= {
            f"{place.operator} {place.port}": quant.scale
            for place, (_, quant) in rounded
            if place.operator.startswith("encoder/")
        }
    return found
