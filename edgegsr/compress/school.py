"""What all trainings of a compression have in common: the data, the method, the teacher, and the card's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.course import Course
from edgegsr.distill.loop import Turn
from edgegsr.distill.methods import find_method
from edgegsr.distill.plain import Plain
from edgegsr.distill.start import Start, read_lesson
from edgegsr.distill.train import images_per_verb, train
from edgegsr.run import Run
from edgegsr.scoring.brief import Dev, brief, brief_pairs
from edgegsr.scoring.hico import PARTIAL, score
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher.knowledge import Source


@dataclass(frozen=True)
class School:
    learn: Split
    judge: Split
    groups: Groups  # of verbs: seen, rare, unseen
    method: str
    source: Source | None
    settings: TrainConfig  # of the run that came, with what the user wants otherwise

    def train(self, folder: Path, run: Run, watcher: Student | None = None, **changes: float) -> Run:
        """The student of a run, trained on in the way that it was trained, in a run of its own."""
        return train(
            {"student": asdict(run.student.config), "train": {**asdict(self.settings), **changes}},
            self.learn,
            self.judge,
            run.tables,
            folder,
            self.method,
            groups=self.groups,
            source=self.source,
            start=start_of(run, watcher),
        )

    def score(self, student: Student) -> Dev:
        """What a student scores on dev."""
        return brief(evaluate(student, self.judge, self.groups))

    def lesson(self, start: Start) -> Plain:
        """What a student is taught by, with all that it has learned."""
        counts = images_per_verb(self.learn.annotations)
        torch.manual_seed(self.settings.seed)  # what is not known of it begins the same every time
        lesson = find_method(self.method).lesson(start.copied(), self.settings, counts, self.source)
        start.into(lesson)
        return lesson

    def turns(self, student: Student, number: int) -> Iterator[Turn]:
        """The first batches of a training of this student."""
        collages = find_method(self.method).collages
        course = Course(self.learn, student.config.side, self.settings, self.source, collages)
        return course.from_step(0, number)


@dataclass(frozen=True)
class PairSchool:
    """The same of pairs, whose students learn nothing on the way: on what scales are found, and who judges."""

    learn: PairSplit
    judge: PairSplit
    method: str  # by which the run that came was taught

    def score(self, student: PairStudent) -> Dev:
        """What a student scores on dev, over the kinds that it shows."""
        said = answer_pairs(student, self.judge, label="evaluating")
        return brief_pairs(score(self.judge.pairs, said.predictions(), PARTIAL))


def start_of(run: Run, watcher: Student | None = None) -> Start:
    """Where what comes after a run begins."""
    return Start(run.student, read_lesson(run.folder), watcher)
