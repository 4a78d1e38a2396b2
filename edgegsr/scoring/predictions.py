"""Predicted situations as columns beside the truth, and the reader of the JSON-lines files that carry them.

A wrong verb makes an image's nouns and boxes wrong, so the only answer that is ever judged is the one for the frame of
the true verb: one row of six slots an image. The reader checks the rest of the file too, and leaves judging to `gsr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.errors import InputError
from edgegsr.scoring.jsonlines import is_box, located, read_lines, show
from edgegsr.situation import MAX_ROLES, OOV, Ontology

RANKS = 5  # how many of the best verbs count
NO_VERB = -1  # no verb at this rank, or one that is the truth of no image
UNKNOWN = -2  # a noun that the truth's ontology does not have: it equals nothing, not even OOV
OOV_WORD = "oov"  # the answer "a noun outside the list" of closed-vocabulary models; equals OOV where rules allow it

_NOWHERE = (float("nan"),) * 4


@dataclass(frozen=True)
class Predictions:
    """N predicted images, row by row those of the truth. Slots follow the frame of the true verb."""

    present: npt.NDArray[np.bool_]  # (N,) the image has a prediction
    answered: npt.NDArray[np.bool_]  # (N,) ... and it holds the frame of the true verb
    ranked_verbs: npt.NDArray[np.int32]  # (N, 5) best first, index into the truth's ontology or NO_VERB
    nouns: npt.NDArray[np.int32]  # (N, 6) index into the truth's ontology, OOV or UNKNOWN
    boxes_xyxy: npt.NDArray[np.float64]  # (N, 6, 4) pixels of the original image; NaN where no box was given
    has_box: npt.NDArray[np.bool_]  # (N, 6) the box is said to exist

    def __post_init__(self) -> None:
        n = len(self.present)
        wanted = {
            "present": (n,),
            "answered": (n,),
            "ranked_verbs": (n, RANKS),
            "nouns": (n, MAX_ROLES),
            "boxes_xyxy": (n, MAX_ROLES, 4),
            "has_box": (n, MAX_ROLES),
        }
        for name, shape in wanted.items():
            if (got := getattr(self, name).shape) != shape:
                raise InputError(f"predictions: {name} must have the shape {shape}, got {got}")
        if (self.answered & ~self.present).any():
            raise InputError("predictions: an image without a prediction cannot hold an answered frame")
        if not np.isfinite(self.boxes_xyxy[self.has_box]).all():
            raise InputError("predictions: a box that exists must be finite, got NaN or infinity")

    def __len__(self) -> int:
        return len(self.present)

    @classmethod
    def missing(cls, n: int) -> Predictions:
        """N images of which none has a prediction."""
        return cls(
            present=np.zeros(n, bool),
            answered=np.zeros(n, bool),
            ranked_verbs=np.full((n, RANKS), NO_VERB, np.int32),
            nouns=np.full((n, MAX_ROLES), UNKNOWN, np.int32),
            boxes_xyxy=np.full((n, MAX_ROLES, 4), np.nan),
            has_box=np.zeros((n, MAX_ROLES), bool),
        )

    def take(self, rows: npt.ArrayLike) -> Predictions:
        """The same table with only these rows, in this order, as `Annotations.take` does."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        return Predictions(**{name: column[index] for name, column in vars(self).items()})


def read_predictions(path: str | Path, truth: Annotations, ontology: Ontology | None = None) -> Predictions:
    """The predictions of a JSON-lines file, one object an image, in the rows of `truth`.

    `ontology` names verbs and frames beyond those of the truth, for a ranking among more verbs than the truth shows.
    Keys beyond the documented ones are left alone; images of the truth that the file lacks stay not `present`.
    """
    words = _Words.of(truth.ontology, ontology)
    true_verbs = [truth.ontology.verbs[verb] for verb in truth.verbs.tolist()]
    table = Predictions.missing(len(truth))
    line_of: dict[int, int] = {}
    for line, record in read_lines(path, ("image", "verbs", "frames")):
        with located(path, line):
            row = _row(record["image"], truth)
            if (first := line_of.setdefault(row, line)) != line:
                raise InputError(f"image {show(record['image'])} stands twice, first in line {first}; keep one of them")
            table.ranked_verbs[row] = _ranked(record["verbs"], words)
            frames = _checked(record["frames"], words)
            table.present[row] = True
            if true_verbs[row] in frames:
                _answer(table, row, frames[true_verbs[row]], words.roles[true_verbs[row]], words.nouns)
    if not line_of:
        raise InputError(f"{path}: wanted one JSON object a line, got only blank lines")
    return table


@dataclass(frozen=True)
class _Words:
    ranks: Mapping[str, int]  # verb -> index in the truth's ontology, or NO_VERB
    roles: Mapping[str, tuple[str, ...]]
    role_sets: Mapping[str, frozenset[str]]
    nouns: Mapping[str, int]

    @classmethod
    def of(cls, truth: Ontology, more: Ontology | None) -> _Words:
        beyond = {frame.verb: frame.roles for frame in more.frames} if more else {}
        roles = {**beyond, **{frame.verb: frame.roles for frame in truth.frames}}
        ranks = {**dict.fromkeys(beyond, NO_VERB), **truth.verb_index}
        return cls(ranks, roles, {v: frozenset(r) for v, r in roles.items()}, {OOV_WORD: OOV, **truth.noun_index})


def _row(image: Any, truth: Annotations) -> int:
    if type(image) is not str:
        raise InputError(f"image must be a file name, got {show(image)}")
    if (row := truth.row.get(image)) is None:
        raise InputError(f"unknown image {show(image)}: it is not among the {len(truth)} images of the truth")
    return row


def _ranked(verbs: Any, words: _Words) -> list[int]:
    if type(verbs) is not list or not verbs or not all(type(verb) is str for verb in verbs):
        raise InputError(f"verbs must be a list of the best {RANKS} verbs, best first, got {show(verbs)}")
    if len(set(verbs)) != len(verbs):
        twin = next(verb for i, verb in enumerate(verbs) if verb in verbs[:i])
        raise InputError(f"verbs: {show(twin)} stands twice; rank every verb once")
    for verb in verbs:
        if verb not in words.ranks:
            raise _unknown_verb(verb, words)
    best = [words.ranks[verb] for verb in verbs[:RANKS]]
    return best + [NO_VERB] * (RANKS - len(best))


def _unknown_verb(verb: str, words: _Words) -> InputError:
    return InputError(
        f"unknown verb {show(verb)}: it is not among the {len(words.ranks)} verbs known from the truth; "
        "if it is right, name the full vocabulary (imsitu_space.json) too"
    )


def _checked(frames: Any, words: _Words) -> dict[str, dict[str, dict[str, Any]]]:
    if type(frames) is not dict:
        raise InputError(f"frames must be an object verb -> role -> {{noun, box}}, got {show(frames)}")
    for verb, fillers in frames.items():
        if verb not in words.roles:
            raise _unknown_verb(verb, words)
        if type(fillers) is not dict:
            raise InputError(f"frame {verb!r} must be an object role -> {{noun, box}}, got {show(fillers)}")
        if fillers.keys() != words.role_sets[verb]:
            raise _wrong_roles(verb, fillers, words.roles[verb])
        for role, filler in fillers.items():
            _check_filler(verb, role, filler)
    return frames


def _wrong_roles(verb: str, fillers: Mapping[str, Any], roles: tuple[str, ...]) -> InputError:
    unknown = [role for role in fillers if role not in roles]
    what = (
        f"unknown role {show(unknown[0])}"
        if unknown
        else f"missing role {next(r for r in roles if r not in fillers)!r}"
    )
    return InputError(f"frame {verb!r}: {what}; wanted the roles {list(roles)}")


def _check_filler(verb: str, role: str, filler: Any) -> None:
    if type(filler) is not dict or "noun" not in filler or "box" not in filler:
        raise InputError(f"frame {verb!r}, role {role!r}: wanted an object with 'noun' and 'box', got {show(filler)}")
    noun, box = filler["noun"], filler["box"]
    if type(noun) is not str:
        raise InputError(f'frame {verb!r}, role {role!r}: noun must be an id, or "" for nothing, got {show(noun)}')
    if box is not None and not is_box(box):
        raise InputError(
            f"frame {verb!r}, role {role!r}: box must be null or [x1, y1, x2, y2] in finite pixels with x1 <= x2 and "
            f"y1 <= y2, got {show(box)}"
        )


def _answer(
    table: Predictions, row: int, fillers: Mapping[str, Any], roles: tuple[str, ...], nouns: Mapping[str, int]
) -> None:
    boxes = [fillers[role]["box"] for role in roles]
    table.answered[row] = True
    table.nouns[row, : len(roles)] = [nouns.get(fillers[role]["noun"], UNKNOWN) for role in roles]
    table.boxes_xyxy[row, : len(roles)] = [_NOWHERE if box is None else box for box in boxes]
    table.has_box[row, : len(roles)] = [box is not None for box in boxes]
