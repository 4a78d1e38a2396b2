"""`edgegsr compress`: cut and recover, round after round. Every step is a run; the last one is what comes out.

A step that is finished is left alone and one that was interrupted goes on, so the same command ends the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomllib
from safetensors.torch import save

from edgegsr import card
from edgegsr.compress.config import PruneConfig
from edgegsr.compress.figures import Figures
from edgegsr.compress.groups import groups_of
from edgegsr.compress.importance import magnitude, taylor
from edgegsr.compress.prune import Pruned, Scores, kept_count, pruned, without_layers
from edgegsr.compress.report import report
from edgegsr.compress.school import School, start_of
from edgegsr.distill.identity import flat
from edgegsr.distill.start import LESSON, read_lesson
from edgegsr.errors import InputError
from edgegsr.files import listing, write_whole
from edgegsr.run import CONFIG, ONTOLOGY, REPORT, TABLES, WEIGHTS, Run, open_run
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.weights import save_weights
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

STEPS, WISHES = "steps", "compress.toml"
KEPT = (ONTOLOGY, TABLES, CALIBRATION, ZERO_SHOT, LESSON, CONFIG, WEIGHTS)  # of the last step; the weights come last
READERS = {"to_patches.weight": "tokens", "to_teacher.weight": "pool"}  # what of a lesson reads which group


def compress(run: Run, out: Path, wish: PruneConfig, school: School, threads: int) -> Run:
    """The compressed run in `out`, with a report of the way there."""
    for group in groups_of(run.student):
        kept_count(group, wish.ratio, wish.multiple)  # an impossible wish shows before any work is done
    _settle(out, run, wish, school)
    figures, last = Figures(out, school, threads), run
    figures.add("as it came", run)
    for name, last in _pruning(run, out / STEPS, wish, school):
        figures.add(name, last)
    for name in KEPT:
        if (last.folder / name).is_file():
            write_whole(out / name, (last.folder / name).read_bytes())
    finished = open_run(out)
    write_whole(out / REPORT, report(finished, figures.steps, wish, school, threads))
    return finished


def _pruning(run: Run, steps: Path, wish: PruneConfig, school: School) -> Iterator[tuple[str, Run]]:
    """The runs of every round: as it was cut, and as it has recovered."""
    at = run
    if wish.drop_layers:
        layers = range(len(run.student.decoder.layers))[-wish.drop_layers :]
        at = _written(steps / "0-fewer-layers", at, Pruned(without_layers(at.student, layers), {}))
        yield "fewer decoder layers", at
    wide = {group.name: group for group in groups_of(at.student)}
    for n in range(1, wish.rounds + 1) if wish.ratio else ():
        share, epochs = n / wish.rounds, wish.epochs if n == wish.rounds else wish.round_epochs
        counts = {name: kept_count(group, share * wish.ratio, wish.multiple) for name, group in wide.items()}
        at = _cut(steps / f"{n}-cut", at, counts, wish, school)
        yield f"cut, round {n}", at
        at = _recovered(steps / f"{n}-recovered", at, epochs, wish, school)
        yield f"recovered, round {n}", at
    if at is not run and not wish.ratio:
        at = _recovered(steps / "1-recovered", at, wish.epochs, wish, school)
        yield "recovered", at


def _cut(folder: Path, run: Run, counts: Mapping[str, int], wish: PruneConfig, school: School) -> Run:
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    return _written(folder, run, pruned(run.student, counts, _scores(run, wish, school)))


def _scores(run: Run, wish: PruneConfig, school: School) -> Scores:
    if wish.criterion == "magnitude":
        return magnitude(run.student, groups_of(run.student))
    lesson = school.lesson(run)
    return taylor(lesson, school.lessons(run, wish.batches), groups_of(lesson.student))


def _recovered(folder: Path, run: Run, epochs: int, wish: PruneConfig, school: School) -> Run:
    changes = {
        "epochs": epochs,
        "lr": wish.lr_share * school.settings["lr"],
        "warmup_epochs": min(school.settings["warmup_epochs"], epochs / 10),
    }
    return school.train(folder, run, changes)


def _written(folder: Path, run: Run, made: Pruned) -> Run:
    """A run of a student that was made from that of another without training; the weights come last."""
    if (folder / WEIGHTS).is_file():
        return open_run(folder)
    write_whole(folder / CONFIG, card.to_toml({**run.config, "student": made.student.config}))
    for name in (ONTOLOGY, TABLES):
        write_whole(folder / name, (run.folder / name).read_bytes())
    if lesson := read_lesson(run.folder):
        for reader, group in READERS.items():
            if reader in lesson and group in made.kept:
                lesson[reader] = lesson[reader][:, list(made.kept[group])].contiguous()
        write_whole(folder / LESSON, save(lesson))
    save_weights(made.student, folder / WEIGHTS)
    return open_run(folder)


def _settle(out: Path, run: Run, wish: PruneConfig, school: School) -> None:
    """Makes `out` the folder of this compression, or makes sure that it already is."""
    path = out / WISHES
    asked: dict[str, Any] = {
        "start": {"run": run.folder.name, "hash": start_of(run).hash},
        "method": school.method,
        "train": school.settings,
        "set": dict(school.overrides),
        "prune": asdict(wish),
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
