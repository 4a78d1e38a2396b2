"""`edgegsr eval`: runs and bundles by the official protocol."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, Optional

import typer

from edgegsr.cli.common import (
    AnyData,
    Head,
    Json,
    Limit,
    RunFolder,
    Workers,
    last_line,
    leave_out,
    need_same_kinds,
    need_training,
    of_both,
    of_pairs,
    show_brief,
    show_teacher,
)
from edgegsr.errors import InputError, shown

if TYPE_CHECKING:
    from edgegsr.data.pairs import PairSplit
    from edgegsr.interactions import Persons
    from edgegsr.student.pair_answers import PairAnswers


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
    head: Annotated[
        Optional[Head],
        typer.Option(help="Of a run or bundle that says both: situations, or pairs of humans and objects."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run or a bundle by the official protocol, for seen, rare and unseen verbs, with chance beside it."""
    need_training("eval")
    from edgegsr.bundle import is_bundle
    from edgegsr.shipped import find_run

    if predictions and (predictions.is_dir() or not predictions.parent.is_dir()):
        raise InputError(f"--predictions: wanted the name of a file in a folder that exists, got {predictions}")
    if is_bundle(run):
        given = {"--calibrated": calibrated, "--teacher": teacher, "--workers": workers}
        leave_out(given, f"for runs, and {shown(run)} is a bundle")
    pairs = _pairs_asked(run, head)
    if head and of_both(run):
        run = find_run(run) / head.value
    if pairs:
        given = {"--calibrated": calibrated, "--candidates": candidates != Candidates.generalised, "--teacher": teacher}
        leave_out(given, f"for students of situations, and {shown(run)} is of pairs")
        _pairs(run, data, split, limit, workers, predictions, as_json)
        return
    asked, data = data, data or "diorama"
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.scoring.brief import brief
    from edgegsr.student.answers import write_predictions
    from edgegsr.student.evaluate import evaluate

    opened, looking = _bundle(run) if is_bundle(run) else _run(run, calibrated, workers), None
    if teacher:  # a mistake shows before any work is done
        from edgegsr.errors import of_option
        from edgegsr.processes import processes
        from edgegsr.shipped import find_teacher
        from edgegsr.teacher.vision import open_teacher

        with of_option("--teacher"):
            looking = open_teacher(find_teacher(teacher), str(processes().device))
    try:
        judge = open_data(data, split, limit, opened.words)
    except InputError as error:
        if asked:
            raise
        open_data(data, split, limit)  # a mistake that other words would not mend says so itself
        raise InputError(
            f"{error}; this is diorama, for want of --data: give what {shown(run)} learned from"
        ) from error
    learned = open_data(data, "train", ontology=opened.words).annotations
    said = opened.answers(judge)
    groups = groups_of(data, opened.words)
    scores = evaluate(None, judge, groups, candidates.value, train=learned, answers=said)
    if predictions:
        write_predictions(predictions, judge, said)
    counts = {name: part["images"] for name, part in scores["groups"].items()}
    how = candidates.value + ", calibrated on dev" * calibrated
    show_brief(f"{run} on {data}, {split}, {how}", brief(scores), scores["chance"], counts)
    scores |= {"calibrated": calibrated, "harmonic": brief(scores).get("harmonic")}
    if looking:
        from edgegsr.teacher.zero_shot import zero_shot

        scores["teacher"] = zero_shot(looking, judge, groups, opened.tables, candidates=candidates.value)
        show_teacher(looking.name, scores["teacher"])
    last_line(as_json, scores)


def _pairs_asked(run: Path, head: Optional[Head]) -> bool:
    """Whether pairs are to be judged, which of a subject with both heads has to be said."""
    from edgegsr.bundle import is_bundle, open_bundle
    from edgegsr.shipped import find_run

    both = of_both(run) or (is_bundle(run) and len(open_bundle(run).heads) > 1)
    if both and head is None:
        raise InputError(f"{shown(run)}: says situations and pairs; give --head situations or --head pairs")
    if head and not both and find_run(run).is_dir():
        raise InputError(f"--head: is for runs and bundles that say both, and {shown(run)} says one; leave it out")
    return head == Head.pairs if both else of_pairs(run)


class _Subject(NamedTuple):
    """What is judged: its words, what it says of the photos of a split, and what else is known of a run."""

    words: Any  # an ontology, or kinds of interaction
    answers: Callable[[Any], Any]
    tables: Any = None
    unseen: str = ""  # the zero-shot setting that pairs were trained in


def _run(folder: Path, calibrated: bool, workers: int) -> _Subject:
    from edgegsr.processes import processes
    from edgegsr.run import open_run
    from edgegsr.shipped import find_run
    from edgegsr.student.answers import answer
    from edgegsr.student.calibration import calibrate, read_calibration

    opened = open_run(find_run(folder))
    opened.student.to(processes().device)
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    look = partial(answer, opened.student, workers=workers, label="evaluating")
    return _Subject(opened.ontology, look, opened.tables)


def _bundle(folder: Path) -> _Subject:
    """A bundle in the engine that it was made for."""
    from edgegsr.bundle import open_bundle
    from edgegsr.export.judge import answers
    from edgegsr.runtime.session import open_session
    from edgegsr.runtime.vocabulary import Words

    bundle = open_bundle(folder)
    words = Words(bundle).now
    session = partial(words.ask, open_session(bundle, bundle.engine, None))
    return _Subject(words.ontology, lambda split: answers(session, split, bundle.side, best=True))


def _run_of_pairs(folder: Path, workers: int) -> _Subject:
    from edgegsr.pair_run import open_pair_run
    from edgegsr.processes import processes
    from edgegsr.shipped import find_run
    from edgegsr.student.pair_answers import answer_pairs

    opened = open_pair_run(find_run(folder))
    opened.student.to(processes().device)
    look = partial(answer_pairs, opened.student, workers=workers, label="evaluating")
    return _Subject(opened.kinds, look, unseen=opened.unseen)


def _bundle_of_pairs(folder: Path) -> _Subject:
    from edgegsr.bundle import open_bundle
    from edgegsr.export.judge import pair_answers
    from edgegsr.runtime.interactions import kinds_of
    from edgegsr.runtime.session import open_session

    bundle = open_bundle(folder)
    kinds, session = kinds_of(bundle), open_session(bundle, bundle.engine, None)
    source = bundle.manifest.get("source")
    unseen = str(source.get("unseen", "")) if isinstance(source, dict) else ""

    def broken(error: ValueError) -> NoReturn:
        raise InputError(
            f"{shown(folder)}: its graph does not answer as it should: {error}; export it again"
        ) from error

    return _Subject(kinds, lambda split: pair_answers(session, split, bundle.side, kinds, broken), unseen=unseen)


def _pairs(
    run: Path,
    data: Optional[str],
    split: str,
    limit: Optional[int],
    workers: int,
    predictions: Optional[Path],
    as_json: bool,
) -> None:
    """A student of pairs by the protocol of HICO-DET, or by that of V-COCO where persons are annotated."""
    from edgegsr.bundle import is_bundle
    from edgegsr.cli.score import show_hico
    from edgegsr.data.pairs import open_pairs
    from edgegsr.scoring.hico import score
    from edgegsr.student.pair_answers import write_pair_predictions

    subject = _bundle_of_pairs(run) if is_bundle(run) else _run_of_pairs(run, workers)
    name = data or "crowd"
    judge = open_pairs(name, split, limit)
    need_same_kinds(run, subject.words, name, judge.pairs.kinds)
    said = subject.answers(judge)
    title = f"{run} on {name}, {split}; out of its training: {subject.unseen or 'nothing'}"
    if judge.persons:
        told = _persons(title, judge, judge.persons, said, predictions)
        last_line(as_json, {**told, "out_of_training": subject.unseen or "nothing"})
        return
    if predictions:
        write_pair_predictions(predictions, judge, said)
    scores = score(judge.pairs, said.predictions())
    show_hico(title, scores)
    told = scores.to_json()
    if absent := told["kinds_without_pairs"]:
        kinds = len(judge.pairs.kinds)
        alone = told["default"]["full"] * kinds / max(1, kinds - absent)
        way = f"judge {shown(predictions)}" if predictions else "give --predictions and judge those"
        print(
            f"{absent} of {kinds} kinds have no true pair here: they count as 0 (full is {100 * alone:.1f} without "
            f"them); to leave them out of all, {way} by `edgegsr score --task hico --switch absent=skip`"
        )
    last_line(as_json, {**told, "out_of_training": subject.unseen or "nothing"})


def _persons(
    title: str, judge: PairSplit, persons: Persons, said: PairAnswers, predictions: Optional[Path]
) -> dict[str, Any]:
    """What is said of pairs by the protocol of V-COCO."""
    from edgegsr.cli.score import show_vcoco
    from edgegsr.scoring.vcoco import score
    from edgegsr.student.person_answers import predictions_of, write_person_predictions

    acts = predictions_of(said, persons)
    if predictions:
        write_person_predictions(predictions, judge, acts, persons)
    scores = score(persons, acts)
    show_vcoco(title, scores)
    print("a student of pairs never says that an act has no object: scenario 1 counts that as wrong")
    return scores.to_json()
