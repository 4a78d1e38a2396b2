"""What all trainings of a compression have in common: the data, the method, the teacher, and the card's settings.

There is one for students of situations, one for students of pairs, and one for those of both; the rest of the package
knows no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import tomllib
import torch

from edgegsr.both_run import BothRun, open_both_run, parts_of
from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.compress.steps import AnyRun
from edgegsr.data.hico import RULES
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.distill.both import OfPairs, OfSituations, lesson_of_both, train_both, turns_of_both
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.course import Course
from edgegsr.distill.heads import BothLesson
from edgegsr.distill.identity import describe, facts_of
from edgegsr.distill.loop import Turn
from edgegsr.distill.methods import find_method
from edgegsr.distill.pairs.lesson import PairLesson
from edgegsr.distill.pairs.methods import Source as PairSource
from edgegsr.distill.pairs.train import as_told, batches_of, facts_of_pairs, lesson_of, train_pairs, turns_of
from edgegsr.distill.plain import Plain
from edgegsr.distill.start import Start, read_lesson
from edgegsr.distill.train import images_per_verb, train
from edgegsr.pair_run import PairRun
from edgegsr.run import Run
from edgegsr.scoring.brief import Dev, brief, brief_pairs
from edgegsr.scoring.hico import PARTIAL, score
from edgegsr.student.answers import answer
from edgegsr.student.both import AnyStudent, BothStudent, SomeStudent
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.calibration import choose
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher.knowledge import Source
from edgegsr.text.kinds import ontology_of


class Schooling(Protocol[AnyRun]):
    """Who teaches a student on the way, and who judges it."""

    @property
    def parts(self) -> Sequence[School | PairSchool]:
        """Those of one head that it is made of."""

    @property
    def method(self) -> str: ...
    @property
    def settings(self) -> TrainConfig: ...

    def train(self, folder: Path, run: AnyRun, watcher: Any = None, **changes: float) -> AnyRun:
        """The student of a run, trained on in the way that it was trained, in a run of its own."""

    def score(self, student: Any, few: Sequence[Any] = ()) -> Dev:
        """What a student scores on dev, or on a few images of it, a split for every part."""

    def lesson(self, start: Start[Any]) -> Any:
        """What a student is taught by, with all that it has learned."""

    def turns(self, student: Any, number: int) -> Iterator[Turn]:
        """The first batches of a training of this student."""

    def described(self, run: AnyRun) -> dict[str, Any]:
        """What decides how a run is taught on and judged."""

    def finish(self, run: AnyRun) -> None:
        """Chooses on dev what a training chooses, where nothing was trained."""


@dataclass(frozen=True)
class School:
    """For students of situations."""

    learn: Split
    judge: Split
    groups: Groups  # of verbs: seen, rare, unseen
    method: str
    source: Source | None
    settings: TrainConfig  # of the run that came, with what the user wants otherwise

    def train(self, folder: Path, run: Run, watcher: Student | None = None, **changes: float) -> Run:
        return train(
            _card_of(run.student, self.settings, changes),
            self.learn,
            self.judge,
            run.tables,
            folder,
            self.method,
            groups=self.groups,
            source=self.source,
            start=start_of(run, watcher),
        )

    @property
    def parts(self) -> Sequence[School]:
        return (self,)

    def score(self, student: Student, few: Sequence[Split] = ()) -> Dev:
        [split] = few or [self.judge]
        said = answer(student, split, label="" if few else "evaluating")
        return brief(evaluate(student, split, self.groups, answers=said))

    def lesson(self, start: Start[Student]) -> Plain:
        counts = images_per_verb(self.learn.annotations)
        torch.manual_seed(self.settings.seed)  # what is not known of it begins the same every time
        lesson = find_method(self.method).lesson(start.copied(), self.settings, counts, self.source)
        start.into(lesson)
        return lesson

    def turns(self, student: Student, number: int) -> Iterator[Turn]:
        return self.course(student.config.side).from_step(0, number)

    def course(self, side: int) -> Course:
        """What it shows, in squares of a side."""
        return Course(self.learn, side, self.settings, self.source, find_method(self.method).collages)

    def described(self, run: Run) -> dict[str, Any]:
        truth = {"train": self.learn.annotations, "dev": self.judge.annotations}
        data = {name: facts_of(part) for name, part in truth.items()}
        words = truth["train"].ontology
        beginning = (self.settings, words, data, run.tables, self.source, start_of(run))
        return tomllib.loads(describe(self.method, run.student.config, *beginning))

    def finish(self, run: Run) -> None:
        if (run.folder / CALIBRATION).is_file():
            return
        said, scale = answer(run.student, self.judge), float(run.student.verb_words.scale.detach())
        if chosen := choose(said, self.judge.annotations, self.groups, scale, self.judge.name):
            chosen.save(run.folder)


@dataclass(frozen=True)
class PairSchool:
    """For students of pairs."""

    learn: PairSplit
    judge: PairSplit
    method: str
    source: PairSource | None
    settings: TrainConfig
    unseen: str = ""  # the zero-shot setting whose kinds training does not know of
    rule: str = RULES[0]  # and what went with them

    def train(self, folder: Path, run: PairRun, watcher: PairStudent | None = None, **changes: float) -> PairRun:
        return train_pairs(
            _card_of(run.student, self.settings, changes),
            self.learn,
            self.judge,
            run.tables,
            folder,
            self.method,
            setting=self.unseen,
            rule=self.rule,
            start=start_of(run, watcher),
            source=self.source,
        )

    @property
    def parts(self) -> Sequence[PairSchool]:
        return (self,)

    def score(self, student: PairStudent, few: Sequence[PairSplit] = ()) -> Dev:
        """Over the kinds that the split shows."""
        [split] = few or [self.judge]
        said = answer_pairs(student, split, label="" if few else "evaluating")
        return brief_pairs(score(split.pairs, said.predictions(), PARTIAL))

    def lesson(self, start: Start[PairStudent]) -> PairLesson:
        told = as_told(self.learn, self.source)
        lesson = lesson_of(self.method, start.copied(), self.settings, told, self.unseen)
        start.into(lesson)
        return lesson

    def turns(self, student: PairStudent, number: int) -> Iterator[Turn]:
        told = as_told(self.learn, self.source)
        batches = batches_of(told, student.config.side, self.settings, rank=0, world=1, pin_memory=False)
        return turns_of(batches, number, self.source)

    def described(self, run: PairRun) -> dict[str, Any]:
        beginning = start_of(run).hash
        more, data = facts_of_pairs(self.learn, self.judge, self.unseen, self.rule, beginning, self.source)
        words = ontology_of(run.kinds)
        known = (run.student.config, self.settings, words, data, run.tables)
        return tomllib.loads(describe(self.method, *known, more=more))

    def finish(self, run: PairRun) -> None:
        """Nothing: a training of pairs chooses nothing on dev."""


@dataclass(frozen=True)
class BothSchool:
    """For students of both heads, whose trunk hears both lessons."""

    situations: School
    pairs: PairSchool

    @property
    def parts(self) -> Sequence[School | PairSchool]:
        return self.situations, self.pairs

    @property
    def method(self) -> str:
        return self.pairs.method

    @property
    def settings(self) -> TrainConfig:
        return self.pairs.settings

    def train(self, folder: Path, run: BothRun, watcher: BothStudent | None = None, **changes: float) -> BothRun:
        mine, theirs = self.situations, self.pairs
        situations = OfSituations(mine.learn, mine.judge, run.situations.tables, mine.groups, mine.source)
        pairs = OfPairs(theirs.learn, theirs.judge, run.pairs.tables, theirs.source)
        card = _card_of(run.student, self.settings, changes)
        train_both(card, situations, pairs, folder, self.method, start=start_of(run, watcher))
        return open_both_run(folder)

    def score(self, student: BothStudent, few: Sequence[Any] = ()) -> Dev:
        """Those of situations, and of pairs under their own name."""
        of_pairs = self.pairs.score(student.pairs, few[1:])["all"]
        return {**self.situations.score(student.situations, few[:1]), PAIRS: of_pairs}

    def lesson(self, start: Start[BothStudent]) -> BothLesson:
        mine, theirs = self.situations, self.pairs
        heads = start.copied()
        lesson = lesson_of_both(self.method, heads, self.settings, mine.learn, mine.source, theirs.learn)
        start.into(lesson)
        return lesson

    def turns(self, student: BothStudent, number: int) -> Iterator[Turn]:
        course = self.situations.course(student.config.side)
        return turns_of_both(course, self.pairs.learn, self.pairs.source, until=number)

    def described(self, run: BothRun) -> dict[str, Any]:
        return {SITUATIONS: self.situations.described(run.situations), PAIRS: self.pairs.described(run.pairs)}

    def finish(self, run: BothRun) -> None:
        self.situations.finish(run.situations)


def start_of(run: Any, watcher: SomeStudent | None = None) -> Start[SomeStudent]:
    """Where what comes after a run begins."""
    beside = {
        f"{half}.{name}" if half else name: tensor
        for half, part in parts_of(run).items()
        for name, tensor in read_lesson(part.folder).items()
    }
    return Start(run.student, beside, watcher)


def _card_of(student: AnyStudent, settings: TrainConfig, changes: Mapping[str, float]) -> dict[str, Any]:
    return {"student": asdict(student.config), "train": {**asdict(settings), **changes}}
