"""How far students with a teacher and without are apart, and what other photos would say of that.

    python benchmarks/hoi_apart.py --out benchmarks/results/diorama-hoi-apart.json

It reads the runs that `hoi.py` has trained. `score` is the mAP of a group of kinds, `gain` what that is more than that
of `none`, both means over seeds; `interval` is where 95 % of the gain lie on as many photos drawn from those of the
split, the same for both, moved onto the gain (`edgegsr.scoring.resampled.around`). Kinds that the split does not show
count as 0, as they do in every score; those that a draw alone lacks are left out of it. Other seeds are not in it:
their spread stands in `diorama-hoi.json`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from hoi import ALL, LOOKED_AT, SETTINGS, folder_of
from result import publish, told_of

from edgegsr.data.pairs import PairSplit, open_pairs
from edgegsr.pair_run import open_pair_run
from edgegsr.processes import processes
from edgegsr.scoring.hico import score
from edgegsr.scoring.resampled import around, resampled
from edgegsr.student.pair_answers import answer_pairs

DRAWS, SEED, SHARE = 1000, 0, 0.95
WITHOUT = "none"
ZERO_SHOT = tuple(setting for setting in SETTINGS if setting != ALL)


def drawn(folder: Path, split: PairSplit) -> np.ndarray:
    """(1 + DRAWS, K) the AP of each kind on all photos, and on those of every draw."""
    student = open_pair_run(folder).student.to(str(processes().device))
    said = answer_pairs(student, split, label=f"{folder.name} on {split.name}").predictions()
    return np.concatenate([[score(split.pairs, said).curve.ap], resampled(split.pairs, said, DRAWS, SEED)])


def apart(mine: list[np.ndarray], theirs: list[np.ndarray], kinds: np.ndarray, shown: np.ndarray) -> dict[str, Any]:
    """The score of some kinds, of which the split shows some, the gain and its interval."""
    share = shown[kinds].mean()
    gaps = share * np.array([np.nanmean((a - b)[:, kinds & shown], axis=1) for a, b in zip(mine, theirs)])
    gain, *draws = gaps.mean(0)
    scores = [rows[0, kinds].mean() for rows in mine]
    told = {"score": float(np.mean(scores)), "gain": float(gain)}
    return {**told, "interval": around(float(gain), np.array(draws), SHARE), "seeds": len(gaps)}


def measure(split: PairSplit, setting: str, given: argparse.Namespace) -> dict[str, Any]:
    """What each method gains in a setting, of kinds out of training and of the others, and by which runs."""
    unseen, shown = split.pairs.kinds.unseen[setting], split.pairs.counts > 0
    runs = {WITHOUT: given.none or given.runs} | dict.fromkeys(given.methods, given.runs)
    folders = {
        method: [folder_of(where, given.student, method, setting, seed) for seed in given.seeds]
        for method, where in runs.items()
    }
    aps = {method: [drawn(folder, split) for folder in those] for method, those in folders.items()}
    return {
        method: {
            "unseen": apart(aps[method], aps[WITHOUT], unseen, shown),
            "seen": apart(aps[method], aps[WITHOUT], ~unseen, shown),
            "runs": [told_of(str(folder)) for folder in (*folders[method], *folders[WITHOUT])],
        }
        for method in given.methods
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico-pairs")
    parser.add_argument("--methods", nargs="+", default=list(LOOKED_AT), choices=LOOKED_AT)
    parser.add_argument("--settings", nargs="+", default=list(ZERO_SHOT), choices=ZERO_SHOT)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--runs", type=Path, default=Path("runs/hoi"))
    parser.add_argument("--none", type=Path, help="where the runs of none lie, if not there")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    split = open_pairs("crowd", given.split)
    found = {setting: measure(split, setting, given) for setting in given.settings}
    about = {"benchmark": "diorama_hoi_apart", "student": given.student, "split": given.split}
    publish({**about, "draws": DRAWS, "share": SHARE, "settings": found}, given.out)


if __name__ == "__main__":
    main()
