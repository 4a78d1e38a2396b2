"""`edgegsr compress`: cut and recover, round after round, then count in 8 bits; every step is a run.

A step that is finished is left alone and one that was interrupted goes on, so the same command ends the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomllib

from edgegsr import card
from edgegsr.both_run import parts_of
from edgegsr.compress.clocks import check_target, clock_of
from edgegsr.compress.config import PruneConfig, Wishes
from edgegsr.compress.figures import Figures
from edgegsr.compress.importance import magnitude, mean_loss, taylor
from edgegsr.compress.prune import Pruned, Scores, check_layers, check_ratio, counts, pruned, without_layers
from edgegsr.compress.quantize import check_calibration, quantizing, refuse_quantized
from edgegsr.compress.report import report
from edgegsr.compress.school import Schooling, start_of
from edgegsr.compress.search import PLAN, TRIED, Plan, Search, read_plan
from edgegsr.compress.sensitivity import read_sensitivity
from edgegsr.compress.steps import STEPS, AnyRun, made, narrowed, opened_like
from edgegsr.compress.strands import strands_of
from edgegsr.distill.identity import compare
from edgegsr.distill.start import LESSON, Start
from edgegsr.errors import InputError
from edgegsr.files import listing, write_whole
from edgegsr.interactions import KINDS_FILE
from edgegsr.progress import track
from edgegsr.run import COMPRESSION, CONFIG, ONTOLOGY, QUANTIZERS, REPORT, TABLES, WEIGHTS
from edgegsr.student.calibration import FILE as CALIBRATION
from edgegsr.student.sparse import sparse
from edgegsr.teacher.zero_shot import FILE as ZERO_SHOT

# what comes out of the last step, its weights last
KEPT = (ONTOLOGY, KINDS_FILE, TABLES, CALIBRATION, ZERO_SHOT, LESSON, QUANTIZERS, CONFIG, WEIGHTS)
HEARD = 6  # batches by which a search judges a loss


def compress(run: AnyRun, out: Path, wishes: Wishes, school: Schooling[AnyRun], threads: int) -> AnyRun:
    """The compressed run in `out`, with a report of the way there."""
    _check(run, wishes, school)
    _settle(out, {**school.described(run), **wishes.table(), "threads": threads})
    figures, last = Figures(out, school.score, threads), run
    for name, step in _steps(run, out, wishes, school, threads):
        figures.add(name, step)
        last = step
    for path in (Path(half) / name for half in parts_of(last) for name in KEPT):
        if (last.folder / path).is_file():
            content = (last.folder / path).read_bytes()
            if not (out / path).is_file() or (out / path).read_bytes() != content:
                write_whole(out / path, content)
    finished = opened_like(run, out)
    school.finish(finished)
    write_whole(
        out / REPORT, report(finished, figures.steps, wishes, school, threads, read_plan(out), read_sensitivity(out))
    )
    return finished


def _check(run: AnyRun, wishes: Wishes, school: Schooling[AnyRun]) -> None:
    """Refuses an impossible wish before any work is done."""
    refuse_quantized(run)
    if wishes.quantize.wanted:
        check_calibration(school)
    for strand in strands_of(run.student) if wishes.prune.ratio else ():
        check_ratio(strand, wishes.prune.ratio)
    check_layers(run.student, wishes.prune.drop_layers)
    if wishes.prune.latency:
        check_target(wishes.target)


def _steps(
    run: AnyRun, out: Path, wishes: Wishes, school: Schooling[AnyRun], threads: int
) -> Iterator[tuple[str, AnyRun]]:
    """Every run on the way, by what was done."""
    at = run
    yield "as it came", at
    if wishes.prune.wanted:
        for name, at in _pruning(run, out, wishes, school, threads):
            yield name, at
    if wishes.quantize.wanted:
        yield from quantizing(at, out, wishes.quantize, school)


def _pruning(
    run: AnyRun, out: Path, wishes: Wishes, school: Schooling[AnyRun], threads: int
) -> Iterator[tuple[str, AnyRun]]:
    """The runs with fewer layers, narrower ones, and single weights at zero; each is trained on."""
    at, wish, steps = run, wishes.prune, out / STEPS
    if wish.drop_layers:
        at = made(steps / "0-fewer-layers", run, lambda: Pruned(without_layers(run.student, wish.drop_layers), {}))
        yield "fewer decoder layers", at
    if wish.cuts:
        for name, cut in _cutting(run, at, out, wishes, school, threads):
            yield name, cut
        at = cut
    elif wish.drop_layers:
        at = _recovered(steps / "1-recovered", at, wish.epochs, wish, school)
        yield "recovered", at
    if wish.sparse:
        dense = at
        at = made(steps / "sparse", at, lambda: Pruned(sparse(copy.deepcopy(dense.student), wish.sparse), {}))
        yield f"sparse, {wish.sparse}", at
        yield "sparse, recovered", _recovered(steps / "sparse-recovered", at, wish.epochs, wish, school)


def _cutting(
    first: AnyRun, run: AnyRun, out: Path, wishes: Wishes, school: Schooling[AnyRun], threads: int
) -> Iterator[tuple[str, AnyRun]]:
    """The runs of every round: as it was cut, and as it has recovered."""
    at, wish, steps = run, wishes.prune, out / STEPS
    wide = strands_of(at.student)
    ratios = dict.fromkeys((strand.block for strand in wide), wish.ratio)
    if wish.latency:
        ratios = planned(first, run, out, wishes, school, threads).ratios
    for n in range(1, wish.rounds + 1):
        kept, epochs = counts(wide, ratios, wish.multiple, n / wish.rounds), wish.epochs_of(n)
        at = _cut(steps / f"{n}-cut", at, kept, wish, school)
        yield f"cut, round {n}", at
        at = _recovered(steps / f"{n}-recovered", at, epochs, wish, school)
        yield f"recovered, round {n}", at


def planned(first: AnyRun, run: AnyRun, out: Path, wishes: Wishes, school: Schooling[AnyRun], threads: int) -> Plan:
    """How much goes from which block, for the latency that is wanted; found once."""
    if (plan := read_plan(out)) is not None:
        return plan
    start, heard, wish = start_of(run), list(school.turns(run.student, HEARD)), wishes.prune

    def loss(made: Pruned) -> float:
        beside = narrowed(start.lesson, run.student, made.kept)
        return mean_loss(school.lesson(Start(made.student, beside)), heard, adapted=True)

    with clock_of(wishes.target, threads, first.student) as clock:
        search = Search(run.student, _scores(run, wish, school), wish.multiple, clock, loss, out)
        return search.plan(wish.latency)


def _cut(folder: Path, run: AnyRun, kept: Mapping[str, int], wish: PruneConfig, school: Schooling[AnyRun]) -> AnyRun:
    return made(folder, run, lambda: pruned(run.student, kept, _scores(run, wish, school)))


def _scores(run: AnyRun, wish: PruneConfig, school: Schooling[AnyRun]) -> Scores:
    if wish.criterion == "magnitude":
        return magnitude(run.student, strands_of(run.student))
    lesson = school.lesson(start_of(run))
    turns = track(school.turns(run.student, wish.batches), "judging what it would miss", wish.batches)
    return taylor(lesson, turns, strands_of(lesson.student))


def _recovered(folder: Path, run: AnyRun, epochs: int, wish: PruneConfig, school: Schooling[AnyRun]) -> AnyRun:
    warmup = min(school.settings.warmup_epochs, epochs / 10)
    return school.train(folder, run, epochs=epochs, lr=wish.lr_share * school.settings.lr, warmup_epochs=warmup)


def _settle(out: Path, asked: Mapping[str, Any]) -> None:
    """Makes `out` the folder of this compression, or makes sure that it already is; `asked` decides what comes out."""
    path, text = out / COMPRESSION, card.to_toml(asked)
    if path.is_file():
        there, here = card.read_toml(path), tomllib.loads(text)
        tables = [table.get("prune", {}) for table in (there, here)]
        if not (out / PLAN).is_file() and all(table.get("latency") for table in tables):
            for table in tables:  # what a search has tried so far is good for any latency
                table.pop("latency")
        compare(out, there, here, "compression")
    elif out.is_dir() and {entry.name for entry in out.iterdir() if not entry.name.startswith(".")} - {TRIED, PLAN}:
        raise InputError(f"{out}: wanted an empty folder or a compression, found {listing(out)}; give another --out")
    write_whole(path, text)
