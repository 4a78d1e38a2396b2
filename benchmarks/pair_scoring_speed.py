"""How long a hundred predicted pairs on each of HICO-DET's 9,658 images take to score, files to figures, on one core.

    python benchmarks/pair_scoring_speed.py --out benchmarks/results/pair-scoring.json

Truth and predictions are drawn from a seed in HICO-DET's size, no real data: 33,405 pairs of 600 kinds, 112 images
without any. Every true pair is predicted twice, nearly in place, the rest is chance. The command runs in a process of
its own on one core, so that its time and peak memory are its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from result import publish

from edgegsr.data.hico import kinds

IMAGES, EMPTY, PAIRS, EACH = 9658, 112, 33405, 100
SIZE_WH = (640, 480)


def boxes_drawn(rng: np.random.Generator, count: int) -> np.ndarray:
    """Inclusive pixels from 1."""
    low = rng.integers(1, 400, (count, 2))
    return np.concatenate([low, low + rng.integers(20, 80, (count, 2))], 1)


def write(folder: Path, seed: int) -> None:
    rng, known = np.random.default_rng(seed), kinds()
    shown = rng.permutation(IMAGES)[EMPTY:]
    image = np.sort(np.concatenate([shown, rng.choice(shown, PAIRS - len(shown))]))
    kind = rng.integers(0, len(known), PAIRS)
    humans, things = boxes_drawn(rng, PAIRS), boxes_drawn(rng, PAIRS)
    records: dict[str, Any] = {name(i): {"labels": []} for i in range(IMAGES)}
    for i, k, human, thing in zip(image.tolist(), kind.tolist(), humans.tolist(), things.tolist()):
        label = {"hoi_id": k + 1, "human_bbox": human, "object_bbox": thing}
        records[name(i)]["labels"].append(label | dict(zip(("width", "height"), SIZE_WH)))
    (folder / "hico-det-drawn.json").write_text(json.dumps(records), encoding="utf-8")
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for i in range(IMAGES):
            near = np.repeat(np.flatnonzero(image == i), 2)[:EACH]
            chance = EACH - len(near)
            said = np.concatenate([kind[near], rng.integers(0, len(known), chance)])
            human = np.concatenate([humans[near], boxes_drawn(rng, chance)]) + rng.normal(0, 2, (EACH, 4))
            thing = np.concatenate([things[near], boxes_drawn(rng, chance)]) + rng.normal(0, 2, (EACH, 4))
            file.write(json.dumps({"image": name(i), "pairs": pairs(said, human, thing, rng.random(EACH))}) + "\n")


def name(image: int) -> str:
    return f"HICO_test2015_{image + 1:08d}.jpg"


def pairs(said: np.ndarray, humans: np.ndarray, things: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    columns = zip(said.tolist(), humans.round(2).tolist(), things.round(2).tolist(), scores.round(6).tolist())
    found = []
    for kind, human, thing, score in columns:
        verb, noun = kinds().names(kind)
        found.append({"human": human, "object": thing, "object_category": noun, "verb": verb, "score": score})
    return found


def measure(folder: Path) -> dict[str, Any]:
    """The command on one core: seconds on the clock and of the processor, and the most memory."""
    files = ("--truth", folder / "hico-det-drawn.json", "--predictions", folder / "predictions.jsonl")
    command = [sys.executable, "-m", "edgegsr", "score", "--task", "hico", *map(str, files), "--json"]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the command inherits it
    began = time.perf_counter()
    done = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert done.stdout
    told = done.stdout.read()
    _, status, used = os.wait4(done.pid, 0)
    if status:
        raise SystemExit(f"the command ended with {os.waitstatus_to_exitcode(status)}")
    scores = json.loads(told.splitlines()[-1])
    return {
        "seconds_total": round(time.perf_counter() - began, 2),
        "seconds_cpu": round(used.ru_utime + used.ru_stime, 2),
        "peak_rss_mb": round(used.ru_maxrss * 1024 / 1e6),
        "full": scores["default"]["full"],
        "images": scores["images"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        return write(given.write, given.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)  # written elsewhere: the peak of a process begins with that of its parent
        subprocess.run([sys.executable, __file__, "--write", folder, "--seed", str(given.seed)], check=True)
        size_mb = (folder / "predictions.jsonl").stat().st_size / 1e6
        result = {"benchmark": "pair_scoring_speed", "predictions": IMAGES * EACH, **measure(folder)}
    return publish({**result, "predictions_mb": round(size_mb, 1), "cores": 1, "seed": given.seed}, given.out)


if __name__ == "__main__":
    main()
