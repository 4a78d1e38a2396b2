"""How long a dataset of SWiG's size takes to load, and with how much memory: 126,102 records in the official layout.

    python benchmarks/swig_load.py --out benchmarks/results/swig-load.json

Nothing here is real data: verbs, nouns and boxes are drawn from a seed, with SWiG's counts (images per split, roles per
verb, boxes per role, nouns). The load runs in a fresh process, so that the peak memory is the loader's alone. Exit
code 3: over the limits.
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

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

SPLITS = {"train": 75_702, "dev": 25_200, "test": 25_200}
ROLES_PER_VERB = {1: 3, 2: 77, 3: 163, 4: 171, 5: 82, 6: 8}  # SWiG's 504 verbs
NOUNS, TRAIN_NOUNS, SPACE_NOUNS = 11_537, 9_926, 82_000
EMPTY_SHARE = 0.1  # answers "" per role slot, a guess
BOX_SHARE = 278_336 / 447_900  # boxes per role slot
LIMITS = {"seconds": 5.0, "peak_rss_bytes": 10**9}


def make(root: Path, seed: int = 0, splits: dict[str, int] = SPLITS) -> None:
    """Writes `root/SWiG_jsons` with the three splits and imsitu_space.json."""
    rng = np.random.default_rng(seed)
    frames = _frames(rng)
    folder = root / "SWiG_jsons"
    folder.mkdir(parents=True)
    (folder / "imsitu_space.json").write_text(json.dumps(_space(frames)), encoding="utf-8")
    first = 0
    for split, images in splits.items():
        known = TRAIN_NOUNS if split == "train" else NOUNS
        records = _records(rng, frames, images, known, first)
        (folder / f"{split}.json").write_text(json.dumps(records), encoding="utf-8")
        first += images


def _frames(rng: np.random.Generator) -> dict[str, list[str]]:
    sizes = rng.permutation(np.repeat(list(ROLES_PER_VERB), list(ROLES_PER_VERB.values())))
    others = [f"role{i:03d}" for i in range(188)]
    frames = {}
    for i, size in enumerate(sizes):
        middle = [others[j] for j in rng.choice(len(others), max(size - 2, 0), replace=False)]
        frames[f"verb{i:03d}ing"] = (["agent", *middle, "place"] if size > 1 else ["place"])[:size]
    return frames


def _space(frames: dict[str, list[str]]) -> dict[str, Any]:
    verbs = {
        verb: {
            "framenet": "Frame",
            "abstract": "the AGENT does it at a PLACE",
            "def": "a synthetic verb",
            "order": roles,
            "roles": {role: {"framenet": role, "def": f"the {role} of {verb}"} for role in roles},
        }
        for verb, roles in frames.items()
    }
    nouns = {
        _noun(i): {"gloss": [f"word{i}", f"other word{i}"], "def": f"a thing, number {i}"} for i in range(SPACE_NOUNS)
    }
    return {"verbs": verbs, "nouns": nouns}


def _noun(number: int) -> str:
    return f"n{number:08d}"


def _records(
    rng: np.random.Generator, frames: dict[str, list[str]], images: int, known: int, first: int
) -> dict[str, Any]:
    verbs = list(frames)
    of_image = rng.permutation(np.arange(images) % len(verbs)).tolist()
    nouns = (1 + rng.zipf(1.3, (images, 3, 6)) % known) * (rng.random((images, 3, 6)) > EMPTY_SHARE)
    nouns = nouns.tolist()  # 0: the role is empty
    width, height = rng.integers(384, 900, (2, images)).tolist()
    boxed = (rng.random((images, 6)) < BOX_SHARE).tolist()
    corners = rng.random((images, 6, 2, 2))
    spans = np.sort(corners, axis=3).tolist()
    records = {}
    for i, v in enumerate(of_image):
        roles, w, h = frames[verbs[v]], width[i], height[i]
        bb = {}
        for r, role in enumerate(roles):
            (x1, x2), (y1, y2) = spans[i][r]
            bb[role] = [int(x1 * w), int(y1 * h), int(x2 * w), int(y2 * h)] if boxed[i][r] else [-1, -1, -1, -1]
        answers = [{role: _noun(n) if (n := nouns[i][a][r]) else "" for r, role in enumerate(roles)} for a in range(3)]
        records[f"{verbs[v]}_{first + i}.jpg"] = {
            "verb": verbs[v],
            "height": h,
            "width": w,
            "bb": bb,
            "frames": answers,
        }
    return records


def load(root: Path) -> dict[str, Any]:
    """Loads the three splits without help: verbs from the space file, nouns from the records."""
    wall, cpu = time.perf_counter(), time.process_time()
    from edgegsr.data import swig

    folder = root / "SWiG_jsons"
    annotations = swig.read([folder / f"{split}.json" for split in SPLITS], space=folder / "imsitu_space.json")
    return {
        "seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "peak_rss_bytes": peak_rss_bytes(),
        "images": len(annotations),
        "verbs": len(annotations.ontology.verbs),
        "nouns": len(annotations.ontology.nouns) - 1,
        "boxes": int(annotations.has_box.sum()),
    }


def peak_rss_bytes() -> int:
    """The most memory this process had. ru_maxrss only where nothing else is known: it starts at the parent's peak."""
    if (status := Path("/proc/self/status")).is_file():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(root: Path) -> dict[str, Any]:
    """`load` in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--load", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(seed: int, runs: int, splits: dict[str, int] = SPLITS) -> dict[str, Any]:
    """The result as one object: the middle one of several runs."""
    with tempfile.TemporaryDirectory() as temporary:
        make(Path(temporary), seed, splits)
        megabytes = sum(path.stat().st_size for path in Path(temporary).rglob("*.json")) / 1e6
        measured = sorted((measure(Path(temporary)) for _ in range(runs)), key=lambda result: result["seconds"])
    middle = measured[len(measured) // 2]
    return {
        "benchmark": "swig_load",
        **middle,
        "seconds_of_all_runs": [result["seconds"] for result in measured],
        "files_mb": round(megabytes, 1),
        "limits": LIMITS,
        "within_limits": all(middle[name] <= limit for name, limit in LIMITS.items()),
        "seed": seed,
    }


def main() -> int:
    from result import publish

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--load", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        print(json.dumps(load(given.load)))
        return 0
    result = run(given.seed, given.runs)
    publish(result, given.out)
    return 0 if result["within_limits"] else 3


if __name__ == "__main__":
    raise SystemExit(main())
