"""The line from nothing to pictures in a few minutes: stage a small Diorama, train `pico` on it, write its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgegsr.data import swig
from edgegsr.data.diorama.make import make
from edgegsr.data.splits import groups
from edgegsr.distill.train import train
from edgegsr.run import REPORT
from edgegsr.student.cards import find_card
from edgegsr.student.evaluate import brief, evaluate
from edgegsr.text.shipped import tables_for

SHARE = 0.5  # of Diorama's images
EPOCHS = 8


def run(out: Path, share: float = SHARE, epochs: int = EPOCHS) -> dict[str, Any]:
    """Where the report and the run are, and what the student scores on dev; a started demo goes on."""
    world = make(out / "world", share=share)
    learn = swig.open_split(world, "train")
    words = learn.annotations.ontology
    judge = swig.open_split(world, "dev", words)
    unseen = swig.read_verbs(world / "SWiG_jsons" / "unseen.txt", words)
    of = groups(learn.annotations, unseen)
    done = train(
        find_card("pico"), learn, judge, tables_for(words), out / "run", overrides={"epochs": epochs}, groups=of
    )
    scores = brief(evaluate(done, judge, of))
    return {
        "report": str(done.folder / REPORT),
        "run": str(done.folder),
        "image": str(judge.path(0)),
        "dev": {group: scores[group] for group in of._fields},
    }
