"""How right a teacher is about what a zero-shot setting keeps out of training: couples and kinds, on crowds.

    python benchmarks/found.py --detector diorama-detector-256 --out benchmarks/results/found.json

Annotations of every kind, which a training in a setting does not see, tell what is right: the same object, and human
and object that overlap by a half. `besides` counts all that a detector finds, `kept` what a training learns of: where
the teacher takes a couple for a kind out of training. `is_pair` tells, by fifths of these, how likely they were said to
be pairs, on average, and what share of them are. `unseen` counts kinds out of training, couple by couple: of how many
the teacher is `asked`, how many of these are `true`, of how many it `said` that they are likelier than not, and how
many of those are `right`. Only this script looks at both.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from result import publish, told_of
from testimony import best_match

from edgegsr.data.pairs import Couples, PairSplit, open_pairs
from edgegsr.distill.pairs.source import Given, open_pair_source
from edgegsr.files import cache_folder
from edgegsr.interactions import Bools
from edgegsr.teacher.found import RULE, again
from edgegsr.teacher.glimpses import GlimpseSource
from edgegsr.teacher.sought import IS_PAIR, KEPT, LIKELY
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import tables_for

SETTINGS = ("rf_uc", "nf_uc", "uo", "uv")
FIFTHS = 5


def measure(setting: str, whole: PairSplit, given: Given, cache: Path) -> dict[str, Any]:
    """What a training in a setting is told, what is found besides, and what of that it learns."""
    split, tables = open_pairs("crowd", "train", setting=setting), tables_for(ontology_of(whole.pairs.kinds))
    every, some = (open_pair_source("mipd", given, split, tables, kept, cache) for kept in ("", setting))
    assert isinstance(every, GlimpseSource) and isinstance(some, GlimpseSource)
    return {
        "photos": len(split),
        "annotated": len(split.couples.image),
        "besides": counts(every, whole),
        "kept": counts(some, whole),
        "is_pair": by_fifths(some, whole),
        "unseen": unseen(some, whole),
    }


def counts(source: GlimpseSource, whole: PairSplit) -> dict[str, int]:
    """The couples of which nobody has said what they do, and how many of them are couples of all annotations."""
    found = ~source.split.couples.annotated
    return {"couples": int(found.sum()), "right": int(right(source, whole)[found].sum())}


def by_fifths(source: GlimpseSource, whole: PairSplit) -> list[tuple[float, float]]:
    """By fifths of what was found: how likely it was said to be a pair, and the share that is one."""
    found = ~source.split.couples.annotated
    said, is_one = source.is_pair[found, 0].numpy(), right(source, whole)[found]
    fifths = np.array_split(np.argsort(said, kind="stable"), FIFTHS)
    return [(float(said[part].mean()), float(is_one[part].mean())) for part in fifths if len(part)]


def right(source: GlimpseSource, whole: PairSplit) -> Bools:
    """(M,) couples of a source that are couples of all annotations."""
    return again(replace(whole, given=placed(source, whole)), whole)


def unseen(source: GlimpseSource, whole: PairSplit) -> dict[str, int]:
    """What the teacher says of kinds out of training."""
    assert source.likely is not None
    likely, there = source.likely.numpy(), placed(source, whole)
    true = np.zeros(likely.shape, bool)
    for i in np.flatnonzero((likely >= 0).any(1)):
        if (same := best_match(there, i, whole.couples)) >= 0:
            true[i] = whole.couples.verbs[same]
    asked, sure = likely >= 0, likely >= 0.5
    return {
        "asked": int(asked.sum()),
        "true": int(true[asked].sum()),
        "said": int(sure.sum()),
        "right": int(true[sure].sum()),
    }


def placed(source: GlimpseSource, whole: PairSplit) -> Couples:
    """The couples of a source, by the rows of the images in all annotations."""
    rows = {name: row for row, name in enumerate(whole.pairs.images)}
    mine = source.split.couples
    return replace(mine, image=np.array([rows[name] for name in source.split.pairs.images])[mine.image])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", required=True, help="a run of pairs, or a model of transformers")
    parser.add_argument("--teacher", default="diorama")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="where what is seen is kept")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    whole, who = open_pairs("crowd", "train"), Given(given.teacher, given.detector)
    settings = {setting: measure(setting, whole, who, given.cache) for setting in given.settings}
    about = {"benchmark": "found", "detector": told_of(given.detector), "teacher": given.teacher}
    about |= {"annotated": RULE, "kept": KEPT, "is_pair": IS_PAIR, "likely": LIKELY}
    publish({**about, "settings": settings}, given.out)


if __name__ == "__main__":
    main()
