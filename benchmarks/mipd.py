"""MIPD on Diorama beside what a user would try first, and without each of its parts: seen, rare and unseen verbs.

    python benchmarks/mipd.py --out benchmarks/results/diorama-mipd.json

Same student, same data, same schedule, several seeds; what differs stands in VARIANTS. Every training is a run of its
own under --runs, the teacher looks once into --cache; a killed benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from baseline import Scores, summary
from result import publish

from edgegsr.data.collage import COUNT
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.train import train
from edgegsr.run import read_config
from edgegsr.student.answers import answer
from edgegsr.student.calibration import handicapped, read_calibration
from edgegsr.student.cards import find_card
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import brief, evaluate
from edgegsr.teacher.source import open_source
from edgegsr.text.shipped import tables_for

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {  # method, and what of its settings differs
    "none": ("none", {}),
    "feature": ("feature", {}),
    "caption": ("caption", {}),
    "pseudo": ("pseudo", {}),
    "mipd-release": ("mipd-release", {}),
    "mipd": ("mipd", {}),
    "without glimpse": ("mipd", {"mipd.glimpse": False}),
    "without gaze": ("mipd", {"mipd.gaze": False}),
    "without scene prompt": ("mipd", {"mipd.scene_prompt": False}),
    "without instance prompt": ("mipd", {"mipd.instance_prompt": False}),
    "without rationales": ("mipd", {"mipd.rationales": False}),
    "without negatives": ("mipd", {"mipd.negatives": False}),
    "cosine": ("mipd", {"mipd.kind": "cosine"}),
    "kl": ("mipd", {"mipd.kind": "kl"}),
    "relational": ("mipd", {"mipd.kind": "relational"}),
    "l1": ("mipd", {"mipd.kind": "l1"}),
}
HOW = ("generalised", "restricted", "calibrated")


def run(given: argparse.Namespace) -> dict[str, Any]:
    learn = open_data("diorama", "train")
    words = learn.annotations.ontology
    dev, test = (open_data("diorama", split, ontology=words) for split in ("dev", "test"))
    groups, tables = groups_of("diorama", words), tables_for(words)
    source = open_source("diorama", learn, given.cache, collages=COUNT)
    overrides = {"amp": given.amp} | ({"epochs": given.epochs} if given.epochs else {})
    found = {}
    for variant in given.variants:
        method, switches = VARIANTS[variant]
        per_seed: dict[str, list[Scores]] = {how: [] for how in HOW}
        biases = []
        for seed in given.seeds:
            folder = given.runs / f"{given.student}-{variant.replace(' ', '-')}-{seed}"
            done = train(
                find_card(given.student),
                learn,
                dev,
                tables,
                folder,
                method,
                seed,
                overrides | switches,
                groups,
                source=source,
            )
            said, chosen = answer(done.student, test, label=f"{variant}, seed {seed}"), read_calibration(folder)
            fair = handicapped(said, chosen, words.verbs, done.student)
            per_seed["generalised"].append(brief(evaluate(done, test, groups, answers=said)))
            per_seed["restricted"].append(brief(evaluate(done, test, groups, "restricted", answers=said)))
            per_seed["calibrated"].append(brief(evaluate(done, test, groups, answers=fair)))
            biases.append(chosen.seen_bias)
        found[variant] = {
            "method": method,
            "switches": switches,
            "mean": {how: summary(scores, mean) for how, scores in per_seed.items()},
            "spread": {how: summary(scores, stdev) for how, scores in per_seed.items()} if len(biases) > 1 else None,
            "per_seed": per_seed,
            "seen_bias": biases,
        }
    return {
        "benchmark": "diorama_mipd",
        "student": given.student,
        "data": "diorama",
        "world": WORLD,
        "images": {"train": len(learn), "dev": len(dev), "test": len(test)},
        "seeds": given.seeds,
        "gflops": round(cost(done.student).total_gflops, 4),
        "teacher": dict(source.facts),
        "train": dict(read_config(done.folder)["train"]),
        "variants": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--amp", default="bf16", help="precision of the training; no: float32")
    parser.add_argument("--runs", type=Path, default=Path("runs/mipd"))
    parser.add_argument("--cache", type=Path, default=Path("runs/teaching"))
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish(run(given), given.out)


if __name__ == "__main__":
    main()
