"""Images a second of the training loop on Diorama: loading, augmentation, forward, backward, EMA, everything.

python benchmarks/train_speed.py --out benchmarks/results/train-speed.json
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from result import publish

from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.train import train
from edgegsr.shipped import find_card
from edgegsr.text.shipped import tables_for

WARM_UP = 10  # steps that do not count


class Enough(Exception):
    """The last step that counts has been taken."""


def run(student: str, steps: int, batch: int, workers: int) -> dict[str, Any]:
    learn = open_data("diorama", "train")
    words = learn.annotations.ontology
    dev = open_data("diorama", "dev", 16, words)
    ticks: list[float] = []

    def tick(_: int) -> None:
        ticks.append(time.perf_counter())
        if len(ticks) > WARM_UP + steps:
            raise Enough

    with tempfile.TemporaryDirectory() as folder, suppress(Enough):
        train(
            find_card(student),
            learn,
            dev,
            tables_for(words),
            Path(folder) / "run",
            overrides={"batch": batch, "workers": workers, "checkpoint_every": 10**6},
            groups=groups_of("diorama", words),
            on_step=tick,
        )
    seconds = [b - a for a, b in pairwise(ticks[WARM_UP:])]
    return {
        "benchmark": "train_speed",
        "student": student,
        "images_per_s": round(batch * len(seconds) / sum(seconds), 1),
        "images_per_s_median_step": round(batch / median(seconds), 1),
        "steps": len(seconds),
        "batch": batch,
        "workers": workers,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish(run(given.student, given.steps, given.batch, given.workers), given.out)


if __name__ == "__main__":
    main()
