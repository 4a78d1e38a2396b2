"""Puts a finished run among the models that come with the project, with its scores on test and what made it.

    edgegsr distill --student models/diorama-nano/card.toml --method mipd --teacher runs/teaching --set amp=bf16 \
        --out runs/diorama-nano
    python benchmarks/ship.py runs/diorama-nano models/diorama-nano

A run of pairs is only copied (`detectors.py`). Of a run of both heads, each half, without what only a training that
goes on would read:

    edgegsr distill --student pico-pairs --situations diorama --method mipd --epochs 8 --set amp=bf16 --out runs/both
    python benchmarks/ship.py runs/both models/diorama-both
    edgegsr compress runs/both --ptq --out runs/both-int8
    edgegsr export runs/both-int8 --target onnx-int8 --licence Apache-2.0 --name diorama-both \\
        --out models/diorama-both/bundle
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from result import publish

from edgegsr.both_run import open_both_run
from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.pairs import open_pairs
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.pairs.train import brief_of
from edgegsr.distill.start import LESSON
from edgegsr.interactions import KINDS_FILE
from edgegsr.pair_run import PairRun
from edgegsr.run import CONFIG, ONTOLOGY, TABLES, WEIGHTS, Run, open_run
from edgegsr.scoring.brief import brief
from edgegsr.scoring.hico import score
from edgegsr.shipped import find_teacher
from edgegsr.student.answers import answer
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.calibration import handicapped, read_calibration
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import evaluate
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.teacher.vision import open_teacher
from edgegsr.teacher.zero_shot import zero_shot

FILES = (CONFIG, ONTOLOGY, TABLES, WEIGHTS, CALIBRATION, LESSON)
OF_HALVES = {SITUATIONS: (CONFIG, ONTOLOGY, TABLES, WEIGHTS, CALIBRATION), PAIRS: (CONFIG, KINDS_FILE, TABLES, WEIGHTS)}
SCORES = "scores.json"


def scores(run: Run) -> dict[str, Any]:
    """What the student of a run scores on test, its teacher beside it."""
    test = open_data("diorama", "test", ontology=run.ontology)
    groups, spent = groups_of("diorama", run.ontology), cost(run.student)
    said, chosen = answer(run.student, test, label="looking at test"), read_calibration(run.folder)
    fair = handicapped(said, chosen, run.ontology.verbs, run.student)
    teacher = open_teacher(find_teacher("diorama"), "cpu", None)
    return {
        "model": run.folder.name,
        "method": run.config["method"],
        "seed": run.config["train"]["seed"],
        "epochs": run.config["train"]["epochs"],
        "world": WORLD,
        "test_images": len(test),
        "parameters": spent.total_parameters,
        "gflops": round(spent.total_gflops, 4),
        "weight_bytes": (run.folder / WEIGHTS).stat().st_size,
        "generalised": brief(evaluate(run, test, groups, answers=said)),
        "restricted": brief(evaluate(run, test, groups, "restricted", answers=said)),
        "calibrated": brief(evaluate(run, test, groups, answers=fair)),
        "seen_bias": chosen.seen_bias,
        "teacher": zero_shot(teacher, test, groups, run.tables),
    }


def scores_of_pairs(run: PairRun) -> dict[str, Any]:
    """What the student of a run of pairs scores on test."""
    test = open_pairs("crowd", "test")
    found = score(test.pairs, answer_pairs(run.student, test, label="looking at test").predictions())
    return {"test_images": len(test), **brief_of(found), **{name: g._asdict() for name, g in found.groups.items()}}


def ship(run: Path, out: Path, files: Iterable[str]) -> None:
    """Copies these files of a run."""
    out.mkdir(parents=True, exist_ok=True)
    for name in files:
        shutil.copyfile(run / name, out / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    if (given.run / KINDS_FILE).is_file():
        ship(given.run, given.out, OF_HALVES[PAIRS])
        return
    if (given.run / PAIRS).is_dir():
        for half, files in OF_HALVES.items():
            ship(given.run / half, given.out / half, files)
        both = open_both_run(given.out)
        told = {SITUATIONS: scores(both.situations), PAIRS: scores_of_pairs(both.pairs)}
        publish({"model": given.out.name, **told}, given.out / SCORES)
        return
    ship(given.run, given.out, FILES)
    publish(scores(open_run(given.out)), given.out / SCORES)


if __name__ == "__main__":
    main()
