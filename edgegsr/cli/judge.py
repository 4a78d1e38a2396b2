"""`edgegsr eval` and `edgegsr score`: the official protocol."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from edgegsr.cli.common import (
    Data,
    Json,
    Limit,
    RunFolder,
    Workers,
    last_line,
    need_training,
    show_brief,
    show_teacher,
    table,
)
from edgegsr.errors import InputError

if TYPE_CHECKING:
    from edgegsr.data.splits import Groups


class Candidates(str, Enum):
    generalised = "generalised"
    restricted = "restricted"


def evaluate(
    run: RunFolder,
    data: Data = "diorama",
    split: Annotated[str, typer.Option(help="train, dev, test, or one of Ov-SWiG such as test_unseen.")] = "test",
    candidates: Annotated[
        Candidates, typer.Option(help="generalised: every verb; restricted: the verbs of the image's own group.")
    ] = Candidates.generalised,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen.")
    ] = False,
    teacher: Annotated[Optional[str], typer.Option(help="Also score this teacher, zero-shot: id or folder.")] = None,
    limit: Limit = None,
    workers: Workers = 0,
    predictions: Annotated[Optional[Path], typer.Option(help="Also write them, as `score` reads them.")] = None,
    as_json: Json = False,
) -> None:
    """Score a run by the official protocol, for seen, rare and unseen verbs, with chance beside it."""
    need_training("eval")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.run import open_run
    from edgegsr.scoring.brief import brief
    from edgegsr.shipped import find_run
    from edgegsr.student.answers import answer, write_predictions
    from edgegsr.student.calibration import calibrate, read_calibration
    from edgegsr.student.evaluate import evaluate

    if predictions and (predictions.is_dir() or not predictions.parent.is_dir()):
        raise InputError(f"--predictions: wanted the name of a file in a folder that exists, got {predictions}")
    opened = open_run(find_run(run))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    judge = open_data(data, split, limit, opened.ontology)
    learned = open_data(data, "train", ontology=opened.ontology).annotations
    said = answer(opened.student, judge, workers=workers, label="evaluating")
    groups = groups_of(data, opened.ontology)
    scores = evaluate(opened, judge, groups, candidates.value, train=learned, answers=said)
    if predictions:
        write_predictions(predictions, judge, said)
    counts = {name: part["images"] for name, part in scores["groups"].items()}
    how = candidates.value + ", calibrated on dev" * calibrated
    show_brief(f"{run} on {data}, {split}, {how}", brief(scores), scores["chance"], counts)
    scores |= {"calibrated": calibrated, "harmonic": brief(scores).get("harmonic")}
    if teacher:
        from edgegsr.processes import processes
        from edgegsr.shipped import find_teacher
        from edgegsr.teacher.vision import open_teacher
        from edgegsr.teacher.zero_shot import zero_shot

        looking = open_teacher(find_teacher(teacher), str(processes().device))
        scores["teacher"] = zero_shot(looking, judge, groups, opened.tables, candidates=candidates.value)
        show_teacher(teacher, scores["teacher"])
    last_line(as_json, scores)


def score(
    truth: Annotated[list[Path], typer.Option(help="Official annotation files, one or more.")],
    predictions: Annotated[Path, typer.Option(help="JSON lines, one object an image.")],
    task: Annotated[str, typer.Option(help="The protocol: 'swig'.")] = "swig",
    rules: Annotated[
        str, typer.Option(help="strict, or as another repository: coformer, jsl, situformer, relation_r1, clipsitu.")
    ] = "strict",
    space: Annotated[Optional[Path], typer.Option(help="imsitu_space.json: verbs beyond those of the truth.")] = None,
    train: Annotated[
        Optional[Path], typer.Option(help="Training annotations: scores by seen, rare and unseen.")
    ] = None,
    unseen: Annotated[Optional[Path], typer.Option(help="Verbs to count as unseen, one a line.")] = None,
    as_json: Json = False,
) -> None:
    """Judge anybody's predictions by the official protocol."""
    if task != "swig":
        raise InputError(f"--task: wanted 'swig', got {task!r}")
    from edgegsr.data import swig
    from edgegsr.data.splits import RARE_IMAGES, groups, image_counts
    from edgegsr.scoring.gsr import PROFILES, score
    from edgegsr.scoring.predictions import read_predictions
    from edgegsr.scoring.table import HEADERS, rows

    if rules not in PROFILES:
        raise InputError(f"--rules: wanted one of {', '.join(PROFILES)}, got {rules!r}")
    known = swig.read(truth, space=space)
    vocabulary = swig.read_ontology(space, nouns=()) if space else None
    by: Groups | None = None
    if train or unseen:
        counts = image_counts(swig.read(train)) if train else dict.fromkeys(known.ontology.verbs, RARE_IMAGES + 1)
        listed = swig.read_verbs(unseen, vocabulary or known.ontology) if unseen else ()
        by = groups(dict.fromkeys(known.ontology.verbs, 0) | counts, listed)
    said = read_predictions(predictions, known, vocabulary)
    scores = score(known, said, PROFILES[rules], by._asdict() if by else None)
    table(f"{predictions}, rules {rules}, %", HEADERS, rows(scores))
    for count, what in ((scores.missing, "no prediction"), (scores.unanswered, "no frame for the true verb")):
        if count:
            print(f"{count} of {len(known)} images have {what}: it counts as wrong")
    last_line(as_json, scores.to_json())
