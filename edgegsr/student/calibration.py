"""The seen bias: verbs that training showed draw unseen ones to themselves; a handicap on their cosines gives it back.

It is chosen where unseen verbs are annotated, on dev, by the harmonic mean of seen and unseen; never on test. Every
figure that it changes says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.annotations import Annotations
from edgegsr.data.splits import Groups
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.scoring.brief import harmonic
from edgegsr.student.answers import Answers
from edgegsr.student.model import Student

FILE = "calibration.json"
BIASES = np.arange(0, 0.6001, 0.005)  # in cosines


@dataclass(frozen=True)
class Calibration:
    """A handicap in cosines for the verbs that training showed, and where it was chosen."""

    seen_bias: float
    trained: tuple[str, ...]
    chosen_on: str
    harmonic_mean: float  # of seen and unseen verb top-1 there

    def save(self, folder: Path) -> None:
        write_whole(folder / FILE, json.dumps(asdict(self), indent=1))


def choose(said: Answers, truth: Annotations, groups: Groups, scale: float, name: str) -> Calibration | None:
    """The smallest handicap with the best harmonic mean; None where a group has no images to choose by."""
    verbs = truth.ontology.verbs
    trained = np.isin(verbs, [*groups.seen, *groups.rare])
    if not any_of(truth, groups.seen) or not any_of(truth, groups.unseen):
        return None
    found = [(harmonic_of(said.verb_logits - scale * bias * trained, truth, groups), float(bias)) for bias in BIASES]
    best = max(found, key=lambda pair: (round(pair[0], 9), -pair[1]))
    return Calibration(round(best[1], 4), tuple(np.array(verbs)[trained].tolist()), name, round(best[0], 6))


def harmonic_of(logits: npt.NDArray[np.floating[Any]], truth: Annotations, groups: Groups) -> float:
    """The harmonic mean of seen and unseen top-1, each a mean over verbs."""
    right = logits.argmax(1) == truth.verbs
    return harmonic(*(_mean_over_verbs(right, truth, group) for group in (groups.seen, groups.unseen)))


def any_of(truth: Annotations, verbs: Sequence[str]) -> bool:
    return bool(np.isin(truth.verbs, [truth.ontology.verb_index[verb] for verb in verbs]).any())


def calibrate(student: Student, calibration: Calibration | None, verbs: Sequence[str]) -> Student:
    """The same student with the handicap, or without one; `verbs` are those of its table, in their order."""
    handicap = None
    if calibration is not None:
        trained = torch.tensor([verb in set(calibration.trained) for verb in verbs])
        handicap = calibration.seen_bias * trained.to(student.verb_words.table)
    student.verb_words.handicap = handicap
    return student


def handicapped(said: Answers, calibration: Calibration, verbs: Sequence[str], student: Student) -> Answers:
    """The same answers with the handicap on their verbs; what fills the roles of a verb does not change."""
    trained = np.isin(verbs, calibration.trained)
    return replace(
        said, verb_logits=said.verb_logits - float(student.verb_words.scale.detach()) * calibration.seen_bias * trained
    )


def read_calibration(folder: Path) -> Calibration:
    """What training chose on dev."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(
            f"{folder}: has no {FILE}: it was lost, or dev had no photo of an unseen verb or none of a seen one "
            "(more than 20 in training); leave out --calibrated"
        )
    try:
        raw: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        values = Calibration(
            float(raw["seen_bias"]), tuple(raw["trained"]), str(raw["chosen_on"]), float(raw["harmonic_mean"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: wanted a calibration, got {error!r}; train again or leave out --calibrated"
        ) from error
    if not 0 <= values.seen_bias <= 2:
        raise InputError(f"{path}: wanted a seen_bias between 0 and 2, got {values.seen_bias}")
    return values


def _mean_over_verbs(right: npt.NDArray[np.bool_], truth: Annotations, verbs: Sequence[str]) -> float:
    rows = (truth.verbs == truth.ontology.verb_index[verb] for verb in verbs)
    return float(np.mean([right[row].mean() for row in rows if row.any()]))
