"""report.html of a run of pairs: scores, curves, the best and the worst kinds, drawn predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.card import to_toml
from edgegsr.charts import line_chart
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.gallery import source
from edgegsr.distill.journal import read_metrics
from edgegsr.distill.report import note_on
from edgegsr.files import write_whole
from edgegsr.page import many, page, percent
from edgegsr.pair_run import PairRun
from edgegsr.run import METRICS, REPORT
from edgegsr.runtime.decode_pairs import SURE
from edgegsr.runtime.draw import draw_pairs
from edgegsr.scoring.hico import PARTIAL, Scores, judge, score
from edgegsr.situation import Interaction, box_of
from edgegsr.student.pair_answers import PairAnswers

DRAWN = 12  # pictures
WORST, BEST = 8, 8  # kinds in the list
LOSSES = {
    "loss": "Sum of losses",
    "verb": "Verbs",
    "noun": "Objects",
    "l1": "Box edges (L1)",
    "giou": "Box overlap (GIoU)",
    "presence": "Which queries are pairs",
    "seed": "Where objects are",
    "glimpse": "Taught: what the teacher sees",
    "ranking": "Taught: how it ranks verbs",
    "unseen": "Taught: kinds out of training",
    "context": "Context: what the caption says",
    "interaction": "Interactions of the image",
    "calibration": "Their likelihoods",
    "groups": "Groups of prompts: verbs",
    "heard": "Taught: what is said of its couple",
    "look": "Taught: what its couple looks like",
    "texts": "Taught: what texts are like",
    "watched": "Kept to: the student before",
    "lr": "Learning rate",
}


def write_report(run: PairRun, split: PairSplit, said: PairAnswers) -> Path:
    """Writes the report of a run on a split and says where."""
    scores = score(split.pairs, said.predictions(), PARTIAL)
    metrics = read_metrics(run.folder / METRICS) if (run.folder / METRICS).is_file() else []
    settings = escape(to_toml(run.config))
    body = "".join(
        f"<h2>{title}</h2>{note}{part}"
        for title, note, part in (
            (
                "Scores",
                _note(f"mAP on {split.name}, %, by HICO-DET's protocol, over {_judged(run)}"),
                _scores(scores),
            ),
            ("Training", "", f'<div class="charts">{"".join(_charts(metrics))}</div>'),
            ("Kinds", _note("The best and the worst of those that the split shows"), _kinds(scores)),
            ("Predictions", _note(f"On the left what the student is {SURE:.0%} sure of"), _drawn(split, said)),
            ("Settings", "", f"<details><summary>config.toml</summary><pre>{settings}</pre></details>"),
        )
    )
    title = f"{run.folder.resolve().name}: a student of human-object interactions"
    write_whole(run.folder / REPORT, page(title, _lead(run, split), body, run.config.get("versions", {})))
    return run.folder / REPORT


def _lead(run: PairRun, split: PairSplit) -> str:
    config = run.config
    weights = sum(parameter.numel() for parameter in run.student.parameters())
    images = config.get("data", {}).get("train", {}).get("images", 0)
    unseen = config["pairs"]["unseen"]
    parts = [
        f"{images:,} training images, judged on {len(split):,} of {split.name}",
        f"{many(config['train']['epochs'], 'epoch')}, seed {config['train']['seed']}",
        f"{weights / 1e6:.2f} M weights, {run.student.config.pairs} queries at {run.student.config.side} px",
        *([f"zero-shot setting {unseen}"] if unseen else []),
        *([f"begun with {escape(start)}"] if (start := config["pairs"].get("start_name")) else []),
        f"method {config['method']}{_taught_by(config.get('teacher', {}))}",
    ]
    return " · ".join(parts) + note_on(split.folder, "HICO-DET")


def _judged(run: PairRun) -> str:
    """Which kinds a report is about: dev does not show those that a zero-shot setting keeps out of training."""
    unseen = run.config["pairs"]["unseen"]
    without = f", none of those that {unseen} keeps out of training: edgegsr eval judges them" if unseen else ""
    return f"the kinds that it shows{without}"


def _taught_by(source: Mapping[str, Any]) -> str:
    """Whose word a student was taught by, and whose boxes: all of them, or those of couples that nobody annotated."""
    if not source:
        return ""
    boxes, detector = "", source.get("detector")
    if detector:
        beside = "beside annotations" if "annotated" in source else "no annotation"
        count = source.get("couples")  # runs from before do not say
        couples = "couples" if count is None else many(count, "couple")
        boxes = f"; {beside}, {couples} that the detector {detector} finds"
    return escape(f", taught by {source['teacher']}{boxes}")


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}.</p>'


def _scores(scores: Scores) -> str:
    rows = [
        ("default", *scores.default),
        ("known object", *scores.known_object),
    ]
    table = _table(("setting", "full", "rare", "non-rare"), [(name, *map(percent, cells)) for name, *cells in rows])
    return f'<div class="panel">{table}</div>'


def _kinds(scores: Scores) -> str:
    told = [kind for kind in scores.to_json()["kinds"] if kind["pairs"]]
    ranked = sorted(told, key=lambda kind: -kind["ap"])
    chosen = [*ranked[:BEST], *ranked[max(BEST, len(ranked) - WORST) :]]
    rows = [
        (f"{kind['verb']} {kind['object']}".replace("_", " "), str(kind["pairs"]), percent(kind["ap"]))
        for kind in chosen
    ]
    return f'<div class="panel">{_table(("interaction", "true pairs", "AP"), rows)}</div>'


def _charts(metrics: list[dict[str, Any]]) -> Iterator[str]:
    train = [line for line in metrics if line["kind"] == "train"]
    dev = [line for line in metrics if line["kind"] == "dev"]
    lines = {
        name: [(line["step"], 100 * line["all"][name]) for line in dev if line["all"][name] is not None]
        for name in ("full", "rare", "non_rare")
    }
    yield line_chart("dev: mAP, %", lines)
    for key, title in LOSSES.items():
        if any(key in m for m in train):
            yield line_chart(title, {title: [(m["step"], m[key]) for m in train if key in m]})


def _drawn(split: PairSplit, said: PairAnswers) -> str:
    pictures = []
    predictions = said.predictions().ranked()
    right = judge(split.pairs, predictions)
    for i in sorted(np.random.default_rng(0).permutation(len(split))[:DRAWN].tolist()):
        pixels = split.pixels(i)
        scale = pixels.shape[1] / max(int(split.pairs.sizes_wh[i, 0]), 1)
        both = "".join(
            f'<div><img alt="{kind}" src="{source(draw_pairs(pixels, found))}"></div>'
            for kind, found in (("student", told(split, said, i, scale)), ("annotated", annotated(split, i, scale)))
        )
        sure = (predictions.image == i) & (predictions.scores >= SURE)
        note = (
            f"{int((right & sure).sum())} of {int(sure.sum())} right, {int((split.pairs.image == i).sum())} annotated"
        )
        head = f"<span>{note}</span><span>{escape(split.pairs.images[i])}</span>"
        pictures.append(f'<div class="pair"><div class="head">{head}</div><div class="both">{both}</div></div>')
    return f'<div class="pairs">{"".join(pictures)}</div>'


def told(split: PairSplit, said: PairAnswers, i: int, scale: float = 1.0) -> list[Interaction]:
    """What the student says of image `i`, in pixels of the picture, best first."""
    columns = (said.humans_xyxy[i] * scale, said.objects_xyxy[i] * scale)
    found = []
    for kind, human, thing, likely in zip(
        said.kinds[i].tolist(), *(part.tolist() for part in columns), said.scores[i].tolist()
    ):
        if kind >= 0 and likely >= SURE:
            verb, noun = split.pairs.kinds.names(kind)
            found.append(Interaction(box_of(human), box_of(thing), noun, verb, likely))
    return found


def annotated(split: PairSplit, i: int, scale: float = 1.0) -> list[Interaction]:
    """What people said of image `i`."""
    pairs, found = split.pairs, []
    for row in np.flatnonzero(pairs.image == i).tolist():
        verb, noun = pairs.kinds.names(int(pairs.kind[row]))
        boxes = [(side[row] * scale).tolist() for side in (pairs.humans_xyxy, pairs.objects_xyxy)]
        found.append(Interaction(box_of(boxes[0]), box_of(boxes[1]), noun, verb, 1.0))
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
