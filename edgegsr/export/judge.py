"""What a graph in an engine scores, next to the student that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.boxes import Letterbox
from edgegsr.bundle import Normal
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.images import Pixels, letterbox
from edgegsr.interactions import Kinds
from edgegsr.progress import track
from edgegsr.runtime.decode_pairs import MOST
from edgegsr.runtime.interactions import interactions
from edgegsr.runtime.session import BEST, Session, normalised
from edgegsr.scoring.brief import Dev, brief
from edgegsr.student.answers import Answers, Fillers
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.pair_answers import PairAnswers
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
    beside: PairSplit | None = None  # photos of pairs, of a run that says both


def scores(student: Student, sessions: Sequence[Session], checks: Checks) -> list[Dev]:
    """The scores of the student and those of each graph."""
    said = [None, *(answers(session, checks.photos, student.config.side) for session in sessions)]
    return [brief(evaluate(student, checks.photos, checks.groups, answers=each)) for each in said]


def answers(session: Session, photos: Split, side: int, best: bool = False) -> Answers:
    """What a graph says about every photo of a split, asked about the true verbs alone, which is what is scored.

    Or about the verb that it finds likeliest as well, where `best` is wanted.
    """
    truth = photos.annotations
    found = Answers(
        np.zeros((len(truth), len(truth.ontology.verbs)), np.float32),
        Fillers.none(len(truth)),
        Fillers.none(len(truth)),
    )
    for row, square, geometry in _looked_at(photos, truth.sizes_wh, side):
        asked = [(found.true, int(truth.verbs[row])), *[(found.best, BEST)] * best]
        for fillers, verb in asked:
            said = session(square, verb)
            fillers.put(row, said["noun_logits"].argmax(-1), said["presence"], said["boxes_xyxy"], geometry)
        found.verb_logits[row] = said["verb_logits"]
    return found


def pair_answers(
    session: Session, photos: PairSplit, side: int, kinds: Kinds, broken: Callable[[ValueError], object] = str
) -> PairAnswers:
    """The best interactions that a graph of pairs says of every photo of a split.

    Of a photo whose answer is none it says nothing; `broken` hears of it.
    """
    found = PairAnswers.none(len(photos), MOST)
    for row, square, geometry in _looked_at(photos, photos.pairs.sizes_wh, side):
        try:
            said = interactions(session(square, BEST), geometry, kinds, sure=0)
        except ValueError as error:
            broken(error)
            continue
        found.put(row, said, kinds)
    return found


def _looked_at(
    photos: Split | PairSplit, sizes_wh: npt.NDArray[Any], side: int
) -> Iterator[tuple[int, Pixels, Letterbox]]:
    """Every photo as the graph takes it, and where it lies in its square."""
    for row in track(range(len(photos)), "the graph looks at photos"):
        width, height = sizes_wh[row].tolist()
        yield row, *letterbox(photos.pixels(row, side), side, (width, height))


def watched(student: Student | PairStudent, checks: Checks, normal: Normal | None) -> npt.NDArray[Any]:
    """Photos over all of a split, as the graph takes them."""
    rows = np.unique(np.linspace(0, len(checks.photos) - 1, WATCHED).round().astype(int)).tolist()
    squares = [letterbox(checks.photos.pixels(row), student.config.side)[0] for row in rows]
    return np.stack([square if normal is None else normalised(square, normal) for square in squares])
