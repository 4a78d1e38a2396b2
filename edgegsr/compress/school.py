"""What all trainings of a compression have in common: the data, the method, the teacher, and the card's settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from edgegsr import card
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.course import Course, Lesson
from edgegsr.distill.methods import find_method
from edgegsr.distill.plain import Plain
from edgegsr.distill.start import Start, read_lesson
from edgegsr.distill.train import images_per_verb, train
from edgegsr.run import Run
from edgegsr.student.model import Student
from edgegsr.teacher.knowledge import Source


@dataclass(frozen=True)
class School:
    learn: Split
    judge: Split
    groups: Groups
    method: str
    source: Source | None
    settings: Mapping[str, Any]  # the [train] table of the run that came
    overrides: Mapping[str, Any]  # what of it the user wants otherwise, inner tables with a dot

    def train(self, folder: Path, run: Run, changes: Mapping[str, Any], watcher: Student | None = None) -> Run:
        """The student of a run, trained on in the way that it was trained, in a run of its own."""
        return train(
            self._card(run.student),
            self.learn,
            self.judge,
            run.tables,
            folder,
            self.method,
            overrides={**changes, **self.overrides},
            groups=self.groups,
            source=self.source,
            start=start_of(run, watcher),
        )

    def lesson(self, start: Start) -> Plain:
        """What a student is taught by, with all that it has learned."""
        settings = self._settings(start.student)
        lesson = find_method(self.method).lesson(
            start.copied(), settings, images_per_verb(self.learn.annotations), self.source
        )
        start.into(lesson)
        return lesson

    def lessons(self, student: Student, number: int) -> Iterator[Lesson]:
        """The first batches of a training of this student."""
        collages = "mipd" in find_method(self.method).tables
        course = Course(self.learn, student.config.side, self._settings(student), self.source, collages)
        return course.from_step(0, number)

    def _settings(self, student: Student) -> TrainConfig:
        return read_train(self._card(student), self.overrides, find_method(self.method).settings)

    def _card(self, student: Student) -> dict[str, Any]:
        return tomllib.loads(card.to_toml({"student": student.config, "train": self.settings}))


def start_of(run: Run, watcher: Student | None = None) -> Start:
    """Where what comes after a run begins."""
    return Start(run.student, read_lesson(run.folder), watcher)
