"""Predicted human-object pairs as columns, and the reader of the JSON-lines files that carry them.

One object an image: {"image": …, "pairs": [{"human": [x1, y1, x2, y2], "object": box or null, "object_category": …,
"verb": …, "score": …}]}; boxes are continuous edges, 0-based. V-COCO's pairs have a "role" too: "obj" or "instr" for
what is acted on, "agent" for the score that this person does it at all.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.errors import InputError
from edgegsr.interactions import Acts, Bools, Floats, Ints, Kinds, Pairs, Persons, same_word
from edgegsr.scoring.jsonlines import FARTHEST, is_box, located, read_lines, show

AGENT = "agent"
_NOWHERE = [0.0, 0.0, 0.0, 0.0]


@dataclass(frozen=True)
class PredictedPairs:
    """M predicted pairs on N images, in the rows of the truth."""

    present: Bools  # (N,) the image has a line
    image: Ints  # (M,) row of the image
    kind: Ints  # (M,) HICO-DET: kind of interaction; V-COCO: action, or number of actions + slot
    humans_xyxy: Floats  # (M, 4)
    objects_xyxy: Floats  # (M, 4); 0 where none is said to exist
    has_object: Bools  # (M,)
    scores: Floats  # (M,)
    outside: int = 0  # pairs of a verb and an object that are no kind: left out

    def __post_init__(self) -> None:
        m = len(self.image)
        for name, shape in {
            "kind": (m,), "humans_xyxy": (m, 4), "objects_xyxy": (m, 4), "has_object": (m,), "scores": (m,)
        }.items():  # fmt: skip
            if (got := getattr(self, name).shape) != shape:
                raise InputError(f"predicted pairs: {name} must have the shape {shape}, got {got}")
        if not np.isfinite(self.scores).all():
            raise InputError("predicted pairs: scores must be finite, got NaN or infinity")

    def __len__(self) -> int:
        return len(self.image)

    def ranked(self) -> PredictedPairs:
        """Best first; of equal scores, the first in the file."""
        return self.take(np.argsort(-self.scores, kind="stable"))

    def take(self, rows: npt.ArrayLike) -> PredictedPairs:
        """Only these predictions, in this order."""
        index = np.asarray(rows)
        return PredictedPairs(
            self.present, self.image[index], self.kind[index], self.humans_xyxy[index], self.objects_xyxy[index],
            self.has_object[index], self.scores[index], self.outside,
        )  # fmt: skip


def read_hico(path: str | Path, truth: Pairs) -> PredictedPairs:
    """The predictions of HICO-DET's interactions; a verb and an object that are no kind are counted and left out."""
    kinds = truth.kinds
    return _read(path, truth.row, len(truth), lambda pair: _kind(pair, kinds), needs_object=True)


def read_vcoco(path: str | Path, truth: Persons) -> PredictedPairs:
    """The predictions of V-COCO's actions (`kind` below their number) and roles (above)."""
    also = {f"COCO_{half}2014_{image}": row for image, row in truth.row.items() for half in ("train", "val")}
    return _read(path, truth.row | also, len(truth), lambda pair: _act(pair, truth.acts), needs_object=False)


def _read(
    path: str | Path,
    rows: Mapping[str, int],
    images: int,
    kind_of: Callable[[Mapping[str, Any]], int | None],
    needs_object: bool,
) -> PredictedPairs:
    present = np.zeros(images, bool)
    columns = _Columns()
    line_of: dict[int, int] = {}
    for line, record in read_lines(path, ("image", "pairs")):
        with located(path, line):
            row = _row(record["image"], rows, len(present))
            if (first := line_of.setdefault(row, line)) != line:
                raise InputError(f"image {show(record['image'])} stands twice, first in line {first}; keep one of them")
            if type(record["pairs"]) is not list:
                raise InputError(f"pairs must be a list, [] where nothing is found, got {show(record['pairs'])}")
            present[row] = True
            columns.add(row, record["pairs"], kind_of, needs_object)
    if not line_of:
        raise InputError(f"{path}: wanted one JSON object a line, got only blank lines")
    return columns.table(present)


class _Columns:
    """Growing columns: a million pairs as objects would take gigabytes."""

    def __init__(self) -> None:
        self.image, self.kind, self.there = array("i"), array("i"), array("b")
        self.boxes, self.scores = array("d"), array("d")
        self.outside = 0

    def add(
        self, row: int, pairs: list[Any], kind_of: Callable[[Mapping[str, Any]], int | None], needs_object: bool
    ) -> None:
        n = 0
        try:
            for n, pair in enumerate(pairs, 1):  # noqa: B007 (it says which one is refused)
                self._add(row, pair, kind_of, needs_object)
        except InputError as reason:
            raise InputError(f"pair {n}: {reason}") from None

    def _add(self, row: int, pair: Any, kind_of: Callable[[Mapping[str, Any]], int | None], needs_object: bool) -> None:
        if type(pair) is not dict:
            raise InputError(f"wanted an object with human, object, verb and score, got {show(pair)}")
        for key in ("human", "verb", "score"):
            if key not in pair:
                raise InputError(f"missing key {key!r}; wanted an object with human, object, verb and score")
        human, thing, score = pair["human"], pair.get("object"), pair["score"]
        _check_box("human", human)
        there = thing is not None and thing != _NOWHERE
        if there:
            _check_box("object", thing)
        elif needs_object:
            raise InputError(f"object must be a box: every interaction of HICO-DET has one, got {show(thing)}")
        if type(score) not in (int, float) or not -FARTHEST <= score <= FARTHEST:
            raise InputError(f"score must be a finite number, got {show(score)}")
        if (kind := kind_of(pair)) is None:
            self.outside += 1
            return
        self.image.append(row)
        self.kind.append(kind)
        self.there.append(there)
        self.boxes.extend(human)
        self.boxes.extend(thing if thing is not None and there else _NOWHERE)
        self.scores.append(score)

    def table(self, present: Bools) -> PredictedPairs:
        boxes = np.array(self.boxes, np.float64).reshape(-1, 2, 4)
        return PredictedPairs(
            present,
            np.array(self.image, np.int32),
            np.array(self.kind, np.int32),
            boxes[:, 0],
            boxes[:, 1],
            np.array(self.there, bool),
            np.array(self.scores, np.float64),
            self.outside,
        )


def _row(image: Any, rows: Mapping[str, int], images: int) -> int:
    if type(image) is not str:
        raise InputError(f"image must be a file name, got {show(image)}")
    if (row := rows.get(image)) is None:
        raise InputError(f"unknown image {show(image)}: it is not among the {images} images of the truth")
    return row


def _check_box(what: str, box: Any) -> None:
    if not is_box(box):
        raise InputError(
            f"{what} must be [x1, y1, x2, y2] in finite pixels with x1 <= x2 and y1 <= y2, got {show(box)}"
        )


def _kind(pair: Mapping[str, Any], kinds: Kinds) -> int | None:
    verb = _word("verb", pair["verb"], kinds.verb_index)
    noun = _word("object_category", pair.get("object_category"), kinds.object_index)
    return kinds.index.get((verb, noun))


def _act(pair: Mapping[str, Any], acts: Acts) -> int:
    verb = acts.names[_word("verb", pair["verb"], acts.word_index)]
    role = pair.get("role")
    if role == AGENT or (role is None and pair.get("object") is None):
        return acts.index[verb]
    if role is not None and "object" not in pair:
        raise InputError("missing key 'object'; null says that the act has none")
    if (slot := acts.slot_index.get((verb, role) if isinstance(role, str) else ("", ""))) is None:
        roles = [AGENT, *(role for action, role in acts.slots if action == verb)]
        raise InputError(f"role of {verb!r} must be one of {', '.join(roles)}, got {show(role)}")
    return len(acts.names) + slot


def _word(what: str, word: Any, index: Mapping[str, int]) -> int:
    if type(word) is not str or (found := index.get(same_word(word))) is None:
        raise InputError(f"{what} must be one of the {len(index)} words of the truth, got {show(word)}")
    return found
