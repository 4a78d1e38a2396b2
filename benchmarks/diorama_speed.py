"""Scenes of Diorama a second on one core, staged, drawn and lit at about 224 px, every verb the same number of times.

python benchmarks/diorama_speed.py --out benchmarks/results/diorama-speed.json
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import cv2
from result import publish

from edgegsr.data.diorama import script
from edgegsr.data.diorama.make import WORLD
from edgegsr.data.diorama.stage import scene

ROUNDS = 5  # the median round counts: the machine may be doing other things


def run(seed: int) -> dict[str, Any]:
    cv2.setNumThreads(1)
    verbs = list(script.verbs())
    for verb in verbs:  # fills the caches: grain, extents, words
        scene(f"warm-up {seed}", 0, verb)
    rates, cpu_rates = [], []
    for number in range(ROUNDS):
        started, cpu_started = time.perf_counter(), time.process_time()
        for verb in verbs:
            scene(seed, number, verb)
        rates.append(len(verbs) / (time.perf_counter() - started))
        cpu_rates.append(len(verbs) / (time.process_time() - cpu_started))
    return {
        "benchmark": "diorama_speed",
        "scenes_per_s": round(median(rates), 1),
        "scenes_per_cpu_s": round(median(cpu_rates), 1),
        "rounds": [round(rate, 1) for rate in rates],
        "scenes": ROUNDS * len(verbs),
        "world": WORLD,
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    publish(run(given.seed), given.out)


if __name__ == "__main__":
    main()
