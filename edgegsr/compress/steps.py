"""The steps of a compression: every one is a run, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from edgegsr import card
from edgegsr.compress.prune import Pruned
from edgegsr.distill.start import LESSON, read_lesson
from edgegsr.files import write_whole
from edgegsr.run import CONFIG, ONTOLOGY, QUANTIZERS, TABLES, WEIGHTS, Run, open_run
from edgegsr.student.quantizers import QuantizedStudent, write_places
from edgegsr.student.weights import save_packed, save_weights
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

STEPS = "steps"
READS = {"to_patches.weight": "tokens", "to_teacher.weight": "pool"}  # what of a lesson reads which strand


def made(folder: Path, run: Run, make: Callable[[], Pruned], *, packed: bool = False) -> Run:
    """The run of a student that is made from that of another without training; the weights come last."""
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    new = make()
    write_whole(folder / CONFIG, card.to_toml({**run.config, "student": new.student.config}))
    for name in (ONTOLOGY, TABLES, ZERO_SHOT):
        if (run.folder / name).is_file():
            write_whole(folder / name, (run.folder / name).read_bytes())
    if lesson := narrowed(read_lesson(run.folder), new.kept):
        write_whole(folder / LESSON, save(lesson))
    if isinstance(new.student, QuantizedStudent):
        write_places(new.student, folder / QUANTIZERS)
    (save_packed if packed else save_weights)(new.student, folder / WEIGHTS)
    return open_run(folder)


def narrowed(lesson: Mapping[str, Tensor], kept: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """What taught a student, where it reads units of it that are cut."""
    cut = {
        reader: lesson[reader][:, list(kept[strand])].contiguous()
        for reader, strand in READS.items()
        if reader in lesson and strand in kept
    }
    return {**lesson, **cut}
