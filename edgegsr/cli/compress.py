"""`edgegsr compress`: makes a student smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    MISSED,
    AnyData,
    Json,
    Limit,
    RunFolder,
    both_data,
    complain,
    last_line,
    leave_out,
    need_same_kinds,
    need_training,
    of_both,
    of_pairs,
    settings_of,
    table,
)
from edgegsr.cli.distill import source_of
from edgegsr.errors import InputError

if TYPE_CHECKING:
    from edgegsr.both_run import BothRun
    from edgegsr.compress.config import Wishes
    from edgegsr.compress.school import BothSchool, PairSchool, School
    from edgegsr.distill.config import TrainConfig
    from edgegsr.pair_run import PairRun
    from edgegsr.run import Run

OF_SITUATIONS = "by group: verb top-1; grounded: all verbs, with the true verb"
OF_PAIRS = "mAP: over the kinds that dev shows"


def compress(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The run to write; a started compression goes on.")],
    prune: Annotated[float, typer.Option(help="Share of the channels and heads to cut, 0 to below 1.")] = 0.0,
    latency: Annotated[
        Optional[str], typer.Option(help="Share of the latency to come down to, such as 0.6x, instead of --prune.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="What it is made for: a profile, or the name of one that comes along.")
    ] = "onnx-fp32",
    max_drop: Annotated[
        Optional[float],
        typer.Option(
            min=0,
            max=1,
            help="Share of a dev score that INT8 may cost before layers stay in 16 bits, by default 0.01; where it is "
            "given and the run as a whole lost more, exit with 3.",
        ),
    ] = None,
    drop_layers: Annotated[int, typer.Option(min=0, help="Decoder layers to drop, the last ones.")] = 0,
    sparse: Annotated[
        str, typer.Option(help="Set single weights to zero: a share such as 0.5, or 2:4. Few engines are faster by it.")
    ] = "",
    criterion: Annotated[
        str, typer.Option(help="What is cut first: taylor (what the lesson would miss least) or magnitude.")
    ] = "taylor",
    multiple: Annotated[
        Optional[int], typer.Option(min=1, help="Widths are rounded to multiples of this; by default the target's.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Cut in so many rounds, with recovery after each.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Of recovery after the last round.")] = 4,
    ptq: Annotated[bool, typer.Option("--ptq", help="Count in 8 bits, by what calibration images make of it.")] = False,
    qat: Annotated[bool, typer.Option("--qat", help="The same, and trained on with the rounding.")] = False,
    calibration: Annotated[int, typer.Option(min=1, help="Training images to calibrate on, of each head.")] = 256,
    qat_epochs: Annotated[int, typer.Option(min=1, help="Of training with the rounding.")] = 3,
    data: AnyData = None,
    method: Annotated[Optional[str], typer.Option(help="How it is taught on; by default as it was distilled.")] = None,
    teacher: Annotated[
        Optional[str],
        typer.Option(
            help="What `teach` wrote, or a model; by default the teacher of the run, with another --method Diorama's."
        ),
    ] = None,
    detector: Annotated[
        Optional[str],
        typer.Option(help="Of pairs: who finds people and things; by default the detector of the run."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the latency that is measured.")] = 2,
    limit: Limit = None,
    workers: Annotated[Optional[int], typer.Option(min=0, help="Processes that prepare images.")] = None,
    settings: Annotated[
        Optional[list[str]], typer.Option("--set", help="Any value of the run's [train] table: KEY=VALUE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a student smaller with its teacher watching: cut what it misses least, let it recover, count in 8 bits."""
    need_training("compress", "torch_pruning", "nncf", "onnx", "onnxscript")
    from edgegsr.compress.compress import compress as compress_one
    from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes, read_share
    from edgegsr.compress.figures import dropped, read_steps, rows
    from edgegsr.export.target import find_target
    from edgegsr.processes import processes

    if processes().num_processes > 1:
        raise InputError("compress: runs in one process; leave out `accelerate launch`")
    aim, share = find_target(target), 0.0 if latency is None else read_share(latency)
    wish = PruneConfig(prune, share, criterion, multiple or aim.multiple, rounds, drop_layers, sparse, epochs=epochs)
    quantize = QuantizeConfig(ptq, qat, calibration, epochs=qat_epochs)
    if max_drop is not None:
        quantize = replace(quantize, max_drop=max_drop)
    both, pairs = of_both(run), of_pairs(run)
    wishes = Wishes(wish, quantize, aim)
    overrides = settings_of(settings or []) | ({} if workers is None else {"workers": workers})
    if owned := overrides.keys() & {"epochs", "warmup_epochs"}:
        raise InputError(f"--set {min(owned)}: every training here has its own; give --epochs or --qat-epochs")
    asked = Asked(data, limit, wishes, method, teacher, detector, overrides)
    if both:
        heads, of_heads = _both(run, asked)
        compress_one(heads, out, wishes, of_heads, threads)
    elif pairs:
        couples, theirs = _pairs(run, asked)
        compress_one(couples, out, wishes, theirs, threads)
    else:
        leave_out({"--detector": detector}, f"for students of pairs, and {run} is one of situations")
        scenes, school = _situations(run, asked)
        compress_one(scenes, out, wishes, school, threads)
    steps = read_steps(out)
    table(f"{out}, dev, %", *rows(steps))
    told = [*[OF_SITUATIONS] * (not pairs), *[OF_PAIRS] * (both or pairs)]
    print(f"M: weights; MB: of the run's file; ms: of the exported graph; {'; '.join(told)}")
    print(f"\nLook at   {out / 'report.html'}")
    missed = dropped(steps, max_drop) if max_drop is not None else []
    last_line(as_json, {"out": str(out), "report": str(out / "report.html"), "steps": steps, "missed": missed})
    for line in missed:
        complain(line, MISSED)
    if missed:
        raise typer.Exit(MISSED)


@dataclass(frozen=True)
class Asked:
    """What the options say of who teaches a run on and judges it."""

    data: Optional[str]
    limit: Optional[int]
    wishes: Wishes
    method: Optional[str]
    teacher: Optional[str]
    detector: Optional[str]
    overrides: dict[str, Any]


def _situations(run: Path, asked: Asked) -> tuple[Run, School]:
    """A run of situations, and who teaches it on and judges it."""
    from edgegsr.compress.quantize import refuse_quantized
    from edgegsr.distill.methods import find_method
    from edgegsr.run import open_run
    from edgegsr.shipped import find_run

    opened = open_run(find_run(run))
    refuse_quantized(opened)  # before anybody looks at photos
    name = _method_of(opened, asked)
    training = _training_of(opened, asked.overrides, find_method(name).settings)
    return opened, _school(opened, name, training, asked)


def _pairs(run: Path, asked: Asked) -> tuple[PairRun, PairSchool]:
    """A run of pairs, and who teaches it on and judges it."""
    from edgegsr.compress.quantize import refuse_quantized
    from edgegsr.distill.config import check_method_of
    from edgegsr.pair_run import open_pair_run
    from edgegsr.shipped import find_run

    opened = open_pair_run(find_run(run))
    refuse_quantized(opened)  # before anybody looks at photos
    method = _method_of(opened, asked)
    check_method_of(asked.overrides, method, of_pairs=True)
    return opened, _pair_school(opened, method, _training_of(opened, asked.overrides), asked)


def _both(run: Path, asked: Asked) -> tuple[BothRun, BothSchool]:
    """A run of both heads, and who teaches each on and judges it."""
    from edgegsr.both_run import open_both_run
    from edgegsr.compress.quantize import refuse_quantized
    from edgegsr.compress.school import BothSchool
    from edgegsr.distill.both import check_method
    from edgegsr.distill.methods import find_method
    from edgegsr.shipped import find_run

    mine, theirs = both_data(asked.data) if asked.data else (None, None)
    opened = open_both_run(find_run(run))
    refuse_quantized(opened)  # before anybody looks at photos
    name = _method_of(opened.pairs, asked)
    check_method(name)
    settings = find_method(name).settings
    of_situations = asdict(_training_of(opened.situations, {}, settings).weights)
    training = _training_of(opened.pairs, asked.overrides, {**settings, "situation_weights": of_situations})
    teacher = asked.teacher or _teachers_of(opened.pairs, name).get("teacher")  # of either head, as in `distill`
    asked = replace(asked, teacher=teacher)
    _check_teacher(name, asked)
    of_scenes = replace(training, weights=training.situation_weights)
    of_pairs = _pair_school(opened.pairs, name, training, replace(asked, data=theirs))
    return opened, BothSchool(_school(opened.situations, name, of_scenes, replace(asked, data=mine)), of_pairs)


def _teachers_of(run: Run | PairRun, method: str) -> Mapping[str, Any]:
    """Who taught a run, where the method is its own."""
    found: Mapping[str, Any] = run.config.get("teacher", {}) if method == run.config["method"] else {}
    return found


def _method_of(run: Run | PairRun, asked: Asked) -> str:
    """How a run is taught on: as it was taught, where nothing else is wanted."""
    from edgegsr.distill.config import check_method_of
    from edgegsr.distill.methods import find_method
    from edgegsr.distill.pairs.methods import find_pair_method
    from edgegsr.pair_run import PairRun

    if lacking := {"method", "train"} - run.config.keys():
        raise InputError(f"{run.folder / 'config.toml'}: lacks {min(lacking)!r}; wanted a run that `distill` wrote")
    method = asked.method or str(run.config["method"])
    (find_pair_method if isinstance(run, PairRun) else find_method)(method)
    check_method_of(asked.overrides, method)
    return method


def _training_of(
    run: Run | PairRun, overrides: dict[str, Any], defaults: Mapping[str, Any] | None = None
) -> TrainConfig:
    """The training of a run, with what is wanted otherwise."""
    from edgegsr.distill.config import read_train

    try:
        return read_train({"train": run.config["train"]}, overrides, defaults)
    except InputError as error:
        raise InputError(f"--set and its kin: {str(error).removeprefix('card: ')}") from error


def _school(run: Run, method: str, training: TrainConfig, asked: Asked) -> School:
    """On what a run of situations is calibrated and taught on, who teaches and who judges it."""
    from edgegsr.compress.school import School
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.distill.identity import facts_of
    from edgegsr.distill.methods import find_method

    how, data = find_method(method), asked.data or "diorama"
    _check_teacher(method, asked)
    learn, judge = (open_data(data, split, asked.limit, run.ontology) for split in ("train", "dev"))
    _need_its_own(run, asked, data, facts_of(learn.annotations))
    groups, source = groups_of(data, run.ontology), None
    if asked.wishes.trained:
        teacher = asked.teacher or _teachers_of(run, method).get("teacher")
        source = source_of(how, training, learn, judge, groups, run.tables, teacher)
    return School(learn, judge, groups, method, source, training)


def _need_its_own(run: Run | PairRun, asked: Asked, data: str, learned: Mapping[str, Any]) -> None:
    """Refuses data that nobody named where a run learned from other data."""
    known = run.config.get("data", {}).get("train", learned)
    if asked.data is None and asked.limit is None and known != learned:
        raise InputError(
            f"{run.folder}: learned from {known['images']:,} photos that are not those of {data!r}; give its --data "
            f"and --limit, or --data {data} if these are meant"
        )


def _check_teacher(method: str, asked: Asked) -> None:
    from edgegsr.distill.methods import find_method

    if not find_method(method).taught and asked.teacher:
        raise InputError(f"--method {method}: learns from no teacher; leave out --teacher")


def _pair_school(run: PairRun, method: str, training: TrainConfig, asked: Asked) -> PairSchool:
    """The same of a run of pairs; whoever taught it does so again, where the method is its own."""
    from edgegsr.compress.school import PairSchool
    from edgegsr.data.hico import RULES
    from edgegsr.data.pairs import open_pairs
    from edgegsr.distill.pairs.methods import find_pair_method, gazes
    from edgegsr.distill.pairs.source import Given, open_pair_source
    from edgegsr.distill.pairs.train import facts_of
    from edgegsr.teacher.testimony import Testimony

    told, data = run.config.get("pairs", {}), asked.data or "crowd"
    unseen, rule = told.get("unseen", ""), told.get("rule") or RULES[0]
    if find_pair_method(method).source is Testimony and unseen:
        raise InputError(
            f"--method {method}: learns from no annotation, and {run.folder} keeps the kinds of {unseen} out"
        )
    learn = open_pairs(data, "train", asked.limit, unseen, rule)
    judge = open_pairs(data, "dev", asked.limit, unseen, rule)
    need_same_kinds(run.folder, run.kinds, data, judge.pairs.kinds)
    _need_its_own(run, asked, data, facts_of(learn))
    then, source = _teachers_of(run, method), None
    if asked.wishes.trained:
        given = Given(asked.teacher or then.get("teacher"), asked.detector or then.get("detector"), then.get("scope"))
        looks = gazes(method, training)
        source = open_pair_source(method, given, learn, run.tables, unseen, gazes=looks)
    return PairSchool(learn, judge, method, source, training, unseen, rule)
