"""The scores of V-COCO: average precision of who does what (agents) and with what (roles), driven by persons.

A prediction belongs to the true person that its own person overlaps most, however little. Where nobody said what that
person does, it is left out; otherwise it is right if the person does it, overlaps by a half, fits in its role, and no
better prediction of the same action took that person. An act whose object is not annotated: in scenario 1 right only
if none is predicted, in scenario 2 right whatever is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from edgegsr.errors import InputError
from edgegsr.interactions import Bools, Floats, Ints, Persons
from edgegsr.scoring.curve import curves
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.scoring.pairing import HALF, WIDTHS, candidates, overlap
from edgegsr.scoring.rules import check, profile_of

POINT = "point"  # 31 persons of test do it: the stock script counts it, papers do not

SWITCHES: dict[str, tuple[str, ...]] = {
    "recall_points": ("all", "float64", "exact", "both_ends"),
    "width": WIDTHS,
    "unlabelled": ("ignore", "wrong"),  # a prediction on a person of whom nobody said anything
    "nobody": ("first", "wrong"),  # a prediction that overlaps no person: is of the first one, or wrong
    "positives": ("all", "with_object"),  # of a role: every person who acts, or those with an object
    "absent_object": ("none", "never"),  # scenario 1, act without an object: right where none is predicted, or never
}


@dataclass(frozen=True)
class Rules:
    """The switches of the protocol; the defaults are the official one."""

    recall_points: str = "all"
    width: str = "plus1"
    unlabelled: str = "ignore"
    nobody: str = "first"
    positives: str = "all"
    absent_object: str = "none"

    def __post_init__(self) -> None:
        check(self, SWITCHES)

    @property
    def profile(self) -> str:
        """The name that these rules go by, or "custom"."""
        return profile_of(self, PROFILES)


REFERENCE = Rules()
PROFILES = {"reference": REFERENCE}


class RoleMeans(NamedTuple):
    """Mean role AP as fractions: as papers print it, without `point`, and of the stock script."""

    mean24: float
    mean25: float


@dataclass(frozen=True)
class Scores:
    """The metrics as fractions: AP of each action, and of each slot in both scenarios."""

    truth: Persons
    agents: Floats  # (A,)
    roles: tuple[Floats, Floats]  # (S,) of scenario 1 and 2
    has_agents: bool  # whether the predictions say who acts at all
    rules: Rules
    missing: int  # images of the truth without a line in the predictions

    @property
    def agent_ap(self) -> float | None:
        return float(self.agents.mean()) if self.has_agents else None

    def role_ap(self, scenario: int) -> RoleMeans:
        """The means of scenario 1 or 2."""
        ap = self.roles[scenario - 1]
        papers = np.array([action != POINT for action, _ in self.truth.acts.slots], bool)
        if not papers.any():
            raise InputError("scoring: wanted actions with a role, got none")
        return RoleMeans(float(ap[papers].mean()), float(ap.mean()))

    def to_json(self) -> dict[str, Any]:
        """The object that `edgegsr score --task vcoco --json` prints."""
        acts = self.truth.acts
        return {
            "agent_ap": self.agent_ap,
            "role_ap": {f"scenario{n}": self.role_ap(n)._asdict() for n in (1, 2)},
            "agents": dict(zip(acts.names, self.agents.tolist())) if self.has_agents else None,
            "roles": {
                f"{action}-{role}": {"scenario1": one, "scenario2": two}
                for (action, role), one, two in zip(acts.slots, *(ap.tolist() for ap in self.roles))
            },
            "unit": "fraction",
            "profile": self.rules.profile,
            "rules": vars(self.rules),
            "images": len(self.truth),
            "missing": self.missing,
        }


def score(truth: Persons, predictions: PredictedPairs, rules: Rules = REFERENCE) -> Scores:
    """All metrics of the predictions."""
    if not truth.does.any():
        raise InputError("scoring: wanted persons that do something, got none")
    said = predictions.ranked()
    has_agents = bool((said.kind < len(truth.acts.names)).any())
    person, near = _persons(truth, said, rules)
    if rules.unlabelled == "ignore":
        counted = (person < 0) | truth.labelled[person]
        said, person, near = said.take(counted), person[counted], near[counted]
    actions = len(truth.acts.names)
    agents, roles = said.kind < actions, said.kind >= actions
    does = truth.does & truth.labelled[:, None]
    agent_ap = _ap(said.kind[agents], person[agents], near[agents], does, rules)
    slots, who, close = said.kind[roles] - actions, person[roles], near[roles]
    acting = does[:, truth.acts.of_slot]
    positives = acting & truth.has_object if rules.positives == "with_object" else acting
    fits = [_fits(truth, said.take(roles), slots, who, scenario, rules) for scenario in (1, 2)]
    one, two = (_ap(slots, who, close & fit, acting, rules, positives) for fit in fits)
    return Scores(truth, agent_ap, (one, two), has_agents, rules, int((~predictions.present).sum()))


def _persons(truth: Persons, said: PredictedPairs, rules: Rules) -> tuple[Ints, Bools]:
    """The true person that each prediction belongs to, -1 for none, and whether they overlap by a half."""
    rows, at = candidates(said.image, truth.image)
    fit = overlap(said.humans_xyxy[rows], truth.persons_xyxy[at], rules.width)
    best = np.lexsort((np.arange(len(rows)), -fit, rows))  # by prediction, then the best, then the first of the image
    _, starts = np.unique(rows, return_index=True)
    chosen = best[starts]
    person, near = np.full(len(said), -1), np.zeros(len(said), bool)
    person[rows[chosen]], near[rows[chosen]] = at[chosen], fit[chosen] >= HALF
    if rules.nobody == "wrong":
        person[rows[chosen[fit[chosen] == 0]]] = -1
    return person, near


def _fits(truth: Persons, said: PredictedPairs, slots: Ints, person: Ints, scenario: int, rules: Rules) -> Bools:
    """Whether each prediction has the object of its person's act, or rightly none."""
    true_xyxy, there = truth.objects_xyxy[person, slots], truth.has_object[person, slots]
    near = said.has_object & (overlap(said.objects_xyxy, true_xyxy, rules.width) >= HALF)
    absent = True if scenario == 2 else ~said.has_object & (rules.absent_object == "none")
    fits: Bools = np.where(there, near, absent)
    return fits


def _ap(classes: Ints, person: Ints, fits: Bools, does: Bools, rules: Rules, positives: Bools | None = None) -> Floats:
    """AP of each class of acts; predictions come best first, and a person is found once."""
    candidates = np.flatnonzero((person >= 0) & fits & does[person, classes])
    _, first = np.unique(person[candidates] * does.shape[1] + classes[candidates], return_index=True)
    right = np.zeros(len(classes), bool)
    right[candidates[first]] = True
    return curves(classes, right, (does if positives is None else positives).sum(0), rules.recall_points).ap
