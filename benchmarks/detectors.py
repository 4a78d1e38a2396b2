"""The two detectors of Diorama that come with the project: students of pairs that nobody has told what people do.

    python benchmarks/detectors.py --runs runs/detectors
    python benchmarks/ship.py runs/detectors/160 models/diorama-detector-160
    python benchmarks/ship.py runs/detectors/256-again models/diorama-detector-256

The first is what a student of pairs begins with, of its size; the second goes on from it where it sees more, twice, and
finds couples. Both learn from crowds of another seed than those that are judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edgegsr.card import read_toml
from edgegsr.data.pairs import open_pairs
from edgegsr.distill.pairs.train import train_pairs
from edgegsr.shipped import find_card
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import tables_for

CROWDS = "crowd:1"


class Round(NamedTuple):
    """A training that begins with the student of the round before it."""

    name: str
    side: int  # of the input
    epochs: int


ROUNDS = (Round("160", 160, 10), Round("256", 256, 8), Round("256-again", 256, 8))


def learn_to_detect(card: Mapping[str, Any], round: Round, runs: Path, start: Path | None = None) -> Path:
    """The run of a student that finds people and things; its verbs are never looked at."""
    learn, dev = (open_pairs(CROWDS, split) for split in ("train", "dev"))
    card = {**card, "student": {**card["student"], "side": round.side}}
    settings = {"epochs": round.epochs, "weights.verb": 0.0}
    tables = tables_for(ontology_of(learn.pairs.kinds))
    return train_pairs(card, learn, dev, tables, runs / round.name, "none", settings, start=start).folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico-pairs")
    parser.add_argument("--runs", type=Path, default=Path("runs/detectors"))
    given = parser.parse_args()
    card, start = read_toml(find_card(given.student)), None
    for round in ROUNDS:
        start = learn_to_detect(card, round, given.runs, start)


if __name__ == "__main__":
    main()
