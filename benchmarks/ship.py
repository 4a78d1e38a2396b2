"""Puts a finished run among the models that come with the project, with its scores on test and what made it.

    edgegsr distill --student models/diorama-nano/card.toml --method mipd --teacher runs/teaching --set amp=bf16 \
        --out runs/diorama-nano
    python benchmarks/ship.py runs/diorama-nano models/diorama-nano
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from result import publish

from edgegsr.data.diorama.make import WORLD
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.start import LESSON
from edgegsr.run import CONFIG, ONTOLOGY, TABLES, WEIGHTS, Run, open_run
from edgegsr.scoring.brief import brief
from edgegsr.shipped import find_teacher
from edgegsr.student.answers import answer
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.calibration import handicapped, read_calibration
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import evaluate
from edgegsr.teacher.vision import open_teacher
from edgegsr.teacher.zero_shot import zero_shot

FILES = (CONFIG, ONTOLOGY, TABLES, WEIGHTS, CALIBRATION, LESSON)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(given.run / name, given.out / name)
    publish(scores(open_run(given.out)), given.out / SCORES)


if __name__ == "__main__":
    main()
