"""The undistilled baseline on Diorama: `--method none`, several seeds, the official scores on test, chance beside them.

    python benchmarks/baseline.py --student pico --seeds 0 1 2 --out benchmarks/results/diorama-baseline.json

Every seed is a run of its own under --runs; a killed benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from result import publish

from edgegsr.data.diorama.make import WORLD
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.train import train
from edgegsr.run import read_config
from edgegsr.scoring.brief import brief
from edgegsr.shipped import find_card
from edgegsr.student.answers import answer
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import CANDIDATES, evaluate
from edgegsr.text.shipped import tables_for

Scores = dict[str, dict[str, float]]


def run(student: str, data: str, seeds: list[int], runs: Path, overrides: dict[str, Any]) -> dict[str, Any]:
    learn = open_data(data, "train")
    words = learn.annotations.ontology
    dev, test = (open_data(data, split, ontology=words) for split in ("dev", "test"))
    groups = groups_of(data, words)
    per_seed: dict[str, list[Scores]] = {name: [] for name in CANDIDATES}
    chance: dict[str, Scores] = {}
    for seed in seeds:
        done = train(
            find_card(student),
            learn,
            dev,
            tables_for(words),
            runs / f"{student}-{seed}",
            "none",
            seed,
            overrides,
            groups,
        )
        said = answer(done.student, test, label=f"evaluating seed {seed}")
        for name in CANDIDATES:
            scores = evaluate(done, test, groups, name, train=learn.annotations, answers=said)
            per_seed[name].append(brief(scores))
            chance[name] = scores["chance"]
    return {
        "benchmark": "diorama_baseline",
        "student": student,
        "method": "none",
        "data": data,
        "world": WORLD,
        "images": {"train": len(learn), "dev": len(dev), "test": len(test)},
        "verbs": {name: len(verbs) for name, verbs in groups._asdict().items()},
        "seeds": seeds,
        "parameters": cost(done.student).parameters,
        "gflops": {part: round(value, 4) for part, value in cost(done.student).gflops.items()},
        "train": dict(read_config(done.folder)["train"]),
        "mean": {name: summary(scores, mean) for name, scores in per_seed.items()},
        "spread": {name: summary(scores, stdev) for name, scores in per_seed.items()} if len(seeds) > 1 else None,
        "per_seed": per_seed,
        "chance": chance,
    }


def summary(scores: list[Scores], of: Any) -> Scores:
    """Mean or standard deviation over the seeds, number by number."""
    first = scores[0]
    return {
        group: {name: round(of([each[group][name] for each in scores]), 4) for name in first[group]} for group in first
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico")
    parser.add_argument("--data", default="diorama")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--runs", type=Path, default=Path("runs/baseline"))
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    overrides = {"epochs": given.epochs} if given.epochs else {}
    publish(run(given.student, given.data, given.seeds, given.runs, overrides), given.out)


if __name__ == "__main__":
    main()
