"""`edgegsr compress`: cut and recover, round after round. Every step is a run; the last one is what comes out.

A step that is finished is left alone and one that was interrupted goes on, so the same command ends the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tomllib
import torch
from safetensors.torch import save
from torch import Tensor

from edgegsr import card
from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.clocks import clock_of
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
from edgegsr.compress.figures import Figures
from edgegsr.compress.groups import groups_of
from edgegsr.compress.importance import magnitude, mean_loss, taylor
from edgegsr.compress.prune import Pruned, Scores, kept_count, pruned, without_layers
from edgegsr.compress.report import report
from edgegsr.compress.school import School, start_of
from edgegsr.compress.search import Plan, counts, read_plan, search
from edgegsr.distill.identity import flat
from edgegsr.distill.start import LESSON, Start, read_lesson
from edgegsr.errors import InputError
from edgegsr.export.target import Target
from edgegsr.files import listing, write_whole
from edgegsr.images import letterbox
from edgegsr.progress import track
from edgegsr.run import CONFIG, ONTOLOGY, QUANTIZERS, REPORT, TABLES, WEIGHTS, Run, open_run
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.quantizers import QuantizedStudent, write_places
from edgegsr.student.weights import save_weights
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

STEPS, WISHES = "steps", "compress.toml"
KEPT = (
    ONTOLOGY,
    TABLES,
    CALIBRATION,
    ZERO_SHOT,
    LESSON,
    QUANTIZERS,
    CONFIG,
    WEIGHTS,
)  # of the last step, weights last
CALIBRATED = 8  # images at a time
LISTENED = 6  # batches by which a search judges a loss
READERS = {"to_patches.weight": "tokens", "to_teacher.weight": "pool"}  # what of a lesson reads which group


def compress(run: Run, out: Path, wishes: Wishes, school: School, threads: int) -> Run:
    """The compressed run in `out`, with a report of the way there."""
    if isinstance(run.student, QuantizedStudent):
        raise InputError(f"{run.folder}: is quantized already; compress the run that it was made from")
    for group in groups_of(run.student):
        kept_count(group, wishes.prune.ratio, wishes.prune.multiple)  # an impossible wish shows before any work is done
    _settle(out, run, wishes, school)
    figures, last = Figures(out, school, threads), run
    for name, step in _steps(run, out, wishes, school, threads):
        figures.add(name, step)
        last = step
    for name in KEPT:
        if (last.folder / name).is_file():
            write_whole(out / name, (last.folder / name).read_bytes())
    finished = open_run(out)
    write_whole(out / REPORT, report(finished, figures.steps, wishes, school, threads, read_plan(out)))
    return finished


def _steps(run: Run, out: Path, wishes: Wishes, school: School, threads: int) -> Iterator[tuple[str, Run]]:
    """Every run on the way, by what was done."""
    at = run
    yield "as it came", at
    if wishes.prune.wanted:
        for name, at in _pruning(run, out, wishes.prune, school, wishes.target, threads):
            yield name, at
    if wishes.quantize.wanted:
        yield from _quantizing(at, out / STEPS, wishes.quantize, school)


def _pruning(
    run: Run, out: Path, wish: PruneConfig, school: School, target: Target, threads: int
) -> Iterator[tuple[str, Run]]:
    """The runs of every round: as it was cut, and as it has recovered."""
    at, steps = run, out / STEPS
    if wish.drop_layers:
        layers = range(len(run.student.decoder.layers))[-wish.drop_layers :]
        at = _written(steps / "0-fewer-layers", at, Pruned(without_layers(at.student, layers), {}))
        yield "fewer decoder layers", at
    if not (wish.ratio or wish.latency):
        yield "recovered", _recovered(steps / "1-recovered", at, wish.epochs, wish, school)
        return
    wide = groups_of(at.student)
    ratios = dict.fromkeys((group.block for group in wide), wish.ratio)
    if wish.latency:
        ratios = _planned(run, at, out, wish, school, target, threads).ratios
    for n in range(1, wish.rounds + 1):
        epochs = wish.epochs if n == wish.rounds else wish.round_epochs
        at = _cut(steps / f"{n}-cut", at, counts(wide, ratios, wish.multiple, n / wish.rounds), wish, school)
        yield f"cut, round {n}", at
        at = _recovered(steps / f"{n}-recovered", at, epochs, wish, school)
        yield f"recovered, round {n}", at


def _quantizing(run: Run, steps: Path, wish: QuantizeConfig, school: School) -> Iterator[tuple[str, Run]]:
    """The runs in 8 bits: as calibrated, and as trained with the student before them as a second teacher."""
    folded = run
    if not run.student.config.folded:
        folded = _written(steps / "folded", run, Pruned(copy.deepcopy(run.student).fold(), {}))
    at = _calibrated(steps / "int8-calibrated", folded, wish, school)
    yield "INT8, calibrated", at
    if wish.qat:
        changes = {"epochs": wish.epochs, "lr": wish.lr_share * school.settings["lr"], "warmup_epochs": 0.1}
        at = school.train(steps / "int8-trained", at, changes, watcher=folded.student)
        yield "INT8, trained", at


def _calibrated(folder: Path, run: Run, wish: QuantizeConfig, school: School) -> Run:
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    rng = np.random.default_rng(wish.seed)
    rows = rng.permutation(len(school.learn))[: wish.calibration]
    side = run.student.config.side
    looks = [torch.from_numpy(letterbox(school.learn.pixels(int(row)), side)[0])[None] for row in rows]
    student = calibrated(run.student, [torch.cat(looks[i : i + CALIBRATED]) for i in range(0, len(looks), CALIBRATED)])
    write_places(student, folder / QUANTIZERS)
    return _written(folder, run, Pruned(student, {}))


def _planned(first: Run, run: Run, out: Path, wish: PruneConfig, school: School, target: Target, threads: int) -> Plan:
    """How much goes from which block, for the latency that is wanted; found once."""
    if (plan := read_plan(out)) is not None:
        return plan
    start, heard = start_of(run), list(school.lessons(run.student, LISTENED))

    def loss(made: Pruned) -> float:
        return mean_loss(school.lesson(Start(made.student, narrowed(start.lesson, made.kept))), heard)

    scores = _scores(run, wish, school)
    with clock_of(target, threads, first.student) as clock:
        return search(run.student, groups_of(run.student), scores, wish.latency, wish.multiple, clock, loss, out)


def _cut(folder: Path, run: Run, kept: Mapping[str, int], wish: PruneConfig, school: School) -> Run:
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    return _written(folder, run, pruned(run.student, kept, _scores(run, wish, school)))


def _scores(run: Run, wish: PruneConfig, school: School) -> Scores:
    if wish.criterion == "magnitude":
        return magnitude(run.student, groups_of(run.student))
    lesson = school.lesson(start_of(run))
    heard = track(school.lessons(run.student, wish.batches), "judging what it would miss", wish.batches)
    return taylor(lesson, heard, groups_of(lesson.student))


def _recovered(folder: Path, run: Run, epochs: int, wish: PruneConfig, school: School) -> Run:
    changes = {
        "epochs": epochs,
        "lr": wish.lr_share * school.settings["lr"],
        "warmup_epochs": min(school.settings["warmup_epochs"], epochs / 10),
    }
    return school.train(folder, run, changes)


def narrowed(lesson: Mapping[str, Tensor], kept: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """What taught a student, where it reads units of it that are cut."""
    cut = {
        reader: lesson[reader][:, list(kept[group])].contiguous()
        for reader, group in READERS.items()
        if reader in lesson and group in kept
    }
    return {**lesson, **cut}


def _written(folder: Path, run: Run, made: Pruned) -> Run:
    """A run of a student that was made from that of another without training; the weights come last."""
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    write_whole(folder / CONFIG, card.to_toml({**run.config, "student": made.student.config}))
    for name in (ONTOLOGY, TABLES):
        write_whole(folder / name, (run.folder / name).read_bytes())
    if lesson := narrowed(read_lesson(run.folder), made.kept):
        write_whole(folder / LESSON, save(lesson))
    save_weights(made.student, folder / WEIGHTS)
    return open_run(folder)


def _settle(out: Path, run: Run, wishes: Wishes, school: School) -> None:
    """Makes `out` the folder of this compression, or makes sure that it already is."""
    path = out / WISHES
    asked: dict[str, Any] = {
        "start": {"run": run.folder.name, "hash": start_of(run).hash},
        "method": school.method,
        "train": school.settings,
        "set": dict(school.overrides),
        **asdict(wishes),
    }
    if path.is_file():
        old, new = flat(card.read_toml(path)), flat(tomllib.loads(card.to_toml(asked)))
        if keys := [key for key in {**new, **old} if old.get(key) != new.get(key)]:
            found = f"{keys[0]}: {old.get(keys[0])!r} there, {new.get(keys[0])!r} here"
            raise InputError(
                f"{out}: holds another compression ({found}); give another --out, or the wishes of that one"
            )
    elif out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()):
        raise InputError(f"{out}: wanted an empty folder or a compression, found {listing(out)}; give another --out")
    else:
        write_whole(path, card.to_toml(asked))
