"""`edgegsr distill`: trains a student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    AnyData,
    Json,
    Limit,
    last_line,
    leave_out,
    need_training,
    settings_of,
)
from edgegsr.errors import InputError

if TYPE_CHECKING:
    from edgegsr.data.split import Split
    from edgegsr.data.splits import Groups
    from edgegsr.distill.config import TrainConfig
    from edgegsr.distill.methods import Method
    from edgegsr.teacher.knowledge import Source
    from edgegsr.text import TextTables


def distill(
    student: Annotated[
        str, typer.Option(help="Its card: a TOML file, or pico, nano, small; pico-pairs for interactions.")
    ],
    out: Annotated[Path, typer.Option(help="The run to write; a started one goes on.")],
    data: AnyData = None,
    method: Annotated[
        str,
        typer.Option(
            help="none (annotations alone), feature, caption, pseudo, mipd, mipd-release; of pairs none, mipd, clhoi, "
            "gplhoi."
        ),
    ] = "none",
    teacher: Annotated[
        Optional[str],
        typer.Option(
            help="What `teach` wrote, or a model; by default the Diorama teacher, with gplhoi none. With clhoi one "
            "that writes too."
        ),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the teacher anew for every batch; keep nothing.")] = False,
    grid: Annotated[
        Optional[int], typer.Option(min=1, help="Cells a side that a teacher looks with; by default all that it has.")
    ] = None,
    text: Annotated[Optional[str], typer.Option(help="Text encoder for the words: hub id or folder.")] = None,
    seed: Annotated[Optional[int], typer.Option(min=0, help="By default the card's.")] = None,
    epochs: Annotated[Optional[int], typer.Option(min=1, help="By default the card's.")] = None,
    batch: Annotated[Optional[int], typer.Option(min=1, help="Images a step; by default the card's.")] = None,
    unseen: Annotated[
        Optional[str],
        typer.Option(help="Pairs: the zero-shot setting whose kinds training shall not see: rf_uc, nf_uc, uo or uv."),
    ] = None,
    rule: Annotated[
        str, typer.Option("--unseen-rule", help="Pairs: what goes with an unseen kind: its labels, boxes or images.")
    ] = "labels",
    start: Annotated[
        Optional[str],
        typer.Option(help="Pairs: a run to begin with, of the same encoder and decoder, such as diorama-detector-160."),
    ] = None,
    detector: Annotated[
        Optional[str],
        typer.Option(
            help="Pairs: who finds people and things, a model of transformers or a run of pairs, of Diorama's crowds "
            "diorama-detector-256. clhoi learns from it alone, mipd and gplhoi also from what it finds and nobody "
            "annotated."
        ),
    ] = None,
    scope: Annotated[
        Optional[str], typer.Option(help="Pairs, clhoi: it is shown each couple, or the whole image.")
    ] = None,
    situations: Annotated[
        Optional[str],
        typer.Option(help="Pairs: learn situations as well, from this data; the runs are --out/situations and /pairs."),
    ] = None,
    limit: Limit = None,
    workers: Annotated[Optional[int], typer.Option(min=0, help="Processes that prepare images.")] = None,
    settings: Annotated[
        Optional[list[str]], typer.Option("--set", help="Any value of the card's [train] table: KEY=VALUE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a student; the same command goes on with what it finds in --out."""
    need_training("distill")
    from edgegsr.data.hico import RULES
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.distill.config import check_method_of, read_train
    from edgegsr.distill.methods import find_method
    from edgegsr.distill.pairs.methods import find_pair_method
    from edgegsr.distill.train import train
    from edgegsr.shipped import find_card
    from edgegsr.student.config import read_student
    from edgegsr.text.shipped import tables_for

    card = find_card(student)
    given = {"epochs": epochs, "batch": batch, "seed": seed, "workers": workers}
    overrides = {key: value for key, value in given.items() if value is not None}
    for key, value in settings_of(settings or []).items():
        if overrides.setdefault(key, value) != value:
            raise InputError(f"--set {key}={value}: --{key} {overrides[key]} was given as well; leave one out")
    of_pairs = bool(read_student(card).pairs)
    (find_pair_method if of_pairs else find_method)(method)
    check_method_of(overrides, method, of_pairs and not situations)
    read_train(card)  # a mistake shows before any work is done
    try:
        training = read_train(card, overrides)
    except InputError as error:
        raise InputError(f"--set and its kin: {str(error).removeprefix(f'{card}: ')}") from error
    if out.is_file():
        raise InputError(f"--out {out}: wanted a folder, got a file")
    if rule not in RULES:
        raise InputError(f"--unseen-rule: wanted one of {', '.join(RULES)}, got {rule!r}")
    if rule != RULES[0] and not unseen:
        raise InputError("--unseen-rule: says what goes out with the kinds of --unseen; give --unseen, or leave it out")
    if of_pairs:
        if live or grid:
            raise InputError("--live and --grid: are for students of situations; leave them out")
        who = {"teacher": teacher, "detector": detector, "scope": scope}
        if situations:
            leave_out(
                {"--unseen": unseen, "--start": start}, "not for --situations, which keeps out and begins with nothing"
            )
            _both(card, data, situations, method, who, overrides, out, limit, text, as_json)
            return
        _pairs(card, data, method, who, overrides, out, unseen, rule, start, limit, text, training, as_json)
        return
    of_pairs_alone = {"unseen": unseen, "start": start, "detector": detector, "scope": scope, "situations": situations}
    if given_in_vain := [f"--{name}" for name, value in of_pairs_alone.items() if value]:
        raise InputError(
            f"{', '.join(given_in_vain)}: for students of pairs, and {student} is none; leave it out, or give "
            "--student pico-pairs"
        )
    how = find_method(method)
    if not how.taught and (teacher or live or grid):
        raise InputError(f"--method {method}: learns from no teacher; leave out --teacher, --live and --grid")
    data = data or "diorama"
    learn = open_data(data, "train", limit)
    words = learn.annotations.ontology
    judge = open_data(data, "dev", limit, words)
    tables, groups = tables_for(words, text), groups_of(data, words)
    source = source_of(how, training, learn, judge, groups, tables, teacher, live=live, grid=grid, text=text)
    run = train(card, learn, judge, tables, out, method, None, overrides, groups, source=source)
    last_line(as_json, {"out": str(run.folder), "report": str(run.folder / "report.html")})


def _pairs(
    card: Any,
    data: Optional[str],
    method: str,
    who: dict[str, Any],
    overrides: dict[str, Any],
    out: Path,
    unseen: Optional[str],
    rule: str,
    start: Optional[str],
    limit: Optional[int],
    text: Optional[str],
    training: TrainConfig,
    as_json: bool,
) -> None:
    """A student of pairs, on the crowds or on data of HICO-DET."""
    from edgegsr.data.pairs import open_pairs
    from edgegsr.distill.pairs.methods import gazes
    from edgegsr.distill.pairs.source import Given, open_pair_source
    from edgegsr.distill.pairs.train import train_pairs
    from edgegsr.text.kinds import ontology_of
    from edgegsr.text.shipped import tables_for

    given, name = Given(**who), data or "crowd"
    if unseen and method == "clhoi":
        raise InputError("--unseen: clhoi learns from no annotation, so nothing can be kept out of it; leave it out")
    learn, judge = (open_pairs(name, split, limit, unseen or "", rule) for split in ("train", "dev"))
    tables = tables_for(ontology_of(learn.pairs.kinds), text)
    source = open_pair_source(method, given, learn, tables, unseen or "", gazes=gazes(method, training))
    run = train_pairs(card, learn, judge, tables, out, method, overrides, unseen or "", rule, start, source=source)
    last_line(as_json, {"out": str(run.folder), "report": str(run.folder / "report.html")})


def _both(
    card: Any,
    data: Optional[str],
    situations: str,
    method: str,
    who: dict[str, Any],
    overrides: dict[str, Any],
    out: Path,
    limit: Optional[int],
    text: Optional[str],
    as_json: bool,
) -> None:
    """Both heads on one trunk."""
    from edgegsr.data.pairs import open_pairs
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.distill.both import OfPairs, OfSituations, check_method, train_both
    from edgegsr.distill.config import read_train
    from edgegsr.distill.methods import find_method
    from edgegsr.distill.pairs.methods import gazes
    from edgegsr.distill.pairs.source import Given, open_pair_source
    from edgegsr.text.kinds import ontology_of
    from edgegsr.text.shipped import tables_for

    check_method(method)
    given, how = Given(**who), find_method(method)
    training = read_train(card, overrides, how.settings)  # a mistake shows before any work is done
    learn, judge = (open_pairs(data or "crowd", split, limit) for split in ("train", "dev"))
    tables = tables_for(ontology_of(learn.pairs.kinds), text)
    source_of_pairs = open_pair_source(method, given, learn, tables, gazes=gazes(method, training))
    pairs = OfPairs(learn, judge, tables, source_of_pairs)
    shown = open_data(situations, "train", limit)
    words = shown.annotations.ontology
    asked = open_data(situations, "dev", limit, words)
    mine, groups = tables_for(words, text), groups_of(situations, words)
    source = source_of(how, training, shown, asked, groups, mine, given.teacher)
    runs = train_both(card, OfSituations(shown, asked, mine, groups, source), pairs, out, method, overrides)
    last_line(as_json, {"out": str(out), **{run.folder.name: str(run.folder) for run in runs}})


def source_of(
    how: Method,
    training: TrainConfig,
    learn: Split,
    judge: Split,
    groups: Groups,
    tables: TextTables,
    teacher: Optional[str],
    **given: Any,
) -> Optional[Source]:
    """The teacher that a method learns from, in the views that its training shows."""
    if not how.taught:
        return None
    from edgegsr.teacher.cache import VIEWS
    from edgegsr.teacher.source import open_source
    from edgegsr.teacher.zero_shot import Exam

    return open_source(
        teacher,
        learn,
        views=VIEWS if training.augment.flip else VIEWS[:1],
        collages=training.mipd.collages if how.collages else 0,
        exam=Exam(judge, groups, tables),
        check=lambda texts, read_by: how.lesson.check(texts, read_by, tables.encoder),
        **given,
    )
