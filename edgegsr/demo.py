"""The line from nothing to pictures in a few minutes: stage a small Diorama, train `pico` on it alone and with the
Diorama teacher, and write a report of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgegsr.data import swig
from edgegsr.data.diorama.make import make
from edgegsr.data.splits import groups
from edgegsr.distill.report import write_report
from edgegsr.distill.train import train
from edgegsr.machine import examine_machine
from edgegsr.processes import processes
from edgegsr.run import REPORT
from edgegsr.shipped import find_card
from edgegsr.student.evaluate import brief, evaluate
from edgegsr.teacher.source import open_source
from edgegsr.teacher.zero_shot import Exam
from edgegsr.text.shipped import tables_for

SHARE = 0.25  # of Diorama's images
EPOCHS = 6
COLLAGES = 1  # of each image


def run(out: Path, share: float = SHARE, epochs: int = EPOCHS, teacher: str | None = None) -> dict[str, Any]:
    """Where the report and the runs are, and what both students score on dev; a started demo goes on."""
    world = make(out / "world", share=share)
    learn = swig.open_split(world, "train")
    words = learn.annotations.ontology
    judge = swig.open_split(world, "dev", words)
    unseen = swig.read_verbs(world / "SWiG_jsons" / "unseen.txt", words)
    of, tables, card = groups(learn.annotations, unseen), tables_for(words), find_card("pico")
    settings = {"epochs": epochs, "mipd.collages": COLLAGES, "amp": _quickest()}
    alone = train(card, learn, judge, tables, out / "alone", overrides=settings, groups=of)
    source = open_source(teacher, learn, out / "teaching", collages=COLLAGES, exam=Exam(judge, of, tables))
    taught = train(card, learn, judge, tables, out / "run", "mipd", overrides=settings, groups=of, source=source)
    write_report(taught, judge, of, train=learn.annotations, beside={"without a teacher": alone})
    return {
        "report": str(taught.folder / REPORT),
        "run": str(taught.folder),
        "image": str(judge.path(0)),
        "dev": {name: _scores(each, judge, of) for name, each in (("taught", taught), ("alone", alone))},
    }


def _quickest() -> str:
    """The precision of training: half where the processor computes in it."""
    on_cpu = processes().device.type == "cpu"
    return "bf16" if on_cpu and "BF16" in examine_machine().cpu.features else "auto"


def _scores(run: Any, judge: Any, of: Any) -> dict[str, Any]:
    found = brief(evaluate(run, judge, of))
    return {group: found[group] for group in (*of._fields, "harmonic") if group in found}
