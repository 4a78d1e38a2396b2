"""One training of both heads, whose end are two runs like any other: OUT/situations and OUT/pairs.

Their encoder and decoder are the same to the last bit, so each can be judged, looked with and exported by itself, and
one graph can hold both. What one half learns of where people and things are, the other one knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edgegsr.both_run import HALVES
from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.course import Course, turns
from edgegsr.distill.folder import open_folder
from edgegsr.distill.heads import Both, BothBatch, BothLesson
from edgegsr.distill.identity import describe, facts_of, settle
from edgegsr.distill.journal import Journal, read_metrics
from edgegsr.distill.loop import Syllabus, Turn, check_state, go
from edgegsr.distill.methods import find_method
from edgegsr.distill.pairs.methods import Source as PairSource
from edgegsr.distill.pairs.methods import find_pair_method
from edgegsr.distill.pairs.train import as_told, batches_of, brief_of, check_splits, facts_of_pairs
from edgegsr.distill.pairs.train import finish as finish_pairs
from edgegsr.distill.start import Start
from edgegsr.distill.stop import StopSign
from edgegsr.distill.train import check_data, finish, images_per_verb
from edgegsr.distill.training import Training
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.interactions import KINDS_FILE
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import BOARD, METRICS, QUANTIZERS, REPORT, STATE, TABLES, Run, open_run
from edgegsr.scoring.brief import brief
from edgegsr.scoring.hico import PARTIAL, score
from edgegsr.student.answers import Answers, answer
from edgegsr.student.both import BothStudent
from edgegsr.student.config import StudentConfig, read_student
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.pair_answers import PairAnswers, answer_pairs
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import Quantized, write_places
from edgegsr.teacher.knowledge import Source
from edgegsr.text import TextTables
from edgegsr.text.kinds import ontology_of

METHODS = ("none", "mipd")  # that both halves know
OURS = (*HALVES, STATE, METRICS, BOARD)  # what lies in a folder of both heads


@dataclass(frozen=True)
class OfSituations:
    """What the half of situations learns from and is judged by."""

    learn: Split
    judge: Split
    tables: TextTables
    groups: Groups
    source: Source | None = None


@dataclass(frozen=True)
class OfPairs:
    """What the half of pairs learns from and is judged by."""

    learn: PairSplit
    judge: PairSplit
    tables: TextTables
    source: PairSource | None = None


def train_both(
    student_card: str | Path | Mapping[str, Any],
    situations: OfSituations,
    pairs: OfPairs,
    out: str | Path,
    method: str = "none",
    overrides: Mapping[str, Any] | None = None,
    on_step: Callable[[int], None] | None = None,
    start: Start[BothStudent] | None = None,
) -> tuple[Run, PairRun]:
    """The finished runs in `out`. The same call goes on with what it finds there, and leaves finished runs alone.

    A `start` is what the training goes on with; its student must be the one of the card.
    """
    check_method(method)
    out, card = Path(out), read_student(student_card)
    _check(out, situations, pairs, method)
    settings = read_train(student_card, overrides, find_method(method).settings)
    places = {half: out / half for half in HALVES}
    folder = open_folder(out, settings, places.values())
    accelerator, saved = folder.accelerator, folder.saved
    heads = start.copied() if start else _new(card, situations, pairs, pretrained=folder.is_new)
    described = _described(method, heads, settings, situations, pairs, start)
    description = described[PAIRS]  # the other one is held against its folder as well
    words = {SITUATIONS: situations.learn.annotations.ontology, PAIRS: ontology_of(pairs.learn.pairs.kinds)}
    folder.take()
    for half, tables in ((SITUATIONS, situations.tables), (PAIRS, pairs.tables)):
        settle(places[half], described[half], words[half], tables, accelerator.is_main_process, folder.begun)
        student = getattr(heads, half)
        if isinstance(student, Quantized) and accelerator.is_main_process:
            write_places(student, places[half] / QUANTIZERS)
    if accelerator.is_main_process and not (folder.begun and (places[PAIRS] / KINDS_FILE).is_file()):
        write_whole(places[PAIRS] / KINDS_FILE, pairs.learn.pairs.kinds.to_json())
    if folder.is_done():
        return open_run(places[SITUATIONS]), open_pair_run(places[PAIRS])

    heads.situations.set_tables(TextTables.load(places[SITUATIONS] / TABLES))
    heads.pairs.set_tables(TextTables.load(places[PAIRS] / TABLES), heads.pairs.pairs.valid)
    on_gpu = accelerator.device.type == "cuda"
    course = Course(
        situations.learn,
        card.side,
        settings,
        situations.source,
        find_method(method).collages,
        accelerator.process_index,
        accelerator.num_processes,
        on_gpu,
    )
    lesson = lesson_of_both(method, heads, settings, situations.learn, situations.source, pairs.learn)
    warmup = round(settings.warmup_epochs * course.per_epoch)
    training = Training(accelerator, lesson, settings, course.steps, warmup, start)
    if saved:
        check_state(saved, description)
        training.restore(saved)
    kept: list[tuple[Answers, PairAnswers]] = []  # the last answers on dev

    def say() -> tuple[Answers, PairAnswers]:
        kept[:] = [(training.answers(situations.judge, _situations), training.answers(pairs.judge, _pairs))]
        return kept[0]

    def judge() -> Mapping[str, Any]:
        told, named = say()
        scores = evaluate(heads.situations, situations.judge, situations.groups, answers=told)
        return {
            SITUATIONS: brief(scores),
            PAIRS: brief_of(score(pairs.judge.pairs, named.predictions(), PARTIAL)),
        }

    journal = Journal(out, saved.step if saved else 0, course.steps, accelerator.is_main_process)
    images = (situations.learn.annotations.images, pairs.learn.pairs.images)
    from_step = partial(turns_of_both, course, pairs.learn, pairs.source, on_gpu)
    syllabus = Syllabus(images, course.per_epoch, from_step, judge, _spoken)
    with closing(journal), StopSign() as sign:
        go(out, training, syllabus, description, saved, journal, sign, on_step)
        told, named = kept[0] if kept else say()
        if accelerator.is_main_process:
            _split_metrics(out)
            best = training.average.student
            finish(places[SITUATIONS], best.situations, lesson.situations, situations.learn, situations.judge,
                   situations.groups, told, situations.source)  # fmt: skip
            finish_pairs(places[PAIRS], best.pairs, pairs.judge, named)
            journal.say(f"{out}: {' and '.join(f'{half}/{REPORT}' for half in HALVES)}")
        accelerator.wait_for_everyone()
    return open_run(places[SITUATIONS]), open_pair_run(places[PAIRS])


def check_method(name: str) -> None:
    """Refuses one that only one of the heads knows."""
    if name not in METHODS:
        raise InputError(f"--method: both heads together take one of {', '.join(METHODS)}, got {name!r}")


def _check(out: Path, situations: OfSituations, pairs: OfPairs, method: str) -> None:
    """Refuses a folder of something else, and halves from which nothing can be learned."""
    found = sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) if out.is_dir() else []
    if strange := [name for name in found if name not in OURS]:
        what = f"{out}: wanted an empty folder or runs of both heads, found {', '.join(strange[:5])}"
        raise InputError(f"{what}; give another --out")
    check_data(situations.learn, situations.judge, situations.tables)
    check_splits(pairs.learn, pairs.judge)
    if find_method(method).taught and not (situations.source and pairs.source):
        raise InputError(f"--method {method}: both heads learn from a teacher; give --teacher")


def _new(card: StudentConfig, situations: OfSituations, pairs: OfPairs, pretrained: bool) -> BothStudent:
    return BothStudent(
        Student(replace(card, pairs=0), situations.tables, pretrained=pretrained),
        PairStudent(card, pairs.tables, torch.from_numpy(pairs.learn.pairs.kinds.valid), pretrained=False),
    )


def lesson_of_both(
    method: str, heads: BothStudent, settings: TrainConfig, scenes: Split, source: Source | None, crowds: PairSplit
) -> BothLesson:
    """What teaches both heads by a method, begun the same every time; `source` tells of the scenes."""
    of_situations, allowed = replace(settings, weights=settings.situation_weights), crowds.pairs.kinds.allowed("")
    torch.manual_seed(settings.seed)
    counts = images_per_verb(scenes.annotations)
    return BothLesson(
        heads,
        find_method(method).lesson(heads.situations, of_situations, counts, source),
        find_pair_method(method).lesson(heads.pairs, settings, torch.from_numpy(allowed)),
    )


def _described(
    method: str,
    heads: BothStudent,
    settings: TrainConfig,
    situations: OfSituations,
    pairs: OfPairs,
    start: Start[BothStudent] | None,
) -> dict[str, str]:
    """The config.toml of each half: as of a training by itself, and beside which one it learned."""
    truth = {split.name: facts_of(split.annotations) for split in (situations.learn, situations.judge)}
    mine = {"beside": {"head": PAIRS, "images": len(pairs.learn)}}
    theirs, data = facts_of_pairs(pairs.learn, pairs.judge, "", "", start.hash if start else "", pairs.source)
    ontology = situations.learn.annotations.ontology
    return {
        SITUATIONS: describe(
            method, heads.situations.config, replace(settings, weights=settings.situation_weights), ontology, truth,
            situations.tables, situations.source, start, mine,
        ),
        PAIRS: describe(
            method, heads.pairs.config, settings, ontology_of(pairs.learn.pairs.kinds), data, pairs.tables,
            more={**theirs, "beside": {"head": SITUATIONS, "images": len(situations.learn)}},
        ),
    }  # fmt: skip


def turns_of_both(
    course: Course,
    crowds: PairSplit,
    source: PairSource | None,
    pin_memory: bool = False,
    done: int = 0,
    until: int | None = None,
) -> Iterator[Turn]:
    """A batch of each half in every step; whichever has fewer images begins them anew more often."""
    told = as_told(crowds, source)
    batches = batches_of(told, course.side, course.settings, course.rank, course.world, pin_memory)
    until = course.steps if until is None else until
    for mine, other in zip(course.from_step(done, until), turns(batches, until, done)):
        about = None
        if source:
            about = Both(mine.about, source.about(other.batch.rows))
        yield Turn(mine.epoch, mine.step, BothBatch(mine.batch, other.batch), about)


def _situations(both: BothStudent, *given: Any, **how: Any) -> Answers:
    return answer(both.situations, *given, **how)


def _pairs(both: BothStudent, *given: Any, **how: Any) -> PairAnswers:
    return answer_pairs(both.pairs, *given, **how)


def _split_metrics(out: Path) -> None:
    """Gives each half the lines of the log that are about it."""
    lines = read_metrics(out / METRICS)
    for half in HALVES:
        told = [{**_shared(line), **_of(half, line)} for line in lines]
        write_whole(out / half / METRICS, "".join(json.dumps(line) + "\n" for line in told))


def _shared(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in HALVES and "/" not in name}


def _of(half: str, line: Mapping[str, Any]) -> dict[str, Any]:
    losses = {name.removeprefix(f"{half}/"): value for name, value in line.items() if name.startswith(f"{half}/")}
    return {**losses, **line.get(half, {})}


def _spoken(scores: Mapping[str, Any]) -> str:
    every, pairs = scores[SITUATIONS], scores[PAIRS]["all"]
    verbs = ", ".join(f"{group} {100 * (part['verb_top1'] or 0):.1f}" for group, part in every.items())
    return f"verb top-1: {verbs} · mAP: full {100 * (pairs['full'] or 0):.1f}"
