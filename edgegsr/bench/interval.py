"""Between what a score lies with 95 %: a bootstrap over photos, of the mean over verbs or kinds that it is. numpy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.interactions import Pairs
from edgegsr.scoring.brief import BRIEF, harmonic
from edgegsr.scoring.gsr import Verdict
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.scoring.resampled import around, resampled

SURE, DRAWS, SEED = 0.95, 1000, 0
PAIR_DRAWS = 300  # each goes through every prediction

Intervals = dict[str, dict[str, list[float]]]  # by group and score: from, to


def intervals(
    truth: Annotations, verdict: Verdict, groups: Mapping[str, Collection[str]] | None, scores: Collection[str]
) -> Intervals:
    """Of every group that has photos, and of the harmonic mean of seen and unseen."""
    verbs = np.array(truth.ontology.verbs)
    members = {name: np.isin(verbs, list(those)) for name, those in (groups or {}).items()}
    members["all"] = np.ones(len(verbs), bool)
    columns = {name: verdict.column(*BRIEF[name]) for name in BRIEF if name in scores}
    present = {group for group, those in members.items() if those[truth.verbs].any()}
    means: dict[str, dict[str, list[float]]] = {group: {name: [] for name in columns} for group in members}
    dice = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        rows = dice.integers(len(truth), size=len(truth))
        drawn = truth.verbs[rows]
        counts = np.bincount(drawn, minlength=len(verbs))
        for name, column in columns.items():
            earned = np.bincount(drawn, column[rows], len(verbs)) / np.maximum(counts, 1)
            for group in present:
                if (those := members[group] & (counts > 0)).any():
                    means[group][name].append(float(earned[those].mean()))
    found = {group: each for group, each in means.items() if group in present}
    if {"seen", "unseen"} <= found.keys():
        pairs = {name: zip(found["seen"][name], found["unseen"][name]) for name in columns}
        found["harmonic"] = {name: [harmonic(*pair) for pair in each] for name, each in pairs.items()}
    return {group: {name: _ends(each) for name, each in part.items()} for group, part in found.items()}


def pair_intervals(truth: Pairs, said: PredictedPairs, mean_ap: float) -> Intervals:
    """Around the mean AP over the kinds that the photos show."""
    drawn = resampled(truth, said, PAIR_DRAWS, SEED)
    drawn = drawn[~np.isnan(drawn).all(1)]  # few photos may be drawn without a pair
    ends = np.clip(around(mean_ap, np.nanmean(drawn, axis=1), SURE), 0, 1)
    return {"all": {"mean_ap": [round(float(end), 4) for end in ends]}}


def _ends(means: Any) -> list[float]:
    return [round(float(end), 4) for end in np.percentile(means, (50 * (1 - SURE), 50 * (1 + SURE)))]
