"""The official scores of a student on a split, by seen, rare and unseen verbs, with chance beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.data.loader import Pictures
from edgegsr.data.splits import Groups
from edgegsr.errors import InputError
from edgegsr.run import Run
from edgegsr.scoring.brief import brief
from edgegsr.scoring.gsr import STRICT, Rules, Scores, score
from edgegsr.scoring.predictions import RANKS
from edgegsr.student.answers import Answers, answer
from edgegsr.student.chance import majority
from edgegsr.student.model import Student

CANDIDATES = {
    "generalised": "every verb of the vocabulary",
    "restricted": "the verbs of the image's own group: seen, rare or unseen",
}


def evaluate(
    subject: Run | Student | None,
    split: Pictures,
    groups: Groups | None = None,
    candidates: str = "generalised",
    *,
    train: Annotations | None = None,
    answers: Answers | None = None,
    rules: Rules = STRICT,
) -> dict[str, Any]:
    """The object of `edgegsr score`, with "candidates" and "chance"; `train` adds the majority answer to the latter.

    `candidates` is one of `CANDIDATES`: which verbs an image may be taken for. `answers` spares asking the student.
    """
    student = subject.student if isinstance(subject, Run) else subject
    said = answers
    if said is None:
        assert student is not None, "wanted a student or its answers, got neither"
        said = answer(student, split, label="evaluating")
    truth, named = split.annotations, groups._asdict() if groups else {}
    allowed = candidate_verbs(truth, named, candidates)
    scores = score(truth, said.predictions(allowed), rules, named or None)
    chance = by_chance(truth, named, allowed, train, rules)
    return {**scores.to_json(), "candidates": candidates, "chance": chance}


def by_chance(
    truth: Annotations,
    groups: Mapping[str, Collection[str]],
    allowed: npt.NDArray[np.bool_] | None,
    train: Annotations | None = None,
    rules: Rules = STRICT,
) -> dict[str, dict[str, float | None]]:
    """The `brief` numbers of a guess: even among the candidates, and with `train` the usual answer of each role."""
    count = np.full(len(truth), len(truth.ontology.verbs)) if allowed is None else allowed.sum(1)
    usual = _brief_scores(score(truth, majority(train, truth), rules, {**groups})) if train else {}
    found: dict[str, dict[str, float | None]] = {}
    for name, verbs in {**groups, "all": truth.ontology.verbs}.items():
        rows = np.isin(truth.verbs, [truth.ontology.verb_index[verb] for verb in verbs])
        if not rows.any():
            continue
        top1 = float((1 / count[rows]).mean())
        found[name] = {"verb_top1": top1, "verb_top5": float(np.minimum(RANKS / count[rows], 1).mean())}
        for metric in ("value", "grounded"):
            if (right := usual.get(name, {}).get(metric)) is not None:
                found[name] |= {metric: right, f"{metric}_top1": top1 * right}
    return found


def _brief_scores(scores: Scores) -> dict[str, dict[str, float | None]]:
    return brief(scores.to_json())


def candidate_verbs(
    truth: Annotations, groups: Mapping[str, Collection[str]], candidates: str
) -> npt.NDArray[np.bool_] | None:
    """(N, K) the verbs that each image may be taken for, or None for all."""
    if candidates not in CANDIDATES:
        raise InputError(f"candidates: wanted one of {', '.join(CANDIDATES)}, got {candidates!r}")
    if candidates == "generalised":
        return None
    if not groups:
        raise InputError("candidates: 'restricted' needs the groups of the verbs, got none")
    verbs = truth.ontology.verbs
    of_group = np.array([[verb in members for verb in verbs] for members in map(set, groups.values())])  # (G, K)
    return np.asarray(of_group[of_group.argmax(0)[truth.verbs]])
