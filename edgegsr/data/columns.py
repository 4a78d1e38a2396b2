"""Records of the official layout as arrays, fast: flat Python lists that become numpy once, checked all together.

A bad record is only noticed here, as an exception; `records.faults` says which one it is and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import ANNOTATORS, Annotations
from edgegsr.data.records import LIMIT, name_fault
from edgegsr.situation import BLANK, MAX_ROLES, OOV, Ontology

NOT_AS_WRITTEN = (TypeError, KeyError, ValueError, OverflowError)  # what `flatten` raises on a bad record

Pick = Callable[[Mapping[str, Any]], tuple[Any, ...]]


@dataclass(frozen=True)
class Flat:
    """The values of N records one after the other, a role taking one place: nothing is padded yet."""

    images: tuple[str, ...]
    sizes_wh: npt.NDArray[np.int32]  # (N, 2)
    verbs: list[str]  # (N,)
    nouns: list[str]  # the answers of annotator 1 for each role, then of 2, then of 3; then the next image
    boxes_xyxy: npt.NDArray[np.float64]  # (number of roles in all images, 4)

    def annotations(self, ontology: Ontology) -> Annotations:
        """The values spread over the six slots; slots past the frame stay zero."""
        n = len(self.images)
        verbs = np.array([ontology.verb_index[verb] for verb in self.verbs], np.int32)
        counts = np.array([len(frame.roles) for frame in ontology.frames])[verbs]
        used = np.arange(MAX_ROLES) < counts[:, None]  # (N, 6)
        nouns = np.full((n, ANNOTATORS, MAX_ROLES), BLANK, np.int32)
        index = _NounIndex(ontology.noun_index)
        answers = np.fromiter(map(index.__getitem__, self.nouns), np.int32, len(self.nouns))
        nouns[np.broadcast_to(used[:, None], nouns.shape)] = answers
        there = self.boxes_xyxy[:, 0] != -1  # the official rule
        boxes, has_box = np.zeros((n, MAX_ROLES, 4), np.float32), np.zeros((n, MAX_ROLES), np.bool_)
        boxes[used] = np.where(there[:, None], self.boxes_xyxy, 0)
        has_box[used] = there
        return Annotations(ontology, self.images, self.sizes_wh, verbs, nouns, boxes, has_box)


class _NounIndex(dict[str, int]):
    def __missing__(self, noun: str) -> int:
        return OOV


def flatten(records: dict[str, Any], frames: Mapping[str, Sequence[str]]) -> Flat:
    """The values of the records in the role order of `frames`; raises where a record is not as the format says."""
    plans = {verb: (len(roles), _pick(roles)) for verb, roles in frames.items()}
    verbs: list[str] = []
    sizes: list[int] = []
    nouns: list[str] = []
    boxes: list[list[float]] = []
    objects: list[Any] = [records]
    for record in records.values():
        verb, bb = record["verb"], record["bb"]
        count, pick = plans[verb]
        first, second, third = record["frames"]
        if not len(first) == len(second) == len(third) == len(bb) == count:
            raise ValueError("another number of roles")
        objects += (record, first, second, third, bb)
        verbs.append(verb)
        sizes += (record["width"], record["height"])
        nouns += pick(first) + pick(second) + pick(third)
        boxes += pick(bb)
    _demand(set(map(type, objects)) == {dict}, set(map(type, nouns)) == {str}, not any(map(name_fault, records)))
    return Flat(tuple(records), _sizes(sizes), verbs, nouns, _boxes(boxes))


def _pick(roles: Sequence[str]) -> Pick:
    """Takes the values of these roles out of an object, in this order, at the speed of C."""
    _demand(1 <= len(roles) <= MAX_ROLES, all(roles))
    if len(roles) > 1:
        return itemgetter(*roles)
    role = roles[0]
    return lambda found: (found[role],)


def _demand(*conditions: bool) -> None:
    if not all(conditions):
        raise ValueError("a record is not as the format says")


def _sizes(flat: list[int]) -> npt.NDArray[np.int32]:
    _demand(set(map(type, flat)) == {int})
    sizes = np.array(flat, np.int64).reshape(-1, 2)
    _demand(bool(((sizes > 0) & (sizes < LIMIT)).all()))
    return sizes.astype(np.int32)


def _boxes(boxes: list[list[float]]) -> npt.NDArray[np.float64]:
    _demand(set(map(type, boxes)) == {list}, set(map(len, boxes)) == {4})
    _demand(set(map(type, chain.from_iterable(boxes))) <= {int, float})
    xyxy = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)
    turned = (xyxy[:, 2:] < xyxy[:, :2]).any(axis=1) & (xyxy[:, 0] != -1)
    _demand(bool((np.abs(xyxy) < LIMIT).all()), not turned.any())
    return xyxy
