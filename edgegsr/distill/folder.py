"""The folder of a training, as its processes find it: new, begun or finished."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from accelerate import Accelerator

from edgegsr.distill import checkpoint
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.training import open_accelerator
from edgegsr.errors import InputError
from edgegsr.files import writing
from edgegsr.locks import Held, hold
from edgegsr.run import CONFIG, REPORT, STATE, WEIGHTS

LOCK = ".training"  # held, with the number of its process, by the training that is at work in a folder


@dataclass
class Folder:
    """What lies in a folder already, and the processes that go on with it."""

    out: Path
    accelerator: Accelerator
    saved: checkpoint.Checkpoint | None
    finished: bool
    begun: bool  # a step of some training is kept here
    lock: IO[str] | None = None

    @property
    def is_new(self) -> bool:
        return not (self.saved or self.finished)

    def take(self) -> None:
        """Keeps trainings of other processes out as long as this is known; nothing is written before."""
        if self.finished or not self.accelerator.is_main_process:
            return
        with writing(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
            try:
                self.lock = hold(self.out / LOCK)
            except Held as process:
                raise InputError(
                    f"{self.out}: another training is at work here (process {process}); wait for it, or give another "
                    "--out"
                ) from None

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
    for place in places if accelerator.is_main_process else ():
        _check_ours(place)
    finished = all((run / name).is_file() for run in places for name in (WEIGHTS, REPORT))
    begun = any((out / STATE).glob("*")) or any((run / WEIGHTS).is_file() for run in places)
    torch.manual_seed(settings.seed)
    return Folder(out, accelerator, checkpoint.latest(out / STATE), finished, begun)


def _check_ours(place: Path) -> None:
    """Refuses the folder of something else."""
    if place.is_dir() and not (place / CONFIG).is_file():
        names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
        if names:
            found = ", ".join(names[:5])
            raise InputError(f"{place}: wanted an empty folder or a run, found {found}; give another --out")
