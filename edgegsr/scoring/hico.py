"""The scores of HICO-DET: mean average precision of human-object pairs, with the variants of other scripts as switches.

For each kind of interaction, predictions of the whole set are ranked by score. One is right if the true pair of its
kind in its image that fits best, by the worse of its two boxes, overlaps by a half or more, and no better one took it.
Images without any pair count: all that is predicted there is wrong. All of it is arithmetic over columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from edgegsr.errors import InputError
from edgegsr.interactions import Bools, Floats, Ints, Pairs
from edgegsr.scoring.curve import POINTS, Curve, curves
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.scoring.pairing import HALF, WIDTHS, candidates, overlap
from edgegsr.scoring.rules import check, profile_of

SWITCHES: dict[str, tuple[str, ...]] = {
    "recall_points": POINTS,
    "overlap": ("at_least", "above"),  # a half
    "match": ("best", "best_unused", "first"),  # the true pair: that fits best; of those not taken; the first that fits
    "width": WIDTHS,
    "origin": ("same", "unshifted"),  # predictions from 0 beside a truth from 1, as they are
    "empty_images": ("count", "skip"),
    "top": ("all", "100"),  # predictions of an image, the best
    "absent": ("zero", "skip"),  # a kind without a true pair: counts as 0 in every mean, or not at all
}


@dataclass(frozen=True)
class Rules:
    """The switches of the protocol; the defaults are the official one."""

    recall_points: str = "float64"
    overlap: str = "at_least"
    match: str = "best"
    width: str = "plus1"
    origin: str = "same"
    empty_images: str = "count"
    top: str = "all"
    absent: str = "zero"

    def __post_init__(self) -> None:
        check(self, SWITCHES)

    @property
    def profile(self) -> str:
        """The name that these rules go by, or "custom"."""
        return profile_of(self, PROFILES)


REFERENCE = Rules()

# What a profile cannot say: qpic multiplies scores by which verb goes with which object before its best 100 are kept,
# GEN-VLKT suppresses double pairs and adds the object's score squared. That is part of making predictions.
PROFILES = {
    "reference": REFERENCE,
    "exact": Rules(recall_points="exact"),
    "matlab": Rules(recall_points="both_ends"),
    "qpic": Rules(top="100"),  # GEN-VLKT too
    "upt": Rules(overlap="above", empty_images="skip", recall_points="both_ends"),
}


PARTIAL = Rules(absent="skip")  # for a part of a data set, which does not show every kind


class Means(NamedTuple):
    """Mean AP over kinds, as a fraction; None where no kind belongs to it."""

    full: float | None
    rare: float | None
    non_rare: float | None


class ZeroShot(NamedTuple):
    """Mean AP over the kinds that training has not shown, the others, and all."""

    unseen: float | None
    seen: float | None
    full: float | None
    harmonic: float | None


@dataclass(frozen=True)
class Scores:
    """The metrics as fractions, and the AP of each kind."""

    truth: Pairs
    curve: Curve
    known: Curve  # the same by images that are known to show the object
    rules: Rules
    known_from: str  # what told which images show an object
    missing: int  # images of the truth without a line in the predictions
    outside: int  # predictions of a verb and an object that are no kind: dropped

    @property
    def counted(self) -> Bools:
        """(K,) the kinds that means are over."""
        every = np.ones(len(self.truth.kinds), bool)
        return self.truth.counts > 0 if self.rules.absent == "skip" else every

    @property
    def default(self) -> Means:
        return _means(self.curve.ap, self.truth.kinds.rare, self.counted)

    @property
    def known_object(self) -> Means:
        return _means(self.known.ap, self.truth.kinds.rare, self.counted)

    @property
    def groups(self) -> dict[str, ZeroShot]:
        """By zero-shot setting."""
        unseen = self.truth.kinds.unseen.items()
        return {name: _zero_shot(self.curve.ap, kinds, self.counted) for name, kinds in unseen}

    def to_json(self) -> dict[str, Any]:
        """The object that `edgegsr score --task hico --json` prints."""
        return {
            "default": self.default._asdict(),
            "known_object": self.known_object._asdict(),
            "zero_shot": {name: group._asdict() for name, group in self.groups.items()},
            "recall": _mean(self.curve.recall, self.counted),
            "kinds": [
                {"verb": verb, "object": noun, "ap": ap, "known_object_ap": known, "pairs": pairs}
                for (verb, noun), ap, known, pairs in zip(
                    map(self.truth.kinds.names, range(len(self.truth.kinds))),
                    self.curve.ap.tolist(),
                    self.known.ap.tolist(),
                    self.truth.counts.tolist(),
                )
            ],
            "unit": "fraction",
            "profile": self.rules.profile,
            "rules": vars(self.rules),
            "known_object_from": self.known_from,
            "images": len(self.truth),
            "kinds_without_pairs": int((self.truth.counts == 0).sum()),
            "missing": self.missing,
            "outside": self.outside,
        }


def score(
    truth: Pairs,
    predictions: PredictedPairs,
    rules: Rules = REFERENCE,
    known: Bools | None = None,
) -> Scores:
    """All metrics. `known` (N, objects): which images show an object, by default those with a pair of it."""
    if not len(truth.image):
        raise InputError("scoring: wanted annotated pairs, got none")
    said = predictions.ranked()
    if rules.top != "all":
        said = said.take(_rank_in_image(said.image, len(truth)) < int(rules.top))
    if rules.empty_images == "skip":
        said = said.take(~truth.empty[said.image])
    right = judge(truth, said, rules)
    there = shown(truth) if known is None else known
    objects = truth.kinds.pairs[:, 1]
    kept = there[said.image, objects[said.kind]]
    plain = curves(said.kind, right, truth.counts, rules.recall_points)
    return Scores(
        truth,
        plain,
        curves(said.kind[kept], right[kept], truth.counts, rules.recall_points),
        rules,
        "the pairs of the truth" if known is None else "image labels",
        missing=int((~predictions.present).sum()),
        outside=predictions.outside,
    )


def shown(truth: Pairs) -> Bools:
    """(N, objects): images with a pair of an object."""
    table = np.zeros((len(truth), len(truth.kinds.objects)), bool)
    table[truth.image, truth.kinds.pairs[truth.kind, 1]] = True
    return table


def judge(truth: Pairs, said: PredictedPairs, rules: Rules = REFERENCE) -> Bools:
    """(M,) whether each prediction is right; `said` comes best first."""
    said_at, true_at = _candidates(truth, said)
    fit = np.minimum(
        _overlap(said.humans_xyxy[said_at], truth.humans_xyxy[true_at], rules),
        _overlap(said.objects_xyxy[said_at], truth.objects_xyxy[true_at], rules),
    )
    enough = fit > HALF if rules.overlap == "above" else fit >= HALF
    right = np.zeros(len(said), bool)
    if rules.match == "best_unused":
        right[_greedy(said_at, true_at, np.where(enough, fit, -1.0))] = True
        return right
    if rules.match == "best":
        enough &= fit == _best_of(said_at, fit)
    _, first = np.unique(said_at[enough], return_index=True)  # of equals, the first in the file
    chosen, taken = said_at[enough][first], true_at[enough][first]
    _, best = np.unique(taken, return_index=True)  # `chosen` rises, and said comes best first
    right[chosen[best]] = True
    return right


def _candidates(truth: Pairs, said: PredictedPairs) -> tuple[Ints, Ints]:
    """Each prediction beside each true pair of its kind in its image."""
    kinds = len(truth.kinds)
    keys = truth.image.astype(np.int64) * kinds + truth.kind
    return candidates(said.image.astype(np.int64) * kinds + said.kind, keys)


def _overlap(said_xyxy: Floats, true_xyxy: Floats, rules: Rules) -> Floats:
    return overlap(said_xyxy - 1 if rules.origin == "unshifted" else said_xyxy, true_xyxy, rules.width)


def _best_of(groups: Ints, values: Floats) -> Floats:
    """The largest value of the group that each belongs to; groups come sorted."""
    if not len(groups):
        return values
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.repeat(np.maximum.reduceat(values, starts), np.diff(starts, append=len(groups)))


def _greedy(said_at: Ints, true_at: Ints, fit: Floats) -> list[int]:
    """The predictions that find a true pair when each, best first, takes the best one that is left."""
    taken: set[int] = set()
    found: list[int] = []
    starts = np.flatnonzero(np.diff(said_at, prepend=-1))
    for start, end in zip(starts, np.append(starts[1:], len(said_at))):
        free = [i for i in range(start, end) if fit[i] >= 0 and int(true_at[i]) not in taken]
        if free:
            taken.add(int(true_at[max(free, key=lambda i: fit[i])]))
            found.append(int(said_at[start]))
    return found


def _rank_in_image(image: Ints, n: int) -> Ints:
    """(M,) how many better predictions the image has; they come best first."""
    order = np.argsort(image, kind="stable")
    counts = np.bincount(image, minlength=n)
    ranks = np.empty(len(image), np.int64)
    ranks[order] = np.arange(len(image)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranks


def _mean(ap: Floats, kinds: Bools) -> float | None:
    return float(ap[kinds].mean()) if kinds.any() else None


def _means(ap: Floats, rare: Bools, counted: Bools) -> Means:
    return Means(_mean(ap, counted), _mean(ap, rare & counted), _mean(ap, ~rare & counted))


def _zero_shot(ap: Floats, kinds: Bools, counted: Bools) -> ZeroShot:
    unseen, seen = _mean(ap, kinds & counted), _mean(ap, ~kinds & counted)
    both = None if unseen is None or seen is None else 2 * unseen * seen / (unseen + seen) if unseen + seen else 0.0
    return ZeroShot(unseen, seen, _mean(ap, counted), both)
