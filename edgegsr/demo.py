"""The line from nothing to pictures in a few minutes: stage a small Diorama, train `pico` on it alone and with the
Diorama teacher, write a report of both, and let the bundle that ships look at the same pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from edgegsr.bench.clock import timed
from edgegsr.data import swig
from edgegsr.data.diorama.make import make
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups, groups
from edgegsr.distill.report import write_report
from edgegsr.distill.train import train
from edgegsr.export.judge import answers
from edgegsr.files import write_whole
from edgegsr.images import letterbox
from edgegsr.machine import examine_machine
from edgegsr.processes import processes
from edgegsr.run import REPORT, Run
from edgegsr.runtime import SituationRecognizer
from edgegsr.runtime.draw import draw
from edgegsr.runtime.session import BEST, open_session
from edgegsr.scoring.brief import brief
from edgegsr.shipped import find_bundle, find_card
from edgegsr.student.evaluate import evaluate
from edgegsr.teacher.source import open_source
from edgegsr.teacher.zero_shot import Exam
from edgegsr.text.shipped import tables_for

SHARE = 0.25  # of Diorama's images
EPOCHS = 6
PICTURE = "shipped.png"
COLLAGES = 1  # of each image
SHIPPED = "diorama-nano"  # trained on all of Diorama, pruned, exported


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
        "dev": {name: brief(evaluate(each, judge, of)) for name, each in (("taught", taught), ("alone", alone))},
        "shipped": _shipped(taught, judge, of, out),
    }


def _shipped(run: Run, judge: Split, of: Groups, out: Path) -> dict[str, Any]:
    """What the bundle that ships scores on the same pictures, how long it takes, and one picture as it sees it."""
    looking = SituationRecognizer(find_bundle(SHIPPED))
    bundle, pixels = looking.bundle, judge.pixels(0)
    session, (square, _) = open_session(bundle, looking.engine, None), letterbox(pixels, bundle.side)
    words, picture = {noun.id: noun.word for noun in looking.ontology.nouns}, BytesIO()
    draw(pixels, looking.predict(pixels), words).save(picture, "PNG")
    write_whole(out / PICTURE, picture.getvalue())
    return {
        "bundle": str(bundle.folder),
        "picture": str(out / PICTURE),
        "p50_ms": timed(lambda: session(square, BEST)).p50_ms,
        "dev": brief(evaluate(run, judge, of, answers=answers(session, judge, bundle.side))),
    }


def _quickest() -> str:
    """The precision of training: half where the processor computes in it."""
    on_cpu = processes().device.type == "cpu"
    return "bf16" if on_cpu and "BF16" in examine_machine().cpu.features else "auto"
