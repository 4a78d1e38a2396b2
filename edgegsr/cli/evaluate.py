"""`edgegsr eval`: runs and bundles by the official protocol."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from edgegsr.cli.common import (
    AnyData,
    Json,
    Limit,
    RunFolder,
    Workers,
    last_line,
    need_training,
    of_pairs,
    show_brief,
    show_teacher,
)
from edgegsr.errors import InputError


class Candidates(str, Enum):
    generalised = "generalised"
    restricted = "restricted"


def evaluate(
    run: RunFolder,
    data: AnyData = None,
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
    if of_pairs(run):
        if calibrated or teacher or candidates != Candidates.generalised:
            raise InputError("--calibrated, --candidates and --teacher: are for students of situations")
        _pairs(run, data, split, limit, workers, predictions, as_json)
        return
    data = data or "diorama"
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


def _pairs(
    run: Path,
    data: Optional[str],
    split: str,
    limit: Optional[int],
    workers: int,
    predictions: Optional[Path],
    as_json: bool,
) -> None:
    """A student of pairs by the protocol of HICO-DET."""
    import numpy as np

    from edgegsr.cli.score import show_hico
    from edgegsr.data.pairs import open_pairs
    from edgegsr.pair_run import open_pair_run
    from edgegsr.scoring.hico import score
    from edgegsr.shipped import find_run
    from edgegsr.student.pair_answers import answer_pairs, write_pair_predictions

    opened = open_pair_run(find_run(run))
    name = data or "crowd"
    judge = open_pairs(name, split, limit)
    theirs, ours = judge.pairs.kinds, opened.kinds
    if (theirs.verbs, theirs.objects) != (ours.verbs, ours.objects) or not np.array_equal(theirs.pairs, ours.pairs):
        raise InputError(f"{run}: speaks of other interactions than {name}; evaluate it on data of its own words")
    said = answer_pairs(opened.student, judge, workers=workers, label="evaluating")
    if predictions:
        write_pair_predictions(predictions, judge, said)
    scores = score(judge.pairs, said.predictions())
    unseen = opened.config.get("pairs", {}).get("unseen") or "nothing"
    show_hico(f"{run} on {name}, {split}; out of its training: {unseen}", scores)
    last_line(as_json, {**scores.to_json(), "out_of_training": unseen})
