"""The steps of a compression: every one is a run, made once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save
from torch import Tensor

from edgegsr import card
from edgegsr.both_run import HALVES, BothRun, open_both_run, parts_of
from edgegsr.compress.prune import Kept, Pruned
from edgegsr.distill.start import LESSON, read_lesson
from edgegsr.files import write_whole
from edgegsr.interactions import KINDS_FILE
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import CONFIG, ONTOLOGY, QUANTIZERS, TABLES, WEIGHTS, Run, open_run
from edgegsr.student.both import AnyStudent, halves_of
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import Quantized, write_places
from edgegsr.student.weights import save_packed, save_weights
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

AnyRun = TypeVar("AnyRun", Run, PairRun, BothRun)

STEPS = "steps"
OF_HALF = rf"(?:(?:{'|'.join(HALVES)})\.)?"  # what teaches both heads is named by half
# what of a lesson reads which strand along which axis, some of it several places of the strand at once
READS = (
    (r"to_patches\.weight", "tokens", 1),
    (r"to_teacher\.weight", "pool", 1),
    (r"groups\.prompts", "tokens", 2),
    (r"groups\.(look\.\d+\.[kv]|first\.\d+)\.weight", "tokens", 1),
    (r"translator\.layers\.\d+\.[kv]\.weight|cognition\.visual\.weight", "tokens", 1),
)


def made(folder: Path, run: AnyRun, make: Callable[[], Pruned], *, packed: bool = False) -> AnyRun:
    """The run of a student that is made from that of another without training; the weights come last."""
    parts = parts_of(run)
    if not all((folder / half / WEIGHTS).is_file() for half in parts):
        student, kept = make()
        for half, smaller in halves_of(student).items():
            _write(folder / half, parts[half], smaller, kept, packed)
    return opened_like(run, folder)


def _write(folder: Path, run: Run | PairRun, student: Student | PairStudent, kept: Kept, packed: bool) -> None:
    write_whole(folder / CONFIG, card.to_toml({**run.config, "student": student.config}))
    for name in (ONTOLOGY, KINDS_FILE, TABLES, ZERO_SHOT):
        if (run.folder / name).is_file():
            write_whole(folder / name, (run.folder / name).read_bytes())
    if lesson := narrowed(read_lesson(run.folder), run.student, kept):
        write_whole(folder / LESSON, save(lesson))
    if isinstance(student, Quantized):
        write_places(student, folder / QUANTIZERS)
    (save_packed if packed else save_weights)(student, folder / WEIGHTS)


def opened_like(run: AnyRun, folder: Path) -> AnyRun:
    """The run in a folder, which is one of the same kind."""
    if isinstance(run, BothRun):
        return open_both_run(folder)
    return open_pair_run(folder) if isinstance(run, PairRun) else open_run(folder)


def _width(student: AnyStudent, strand: str) -> int:
    """How many units a strand of the student has, as a lesson reads it."""
    if isinstance(student, PairStudent) or strand == "tokens":
        return student.token_width
    return student.pooled_width


def narrowed(lesson: Mapping[str, Tensor], student: AnyStudent, kept: Kept) -> dict[str, Tensor]:
    """What taught a student, where it reads units of it that are cut."""
    found = dict(lesson)
    for pattern, strand, axis in READS:
        for name in (name for name in lesson if strand in kept and re.fullmatch(OF_HALF + pattern, name)):
            tensor, wide = lesson[name], _width(student, strand)
            places = [i + unit for i in range(0, tensor.shape[axis], wide) for unit in kept[strand]]
            found[name] = tensor.index_select(axis, torch.tensor(places))
    return found
