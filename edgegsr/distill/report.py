"""report.html of a run: scores beside chance, curves, confused verbs, drawn predictions. Nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.card import to_toml
from edgegsr.charts import heat_map, line_chart
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.data.staged import is_staged
from edgegsr.distill.gallery import gallery
from edgegsr.distill.journal import read_metrics
from edgegsr.files import write_whole
from edgegsr.page import many, page, percent
from edgegsr.run import METRICS, REPORT, Run
from edgegsr.scoring.brief import harmonic
from edgegsr.student import calibration
from edgegsr.student.answers import Answers, answer
from edgegsr.student.cost import TIMED, cost, latency_ms
from edgegsr.student.evaluate import evaluate
from edgegsr.student.predictor import EagerPredictor
from edgegsr.teacher.zero_shot import kept

Shares = npt.NDArray[np.float64]  # (K, K)

MOST_CELLS = 120  # verbs that a heat map can show
MOST_BESIDE = 40  # verbs of a map that leaves room for the list beside it
MOST_PAIRS = 18  # confusions in the list
PREDICTIONS_NOTE = (
    "Drawn at random from the right and from the wrong ones, the same in every report on this split. On the left what "
    "the student says, on the right what people annotated, with the noun that most of them gave."
)

COLUMNS = (  # heading over the column, heading, setting, metric, its name among the chance levels
    ("verb", "top-1", "top1", "verb", "verb_top1"),
    ("verb", "top-5", "top5", "verb", "verb_top5"),
    ("with the student's verb", "value", "top1", "value", "value_top1"),
    ("with the student's verb", "grounded", "top1", "grounded", "grounded_top1"),
    ("with the true verb", "value", "gt", "value", "value"),
    ("with the true verb", "value-all", "gt", "value_all", ""),
    ("with the true verb", "grounded", "gt", "grounded", "grounded"),
    ("with the true verb", "grounded-all", "gt", "grounded_all", ""),
)
MEAN = "harmonic mean"  # of seen and unseen
LOSSES = {
    "loss": "Sum of losses",
    "verb": "Verb",
    "noun": "Nouns",
    "l1": "Box edges (L1)",
    "giou": "Box overlap (GIoU)",
    "presence": "Presence of boxes",
    "glimpse": "Taught: the scene",
    "gaze": "Taught: its instances",
    "patches": "Taught: patches",
    "feature": "Taught: the feature",
    "caption": "Taught: the caption",
    "watched": "Kept to: the student before",
    "lr": "Learning rate",
}
DEV = {"verb_top1": "dev: top-1 verb, %", "grounded": "dev: grounded with the true verb, %"}


def write_report(
    run: Run,
    split: Split,
    groups: Groups | None = None,
    *,
    train: Annotations | None = None,
    answers: Answers | None = None,
    beside: Mapping[str, Run] | None = None,
) -> Path:
    """Writes the report of a run on a split and says where; `answers` spares asking the student again.

    `beside` are other runs on the same data, by what they are called: their scores stand under those of this one.
    """
    said = answers or answer(run.student, split, label="evaluating")
    body = Template(files("edgegsr.distill").joinpath("report.html").read_text("utf-8"))
    others = {name: evaluate(other, split, groups) for name, other in (beside or {}).items()}
    title, lead = f"{run.folder.resolve().name}: a student of grounded situations", _lead(run, split)
    contents = body.substitute(_contents(run, split, groups, train, said, others))
    write_whole(run.folder / REPORT, page(title, lead, contents, run.config.get("versions", {})))
    return run.folder / REPORT


def _contents(
    run: Run,
    split: Split,
    groups: Groups | None,
    train: Annotations | None,
    said: Answers,
    others: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    truth = split.annotations
    scores = evaluate(run, split, groups, train=train, answers=said)
    restricted = evaluate(run, split, groups, "restricted", train=train, answers=said) if groups else None
    fair = _calibrated(run, split, groups, said)
    teacher = kept(run.folder)
    metrics = read_metrics(run.folder / METRICS) if (run.folder / METRICS).is_file() else []
    return {
        "facts": _facts(scores),
        "scores": _scores(scores, restricted, fair, teacher, others),
        "scores_note": _scores_note(split, train is not None, len(truth.ontology.verbs)),
        "charts": _charts(metrics),
        "confusion": _confusion(truth, said, groups),
        "confusion_note": "Rows are the annotated verbs, columns the verbs they were taken for.",
        "predictions": gallery(run, split, groups, said),
        "predictions_note": PREDICTIONS_NOTE,
        "config": escape(to_toml(run.config)),
    }


def _lead(run: Run, split: Split) -> str:
    config, spent, teacher = run.config, cost(run.student), kept(run.folder)
    some = (split.pixels(i) for i in range(min(TIMED, len(split))))
    images = config.get("data", {}).get("train", {}).get("images", 0)
    parts = [
        f"method {config.get('method')}",
        f"{images:,} training images, judged on {len(split):,} images of {split.name}",
        f"{many(config['train']['epochs'], 'epoch')}, seed {config['train']['seed']}",
        f"{spent.total_parameters / 1e6:.2f} M weights, {spent.total_gflops:.2f} GFLOPs at {spent.side} px, "
        f"{latency_ms(EagerPredictor(run).predict, some):.1f} ms an image in PyTorch",
    ]
    if taught := config.get("teacher"):
        theirs = teacher.get("gflops")
        times = (
            f", {theirs:.2f} GFLOPs: {theirs / spent.total_gflops:.0f} times the student's, "
            f"{teacher['latency_ms']:.1f} ms an image"
            if theirs
            else ""
        )
        parts.append(f"taught by {taught['teacher']}{times}")
    return " · ".join(parts) + note_on(split.folder)


def note_on(images: Path, real: str = "SWiG") -> str:
    """What a reader must know about staged data, by the folder of its images."""
    staged = is_staged(images.parent)
    return f" · staged scenes (Diorama): these figures say nothing about photos or {real}" if staged else ""


def _facts(scores: Mapping[str, Any]) -> str:
    parts = {name: part for name, part in scores.get("groups", {"all": scores}).items() if part["images"]}
    chance = scores["chance"]
    cards = [
        (
            percent(part["per_verb"]["top1"]["verb"]),
            f"top-1 verb, {name}",
            f"chance {percent(chance[name]['verb_top1'])}",
        )
        for name, part in parts.items()
    ]
    if "seen" in parts and "unseen" in parts:
        mean = harmonic(*(parts[name]["per_verb"]["top1"]["verb"] for name in ("seen", "unseen")))
        cards.append((percent(mean), "harmonic mean", "of seen and unseen"))
    guess = chance["all"].get("grounded")
    note = "with the true verb" + (f"; chance {percent(guess)}" if guess is not None else "")
    cards.append((percent(parts["all"]["per_verb"]["gt"]["grounded"]), "grounded, all", note))
    return "".join(
        f"<div><b>{value} %</b><span>{escape(name)}</span><small>{escape(note)}</small></div>"
        for value, name, note in cards
    )


def _calibrated(run: Run, split: Split, groups: Groups | None, said: Answers) -> Mapping[str, Any] | None:
    """The scores with the handicap for trained verbs that dev has chosen."""
    if groups is None or not (run.folder / calibration.FILE).is_file():
        return None
    chosen = calibration.read_calibration(run.folder)
    return evaluate(run, split, groups, answers=calibration.handicapped(said, chosen, run.ontology.verbs, run.student))


def _scores(
    scores: Mapping[str, Any],
    restricted: Mapping[str, Any] | None,
    fair: Mapping[str, Any] | None,
    teacher: Mapping[str, Any],
    others: Mapping[str, Mapping[str, Any]],
) -> str:
    rows = [_score_row(name, part, scores["chance"].get(name, {})) for name, part in _parts(scores)]
    rows += [_score_row(f"{name}, calibrated", part, {}) for name, part in (_parts(fair) if fair else ())]
    rows += [
        _score_row(f"{other}: {name}", part, {}) for other, theirs in others.items() for name, part in _parts(theirs)
    ]
    theirs = {**teacher.get("groups", {}), **({MEAN: teacher["harmonic"]} if "harmonic" in teacher else {})}
    rows += [_teacher_row(name, part, len(COLUMNS)) for name, part in theirs.items()]
    if restricted and (part := restricted["groups"].get("unseen")) and part["images"]:
        rows.append(_score_row("unseen, among unseen", part, restricted["chance"]["unseen"]))
    over = dict.fromkeys(column[0] for column in COLUMNS)
    spans = "".join(f'<th colspan="{sum(c[0] == name for c in COLUMNS)}">{escape(name)}</th>' for name in over)
    heads = "".join(f"<th>{escape(column[1])}</th>" for column in COLUMNS)
    head = f'<tr class="over"><th></th><th></th>{spans}</tr><tr><th>verbs</th><th>images</th>{heads}</tr>'
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _score_row(name: str, part: Mapping[str, Any], chance: Mapping[str, float | None]) -> str:
    cells = [f"<td>{escape(name)}</td><td>{part['images']:,}</td>"]
    for *_, setting, metric, key in COLUMNS:
        guess = f"<small>chance {percent(chance[key])}</small>" if chance.get(key) is not None else ""
        cells.append(f"<td><b>{percent(part['per_verb'][setting][metric])}</b>{guess}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _teacher_row(group: str, part: Mapping[str, float], width: int) -> str:
    cells = [f"<td>teacher, zero-shot: {escape(group)}</td><td></td>"]
    cells += [f"<td><b>{percent(part[key])}</b></td>" for key in ("verb_top1", "verb_top5")]
    return f"<tr>{''.join(cells)}{'<td></td>' * (width - 2)}</tr>"


def _scores_note(split: Split, has_train: bool, verbs: int) -> str:
    usual = " and, for nouns and boxes, the usual answer of each role in the training images" if has_train else ""
    return escape(
        f"Per cent on {split.name}, averaged per verb, by the official protocol. Every image is judged among all "
        f"{verbs} verbs unless the row says otherwise. Chance is an even guess of the verb{usual}. "
        "The harmonic mean is that of seen and unseen."
    )


def _parts(scores: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    parts = {name: part for name, part in scores.get("groups", {"all": scores}).items() if part["images"]}
    if {"seen", "unseen"} <= parts.keys():
        parts[MEAN] = _mean(parts["seen"], parts["unseen"])
    return list(parts.items())


def _mean(seen: Mapping[str, Any], unseen: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the columns, of both groups together."""
    found: dict[str, Any] = {"images": seen["images"] + unseen["images"], "per_verb": {}}
    for *_, setting, metric, _ in COLUMNS:
        means = found["per_verb"].setdefault(setting, {})
        means[metric] = harmonic(*(part["per_verb"][setting][metric] for part in (seen, unseen)))
    return found


def _charts(metrics: list[dict[str, Any]]) -> str:
    train = [line for line in metrics if line["kind"] == "train"]
    dev = [line for line in metrics if line["kind"] == "dev"]
    charts = [line_chart(title, _dev_lines(dev, key)) for key, title in DEV.items()]
    charts += [
        line_chart(title, {title: [(m["step"], m[key]) for m in train if key in m]}) for key, title in LOSSES.items()
    ]
    return "".join(charts) or '<p class="note">This folder has no metrics.jsonl.</p>'


def _dev_lines(dev: list[dict[str, Any]], key: str) -> dict[str, list[tuple[float, float]]]:
    """One line a group."""
    groups = dict.fromkeys(name for line in dev for name, part in line.items() if isinstance(part, dict))
    return {name: [(line["step"], 100 * line[name][key]) for line in dev if name in line] for name in groups}


def _confusion(truth: Annotations, said: Answers, groups: Groups | None) -> str:
    verbs, counts = truth.ontology.verbs, np.zeros((len(truth.ontology.verbs),) * 2)
    np.add.at(counts, (truth.verbs, said.ranked_verbs()[:, 0]), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    members = list(groups) if groups else [verbs]
    order = [truth.ontology.verb_index[verb] for group in members for verb in group]
    beside = len(order) <= MOST_BESIDE
    table = f'<div class="panel list">{_top_confusions(shares, counts, verbs, 1 if beside else 3)}</div>'
    if len(order) > MOST_CELLS:
        return f'<div class="stacked">{table}</div>'
    breaks = np.cumsum([len(group) for group in members])[:-1].tolist()
    chart = heat_map(shares[np.ix_(order, order)].tolist(), [verbs[i] for i in order], breaks)
    return f'<div class="{"beside" if beside else "stacked"}"><div class="panel">{chart}</div>{table}</div>'


def _top_confusions(shares: Shares, counts: Shares, verbs: Sequence[str], tables: int) -> str:
    """The largest shares off the diagonal, in so many tables."""
    wrong = np.where(np.eye(len(verbs), dtype=bool), 0, shares)
    largest = np.lexsort((-counts.ravel(), -wrong.ravel()))[:MOST_PAIRS]
    pairs = [divmod(int(i), len(verbs)) for i in largest if wrong.flat[i] > 0]
    if not pairs:
        return "<p>No verb was taken for another.</p>"
    head = "<tr><th>annotated</th><th>taken for</th><th>%</th><th>images</th></tr>"
    rows = [
        f"<tr><td>{escape(verbs[a])}</td><td>{escape(verbs[b])}</td><td>{percent(shares[a, b])}</td>"
        f"<td>{counts[a, b]:.0f} of {counts[a].sum():.0f}</td></tr>"
        for a, b in pairs
    ]
    size = -(-len(rows) // tables)
    parts = ["".join(rows[i : i + size]) for i in range(0, len(rows), size)]
    return "".join(f"<table><thead>{head}</thead><tbody>{part}</tbody></table>" for part in parts)
