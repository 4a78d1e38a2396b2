"""What every step of a compression costs and scores, in `metrics.json`, so that nothing is measured twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgegsr.both_run import BothRun, parts_of
from edgegsr.bundle import PAIRS
from edgegsr.compress.clocks import latency
from edgegsr.files import read_json, reading, write_whole
from edgegsr.pair_run import PairRun
from edgegsr.run import WEIGHTS, Run
from edgegsr.scoring.brief import Dev, losses
from edgegsr.student.cost import cost
from edgegsr.student.quantizers import counts_in_8_bits

FILE = "metrics.json"

Steps = Mapping[str, Mapping[str, Any]]  # by name, in their order


class Figures:
    """The steps so far, by name, in their order."""

    def __init__(self, out: Path, score: Callable[[Any], Dev], threads: int) -> None:
        self.path, self.score, self.threads = out / FILE, score, threads
        self.steps = read_steps(out)

    def add(self, name: str, run: Run | PairRun | BothRun) -> None:
        """Measures the run after a step, unless that is done."""
        if name in self.steps:
            return
        spent, last = cost(run.student), next(reversed(self.steps.values()), None)
        if counts_in_8_bits(run.student):  # which is timed when it is exported
            took = None
        elif last is not None and last["parameters"] == spent.total_parameters:  # a step of recovery
            took = last["latency"]
        else:
            took = latency(run.student, self.threads).to_json()
        self.steps[name] = {
            "dev": self.score(run.student),
            "parameters": spent.total_parameters,
            "gflops": round(spent.total_gflops, 5),
            "weight_bytes": sum((part.folder / WEIGHTS).stat().st_size for part in parts_of(run).values()),
            "latency": took,
        }
        write_whole(self.path, json.dumps(self.steps, indent=1))


def dropped(steps: Steps, most: float) -> list[str]:
    """The dev scores, one a line, that lost more than a share of what they were."""
    first, last = next(iter(steps.values()))["dev"], list(steps.values())[-1]["dev"]
    return [
        f"{name}, {group}: {100 * last[group][name]:.1f} % of {100 * first[group][name]:.1f} % before: lost "
        f"{lost:.1%}, at most {most:.1%} was wanted"
        for group, name, lost in losses(first, last)
        if lost > most
    ]


def rows(steps: Steps) -> tuple[list[str], list[list[str]]]:
    """Headings and lines for a terminal: top-1 by group of verbs, and grounded over all; of pairs their mAP."""
    dev = next(iter(steps.values()))["dev"]
    columns = dict[str, tuple[str, str]]()
    if "verb_top1" in dev["all"]:
        columns = {group: (group, "verb_top1") for group in dev if group not in ("all", "harmonic", PAIRS)}
        columns["grounded"] = ("all", "grounded")
    if group := next((name for name in ("all", PAIRS) if "mean_ap" in dev.get(name, {})), None):
        columns["mAP"] = (group, "mean_ap")
    lines = [
        [
            name,
            f"{step['parameters'] / 1e6:.2f}",
            f"{step['gflops']:.3f}",
            f"{step['weight_bytes'] / 1e6:.2f}",
            f"{step['latency']['p50_ms']:.2f}" if step["latency"] else "-",
            *(f"{100 * step['dev'][group][score]:.1f}" for group, score in columns.values()),
        ]
        for name, step in steps.items()
    ]
    return ["step", "M", "GFLOPs", "MB", "ms", *columns], lines


def read_steps(out: Path) -> dict[str, dict[str, Any]]:
    """What is measured so far."""
    steps: dict[str, dict[str, Any]] = read_json(out / FILE) if (out / FILE).is_file() else {}
    with reading(out / FILE):
        for step in steps.values():
            if lacking := {"dev", "parameters", "gflops", "weight_bytes", "latency"} - step.keys():
                raise ValueError(f"a step without {min(lacking)!r}")
    return steps
