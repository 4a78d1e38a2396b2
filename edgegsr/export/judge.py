"""What a graph in an engine scores, next to the student that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.bundle import Normal
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.images import letterbox
from edgegsr.progress import track
from edgegsr.runtime.session import Session, normalised
from edgegsr.scoring.brief import Dev, brief
from edgegsr.student.answers import Answers, Fillers
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent

WATCHED = 16  # photos that show how large values become


@dataclass(frozen=True)
class Checks:
    """What a bundle is held against before anybody gets it."""

    photos: Any  # a Split of situations or a PairSplit, as the run is one
    groups: Groups | None = None  # of verbs
    images: int = 128  # of the photos, on which numbers are compared one by one
    threads: int = 2  # of the latency
    allow_regression: bool = False  # keep a bundle that is slower or scores less than it should


def scores(student: Student, sessions: Sequence[Session], checks: Checks) -> list[Dev]:
    """The scores of the student and those of each graph."""
    said = [None, *(answers(session, checks.photos, student.config.side) for session in sessions)]
    return [brief(evaluate(student, checks.photos, checks.groups, answers=each)) for each in said]


def answers(session: Session, photos: Split, side: int) -> Answers:
    """What a graph says about every photo of a split, asked about the true verbs alone, which is what is scored."""
    truth = photos.annotations
    found = Answers(
        np.zeros((len(truth), len(truth.ontology.verbs)), np.float32),
        Fillers.none(len(truth)),
        Fillers.none(len(truth)),
    )
    for row in track(range(len(truth)), "the graph looks at dev"):
        width, height = truth.sizes_wh[row].tolist()
        square, geometry = letterbox(photos.pixels(row, side), side, (width, height))
        said = session(square, int(truth.verbs[row]))
        found.true.put(row, said["noun_logits"].argmax(-1), said["presence"], said["boxes_xyxy"], geometry)
        found.verb_logits[row] = said["verb_logits"]
    return found


def watched(student: Student | PairStudent, checks: Checks, normal: Normal | None) -> npt.NDArray[Any]:
    """Photos over all of a split, as the graph takes them."""
    rows = np.unique(np.linspace(0, len(checks.photos) - 1, WATCHED).round().astype(int)).tolist()
    squares = [letterbox(checks.photos.pixels(row), student.config.side)[0] for row in rows]
    return np.stack([square if normal is None else normalised(square, normal) for square in squares])
