"""The scores of grounded situation recognition: the official protocol, and variants of other repositories as switches.

For an image with true verb v, answers are those for the frame of v. A noun is right if an annotator gave it, "" too.
A box is right if it overlaps the true one enough, or if none is true and none is said to exist. A wrong verb makes all
nouns and boxes of the image wrong. As the reference evaluators do, true boxes are truncated to whole pixels and
predicted boxes are clipped to the image before they are compared. All of it is arithmetic over columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr import boxes
from edgegsr.annotations import Annotations
from edgegsr.errors import InputError
from edgegsr.scoring.predictions import Predictions
from edgegsr.scoring.rules import check, profile_of
from edgegsr.situation import OOV

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Table = dict[str, dict[str, "float | None"]]  # setting -> metric -> fraction; None where there is no image

METRICS = ("verb", "value", "value_all", "grounded", "grounded_all")
SETTINGS = {"top1": METRICS, "top5": METRICS, "gt": METRICS[1:]}

SWITCHES = {
    "absent_box": ("must_predict_absent", "free", "ignore"),  # a role without a true box: say so, nothing, leave it out
    "iou_rule": ("ge_plain", "gt_plus1"),  # >= 0.5 of plain areas; > 0.5 of areas one pixel wider and higher
    "average": ("per_verb", "per_image", "per_role"),
    "grnd_rule": ("joint", "any_box"),  # noun and box of each role; one right box in the image, whatever noun and verb
    "existence": ("predicted", "not_predicted"),  # whether a box said not to exist is wrong, or judged as if it did
}


@dataclass(frozen=True)
class Rules:
    """The switches of a scoring protocol; the defaults are the official one."""

    absent_box: str = "must_predict_absent"
    iou_rule: str = "ge_plain"
    average: str = "per_verb"  # the headline; `Scores` holds per_verb and per_image always
    grnd_rule: str = "joint"
    existence: str = "predicted"
    oov_match: bool = False  # the answer "oov" equals a true noun outside the truth's ontology

    def __post_init__(self) -> None:
        check(self, SWITCHES)

    @property
    def profile(self) -> str:
        """The name that these rules go by, or "custom"."""
        return profile_of(self, PROFILES)


STRICT = Rules()

# What a profile cannot say: how its repository makes predictions, and
# coformer: true nouns outside the training list are "oov" only if the truth was read with that list as its ontology;
# jsl: its code clips boxes at 0 and not at the far side;
# relation_r1: nouns compared by lemma and string, verbs found anywhere in a free-text answer;
# clipsitu: boxes made from the true nouns. (Its square of 224 px changes no overlap: plain IoU does not mind scaling.)
PROFILES = {
    "strict": STRICT,
    "coformer": Rules(average="per_image", oov_match=True),
    "jsl": Rules(iou_rule="gt_plus1"),
    "situformer": Rules(absent_box="free", iou_rule="gt_plus1", average="per_role", existence="not_predicted"),
    "relation_r1": Rules(absent_box="free", average="per_role"),
    "clipsitu": Rules(absent_box="ignore", average="per_image", grnd_rule="any_box", existence="not_predicted"),
}


@dataclass(frozen=True)
class Verdict:
    """What each image earned with its true verb given, and whether its verb was found."""

    top1: Bools  # (N,)
    top5: Bools
    value: Floats  # (N,) share of the roles
    value_all: Bools
    grounded: Floats
    grounded_all: Bools
    value_weights: npt.NDArray[np.int64]  # (N,) how many roles `value` is a share of
    grounded_weights: npt.NDArray[np.int64]
    needs_verb: bool  # whether a wrong verb makes boxes wrong

    def column(self, setting: str, metric: str) -> Floats:
        """(N,) one metric of one setting."""
        gate = {"top1": self.top1, "top5": self.top5, "gt": np.ones(len(self.top1), bool)}[setting]
        if metric == "verb":
            return gate.astype(float)
        earned: Floats = getattr(self, metric).astype(float)
        return earned * gate if self.needs_verb or metric.startswith("value") else earned

    def weights(self, metric: str) -> npt.NDArray[np.int64]:
        """(N,) how often an image counts in the mean over roles."""
        once = np.ones_like(self.value_weights)
        return {"value": self.value_weights, "grounded": self.grounded_weights}.get(metric, once)


@dataclass(frozen=True)
class Scores:
    """The metrics as fractions, averaged in every way that the rules and the contract name."""

    averages: dict[str, Table]  # per_verb, per_image, and per_role where the rules ask for it
    images: int
    missing: int  # images without a prediction: wrong in everything
    unanswered: int  # images with a prediction that lacks the frame of the true verb: wrong in nouns and boxes
    rules: Rules
    groups: dict[str, Scores] = field(default_factory=dict)

    @property
    def headline(self) -> Table:
        """The average that the rules name."""
        return self.averages[self.rules.average]

    def to_json(self) -> dict[str, Any]:
        """The object that `edgegsr score --task swig --json` prints."""
        whole = {**self._counts(), "profile": self.rules.profile, "average": self.rules.average}
        return {**whole, "groups": {n: s._counts() for n, s in self.groups.items()}} if self.groups else whole

    def _counts(self) -> dict[str, Any]:
        return {**self.averages, "images": self.images, "missing": self.missing, "unanswered": self.unanswered}


def score(
    truth: Annotations,
    predictions: Predictions,
    rules: Rules = STRICT,
    groups: Mapping[str, Collection[str]] | None = None,
) -> Scores:
    """All metrics of the predictions; with `groups` (name -> verbs) also those of each group's images, and of "all"."""
    if not len(truth):
        raise InputError("scoring: wanted annotated images, got none")
    verdict = judge(truth, predictions, rules)
    every = np.ones(len(truth), bool)
    whole = _scores(truth, predictions, rules, verdict, every)
    if groups is None:
        return whole
    parts = {
        name: _scores(truth, predictions, rules, verdict, _with_verbs(truth, verbs)) for name, verbs in groups.items()
    }
    return Scores(whole.averages, whole.images, whole.missing, whole.unanswered, rules, {**parts, "all": whole})


def judge(truth: Annotations, predictions: Predictions, rules: Rules = STRICT) -> Verdict:
    """The verdict on each image, before any averaging."""
    if len(predictions) != len(truth):
        raise InputError(f"scoring: wanted predictions for {len(truth)} images, got {len(predictions)}")
    found = predictions.ranked_verbs == truth.verbs[:, None]
    answered, asked = predictions.answered, truth.has_role
    judged = asked & truth.has_box if rules.absent_box == "ignore" else asked
    any_box = rules.grnd_rule == "any_box"
    right_noun = _right_nouns(truth, predictions, rules)
    right_box = _right_boxes(truth, predictions, rules)
    grounded = right_box if any_box else right_noun & right_box
    share = _share(grounded, judged)
    return Verdict(
        top1=found[:, 0],
        top5=found.any(1),
        value=_share(right_noun, asked) * answered,
        value_all=_all(right_noun, asked) & answered,
        grounded=(np.ceil(share) if any_box else share) * answered,
        grounded_all=_all(grounded, judged) & answered,  # nothing to judge is nothing wrong, as in CLIPSitu's code
        value_weights=asked.sum(1),
        grounded_weights=np.ones(len(truth), np.int64) if any_box else judged.sum(1),
        needs_verb=not any_box,
    )


def _right_nouns(truth: Annotations, predictions: Predictions, rules: Rules) -> Bools:
    same = predictions.nouns[:, None] == truth.nouns  # (N, 3, 6)
    if not rules.oov_match:
        same &= truth.nouns != OOV
    given: Bools = np.logical_or.reduce(same, axis=1)
    return given


def _right_boxes(truth: Annotations, predictions: Predictions, rules: Rules) -> Bools:
    true = np.trunc(truth.boxes_xyxy.astype(np.float64))
    said = boxes.clip(predictions.boxes_xyxy, truth.sizes_wh[:, None])
    near = boxes.iou(said, true) >= 0.5 if rules.iou_rule == "ge_plain" else _widened_iou(said, true) > 0.5
    exists = predictions.has_box | (rules.existence == "not_predicted")
    absent = ~predictions.has_box | (rules.absent_box == "free")
    right: Bools = np.where(truth.has_box, near & exists, absent)
    return right


def _widened_iou(a_xyxy: boxes.Boxes, b_xyxy: boxes.Boxes) -> Floats:
    pixel = np.array([0.0, 0.0, 1.0, 1.0])
    return boxes.iou(a_xyxy + pixel, b_xyxy + pixel)


def _share(right: Bools, counted: Bools) -> Floats:
    share: Floats = (right & counted).sum(1) / np.maximum(counted.sum(1), 1)
    return share


def _all(right: Bools, counted: Bools) -> Bools:
    every: Bools = np.logical_and.reduce(right | ~counted, axis=1)
    return every


def _with_verbs(truth: Annotations, verbs: Collection[str]) -> Bools:
    wanted = set(verbs)
    return np.array([verb in wanted for verb in truth.ontology.verbs], bool)[truth.verbs]


def _scores(truth: Annotations, predictions: Predictions, rules: Rules, verdict: Verdict, rows: Bools) -> Scores:
    names = dict.fromkeys(("per_verb", "per_image", rules.average))
    return Scores(
        averages={name: _table(verdict, truth.verbs, rows, name) for name in names},
        images=int(rows.sum()),
        missing=int((~predictions.present & rows).sum()),
        unanswered=int((predictions.present & ~predictions.answered & rows).sum()),
        rules=rules,
    )


def _table(verdict: Verdict, verbs: npt.NDArray[np.int32], rows: Bools, average: str) -> Table:
    def mean(setting: str, metric: str) -> float | None:
        return AVERAGES[average](verdict.column(setting, metric)[rows], verbs[rows], verdict.weights(metric)[rows])

    return {setting: {metric: mean(setting, metric) for metric in metrics} for setting, metrics in SETTINGS.items()}


def _per_verb(column: Floats, verbs: npt.NDArray[np.int32], weights: npt.NDArray[np.int64]) -> float | None:
    counts = np.bincount(verbs)
    seen = counts > 0
    means = np.bincount(verbs, column)[seen] / counts[seen]
    return float(means.mean()) if len(means) else None


def _per_image(column: Floats, verbs: npt.NDArray[np.int32], weights: npt.NDArray[np.int64]) -> float | None:
    return float(column.mean()) if len(column) else None


def _per_role(column: Floats, verbs: npt.NDArray[np.int32], weights: npt.NDArray[np.int64]) -> float | None:
    return float((column * weights).sum() / weights.sum()) if weights.any() else None


AVERAGES = {"per_verb": _per_verb, "per_image": _per_image, "per_role": _per_role}
