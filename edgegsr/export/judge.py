"""What a graph in an engine scores, next to the student that it was made from."""

from __future__ import annotations

import numpy as np

from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.images import letterbox
from edgegsr.progress import track
from edgegsr.runtime.session import Session
from edgegsr.student.answers import Answers, Fillers
from edgegsr.student.evaluate import Dev, brief, evaluate
from edgegsr.student.model import Student


def scores(student: Student, session: Session, photos: Split, groups: Groups | None) -> tuple[Dev, Dev]:
    """The scores of the student and those of the graph."""
    own = brief(evaluate(student, photos, groups))
    return own, brief(evaluate(student, photos, groups, answers=answers(session, photos, student.config.side)))


def answers(session: Session, photos: Split, side: int) -> Answers:
    """What a graph says about every photo of a split, asked about the true verbs alone, which is what is scored."""
    truth = photos.annotations
    found = Answers(
        np.zeros((len(truth), len(truth.ontology.verbs)), np.float32),
        Fillers.none(len(truth)),
        Fillers.none(len(truth)),
    )
    for row in track(range(len(truth)), "the graph looks at dev"):
        square, geometry = letterbox(photos.pixels(row), side)
        said = session(square, int(truth.verbs[row]))
        found.true.put(row, said["noun_logits"].argmax(-1), said["presence"], said["boxes_xyxy"], geometry)
        found.verb_logits[row] = said["verb_logits"]
    return found
