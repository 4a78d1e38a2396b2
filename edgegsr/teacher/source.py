"""The knowledge that `--teacher` names: a cache of `edgegsr teach`, or a teacher that looks first and is remembered."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edgegsr.data.split import Split
from edgegsr.data.staged import is_staged
from edgegsr.errors import InputError, of_option
from edgegsr.files import cache_folder
from edgegsr.processes import processes
from edgegsr.shipped import find_teacher
from edgegsr.teacher.cache import FACTS, VIEWS, Cached, View
from edgegsr.teacher.knowledge import Source
from edgegsr.teacher.live import Live
from edgegsr.teacher.sight import Teacher
from edgegsr.teacher.teach import teach
from edgegsr.teacher.vision import open_teacher
from edgegsr.teacher.zero_shot import Exam, zero_shot
from edgegsr.text.shipped import ENCODER


def open_source(
    name: str | None,
    split: Split,
    cache: str | Path | None = None,
    *,
    live: bool = False,
    text: str | None = None,
    grid: int | None = None,
    views: Sequence[View] = VIEWS,
    collages: int = 0,
    exam: Exam | None = None,
    check: Callable[[str | None, str], None] = lambda teacher_texts, read_by: None,
) -> Source:
    """What a teacher says of a training split in these views; without a name the Diorama teacher.

    `check` hears of the text encoders of the teacher and of the rationales, and may refuse them before any work.

    A teacher's features are kept in `cache`, by default in a folder of its own under the cache of the user; `live`
    keeps none and looks at every batch anew. An `exam` tells what the teacher itself scores.
    """
    if name and (Path(name) / FACTS).is_file():
        return _opened(name, split, live, grid, views, collages)
    state = processes()
    if name is None and state.is_main_process:
        warn_of_photos(split)
    with of_option("--teacher"):
        teacher = open_teacher(find_teacher(name), str(state.device), grid)
    check(teacher.text_encoder, text or teacher.text_encoder or ENCODER)
    if live:
        return Live(teacher, split, text, scores=zero_shot(teacher, *exam) if exam else None)
    folder = Path(cache) if cache else _remembered(teacher)
    if state.is_main_process:
        print(f"{folder}: what {teacher.name} sees is kept here; --live keeps nothing", file=sys.stderr)
    teach(split, teacher, folder, text=text, views=views, collages=collages, exam=exam)
    return Cached(folder, split, views)


def warn_of_photos(split: Split) -> None:
    """Says what the Diorama teacher is good for, where it was not asked for and looks at something else."""
    if not is_staged(where := split.folder.parent):
        print(f"{where}: the Diorama teacher knows staged scenes alone; for photos name a --teacher", file=sys.stderr)


def _opened(name: str, split: Split, live: bool, grid: int | None, views: Sequence[View], collages: int) -> Cached:
    if live:
        raise InputError(f"--live: wanted a model that looks anew, got the cache {name}; leave it out or name a model")
    cached = Cached(name, split, views)
    if collages:
        cached.hold(collages)
    if grid not in (None, cached.grid):
        raise InputError(
            f"--grid {grid}: wanted the grid of {name}, {cached.grid}; leave it out, or teach into another folder"
        )
    return cached


def _remembered(teacher: Teacher) -> Path:
    """One folder for each way of looking, because a cache holds one."""
    way = f"{teacher.revision} {teacher.preprocessing} {teacher.grid}"
    return cache_folder() / "teachings" / f"{Path(teacher.name).name}-{hashlib.sha256(way.encode()).hexdigest()[:12]}"
