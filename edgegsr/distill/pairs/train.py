"""One training of pairs: how it starts, goes on and ends. Its steps are those of every training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgegsr.data.hico import RULES
from edgegsr.data.loader import Loader
from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.course import turns
from edgegsr.distill.folder import open_folder
from edgegsr.distill.identity import describe, settle
from edgegsr.distill.journal import Journal
from edgegsr.distill.loop import Syllabus, Turn, check_state, go
from edgegsr.distill.pairs.lesson import PairLesson
from edgegsr.distill.pairs.methods import LEARNS_FROM, Source, find_pair_method, gazes
from edgegsr.distill.pairs.report import write_report
from edgegsr.distill.start import Start, save_lesson
from edgegsr.distill.stop import StopSign
from edgegsr.distill.training import Training, share_of
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.interactions import KINDS_FILE, Kinds
from edgegsr.page import percent
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import QUANTIZERS, REPORT, TABLES, WEIGHTS, read_config
from edgegsr.scoring.hico import PARTIAL, Scores, score
from edgegsr.shipped import find_run
from edgegsr.student.config import TRUNK, read_student
from edgegsr.student.pair_answers import PairAnswers, answer_pairs
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import QuantizedPairStudent, write_places
from edgegsr.student.weights import hash_of, read_tensors, save_weights
from edgegsr.teacher.glimpses import GlimpseSource
from edgegsr.teacher.testimony import Testimony
from edgegsr.text import TextTables
from edgegsr.text.kinds import ontology_of


def train_pairs(
    student_card: str | Path | Mapping[str, Any],
    split_train: PairSplit,
    split_dev: PairSplit,
    tables: TextTables,
    out: str | Path,
    method: str = "none",
    overrides: Mapping[str, Any] | None = None,
    setting: str = "",
    rule: str = RULES[0],
    start: str | Path | Start[PairStudent] | None = None,
    on_step: Callable[[int], None] | None = None,
    source: Source | None = None,
) -> PairRun:
    """The finished run in `out`. The same call goes on with what it finds there, and leaves a finished run alone.

    `setting` is the zero-shot setting of the splits, whose kinds training does not know of, and `rule` what went with
    them; `start` is a run whose weights it begins with where they fit, or a whole student of the card to go on with.
    """
    out, how, card = Path(out), find_pair_method(method), read_student(student_card)
    if how.source and not isinstance(source, how.source) and not (how.alone and source is None):
        raise InputError(f"--method {method}: learns from {LEARNS_FROM[how.source]}")
    if how.source is Testimony and setting:
        raise InputError(
            f"--unseen {setting}: --method {method} learns from no annotation, so nothing can be kept out of it; leave "
            "it out"
        )
    source, settings = source if how.source else None, read_train(student_card, overrides)
    if gazes(method, settings) and not (isinstance(source, GlimpseSource) and source.gazes is not None):
        raise InputError("source: wanted what the teacher sees of objects alone as well (mipd.pair_gaze), got couples")
    split_train = as_told(split_train, source)
    kinds = split_train.pairs.kinds
    if setting and start and not isinstance(start, Start):
        check_blind(start, setting, kinds)
    check_splits(split_train, split_dev)
    folder = open_folder(out, settings)
    accelerator, saved = folder.accelerator, folder.saved
    valid = torch.from_numpy(kinds.valid)
    if isinstance(start, Start):
        student, beginning = start.copied(), start.hash
    else:
        student = PairStudent(card, tables, valid, pretrained=folder.is_new)
        beginning = begin_with(student, start) if start else ""
    more, data = facts_of_pairs(split_train, split_dev, setting, rule, beginning, source)
    if beginning and not isinstance(start, Start):
        more["pairs"]["start_name"] = str(start)
    description = describe(method, student.config, settings, ontology_of(kinds), data, tables, more=more)
    folder.take()
    settle(out, description, ontology_of(kinds), tables, accelerator.is_main_process, folder.begun)
    if accelerator.is_main_process and not (folder.begun and (out / KINDS_FILE).is_file()):
        write_whole(out / KINDS_FILE, kinds.to_json())
    if isinstance(student, QuantizedPairStudent) and accelerator.is_main_process:
        write_places(student, out / QUANTIZERS)
    if folder.is_done():
        return open_pair_run(out)

    rank, world, on_gpu = accelerator.process_index, accelerator.num_processes, accelerator.device.type == "cuda"
    batches = batches_of(split_train, student.config.side, settings, rank, world, on_gpu)
    per_epoch = len(batches.order)
    steps = settings.epochs * per_epoch
    student.set_tables(TextTables.load(out / TABLES), valid)  # rounded, as every later reader gets them
    lesson = lesson_of(method, student, settings, split_train, setting)
    begun = start if isinstance(start, Start) else None
    training = Training(accelerator, lesson, settings, steps, round(settings.warmup_epochs * per_epoch), begun)
    if saved:
        check_state(saved, description)
        training.restore(saved)
    kept: list[PairAnswers] = []  # the last answers on dev

    def judge() -> Mapping[str, Any]:
        kept[:] = [training.answers(split_dev, answer_pairs)]
        return brief_of(score(split_dev.pairs, kept[0].predictions(), PARTIAL))

    journal = Journal(out, saved.step if saved else 0, steps, accelerator.is_main_process)
    from_step = partial(turns_of, batches, steps, source)
    syllabus = Syllabus((split_train.pairs.images,), per_epoch, from_step, judge, partial(_spoken, setting))
    with closing(journal), StopSign() as sign:
        go(out, training, syllabus, description, saved, journal, sign, on_step)
        said = kept[0] if kept else training.answers(split_dev, answer_pairs)
        if accelerator.is_main_process:
            save_lesson(lesson, out)
            finish(out, training.average.student, split_dev, said)
            journal.say(f"{out / REPORT}: scores, curves and drawn predictions")
        accelerator.wait_for_everyone()
    return open_pair_run(out)


def lesson_of(method: str, student: PairStudent, settings: TrainConfig, split: PairSplit, setting: str) -> PairLesson:
    """What teaches a student by a method, begun the same whatever had to be read for it."""
    how, allowed = find_pair_method(method), torch.from_numpy(split.pairs.kinds.allowed(setting))
    given = how.given(split.pairs.kinds, student.text_encoder)
    torch.manual_seed(settings.seed)
    lesson = how.lesson(student, settings, allowed, *given)
    lesson.named[split.couples.object[~split.couples.annotated]] = True
    return lesson


def as_told(split: PairSplit, source: Source | None) -> PairSplit:
    """The photos of a split, and what is told of them: its annotations, what was found besides, or that alone."""
    if source is None:
        return split
    if source.split.pairs.images != split.pairs.images or (
        isinstance(source, GlimpseSource) and _hash(source.split) != _hash(split)
    ):
        raise InputError(f"source: wanted what is seen of split {split.name!r} as it is trained on, got another one")
    return source.split


def batches_of(
    split: PairSplit, side: int, settings: TrainConfig, rank: int, world: int, pin_memory: bool
) -> Loader[PairBatch]:
    """The share of one of `world` processes in every batch of a training."""
    return pair_loader(
        split,
        side,
        share_of(settings, world),
        train=True,
        seed=settings.seed,
        workers=settings.workers,
        augmentation=settings.augment,
        rank=rank,
        world=world,
        pin_memory=pin_memory,
    )


def check_splits(split_train: PairSplit, split_dev: PairSplit) -> None:
    """Refuses splits without images, and a dev of other interactions."""
    if not len(split_train) or not len(split_dev):
        counts = f"{len(split_train)} and {len(split_dev)}"
        raise InputError(f"wanted images of pairs to train on and to judge by, got {counts}")
    if not split_train.pairs.kinds.same_as(split_dev.pairs.kinds):
        raise InputError(
            f"split {split_dev.name!r} names other interactions than {split_train.name!r}, or in another order; wanted "
            "the same verbs, objects and kinds in both files"
        )


def facts_of_pairs(
    split_train: PairSplit, split_dev: PairSplit, setting: str, rule: str, beginning: str, source: Source | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What else decides a training of pairs, and what it says of its data."""
    data = {split.name: facts_of(split) for split in (split_train, split_dev)}
    decided = _hash_of_kinds(split_train.pairs.kinds)
    more: dict[str, Any] = {
        "pairs": {"unseen": setting, "rule": rule if setting else "", "kinds": decided, "start": beginning}
    }
    return {**more, **({"teacher": source.facts} if source else {})}, data


def finish(out: Path, student: PairStudent, split_dev: PairSplit, said: PairAnswers) -> None:
    """Writes what is left of a training: weights and the report."""
    save_weights(student, out / WEIGHTS)
    write_report(open_pair_run(out), split_dev, said)


def turns_of(batches: Loader[PairBatch], until: int, source: Source | None, done: int = 0) -> Iterator[Turn]:
    """The batches of every step that is not done, each with what is said of it beside annotations."""
    for turn in turns(batches, until, done):
        yield turn if source is None else turn._replace(about=source.about(turn.batch.rows))


def begin_with(student: PairStudent, start: str | Path) -> str:
    """Takes encoder and decoder of another run, and what its head knows of pairs; says which weights those were."""
    path = find_run(Path(start)) / WEIGHTS
    if not path.is_file():
        raise InputError(f"--start {start}: no run is there; give one with {WEIGHTS}, or diorama-detector-160")
    theirs, mine = read_tensors(path), student.state_dict()
    for name in sorted(name for name in mine.keys() | theirs.keys() if name.startswith(TRUNK)):
        if name not in mine or name not in theirs or mine[name].shape != theirs[name].shape:
            raise InputError(
                f"--start {start}: is of another card (its {name} does not fit); give a run of the same encoder and "
                "decoder, as diorama-detector-160 is of pico-pairs"
            )
    shared = {name: value for name, value in theirs.items() if name in mine and value.shape == mine[name].shape}
    for name, value in shared.items():
        if value.dtype != mine[name].dtype or not value.isfinite().all():
            raise InputError(f"--start {start}: {name} is no finite float32; give a run that was not compressed")
    student.load_state_dict(shared, strict=False)
    return hash_of(shared)


def check_blind(start: str | Path, setting: str, kinds: Kinds) -> None:
    """Refuses to begin with a run that has learned the kinds that a setting keeps out of training."""
    folder = find_run(Path(start))
    if not (folder / KINDS_FILE).is_file():
        return
    config = read_config(folder)
    known = config["pairs"]
    if config["train"]["weights"]["verb"] and known["kinds"] == _hash_of_kinds(kinds) and known["unseen"] != setting:
        learned = f"in setting {known['unseen']}" if known["unseen"] else "with every kind"
        raise InputError(
            f"--start {start}: was trained {learned}, so {setting} would not be unseen; give a run trained with "
            f"--unseen {setting}"
        )


def _hash_of_kinds(kinds: Kinds) -> str:
    return hashlib.sha256(kinds.to_json().encode()).hexdigest()


def brief_of(scores: Scores) -> dict[str, Any]:
    """The means of an evaluation by group, as the journal keeps them."""
    return {"all": scores.default._asdict(), "known object": scores.known_object._asdict()}


def _spoken(setting: str, scores: Mapping[str, Any]) -> str:
    means = ", ".join(f"{name.replace('_', '-')} {percent(value)}" for name, value in scores["all"].items())
    return f"mAP over the{' seen' * bool(setting)} kinds that dev shows: {means}"


def facts_of(split: PairSplit) -> dict[str, Any]:
    """What a training knows of annotated pairs."""
    return {"images": len(split), "hash": _hash(split)}


def _hash(split: PairSplit) -> str:
    digest = hashlib.sha256("\n".join(split.pairs.images).encode())
    pairs = split.pairs
    for column in (pairs.sizes_wh, pairs.image, pairs.kind, pairs.humans_xyxy, pairs.objects_xyxy):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
