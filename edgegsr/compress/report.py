"""report.html of a compression: what every step costs and scores, what is left of every block, and the way between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edgegsr.both_run import BothRun
from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.card import to_toml
from edgegsr.charts import bar_chart, scatter
from edgegsr.compress.config import Wishes
from edgegsr.compress.figures import Steps
from edgegsr.compress.school import PairSchool, School, Schooling
from edgegsr.compress.search import Plan
from edgegsr.compress.sensitivity import Sensitivity
from edgegsr.compress.strands import strands_of
from edgegsr.distill.report import note_on
from edgegsr.page import many, page
from edgegsr.pair_run import PairRun
from edgegsr.run import Run
from edgegsr.scoring.brief import JUDGED
from edgegsr.student.sparse import TWO_OF_FOUR, WORTH

SCORES = dict(zip(JUDGED, ("top-1 verb", "value", "grounded", "mAP")))
BARS = 16  # layers that the chart shows
COSTS = ("weights, M", "GFLOPs", "file, MB", "p50, ms", "p99, ms")


def report(
    run: Run | PairRun | BothRun,
    steps: Steps,
    wishes: Wishes,
    school: Schooling[Any],
    threads: int,
    plan: Plan | None = None,
    felt: Sensitivity | None = None,
) -> str:
    """The page."""
    first, last = next(iter(steps.values())), list(steps.values())[-1]
    judged = " and ".join(f"{len(part.judge):,} images of {part.judge.name}{_head(run, part)}" for part in school.parts)
    notes = _note_on(school.parts)
    lead = f"{_how(wishes, school.parts, plan)}, judged on {judged}, method {school.method}{notes}"
    charts = _charts(run, steps, plan)
    body = "".join(
        [
            f'<div class="facts">{_facts(first, last)}</div>',
            "<h2>Steps</h2>",
            f'<p class="note">{_note(wishes, school, threads)}</p><div class="panel">{_table(steps)}</div>',
            f'<h2>What it costs, what it knows</h2><div class="charts">{charts}</div>' if charts else "",
            _layers(felt, wishes, school) if felt else "",
            f"<h2>Settings</h2><details><summary>compress.toml</summary><pre>{escape(to_toml(wishes.table()))}</pre></details>",
        ]
    )
    return page(f"{run.folder.resolve().name}: a compressed student", lead, body, run.config.get("versions", {}))


def _scores(steps: Steps) -> dict[str, list[str]]:
    """Which scores there are, and of which groups."""
    dev = next(iter(steps.values()))["dev"]
    found = {name: [group for group, part in dev.items() if name in part] for name in SCORES}
    return {name: groups for name, groups in found.items() if groups}


def _chief(part: Mapping[str, Any]) -> str:
    """The score that stands for all of a group."""
    return next(name for name in SCORES if name in part)


def _head(run: Run | PairRun | BothRun, school: School | PairSchool) -> str:
    """Which head a school judges, where there are two."""
    return f" ({PAIRS if isinstance(school, PairSchool) else SITUATIONS})" * isinstance(run, BothRun)


def _note_on(schools: Sequence[School | PairSchool]) -> str:
    """What a reader must know about staged data, once."""
    of = {"HICO-DET" if isinstance(each, PairSchool) else "SWiG": each.judge.folder for each in schools}
    staged = [real for real, folder in of.items() if note_on(folder)]
    return note_on(of[staged[0]], " or ".join(staged)) if staged else ""


def _how(wishes: Wishes, schools: Sequence[School | PairSchool], plan: Plan | None) -> str:
    prune, quantize, target, done = wishes.prune, wishes.quantize, wishes.target, []
    if plan is not None:
        told = "predicted" if target.roofline else "measured"
        done.append(
            f"cut to {plan.share:.2f} of the latency ({prune.latency:g} wanted; {told} for {target.engine} "
            f"{target.precision}) in {many(prune.rounds, 'round')}"
        )
    if prune.ratio:
        done.append(f"{prune.ratio:.0%} of the channels cut in {many(prune.rounds, 'round')}")
    if prune.drop_layers:
        done.append(f"{many(prune.drop_layers, 'decoder layer')} dropped")
    if prune.sparse:
        share = prune.sparse if prune.sparse == TWO_OF_FOUR else f"{float(prune.sparse):.0%}"
        done.append(f"{share} of the weights at zero")
    if quantize.wanted:
        trained = f", trained for {many(quantize.epochs, 'epoch')}" if quantize.qat else ""
        images = sum(min(quantize.calibration, len(school.learn)) for school in schools)
        done.append(f"INT8 calibrated on {many(images, 'image')} (seed {quantize.seed}){trained}")
    return ", ".join(done)


def _facts(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    cards = [
        (f"{last['gflops'] / first['gflops']:.0%}", "of the arithmetic", f"{last['gflops']:.3f} GFLOPs"),
        (
            f"{last['weight_bytes'] / first['weight_bytes']:.0%}",
            "of the file",
            f"{last['weight_bytes'] / 1e6:.1f} MB",
        ),
    ]
    if last["latency"] is not None:
        now, before = last["latency"]["p50_ms"], first["latency"]["p50_ms"]
        cards.insert(0, (f"{now / before:.0%}", "of the latency", f"{before:.2f} to {now:.2f} ms"))
    for group, part in last["dev"].items():
        score = _chief(part)
        if then := first["dev"][group][score]:
            here, of = part[score] or 0, f"of {SCORES[score]}, {group}"
            cards.append((f"{here / then:.1%}", of, f"{100 * then:.1f} to {100 * here:.1f} %"))
    return "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span><small>{escape(note)}</small></div>"
        for value, name, note in cards
    )


def _note(wishes: Wishes, school: Schooling[Any], threads: int) -> str:
    return escape(
        f"Scores in per cent on {'; on '.join(map(_judged, school.parts))}. "
        f"Latency of one image through the exported graph in ONNX Runtime, {many(threads, 'thread')}, on "
        "the machine that ran the step; compare within one quiet run only. INT8 is not timed here."
        f"{f' {WORTH}' if wishes.prune.sparse else ''}"
    )


def _judged(school: School | PairSchool) -> str:
    """On which split, and how its scores are averaged."""
    how = "averaged per verb; value and grounded with the true verb"
    if isinstance(school, PairSchool):
        how = "by HICO-DET's protocol, over the kinds that it shows"
    return f"{school.judge.name}, {how}"


def _table(steps: Steps) -> str:
    scores = _scores(steps)
    over = f'<th></th><th colspan="{len(COSTS)}">costs</th>' + "".join(
        f'<th colspan="{len(groups)}">{SCORES[name]}</th>' for name, groups in scores.items()
    )
    heads = "".join(f"<th>{name}</th>" for name in (*COSTS, *(each for groups in scores.values() for each in groups)))
    rows = "".join(f"<tr><td>{escape(name)}</td>{_cells(step, scores)}</tr>" for name, step in steps.items())
    return (
        f'<table><thead><tr class="over">{over}</tr><tr><th>step</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _cells(step: Mapping[str, Any], scores: Mapping[str, Sequence[str]]) -> str:
    cells = [
        f"{step['parameters'] / 1e6:.2f}",
        f"{step['gflops']:.3f}",
        f"{step['weight_bytes'] / 1e6:.1f}",
        *(f"{step['latency'][p]:.2f}" if step["latency"] else "–" for p in ("p50_ms", "p99_ms")),
    ]
    cells += [f"{100 * (step['dev'][group][score] or 0):.1f}" for score, groups in scores.items() for group in groups]
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _charts(run: Run | PairRun | BothRun, steps: Steps, plan: Plan | None) -> str:
    charts, dev = [], next(iter(steps.values()))["dev"]
    for group in (name for name in ("harmonic", "all", PAIRS) if name in dev):
        score = _chief(dev[group])
        points = {
            name: (step["latency"]["p50_ms"], 100 * (step["dev"][group][score] or 0))
            for name, step in steps.items()
            if step["latency"]
        }
        if len(points) > 1:
            charts.append(scatter(f"Steps, {group}", points, "ms", f"% {SCORES[score]}"))
    if plan is not None:
        curve = {f"to {share:.2f}x": (share, missed) for share, missed in plan.curve()}
        charts.append(scatter("Search, predicted", curve, "share of the latency", "added loss", named=False))
    if run.student.config.widths:
        charts.append(bar_chart("Channels and heads that are left", _kept(run)))
    return "".join(charts)


def _layers(felt: Sensitivity, wishes: Wishes, school: Schooling[Any]) -> str:
    """What 8 bits do to every layer, the worst first, and which of them stay in 16."""
    sixteen, quantize = felt.sixteen or [], wishes.quantize
    images = sum(min(quantize.judged_on, len(part.judge)) for part in school.parts)
    ordered = sorted(felt.layers.items(), key=lambda item: -item[1].noise)
    most = max(ordered[0][1].noise, 1e-12)
    bars = {
        _short(name): (layer.noise / most, f"{layer.noise:.3%}{' · 16 bits' * (name in sixteen)}")
        for name, layer in ordered[:BARS]
    }
    rows = ""
    for name, layer in ordered:
        cells = (
            escape(_short(name)),
            f"{layer.parameters:,}",
            f"{100 * layer.noise:.3f}",
            f"{100 * layer.lost:+.1f}",
            "16" if name in sixteen else "8",
        )
        rows += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    heads = "".join(f"<th>{name}</th>" for name in ("layer", "weights", "noise, %", "worst score lost, %", "bits"))
    held = (
        f"{many(len(sixteen), 'layer')} of {len(felt.layers)} in 16 bits: no score of dev loses more than "
        f"{quantize.max_drop:.1%} to 8 bits."
        if felt.sixteen is not None
        else f"None of 0, 1, 2, 4 … layers in 16 bits keeps every score of dev within {quantize.max_drop:.1%}: all are "
        "in 8."
    )
    note = (
        f"Each layer rounded alone, the rest float. Noise: what that changes of the outputs, in shares of their "
        f"variance. Scores on {images} images of dev: by themselves mostly chance. {held}"
    )
    return (
        f'<h2>Layers in 8 bits</h2><p class="note">{escape(note)}</p>'
        f'<div class="charts">{bar_chart("Noise of the noisiest layers", bars)}</div>'
        f'<details><summary>all {len(felt.layers)} layers</summary><div class="panel"><table><thead><tr>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div></details>"
    )


def _short(name: str) -> str:
    """What of a layer's name tells it from others."""
    for part in ("encoder.backbone.encoder.", "encoder.backbone.", ".convolution", ".weight"):
        name = name.replace(part, "")
    return name


def _kept(run: Run | PairRun | BothRun) -> dict[str, tuple[float, str]]:
    """How many channels or heads each block still has of what its card gives it."""
    student, found = run.student, dict[str, list[int]]()
    for strand in strands_of(student):
        part = strand.slices[-1] if strand.heads else strand.slices[0]
        now, first = found.setdefault(strand.block, [0, 0])
        each = student.card_widths[part.layer][part.width]
        found[strand.block] = [now + strand.units, first + each]
    return {block: (now / first, f"{now} of {first}") for block, (now, first) in found.items()}
