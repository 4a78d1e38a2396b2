"""The folder of a training of both heads: two runs like any other, whose encoder and decoder are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.errors import InputError
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import WEIGHTS, Run, open_run
from edgegsr.student.both import BothStudent
from edgegsr.student.quantizers import Quantized

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


def open_both_run(folder: str | Path) -> BothRun:
    """The runs in a folder, checked, and that they have one trunk."""
    folder = Path(folder)
    situations, pairs = open_run(folder / SITUATIONS), open_pair_run(folder / PAIRS)
    for half in (situations, pairs):
        if isinstance(half.student, Quantized):
            raise InputError(f"{half.folder}: counts in INT8, as both heads together do not; export it alone")
    mine, theirs = situations.student.state_dict(), pairs.student.state_dict()
    for name, tensor in theirs.items():
        if name.startswith(("encoder.", "decoder.")) and not (
            name in mine and mine[name].shape == tensor.shape and torch.equal(mine[name], tensor)
        ):
            raise InputError(
                f"{folder}: {name} is another one in {SITUATIONS}/{WEIGHTS} than in {PAIRS}/{WEIGHTS}; wanted both "
                "halves of one `edgegsr distill --situations`, copy the whole folder again"
            )
    return BothRun(folder, situations, pairs, BothStudent(situations.student, pairs.student).eval())
