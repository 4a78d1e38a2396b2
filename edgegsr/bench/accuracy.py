"""How right each subject was about annotated photos, how often two of them say the same, and what a gate says. numpy.

It reads the files that `edgegsr score` reads, so that whoever doubts a number can have them judged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.bench.interval import intervals, pair_intervals
from edgegsr.boxes import iou
from edgegsr.interactions import Pairs
from edgegsr.scoring import hico
from edgegsr.scoring.brief import Dev, brief, brief_pairs, losses
from edgegsr.scoring.gsr import judge, score
from edgegsr.scoring.pair_predictions import read_hico
from edgegsr.scoring.predictions import Predictions, read_predictions

EVERY = "all"  # kinds of interaction
OVERLAP = 0.5  # of boxes that are taken for the same


def judged(path: Path, truth: Annotations | Pairs, groups: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    """Scores by the official protocol, by group; those of a subject that says verbs alone have verbs alone."""
    if isinstance(truth, Pairs):
        pairs = read_hico(path, truth)
        found = hico.score(truth, pairs, hico.PARTIAL)
        ends = pair_intervals(truth, pairs, found.default.full or 0.0)
        return {"groups": brief_pairs(found), "intervals": ends, "images": {EVERY: len(truth)}}
    said = read_predictions(path, truth)
    scores = score(truth, said, groups=groups).to_json()
    numbers = brief(scores)
    if not said.answered.any():
        numbers = {
            group: {name: value for name, value in part.items() if name.startswith("verb_")}
            for group, part in numbers.items()
        }
    right = said.ranked_verbs[:, 0] == truth.verbs
    return {
        "groups": numbers,
        "intervals": intervals(truth, judge(truth, said), groups, next(iter(numbers.values()))),
        "images": _counts(scores),
        "verb_right": np.packbits(right).tobytes().hex(),  # photo by photo, for a comparison of pairs
    }


def agreement(a: Path, b: Path, truth: Annotations | Pairs) -> dict[str, float]:
    """The shares of photos and roles about which two say the same, right or wrong; of interactions none is told."""
    if isinstance(truth, Pairs):
        return {}
    one, other = (read_predictions(path, truth) for path in (a, b))
    found = {"verb": float((one.ranked_verbs[:, 0] == other.ranked_verbs[:, 0]).mean())}
    asked = truth.has_role & (one.answered & other.answered)[:, None]
    if asked.any():
        found["noun"] = float((one.nouns == other.nouns)[asked].mean())
        found["box"] = float(_same_boxes(one, other)[asked].mean())
    return {name: round(value, 4) for name, value in found.items()}


def missed(student: Dev, scores: Dev, kept: float) -> Iterator[str]:
    """A line for every score that keeps less of the student's than it should."""
    for group, name, lost in losses(student, scores):
        if lost > 1 - kept:
            yield (
                f"{name}, {group}: {100 * (scores[group][name] or 0):.1f} % where the student has "
                f"{100 * (student[group][name] or 0):.1f} %, at least {kept:.0%} of it was wanted"
            )


def _same_boxes(one: Predictions, other: Predictions) -> Any:
    both = one.has_box & other.has_box
    with np.errstate(invalid="ignore"):
        near = iou(one.boxes_xyxy, other.boxes_xyxy) >= OVERLAP
    return np.where(both, near, one.has_box == other.has_box)


def _counts(scores: Mapping[str, Any]) -> dict[str, int]:
    parts = scores.get("groups") or {"all": scores}
    return {group: part["images"] for group, part in parts.items() if part["images"]}
