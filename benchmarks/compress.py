"""What the student that ships keeps of its scores on test when it is pruned to a latency, counts in 8 bits, and both.

    python benchmarks/compress.py --out benchmarks/results/diorama-compress.json

How much goes from which block is searched once, on a machine that should do nothing else; then every seed prunes,
recovers and trains in 8 bits in runs of its own under --runs. A benchmark that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from abreast import measured
from result import publish

from edgegsr.compress.clocks import clock_of
from edgegsr.compress.compress import compress, planned
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
from edgegsr.compress.prune import without_layers
from edgegsr.compress.school import School
from edgegsr.compress.search import PLAN, TRIED
from edgegsr.compress.sensitivity import read_sensitivity
from edgegsr.data.collage import COUNT
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.config import read_train
from edgegsr.distill.methods import find_method
from edgegsr.export.target import find_target
from edgegsr.files import write_whole
from edgegsr.run import WEIGHTS, Run, open_run
from edgegsr.scoring.brief import JUDGED, brief
from edgegsr.shipped import find_run
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import evaluate
from edgegsr.teacher.source import open_source

GROUPS = ("seen", "rare", "unseen")


class Job(NamedTuple):
    """One compression."""

    run: str
    pruned: bool
    seed: int
    latency: float
    drop_layers: int
    epochs: int
    qat_epochs: int
    runs: Path
    cache: Path

    @property
    def folder(self) -> Path:
        return self.runs / f"{'pruned' if self.pruned else 'whole'}-{self.seed}"

    @property
    def wishes(self) -> Wishes:
        target = find_target("onnx-fp32")
        prune = PruneConfig(
            latency=self.latency if self.pruned else 0,
            multiple=target.multiple,
            drop_layers=self.drop_layers if self.pruned else 0,
            epochs=self.epochs,
        )
        return Wishes(prune, QuantizeConfig(qat=True, seed=self.seed, epochs=self.qat_epochs), target)

    def school(self, run: Run) -> School:
        method = str(run.config["method"])
        learn, dev = (open_data("diorama", split, ontology=run.ontology) for split in ("train", "dev"))
        settings = read_train(
            {"train": run.config["train"]}, {"seed": self.seed, "amp": "bf16"}, find_method(method).settings
        )
        source = open_source(str(self.cache), learn)
        return School(learn, dev, groups_of("diorama", run.ontology), method, source, settings)

    def plan(self, threads: int) -> Path:
        """Where the search has left what it found."""
        run, folder = open_run(find_run(self.run)), self.runs / "plan"
        left = replace(run, student=without_layers(run.student, self.drop_layers)) if self.drop_layers else run
        planned(run, left, folder, self.wishes, self.school(run), threads)
        return folder


def measure(job: Job) -> dict[str, dict[str, Any]]:
    """The test scores and the size of what comes of a job, by name."""
    run = open_run(find_run(job.run))
    for name in (TRIED, PLAN) if job.pruned else ():
        write_whole(job.folder / name, (job.runs / "plan" / name).read_bytes())
    done = compress(run, job.folder, job.wishes, job.school(run), threads=1)
    steps = job.folder / "steps"
    found = {
        "pruned, calibrated INT8" if job.pruned else "calibrated INT8": open_run(steps / "int8-calibrated"),
        "pruned, INT8" if job.pruned else "INT8": done,
    }
    if job.pruned:
        found["pruned"] = open_run(steps / "2-recovered")
    felt = read_sensitivity(job.folder)
    assert felt is not None
    scores = {name: scored(each) for name, each in found.items()}
    for name, each in found.items():
        scores[name]["layers_in_16_bits"] = felt.sixteen if each is done else None
        if "calibrated" in name:
            del scores[name]["weight_bytes"]  # of a step on the way, which keeps its weights as floats
    return scores


def scored(run: Run) -> dict[str, Any]:
    test = open_data("diorama", "test", ontology=run.ontology)
    spent = cost(run.student)
    return {
        "test": brief(evaluate(run, test, groups_of("diorama", run.ontology))),
        "parameters": spent.total_parameters,
        "gflops": round(spent.total_gflops, 4),
        "weight_bytes": (run.folder / WEIGHTS).stat().st_size,
    }


def shares(before: Mapping[str, Any], per_seed: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What is kept of every score of the run as it came, in the mean over the seeds."""
    return {
        group: {
            name: round(mean(each["test"][group][name] for each in per_seed.values()) / before["test"][group][name], 4)
            for name in JUDGED
        }
        for group in GROUPS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="diorama-nano")
    parser.add_argument("--ways", nargs="+", default=["pruned", "whole"], choices=["pruned", "whole"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--latency", type=float, default=0.6)
    parser.add_argument("--drop-layers", type=int, default=0, help="of the decoder, before the search")
    parser.add_argument("--epochs", type=int, default=10, help="of recovery after the last cut")
    parser.add_argument("--qat-epochs", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, one thread each")
    parser.add_argument("--threads", type=int, default=2, help="of the latency that is searched and told")
    parser.add_argument("--runs", type=Path, default=Path("runs/compress"))
    parser.add_argument("--cache", type=Path, default=Path("runs/teaching"))
    parser.add_argument("--out", type=Path, help="also write the result to this file, and go on with what it has")
    given = parser.parse_args()

    fixed = (given.latency, given.drop_layers, given.epochs, given.qat_epochs, given.runs, given.cache)
    jobs = [Job(given.run, pruned, seed, *fixed) for pruned in (True, False) for seed in given.seeds]
    jobs = [job for job in jobs if ("pruned" if job.pruned else "whole") in given.ways]
    run = open_run(find_run(given.run))
    about = {
        "benchmark": "diorama_compress",
        "run": given.run,
        "world": WORLD,
        "settings": {name: getattr(given, name) for name in ("latency", "drop_layers", "epochs", "qat_epochs")},
    }
    if given.out and given.out.is_file():
        result = json.loads(given.out.read_text("utf-8"))
        if other := [name for name, value in about.items() if result[name] != value]:
            sys.exit(f"{given.out}: is of another {other[0]}, {result[other[0]]}; give another --out")
    else:
        result = {**about, "before": scored(run), "after": {}}
    open_source("diorama", open_data("diorama", "train", ontology=run.ontology), given.cache, collages=COUNT)
    if "pruned" in given.ways:
        plan = json.loads((jobs[0].plan(given.threads) / PLAN).read_text("utf-8"))
        result["plan"] = {"latency": plan["share"], "ratios": plan["ratios"]}
    have = {name: found["per_seed"] for name, found in result["after"].items()}
    todo = [job for job in jobs if str(job.seed) not in have.get("pruned, INT8" if job.pruned else "INT8", {})]
    for job, parts in measured(measure, todo, given.jobs):
        for name, part in parts.items():
            found = result["after"].setdefault(name, {"per_seed": {}})
            found["per_seed"][str(job.seed)] = part
            found["kept"] = shares(result["before"], found["per_seed"])
            if "weight_bytes" in part:
                found["weights"] = round(part["weight_bytes"] / result["before"]["weight_bytes"], 4)
        publish(result, given.out)
    if small := [open_run(job.folder / "steps" / "2-recovered").student for job in jobs if job.pruned]:
        with clock_of(find_target("onnx-fp32"), given.threads, run.student) as clock:
            result["latency"] = {"threads": given.threads, "of_before": [round(clock(student), 4) for student in small]}
    publish(result, given.out)


if __name__ == "__main__":
    main()
