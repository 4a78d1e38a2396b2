"""The line from nothing to pictures in a few minutes: stage a small Diorama, train `pico` on it alone and with the
Diorama teacher, write a report of both, let the bundle that ships look at the same pictures, and measure it beside its
teacher, the student that it was made from, and that student in 8 bits."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from edgegsr.bench.bench import Truth, bench
from edgegsr.bench.bounds import with_bounds
from edgegsr.bench.child import Subject
from edgegsr.bench.clock import timed
from edgegsr.bench.estimate import estimate
from edgegsr.bench.measure import Job
from edgegsr.bench.report import write_report as write_bench_report
from edgegsr.bench.words import write_markdown
from edgegsr.bundle import is_bundle, open_bundle
from edgegsr.compress.calibrate import calibrated
from edgegsr.data import swig
from edgegsr.data.diorama.make import make
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups, groups
from edgegsr.distill.report import write_report
from edgegsr.distill.train import train
from edgegsr.export.export import export
from edgegsr.export.judge import Checks, answers
from edgegsr.export.target import find_target
from edgegsr.files import write_whole
from edgegsr.images import letterbox
from edgegsr.machine import examine_machine
from edgegsr.processes import processes
from edgegsr.run import REPORT, WEIGHTS, Run, open_run
from edgegsr.runtime import SituationRecognizer
from edgegsr.runtime.draw import draw
from edgegsr.runtime.session import BEST, open_session
from edgegsr.scoring.brief import brief
from edgegsr.shipped import find_bundle, find_card, find_run, find_teacher
from edgegsr.student.evaluate import evaluate
from edgegsr.student.model import Student
from edgegsr.student.quantizers import QuantizedStudent
from edgegsr.teacher.source import open_source
from edgegsr.teacher.zero_shot import Exam
from edgegsr.text.shipped import tables_for

SHARE = 0.25  # of Diorama's images
EPOCHS = 6
PICTURE = "shipped.png"
COLLAGES = 1  # of each image
SHIPPED = "diorama-nano"  # trained on all of Diorama, pruned, exported
COMPARED = 128  # pictures on which a bundle is held against its student
LOOKED_AT = 16  # pictures whose time is taken


def run(out: Path, share: float = SHARE, epochs: int = EPOCHS, teacher: str | None = None) -> dict[str, Any]:
    """Where the report and the runs are, and what both students score on dev; a started demo goes on."""
    world = make(out / "world", share=share)
    learn = swig.open_split(world, "train")
    words = learn.annotations.ontology
    judge = swig.open_split(world, "dev", words)
    unseen = swig.read_verbs(world / "SWiG_jsons" / swig.UNSEEN, words.verb_index)
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
        "bench": str(_measured(judge, of, out, teacher)),
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


def _measured(judge: Split, of: Groups, out: Path, teacher: str | None) -> Path:
    """The report on a teacher, the student that ships and its bundles: in float32, in 8 bits, pruned."""
    run, words = open_run(find_run(SHIPPED)), out / "words.json"
    weights = hashlib.sha256((run.folder / WEIGHTS).read_bytes()).hexdigest()[:8]
    write_whole(words, judge.annotations.ontology.to_json())
    found = [
        Subject("teacher", "teacher", find_teacher(teacher), words=str(words.resolve())),
        Subject("student, in torch", "student", str(run.folder.resolve())),
    ]
    for name, student, target in (
        ("float32", run.student, "onnx-fp32"),
        ("INT8, calibrated", _in_8_bits(run.student, judge), "onnx-int8"),
    ):
        folder = out / "bundles" / f"{target}-{weights}"
        if not is_bundle(folder):
            checks = Checks(judge, of, min(len(judge), COMPARED), allow_regression=True)
            export(replace(run, student=student), folder, find_target(target), checks)
        found.append(Subject(f"bundle, {name}", "bundle", str(folder.resolve())))
    found.append(Subject("bundle, pruned, as it ships", "bundle", str(find_bundle(SHIPPED).resolve())))
    every = [str(judge.path(i).resolve()) for i in range(len(judge))]
    verbs = [judge.annotations.ontology.verbs[verb] for verb in judge.annotations.verbs]
    job = Job(found, every[:LOOKED_AT], pace="quick", questions=list(zip(every, verbs)))
    boards = with_bounds({each.name: estimate(open_bundle(each.place).graph, each.place) for each in found[-1:]})
    judged = Truth(str(judge.folder.parent), judge.name, judge.annotations, of._asdict())
    result = bench(job, out / "bench", judged, estimates=boards)
    write_markdown(result, out / "bench")
    return write_bench_report(result, out / "bench")


def _in_8_bits(student: Student, photos: Split) -> QuantizedStudent:
    """The student as calibration rounds it."""
    rows = range(min(len(photos), COMPARED))
    squares = [torch.from_numpy(letterbox(photos.pixels(row), student.config.side)[0]) for row in rows]
    return calibrated(student.fold(), torch.split(torch.stack(squares), 8))


def _quickest() -> str:
    """The precision of training: half where the processor computes in it."""
    on_cpu = processes().device.type == "cpu"
    return "bf16" if on_cpu and "BF16" in examine_machine().cpu.features else "auto"
