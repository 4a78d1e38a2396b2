"""The steps of a compression: every one is a run, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from safetensors.torch import save
from torch import Tensor

from edgegsr import card
from edgegsr.distill.start import LESSON, read_lesson
from edgegsr.files import write_whole
from edgegsr.interactions import KINDS_FILE
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import CONFIG, ONTOLOGY, QUANTIZERS, TABLES, WEIGHTS, Run, open_run
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import Quantized, write_places
from edgegsr.student.weights import save_packed, save_weights
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

AnyRun = TypeVar("AnyRun", Run, PairRun)
Made = tuple[Student | PairStudent, Mapping[str, Sequence[int]]]  # and which units of each strand it has kept

STEPS = "steps"
READS = {"to_patches.weight": "tokens", "to_teacher.weight": "pool"}  # what of a lesson reads which strand


def made(folder: Path, run: AnyRun, make: Callable[[], Made], *, packed: bool = False) -> AnyRun:
    """The run of a student that is made from that of another without training; the weights come last."""
    if (folder / WEIGHTS).is_file():
        return _opened(run, folder)
    student, kept = make()
    write_whole(folder / CONFIG, card.to_toml({**run.config, "student": student.config}))
    for name in (ONTOLOGY, KINDS_FILE, TABLES, ZERO_SHOT):
        if (run.folder / name).is_file():
            write_whole(folder / name, (run.folder / name).read_bytes())
    if lesson := narrowed(read_lesson(run.folder), kept):
        write_whole(folder / LESSON, save(lesson))
    if isinstance(student, Quantized):
        write_places(student, folder / QUANTIZERS)
    (save_packed if packed else save_weights)(student, folder / WEIGHTS)
    return _opened(run, folder)


def _opened(run: AnyRun, folder: Path) -> AnyRun:
    """The run in a folder, which is one of the same kind."""
    return open_pair_run(folder) if isinstance(run, PairRun) else open_run(folder)


def narrowed(lesson: Mapping[str, Tensor], kept: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """What taught a student, where it reads units of it that are cut."""
    cut = {
        reader: lesson[reader][:, list(kept[strand])].contiguous()
        for reader, strand in READS.items()
        if reader in lesson and strand in kept
    }
    return {**lesson, **cut}
