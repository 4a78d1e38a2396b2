"""The folder of a training, as its processes find it: new, begun or finished."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from accelerate import Accelerator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from edgegsr.distill import checkpoint
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.training import open_accelerator
from edgegsr.errors import InputError
from edgegsr.files import writing
from edgegsr.run import CONFIG, REPORT, STATE, WEIGHTS

LOCK = ".training"  # held, with the number of its process, by the training that is at work in a folder


@dataclass(frozen=True)
class Folder:
    """What lies in a folder already, and the processes that go on with it."""

    out: Path
    accelerator: Accelerator
    saved: checkpoint.Checkpoint | None
    finished: bool
    begun: bool  # a step of some training is kept here
    lock: IO[str] | None  # keeps trainings of other processes out as long as this folder is known

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
    for place in places if accelerator.is_main_process else ():
        _check_ours(place)
    finished = all((run / name).is_file() for run in places for name in (WEIGHTS, REPORT))
    lock = _locked(out) if accelerator.is_main_process and not finished else None
    begun = any((out / STATE).glob("*")) or any((run / WEIGHTS).is_file() for run in places)
    torch.manual_seed(settings.seed)
    return Folder(out, accelerator, checkpoint.latest(out / STATE), finished, begun, lock)


def _check_ours(place: Path) -> None:
    """Refuses the folder of something else."""
    if place.is_dir() and not (place / CONFIG).is_file():
        names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
        if names:
            found = ", ".join(names[:5])
            raise InputError(f"{place}: wanted an empty folder or a run, found {found}; give another --out")


def _locked(out: Path) -> IO[str] | None:
    """The lock of a folder, for this process alone."""
    if not fcntl:
        return None
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("a+")
    try:  # of this process alone: workers that outlive it do not hold it, as they would with flock
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return None  # a file system without locks
        lock.seek(0)
        who = lock.read().strip()
        raise InputError(
            f"{out}: another training is at work here (process {who}); wait for it, or give another --out"
        ) from None
    with writing(out):
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    return lock
