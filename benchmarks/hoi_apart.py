"""How far students with a teacher and without are apart on test, and what other photos would say of that.

    python benchmarks/hoi_apart.py --out benchmarks/results/diorama-hoi-apart.json

It reads the runs that `hoi.py` has trained. `gain` is the mean over seeds of what a method has more than `none` of the
same seed, in mAP of a group of kinds; `interval` is where 95 % of it lie on as many photos drawn from those of test, of
both the same. Kinds that test does not show count as 0, as they do in every score; those that a draw alone lacks are
left out of it. Other seeds are not in it: their spread stands in `diorama-hoi.json`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from hoi import ALL, LOOKED_AT, SETTINGS
from result import publish

from edgegsr.data.pairs import PairSplit, open_pairs
from edgegsr.pair_run import open_pair_run
from edgegsr.processes import processes
from edgegsr.scoring.hico import score
from edgegsr.scoring.resampled import resampled
from edgegsr.student.pair_answers import answer_pairs

DRAWS, SEED, SURE = 1000, 0, 0.95
WITHOUT = "none"


def drawn(folder: Path, test: PairSplit) -> np.ndarray:
    """(1 + DRAWS, K) the AP of each kind on all photos, and on those of every draw."""
    student = open_pair_run(folder).student.to(str(processes().device))
    said = answer_pairs(student, test, label=f"{folder.name} on test").predictions()
    return np.concatenate([[score(test.pairs, said).curve.ap], resampled(test.pairs, said, DRAWS, SEED)])


def apart(mine: list[np.ndarray], theirs: list[np.ndarray], kinds: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    """The gain over some kinds, of which test shows some, and its interval."""
    share = shown[kinds].mean()
    gaps = share * np.array([np.nanmean((a - b)[:, kinds & shown], axis=1) for a, b in zip(mine, theirs)])
    low, high = np.percentile(gaps.mean(0)[1:], (50 * (1 - SURE), 50 * (1 + SURE)))
    return {"gain": float(gaps[:, 0].mean()), "interval": [float(low), float(high)], "seeds": len(gaps)}


def measure(setting: str, methods: list[str], seeds: list[int], name: str, runs: Path) -> dict[str, Any]:
    """What each method gains in a setting, of kinds out of training and of the others."""
    test = open_pairs("crowd", "test")
    unseen, shown = test.pairs.kinds.unseen[setting], test.pairs.counts > 0

    def of(method: str) -> list[np.ndarray]:
        return [drawn(runs / f"{name}-{method}-{setting}-{seed}", test) for seed in seeds]

    without = of(WITHOUT)
    return {
        method: {"unseen": apart(said, without, unseen, shown), "seen": apart(said, without, ~unseen, shown)}
        for method, said in ((method, of(method)) for method in methods)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico-pairs")
    parser.add_argument("--methods", nargs="+", default=list(LOOKED_AT), choices=LOOKED_AT)
    parser.add_argument(
        "--settings",
        nargs="+",
        default=[each for each in SETTINGS if each != ALL],
        choices=[each for each in SETTINGS if each != ALL],
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/hoi"))
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    about = {"benchmark": "diorama_hoi_apart", "student": given.student, "draws": DRAWS, "sure": SURE}
    found = {
        setting: measure(setting, given.methods, given.seeds, given.student, given.runs) for setting in given.settings
    }
    publish({**about, "settings": found}, given.out)


if __name__ == "__main__":
    main()
