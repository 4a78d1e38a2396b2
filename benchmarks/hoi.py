"""Students of pairs on crowds, without a teacher and with one, in every zero-shot setting: mAP on test.

    python benchmarks/hoi.py --jobs 2 --out benchmarks/results/diorama-hoi.json

Every cell is a training of its own under --runs; a benchmark that was stopped goes on where it was, and --out goes on
with what it has. "all" trains on every kind; a setting trains without its kinds, and is judged by them.
Every student begins as a detector, as others begin with one of objects: a student of pairs that has learned boxes and
objects, and no acts, on crowds of another seed (`detectors.py`). CL-HOI learns from no annotation, so nothing can be
kept out of its training: it is trained once, under "all". Its boxes are those of a sharper detector; where a setting
leaves whole couples without annotation (`nf_uc` and `uo`), methods whose teacher sees couples also learn of those that
this detector finds, nobody annotated, and the teacher takes for a kind out of training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import machine
from abreast import measured
from result import publish, resumed, told_of

from edgegsr.cli.common import settings_of
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.pairs import open_pairs
from edgegsr.distill.config import read_train
from edgegsr.distill.pairs.methods import PAIR_METHODS, Source, gazes
from edgegsr.distill.pairs.source import Given, open_pair_source
from edgegsr.distill.pairs.train import train_pairs
from edgegsr.files import cache_folder
from edgegsr.processes import processes
from edgegsr.scoring.hico import Scores, score
from edgegsr.shipped import find_card
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.teacher.found import RULE
from edgegsr.teacher.sought import IS_PAIR, KEPT, LIKELY
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import tables_for

ALL = "all"
SETTINGS = (ALL, "rf_uc", "nf_uc", "uo", "uv")
WITHOUT_LABELS = "clhoi"
START, DETECTOR = "diorama-detector-160", "diorama-detector-256"  # what students begin with, and what finds couples
FINDS = ("nf_uc", "uo")  # settings in which whole couples are not annotated: of others next to nothing can be found
LOOKED_AT = ("mipd", "gplhoi")  # methods whose teacher sees couples
TEACHER = "diorama"
TOLD = ("teacher", "detector", "detector_revision", "scope", "cpu", "gpu", "commit")  # of a training, beside its scores


class Cell(NamedTuple):
    """One training."""

    method: str
    setting: str
    seed: int
    student: str
    epochs: int
    amp: str
    start: str
    detector: str
    runs: Path
    cache: Path
    values: tuple[str, ...] = ()  # of the card's [train] table, KEY=VALUE

    @property
    def overrides(self) -> dict[str, Any]:
        return {"seed": self.seed, "epochs": self.epochs, "amp": self.amp, **settings_of(self.values)}

    @property
    def folder(self) -> Path:
        return folder_of(self.runs, self.student, self.method, self.setting, self.seed)


def folder_of(runs: Path, student: str, method: str, setting: str, seed: int) -> Path:
    """Where the run of a training lies."""
    return runs / f"{student}-{method}-{setting}-{seed}"


def measure(cell: Cell) -> dict[str, float]:
    """The scores of a cell on test, trained where that is not done."""
    setting = "" if cell.setting == ALL else cell.setting
    learn, dev = (open_pairs("crowd", split, setting=setting) for split in ("train", "dev"))
    tables, device = tables_for(ontology_of(learn.pairs.kinds)), str(processes().device)
    source = taught_by(cell)
    card = find_card(cell.student)
    start = cell.start or None
    done = train_pairs(
        card, learn, dev, tables, cell.folder, cell.method, cell.overrides, setting, start=start, source=source
    )
    test = open_pairs("crowd", "test")
    said = answer_pairs(done.student.to(device), test, label=f"{cell.folder.name} on test")
    scores = score(test.pairs, said.predictions())
    means = {**scores.default._asdict(), "known_object": scores.known_object.full}
    group = scores.groups[setting]._asdict() if setting else _every_group(scores)
    found = {name: value for name, value in {**group, **means}.items() if value is not None}
    known = {**(source.facts if source else {}), **machine.facts()}
    return {**found, **{name: known[name] for name in TOLD if name in known}}


def taught_by(cell: Cell) -> Source | None:
    """What a cell learns from beside annotations, looked at and kept where that is not done."""
    setting = "" if cell.setting == ALL else cell.setting
    learn, looked_at = open_pairs("crowd", "train", setting=setting), cell.method in LOOKED_AT
    finds = cell.setting in FINDS if looked_at else cell.method == WITHOUT_LABELS
    given = Given(TEACHER if looked_at else None, cell.detector if finds else None)
    tables = tables_for(ontology_of(learn.pairs.kinds))
    looks = gazes(cell.method, read_train(find_card(cell.student), cell.overrides))
    return open_pair_source(cell.method, given, learn, tables, setting, cell.cache, looks)


def _every_group(scores: Scores) -> dict[str, float | None]:
    return {f"{name}_{part}": value for name, group in scores.groups.items() for part, value in group._asdict().items()}


def enter(rows: dict[str, Any], row: str, seed: int, scores: dict[str, float]) -> None:
    """Puts the scores of a training into its row, with mean and spread over the seeds that are there."""
    found = rows.setdefault(row, {"per_seed": {}})
    found["per_seed"][str(seed)] = scores
    seeds = list(found["per_seed"].values())
    names = [name for name, value in scores.items() if isinstance(value, float)]
    found["mean"] = {name: mean(each[name] for each in seeds) for name in names}
    found["spread"] = {name: stdev(each[name] for each in seeds) for name in names} if len(seeds) > 1 else None


def options_of(doc: str | None, epochs: int, runs: str) -> argparse.ArgumentParser:
    """The options of a benchmark that trains students of pairs."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico-pairs")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--start", default=START, help="a run that every student begins with; '' for none")
    parser.add_argument("--detector", default=DETECTOR, help="a run of pairs, or a model of transformers")
    parser.add_argument("--amp", default="no", choices=("auto", "no", "bf16"))
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, one thread each")
    parser.add_argument("--runs", type=Path, default=Path(runs))
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="where what the teacher sees is kept")
    parser.add_argument("--out", type=Path, help="also write the result to this file, and go on with what it has")
    return parser


def about_of(benchmark: str, given: argparse.Namespace, values: Sequence[str] = ()) -> dict[str, Any]:
    """What every training of a result has in common; `lesson` is its settings, whatever the seed."""
    lesson = read_train(find_card(given.student), {"epochs": given.epochs, "amp": given.amp, **settings_of(values)})
    return {
        "benchmark": benchmark,
        "student": given.student,
        "world": WORLD,
        "epochs": given.epochs,
        "amp": given.amp,
        "start": told_of(given.start) if given.start else "",
        "detector": told_of(given.detector),
        "finds": list(FINDS),
        "annotated": RULE,
        "kept": KEPT,
        "is_pair": IS_PAIR,
        "likely": LIKELY,
        "lesson": {**asdict(lesson), "seed": None},
    }


def main() -> None:
    parser = options_of(__doc__, epochs=5, runs="runs/hoi")
    parser.add_argument("--methods", nargs="+", default=list(PAIR_METHODS), choices=list(PAIR_METHODS))
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="of [train]; give another --runs then"
    )
    given = parser.parse_args()

    about = about_of("diorama_hoi", given, given.set)
    if given.set:
        about["set"] = sorted(given.set)
    result = resumed(about, "settings", given.out)
    how = (
        given.student,
        given.epochs,
        given.amp,
        given.start,
        given.detector,
        given.runs,
        given.cache,
        tuple(given.set),
    )
    cells = [
        Cell(method, setting, seed, *how)
        for seed in given.seeds
        for setting in given.settings
        for method in given.methods
        if setting == ALL or method != WITHOUT_LABELS
        if str(seed) not in result["settings"].get(setting, {}).get(method, {}).get("per_seed", {})
    ]
    for cell in {(cell.method, cell.setting): cell for cell in cells}.values():
        taught_by(cell)  # once, before several trainings want the same at once
    for cell, scores in measured(measure, cells, given.jobs):
        enter(result["settings"].setdefault(cell.setting, {}), cell.method, cell.seed, scores)
        publish(result, given.out)


if __name__ == "__main__":
    main()
