"""The folder of a training, as its processes find it: new, begun or finished."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from edgegsr.distill import checkpoint
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.training import open_accelerator
from edgegsr.run import REPORT, STATE, WEIGHTS


@dataclass(frozen=True)
class Folder:
    """What lies in a folder already, and the processes that go on with it."""

    out: Path
    accelerator: Accelerator
    saved: checkpoint.Checkpoint | None
    finished: bool
    begun: bool  # a step of some training is kept here

    @property
    def is_new(self) -> bool:
        return not (self.saved or self.finished)

    def is_done(self) -> bool:
        """Waits until every process has settled here; says so if nothing is left to do."""
        self.accelerator.wait_for_everyone()
        if self.finished and self.accelerator.is_main_process:
            print(f"{self.out}: this training is finished, nothing is left to do", file=sys.stderr)
        return self.finished


def open_folder(out: Path, settings: TrainConfig, runs: Collection[Path] = ()) -> Folder:
    """The folder, with the dice of the training thrown anew; it ends as a run, or as the `runs` that are named."""
    accelerator = open_accelerator(settings)
    places = runs or (out,)
    begun = any((out / STATE).glob("*")) or any((run / WEIGHTS).is_file() for run in places)
    finished = all((run / name).is_file() for run in places for name in (WEIGHTS, REPORT))
    torch.manual_seed(settings.seed)
    return Folder(out, accelerator, checkpoint.latest(out / STATE), finished, begun)
