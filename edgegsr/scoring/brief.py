"""Six numbers a group of what a scorer says in hundreds, and what of them is lost from one model to another. stdlib.

Of pairs it is one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgegsr.scoring.hico import Scores

BRIEF = {  # the numbers of a training's progress, by setting and metric of the official table
    "verb_top1": ("top1", "verb"),
    "verb_top5": ("top5", "verb"),
    "value_top1": ("top1", "value"),
    "grounded_top1": ("top1", "grounded"),
    "value": ("gt", "value"),
    "grounded": ("gt", "grounded"),
}
JUDGED = ("verb_top1", "value", "grounded", "mean_ap")  # what must be kept of a student; of pairs the last alone

Dev = Mapping[str, Mapping[str, float | None]]  # by group of verbs, as `brief` has it


def brief(scores: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Six numbers a group, averaged per verb, of what `evaluate` gives; and the harmonic mean of seen and unseen."""
    parts = scores.get("groups") or {"all": scores}
    found = {
        group: {name: part["per_verb"][setting][metric] for name, (setting, metric) in BRIEF.items()}
        for group, part in parts.items()
        if part["images"]
    }
    if {"seen", "unseen"} <= found.keys():
        found["harmonic"] = {name: harmonic(found["seen"][name], found["unseen"][name]) for name in BRIEF}
    return found


def brief_pairs(scores: Scores) -> dict[str, dict[str, float | None]]:
    """The one number of interactions: the mean AP over all kinds."""
    return {"all": {"mean_ap": scores.default.full}}


def harmonic(seen: float, unseen: float) -> float:
    """The mean of two shares that neither can make up for the other."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def losses(before: Dev, after: Dev) -> Iterator[tuple[str, str, float]]:
    """Group, score, and the share of it that is lost; below 0 for a gain."""
    for group, scores in before.items():
        for name in JUDGED:
            if was := scores.get(name):
                yield group, name, 1 - (after[group][name] or 0) / was


def worst(before: Dev, after: Dev) -> float:
    """The largest share of a score that is lost."""
    return max((lost for _, _, lost in losses(before, after)), default=0.0)
