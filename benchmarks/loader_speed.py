"""How many images a second the loader gives, augmented and plain, with 0, 1 and 2 workers.

    python benchmarks/loader_speed.py --out benchmarks/results/loader-speed.json

The images are generated from a seed: soft shapes with some noise, JPEG at quality 90, longest side 256, in the official
layout. `images_per_cpu_second` is measured without workers and counts the processor time of one thread, so it says what
one core gives even where other programs run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

BATCH = 32
SIDES = (128, 224)
WORKERS = (0, 1, 2)
SIZES_WH = ((256, 192), (192, 256), (256, 256), (256, 144))
FRAMES = {"holding": ["agent", "item", "place"], "walking": ["agent", "place"]}


def make(root: Path, images: int, seed: int) -> None:
    """Writes a dataset of generated images with boxes."""
    rng, records = np.random.default_rng(seed), {}
    (root / "images_512").mkdir(parents=True)
    (root / "SWiG_jsons").mkdir()
    for i in range(images):
        verb, (width, height) = list(FRAMES)[i % len(FRAMES)], SIZES_WH[i % len(SIZES_WH)]
        name = f"{verb}_{i}.jpg"
        Image.fromarray(picture(rng, width, height)).save(root / "images_512" / name, quality=90)
        records[name] = record(rng, verb, width, height)
    (root / "SWiG_jsons" / "train.json").write_text(json.dumps(records), encoding="utf-8")


def picture(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return (soft + rng.integers(-12, 13, soft.shape)).clip(0, 255).astype(np.uint8)


def record(rng: np.random.Generator, verb: str, width: int, height: int) -> dict[str, Any]:
    boxes = {}
    for role in FRAMES[verb]:
        (x1, x2), (y1, y2) = np.sort(rng.integers(0, width, 2)).tolist(), np.sort(rng.integers(0, height, 2)).tolist()
        boxes[role] = [-1, -1, -1, -1] if role == "place" else [x1, y1, x2 + 1, y2 + 1]
    answers = {role: f"n{rng.integers(1, 100):08d}" for role in FRAMES[verb]}
    return {"verb": verb, "height": height, "width": width, "bb": boxes, "frames": [answers] * 3}


def measure(split: Any, side: int, train: bool, workers: int, epochs: int) -> dict[str, Any]:
    """One setting; the first epoch starts the workers and is not counted."""
    from edgegsr.data.loader import loader

    batches = loader(split, side, BATCH, train=train, workers=workers)
    images, wall, cpu = 0, 0.0, 0.0
    for epoch in range(epochs + 1):
        batches.set_position(epoch)
        started, cpu_started = time.perf_counter(), time.thread_time()
        seen = sum(len(batch.rows) for batch in batches)
        if epoch:
            images, wall, cpu = (
                images + seen,
                wall + time.perf_counter() - started,
                cpu + time.thread_time() - cpu_started,
            )
    result: dict[str, Any] = {"side": side, "augmented": train, "workers": workers}
    result["images_per_second"] = round(images / wall)
    if workers == 0:
        result["images_per_cpu_second"] = round(images / cpu)
    return result


def run(images: int, epochs: int, seed: int) -> dict[str, Any]:
    """The result as one object."""
    from edgegsr.data import swig

    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary), images, seed)
        split = swig.open_split(temporary, "train")
        kilobytes = sum(path.stat().st_size for path in split.folder.iterdir()) / images / 1e3
        settings = [(side, train, workers) for train in (True, False) for side in SIDES for workers in WORKERS]
        measured = [measure(split, *setting, epochs) for setting in settings]
    return {
        "benchmark": "loader_speed",
        "settings": measured,
        "batch": BATCH,
        "images": images,
        "kilobytes_per_jpeg": round(kilobytes, 1),
        "seed": seed,
    }


def main() -> int:
    from result import publish

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    result = run(given.images, given.epochs, given.seed)
    publish(result, given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
