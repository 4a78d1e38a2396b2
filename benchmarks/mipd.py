"""MIPD on Diorama beside what a user would try first, and without each of its parts: seen, rare and unseen verbs.

    python benchmarks/mipd.py --out benchmarks/results/diorama-mipd.json

Same student, same data, same schedule, several seeds. METHODS train by the schedule of the student's card, PARTS by a
shorter one, each beside the whole method on that schedule. Every training is a run of its own under --runs, the teacher
looks once into --cache. What a result file already has is not trained again, so a benchmark that was stopped goes on,
on another machine too; --add takes in what other result files have.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import machine
from abreast import measured
from baseline import summary
from result import publish

from edgegsr.data.collage import COUNT
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.config import read_train
from edgegsr.distill.methods import find_method
from edgegsr.distill.train import train
from edgegsr.processes import processes
from edgegsr.scoring.brief import brief
from edgegsr.shipped import find_card, find_teacher
from edgegsr.student.answers import answer
from edgegsr.student.calibration import handicapped, read_calibration
from edgegsr.student.config import read_student
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.teacher.source import open_source
from edgegsr.teacher.vision import open_teacher
from edgegsr.teacher.zero_shot import zero_shot
from edgegsr.text.shipped import tables_for

Variants = dict[str, tuple[str, dict[str, Any]]]  # method, and what of its settings differs

METHODS: Variants = {
    "none": ("none", {}),
    "feature": ("feature", {}),
    "caption": ("caption", {}),
    "pseudo": ("pseudo", {}),
    "mipd-release": ("mipd-release", {}),
    "mipd": ("mipd", {}),
}
PARTS: Variants = {
    "none": ("none", {}),
    "none, balanced": ("none", {"verb_balance": 0.5}),
    "mipd": ("mipd", {}),
    "without glimpse": ("mipd", {"mipd.glimpse": False}),
    "without gaze": ("mipd", {"mipd.gaze": False}),
    "without scene prompt": ("mipd", {"mipd.scene_prompt": False}),
    "without instance prompt": ("mipd", {"mipd.instance_prompt": False}),
    "without rationales": ("mipd", {"mipd.rationales": False}),
    "without negatives": ("mipd", {"mipd.negatives": False}),
    "without ranking": ("mipd", {"mipd.ranking": False}),
    "without collages": ("mipd", {"mipd.collages": 0}),
    "without balance": ("mipd", {"verb_balance": 0.0}),
    "without margin": ("mipd", {"mipd.verb_margin": 0.0}),
    "without patches": ("mipd", {"mipd.patches": False}),
    "whole cross-entropy": ("mipd", {"mipd.verb_share": 1.0}),
    "l1": ("mipd", {"mipd.kind": "l1"}),
    "kl": ("mipd", {"mipd.kind": "kl"}),
    "relational": ("mipd", {"mipd.kind": "relational"}),
}
TABLES = {"methods": METHODS, "parts": PARTS}
HOW = ("generalised", "restricted", "calibrated")


class Cell(NamedTuple):
    """One training."""

    table: str
    variant: str
    seed: int
    student: str
    epochs: int
    amp: str
    runs: Path
    cache: Path
    workers: int = 0

    @property
    def folder(self) -> Path:
        return self.runs / f"{self.student}-{self.table}-{self.variant.replace(',', '').replace(' ', '-')}-{self.seed}"


def measure(cell: Cell) -> dict[str, Any]:
    """The scores of a cell on test, trained where that is not done."""
    method, switches = TABLES[cell.table][cell.variant]
    learn = open_data("diorama", "train")
    words = learn.annotations.ontology
    dev, test = (open_data("diorama", split, ontology=words) for split in ("dev", "test"))
    groups = groups_of("diorama", words)
    done = train(
        find_card(cell.student),
        learn,
        dev,
        tables_for(words),
        cell.folder,
        method,
        cell.seed,
        {"amp": cell.amp, "epochs": cell.epochs, "workers": cell.workers, **switches},
        groups,
        source=open_source(str(cell.cache), learn) if method != "none" else None,
    )
    done.student.to(processes().device)
    said, chosen = answer(done.student, test, label=f"{cell.folder.name} on test"), read_calibration(cell.folder)
    fair = handicapped(said, chosen, words.verbs, done.student)
    return {
        "generalised": brief(evaluate(done, test, groups, answers=said)),
        "restricted": brief(evaluate(done, test, groups, "restricted", answers=said)),
        "calibrated": brief(evaluate(done, test, groups, answers=fair)),
        "seen_bias": chosen.seen_bias,
        **{name: fact for name, fact in machine.facts().items() if name in ("cpu", "gpu", "commit")},
    }


def look(cache: Path) -> None:
    """The teacher looks at all that students learn from, as far as it has not."""
    open_source("diorama", open_data("diorama", "train"), cache, collages=COUNT)


def zero_shot_on_test() -> dict[str, Any]:
    """The teacher's own scores on test."""
    words = open_data("diorama", "train").annotations.ontology
    teacher = open_teacher(find_teacher("diorama"), str(processes().device), None)
    test = open_data("diorama", "test", ontology=words)
    return zero_shot(teacher, test, groups_of("diorama", words), tables_for(words))


def facts(student: str) -> dict[str, Any]:
    """What all trainings have in common."""
    splits = {split: open_data("diorama", split) for split in ("train", "dev", "test")}
    words = splits["train"].annotations.ontology
    untrained = cost(Student(read_student(find_card(student)), tables_for(words)))
    return {
        "benchmark": "diorama_mipd",
        "student": student,
        "parameters": sum(untrained.parameters.values()),
        "gflops": round(untrained.total_gflops, 4),
        "data": "diorama",
        "world": WORLD,
        "images": {split: len(part) for split, part in splits.items()},
        "tables": {},
    }


def enter(result: dict[str, Any], cell: Cell, scores: dict[str, Any]) -> None:
    """Puts the scores of a cell where they belong, with mean and spread over the seeds that are there."""
    method, switches = TABLES[cell.table][cell.variant]
    table = result["tables"].setdefault(cell.table, {"epochs": cell.epochs, "amp": cell.amp, "variants": {}})
    found = table["variants"].setdefault(cell.variant, {"method": method, "switches": switches, "per_seed": {}})
    found["per_seed"][str(cell.seed)] = scores
    order = {name: place for place, name in enumerate(TABLES[cell.table])}
    table["variants"] = dict(sorted(table["variants"].items(), key=lambda item: order.get(item[0], len(order))))
    per_how = {how: [each[how] for each in found["per_seed"].values()] for how in HOW}
    found["mean"] = {how: summary(each, mean) for how, each in per_how.items()}
    found["spread"] = (
        {how: summary(each, stdev) for how, each in per_how.items()} if len(found["per_seed"]) > 1 else None
    )


def add(result: dict[str, Any], other: dict[str, Any], runs: Path, cache: Path) -> None:
    """Takes in the cells of another result that this one does not have."""
    if any(result[name] != other[name] for name in facts(result["student"]) if name != "tables"):
        sys.exit("--add: wanted results of the same student, data and world")
    if "teacher" in other:
        result.setdefault("teacher", other["teacher"])
    for table, part in other["tables"].items():
        cells = [
            Cell(table, variant, int(seed), result["student"], part["epochs"], part["amp"], runs, cache)
            for variant, found in part["variants"].items()
            for seed in found["per_seed"]
        ]
        for cell in lacking(result, cells):
            enter(result, cell, part["variants"][cell.variant]["per_seed"][str(cell.seed)])


def lacking(result: dict[str, Any], cells: Iterable[Cell]) -> Iterator[Cell]:
    """The cells that a result does not have; one of another schedule is refused."""
    for cell in cells:
        table = result["tables"].get(cell.table, {"epochs": cell.epochs, "amp": cell.amp, "variants": {}})
        if (table["epochs"], table["amp"]) != (cell.epochs, cell.amp):
            sys.exit(
                f"{cell.table}: the result has {table['epochs']} epochs in {table['amp']}, wanted {cell.epochs} in "
                f"{cell.amp}; give another --out"
            )
        if str(cell.seed) not in table["variants"].get(cell.variant, {}).get("per_seed", {}):
            yield cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--variants", nargs="+", help="of those tables; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="of METHODS; by default the card's")
    parser.add_argument("--parts-epochs", type=int, default=3)
    parser.add_argument("--amp", default="bf16", help="precision of the training; no: float32")
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare images, of each training")
    parser.add_argument("--runs", type=Path, default=Path("runs/mipd"))
    parser.add_argument("--cache", type=Path, default=Path("runs/teaching"))
    parser.add_argument("--add", type=Path, nargs="+", default=[], help="results of other machines")
    parser.add_argument("--out", type=Path, help="also write the result to this file, and go on with what it has")
    given = parser.parse_args()

    result = json.loads(given.out.read_text("utf-8")) if given.out and given.out.is_file() else facts(given.student)
    if (result["student"], result["world"]) != (given.student, WORLD):
        sys.exit(f"{given.out}: is of {result['student']} in world {result['world']}; give another --out")
    epochs = {"methods": given.epochs or read_train(find_card(given.student)).epochs, "parts": given.parts_epochs}
    cells = [
        Cell(table, variant, seed, given.student, epochs[table], given.amp, given.runs, given.cache, given.workers)
        for table in given.tables
        for seed in given.seeds
        for variant in TABLES[table]
        if variant in (given.variants or TABLES[table])
    ]
    for other in given.add:
        add(result, json.loads(other.read_text("utf-8")), given.runs, given.cache)
        publish(result, given.out)
    todo = list(lacking(result, cells))
    taught = any(find_method(TABLES[cell.table][cell.variant][0]).taught for cell in todo)
    if taught:
        look(given.cache)
        if "teacher" not in result:
            result["teacher"] = zero_shot_on_test()
    for cell, scores in measured(measure, todo, given.jobs, given.threads):
        enter(result, cell, scores)
        publish(result, given.out)


if __name__ == "__main__":
    main()
