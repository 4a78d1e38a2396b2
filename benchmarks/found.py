"""How many of the couples that a detector finds besides annotated ones are right, in every zero-shot setting of crowds.

    python benchmarks/found.py --detector runs/hoi/sharp --out benchmarks/results/found.json

Annotations of every kind, which a training in a setting does not see, tell what is right: the same object, and human
and object that overlap by a half. `by_words` has them in eighths of the words, those first of whose things most are
annotated; `of_words_missed_by_half` those of words of which half or more of what is detected is not. Only this script
looks at both.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from result import publish
from testimony import best_match

from edgegsr.data.pairs import PairSplit, open_pairs
from edgegsr.files import cache_folder
from edgegsr.interactions import Bools, Ints
from edgegsr.shipped import find_run
from edgegsr.teacher.detectors import open_detector
from edgegsr.teacher.found import RULE, beside, found

SETTINGS = ("rf_uc", "nf_uc", "uo", "uv")
PARTS = 8  # of the words


def measure(split: PairSplit, whole: PairSplit, seen: PairSplit) -> dict[str, Any]:
    """`split` is what a training sees of the annotations of `whole`, `seen` what a detector finds there."""
    words, right = new(beside(split, seen), whole)
    kinds = len(whole.pairs.kinds.objects)
    besides, detected = (np.bincount(each, minlength=kinds) for each in (words, seen.couples.object))
    share = besides / np.maximum(detected, 1)
    order = [word for word in np.argsort(share, kind="stable") if besides[word]]
    return {
        "photos": len(split),
        "annotated": len(split.couples.image),
        "detected": len(seen.couples.image),
        "by_words": [
            {"share_at_most": round(float(share[part].max()), 3), **counts(right[np.isin(words, part)])}
            for part in np.array_split(np.array(order, np.int64), PARTS)
            if len(part)
        ],
        "besides": counts(right),
        "of_words_missed_by_half": counts(right[share[words] >= 0.5]),
    }


def new(split: PairSplit, whole: PairSplit) -> tuple[Ints, Bools]:
    """Of the couples of which nobody has said what they do: the words, and which are couples of all annotations."""
    rows = {name: row for row, name in enumerate(whole.pairs.images)}
    mine = split.couples
    there = replace(mine, image=np.array([rows[name] for name in split.pairs.images])[mine.image])
    which = np.flatnonzero(~mine.verbs.any(1))
    return mine.object[which], np.array([best_match(there, i, whole.couples) >= 0 for i in which], bool)


def counts(right: Bools) -> dict[str, int]:
    return {"couples": len(right), "right": int(right.sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", required=True, help="a run of pairs, or a model of transformers")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="where what the detector sees is kept")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    whole = open_pairs("crowd", "train")
    detector, settings = open_detector(str(find_run(given.detector)), whole.pairs.kinds), {}
    for setting in given.settings:
        split = open_pairs("crowd", "train", setting=setting)
        settings[setting] = measure(split, whole, found(detector, split, given.cache))
    about = {"benchmark": "found", "detector": Path(given.detector).name, "annotated": RULE}
    publish({**about, "settings": settings}, given.out)


if __name__ == "__main__":
    main()
