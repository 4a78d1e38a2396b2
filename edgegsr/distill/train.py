"""One training of situations, whatever the method: how it starts, goes on and ends.

All that happens in a step follows from the state before it and from (seed, step, process). So a training that was
killed takes, when it goes on, the very steps of one that never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.data.splits import groups as groups_of
from edgegsr.distill.config import read_train
from edgegsr.distill.course import Course
from edgegsr.distill.folder import open_folder
from edgegsr.distill.identity import describe, facts_of, settle
from edgegsr.distill.journal import Journal
from edgegsr.distill.loop import Syllabus, check_state, go
from edgegsr.distill.methods import find_method
from edgegsr.distill.plain import Plain
from edgegsr.distill.report import write_report
from edgegsr.distill.start import Start, save_lesson
from edgegsr.distill.stop import StopSign
from edgegsr.distill.training import Training
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.run import QUANTIZERS, REPORT, TABLES, WEIGHTS, Run, open_run
from edgegsr.scoring.brief import brief
from edgegsr.student.answers import Answers, answer
from edgegsr.student.calibration import choose
from edgegsr.student.config import read_student
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.quantizers import QuantizedStudent, write_places
from edgegsr.student.weights import save_weights
from edgegsr.teacher.knowledge import Source
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT
from edgegsr.text import TextTables
from edgegsr.wording import ontology_hash


def train(
    student_card: str | Path | Mapping[str, Any],
    split_train: Split,
    split_dev: Split,
    tables: TextTables,
    out: str | Path,
    method: str = "none",
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    groups: Groups | None = None,
    on_step: Callable[[int], None] | None = None,
    source: Source | None = None,
    start: Start[Student] | None = None,
) -> Run:
    """The finished run in `out`. The same call goes on with what it finds there, and leaves a finished run alone.

    `groups` (by default from the training images per verb) split the scores; `on_step` hears of every finished step.
    A `start` is what the training goes on with; its student must be the one of the card.
    """
    out, how, card = Path(out), find_method(method), read_student(student_card)
    if how.taught and source is None:
        raise InputError(f"--method {method}: learns from a teacher; give --teacher")
    source = source if how.taught else None
    given = {**(overrides or {}), **({} if seed is None else {"seed": seed})}
    settings = read_train(student_card, given, how.settings)
    check_data(split_train, split_dev, tables)
    folder = open_folder(out, settings)
    accelerator, saved = folder.accelerator, folder.saved
    student = start.copied() if start else Student(card, tables, pretrained=folder.is_new)
    truth = {"train": split_train.annotations, "dev": split_dev.annotations}
    data, ontology = {name: facts_of(part) for name, part in truth.items()}, truth["train"].ontology
    description = describe(method, student.config, settings, ontology, data, tables, source, start)
    folder.take()
    settle(out, description, ontology, tables, accelerator.is_main_process, folder.begun)
    if isinstance(student, QuantizedStudent) and accelerator.is_main_process:
        write_places(student, out / QUANTIZERS)
    if folder.is_done():
        return open_run(out)

    course = Course(
        split_train,
        student.config.side,
        settings,
        source,
        how.collages,
        accelerator.process_index,
        accelerator.num_processes,
        accelerator.device.type == "cuda",
    )
    per_epoch, steps, done = course.per_epoch, course.steps, saved.step if saved else 0
    student.set_tables(TextTables.load(out / TABLES))  # rounded, as every later reader gets them
    lesson = how.lesson(student, settings, images_per_verb(truth["train"]), source)
    training = Training(accelerator, lesson, settings, steps, round(settings.warmup_epochs * per_epoch), start)
    if saved:
        check_state(saved, description)
        training.restore(saved)
    groups = groups or groups_of(truth["train"])
    kept: list[Answers] = []  # the last answers on dev

    def judge() -> Mapping[str, Any]:
        kept[:] = [training.answers(split_dev, answer)]
        return brief(evaluate(student, split_dev, groups, answers=kept[0]))

    journal = Journal(out, done, steps, accelerator.is_main_process)
    syllabus = Syllabus((truth["train"].images,), per_epoch, course.from_step, judge, _spoken)
    with closing(journal), StopSign() as sign:
        go(out, training, syllabus, description, saved, journal, sign, on_step)

        said = kept[0] if kept else training.answers(split_dev, answer)  # of all processes together
        if accelerator.is_main_process:
            finish(out, training.average.student, lesson, split_train, split_dev, groups, said, source)
            journal.say(f"{out / REPORT}: scores, curves and drawn predictions")
        accelerator.wait_for_everyone()
    return open_run(out)


def finish(
    out: Path,
    student: Student,
    lesson: Plain,
    split_train: Split,
    split_dev: Split,
    groups: Groups,
    said: Answers,
    source: Source | None,
) -> None:
    """Writes what is left of a training: handicaps that dev has chosen, weights, what taught them, the report."""
    scale, truth = float(student.verb_words.scale.detach()), split_dev.annotations
    if chosen := choose(said, truth, groups, scale, split_dev.name):
        chosen.save(out)
    if source and source.scores:
        write_whole(out / ZERO_SHOT, json.dumps(source.scores, indent=1))
    save_lesson(lesson, out)
    save_weights(student, out / WEIGHTS)
    write_report(open_run(out), split_dev, groups, train=split_train.annotations, answers=said)


def images_per_verb(truth: Annotations) -> Tensor:
    """(K,) training images of each verb."""
    return torch.from_numpy(np.bincount(truth.verbs, minlength=len(truth.ontology.verbs)))


def check_data(split_train: Split, split_dev: Split, tables: TextTables) -> None:
    """Refuses splits without images, and words that are not theirs."""
    ontology = split_train.annotations.ontology
    if not len(split_train) or not len(split_dev):
        raise InputError(f"wanted images to train on and to judge by, got {len(split_train)} and {len(split_dev)}")
    if split_dev.annotations.ontology != ontology:
        raise InputError(
            f"split {split_dev.name!r} has another vocabulary than {split_train.name!r}; open both with one"
        )
    sizes, wanted = (len(tables.verbs), len(tables.nouns)), (len(ontology.verbs), len(ontology.nouns))
    if sizes != wanted or tables.ontology not in ("", ontology_hash(ontology)):
        raise InputError(
            f"text tables: made for another vocabulary; wanted {wanted[0]} verbs and {wanted[1]} nouns of the data, "
            f"got {sizes[0]} and {sizes[1]}; embed the words of this data again"
        )


def _spoken(scores: Mapping[str, Mapping[str, float | None]]) -> str:
    """The scores of an evaluation as a line."""

    def by_group(name: str) -> str:
        return ", ".join(f"{group} {100 * (part[name] or 0):.1f}" for group, part in scores.items())

    return f"verb top-1: {by_group('verb_top1')} · grounded, true verb: {by_group('grounded')}"
