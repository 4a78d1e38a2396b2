"""What a student of pairs learns from beside annotations, or instead of them, as a command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgegsr.data.pairs import PairSplit
from edgegsr.distill.pairs.methods import Source, find_pair_method
from edgegsr.errors import InputError, of_option
from edgegsr.files import cache_folder
from edgegsr.processes import processes
from edgegsr.shipped import find_teacher
from edgegsr.teacher.cache import FACTS
from edgegsr.teacher.detectors import open_detector
from edgegsr.teacher.glimpses import GlimpseSource
from edgegsr.teacher.sought import Sought
from edgegsr.teacher.speakers import open_speaker
from edgegsr.teacher.testimony import SCOPES, Testimony
from edgegsr.teacher.vision import open_teacher
from edgegsr.text import TextTables


@dataclass(frozen=True)
class Given:
    """Who looks and who finds; nothing where a method does without."""

    teacher: str | None = None  # that knows what people do
    detector: str | None = None  # that finds people and things, besides those that are annotated or instead of them
    scope: str | None = None  # what the teacher is shown where a detector finds

    def __post_init__(self) -> None:
        if self.teacher and (Path(self.teacher) / FACTS).is_file():
            raise InputError(
                f"--teacher {self.teacher}: is a cache of whole photos, and a student of pairs hears of couples; give "
                "the model, what it sees of them is kept as well"
            )
        if self.scope not in (None, *SCOPES):
            raise InputError(f"--scope: wanted one of {', '.join(SCOPES)}, got {self.scope!r}")


def open_pair_source(
    method: str,
    given: Given,
    learn: PairSplit,
    tables: TextTables,
    setting: str = "",
    cache: Path | None = None,
    gazes: bool = False,
) -> Source | None:
    """The source of a method on these photos, as a zero-shot setting shows them; what it sees is kept in `cache`.

    With `gazes` a teacher of couples looks at their objects alone as well.
    """
    how, folder = find_pair_method(method), cache or cache_folder()
    wanted = None if how.alone and not given.teacher else how.source
    if wanted is not Testimony and given.scope:
        raise InputError(f"--method {method}: a teacher sees couples alone; leave out --scope")
    if wanted is None:
        if given.teacher or given.detector:
            way = "give --teacher, or leave out --detector" if how.alone else "leave out --teacher and --detector"
            raise InputError(f"--method {method}: asks no teacher; {way}")
        return None
    device, teacher, kinds = str(processes().device), find_teacher(given.teacher or "diorama"), learn.pairs.kinds
    with of_option("--detector"):
        detector = open_detector(given.detector, kinds, device) if given.detector else None
    if wanted is GlimpseSource:
        with of_option("--teacher"):
            looking = open_teacher(teacher, device)
        sought = Sought(kinds.valid & ~kinds.allowed(setting), tables.verbs) if setting else None
        return GlimpseSource(looking, learn, folder, tables.encoder, detector, sought, gazes)
    if not detector:
        raise InputError(
            f"--method {method}: learns where people and things are from a detector; give --detector, a model of "
            "transformers such as PekingU/rtdetr_v2_r18vd or a run of pairs, of crowds diorama-detector-256"
        )
    return Testimony(
        open_speaker(teacher, tables.encoder, device), detector, learn, kinds, folder, given.scope or SCOPES[0]
    )
