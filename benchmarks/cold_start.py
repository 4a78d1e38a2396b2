"""How long a device waits for its first answer, and how much memory it takes: a fresh process each time, without torch.

    python benchmarks/cold_start.py BUNDLE… --out benchmarks/results/cold-start.json

From the start of the interpreter to the first situation of a photo on disk, by what it is spent on, and the most memory
that was ever resident after a hundred answers. Files are in the memory of the system already, as after an installation.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from result import publish

from edgegsr.bundle import open_bundle

ANSWERS = 100
PARTS = ("interpreter", "import", "load", "first answer")
FRESH = """
import json, sys, time
bundle, photo, engine, threads, answers, began = sys.argv[1:]
marks = [float(began), time.monotonic()]
from edgegsr.runtime import SituationRecognizer
marks.append(time.monotonic())
recognizer = SituationRecognizer(bundle, engine, int(threads))
marks.append(time.monotonic())
recognizer.predict(photo)
marks.append(time.monotonic())
for _ in range(int(answers) - 1):
    recognizer.predict(photo)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
heavy = [name for name in ("torch", "transformers", "onnx") if name in sys.modules]
print(json.dumps([marks, int(peak.split()[1]), heavy]))
"""


def started(bundle: Path, photo: Path, engine: str, threads: int) -> tuple[list[float], float]:
    """Milliseconds of each part, and megabytes, of one process."""
    words = map(str, (bundle, photo, engine, threads, ANSWERS, time.monotonic()))
    done = subprocess.run([sys.executable, "-c", FRESH, *words], stdout=subprocess.PIPE, text=True, check=True)
    marks, peak_kib, heavy = json.loads(done.stdout)
    if heavy:
        raise SystemExit(f"{bundle}: imported {', '.join(heavy)}, which no device has")
    return (1000 * np.diff(marks)).tolist(), peak_kib * 1024 / 1e6


def run(bundles: list[Path], engines: list[str], times: int, threads: int) -> dict[str, Any]:
    """p50 and the longest of every part, by bundle and engine; the first process of each warms and is left out."""
    result: dict[str, Any] = {"benchmark": "cold_start", "times": times, "threads": threads, "answers": ANSWERS}
    result["bundles"] = {}
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(coarse).resize((640, 480)).save(photo)
        for bundle in bundles:
            opened = open_bundle(bundle)
            own = opened.manifest.get("target", {}).get("engine", "onnxruntime")
            for engine in engines or [own]:
                found = [started(bundle, photo, engine, threads) for _ in range(times + 1)][1:]
                spent = np.array([parts for parts, _ in found])
                told = {
                    name: {"p50_ms": round(float(np.median(each)), 1), "max_ms": round(float(each.max()), 1)}
                    for name, each in zip((*PARTS, "all"), (*spent.T, spent.sum(axis=1)))
                }
                memory = round(max(peak for _, peak in found), 1)
                result["bundles"][f"{bundle.name}, {engine}"] = {
                    **told,
                    "peak_resident_mb": memory,
                    "graph_mb": round(len(opened.graph) / 1e6, 1),
                }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--engines", nargs="+", default=[], help="by default the one that a bundle was made for")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish(run(given.bundles, given.engines, given.times, given.threads), given.out)


if __name__ == "__main__":
    main()
