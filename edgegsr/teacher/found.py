"""Couples that nobody annotated: what a detector finds on photos, each thing with the human nearest to it.

Nobody has said what they do, or that they do anything: their rows of verbs are empty. They are kept under the hash of
what they were made from, as glimpses are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from edgegsr.boxes import iou_matrix
from edgegsr.data.pairs import SAME, Couples, PairSplit
from edgegsr.interactions import PERSON, Bools, Pairs
from edgegsr.teacher import pairing
from edgegsr.teacher.detectors import Detector
from edgegsr.teacher.photos import digests
from edgegsr.teacher.remembered import Row, remembered
from edgegsr.teacher.shards import key_of

FOLDER = "couples"
RULE = f"one within {SAME}, of one word that touch, or on a human"  # what is annotated already; changes with `beside`
AT_ONCE = 32  # photos


def found(detector: Detector, photos: PairSplit, folder: Path) -> PairSplit:
    """The photos with couples of what was detected; their annotations are never read."""
    kinds = photos.pairs.kinds
    facts = (
        "couples",
        detector.revision,
        detector.preprocessing,
        pairing.RULE,
        *kinds.objects,
        str(kinds.valid.any(1).tolist()),
    )
    pictures = digests([photos.path(i) for i in range(len(photos))], folder, keep=True)
    keys = [key_of(*facts, picture, str(wh)) for picture, wh in zip(pictures, photos.pairs.sizes_wh.tolist())]
    rows = remembered(
        folder / FOLDER, keys, lambda new: _detected(detector, photos, new), f"{detector.name} looks for people"
    )
    image = np.repeat(np.arange(len(rows)), [len(row["object"]) for row in rows])
    humans, objects = (
        np.concatenate([row[name].numpy() for row in rows] or [np.zeros((0, 4))]).astype(np.float64)
        for name in ("humans_xyxy", "objects_xyxy")
    )
    noun = np.concatenate([row["object"].numpy() for row in rows] or [np.zeros(0, np.int64)])
    couples = Couples(image, humans, objects, noun, np.zeros((len(image), len(kinds.verbs)), bool))
    none = np.zeros(0, np.int64)
    pairs = Pairs(kinds, photos.pairs.images, photos.pairs.sizes_wh, none, none, np.zeros((0, 4)), np.zeros((0, 4)))
    return PairSplit(photos.name, pairs, photos.folder, couples)


def beside(split: PairSplit, others: PairSplit) -> PairSplit:
    """A split with its annotated couples and those of `others` whose thing nobody annotated.

    A thing is annotated where a box of an annotated thing or human is much the same, or where one of a thing touches it
    and has the same word.
    """
    mine, theirs = split.couples, others.couples
    new = np.ones(len(theirs.image), bool)
    for row in range(len(split)):
        there, seen = slice(*split.first[row : row + 2]), slice(*others.first[row : row + 2])
        overlap = iou_matrix(theirs.objects_xyxy[seen], mine.objects_xyxy[there])
        alike = theirs.object[seen, None] == mine.object[there]
        people = iou_matrix(theirs.objects_xyxy[seen], mine.humans_xyxy[there])
        new[seen] = ~((overlap >= SAME) | (alike & (overlap > 0)) | (people >= SAME)).any(1)
    order = np.argsort(np.concatenate([mine.image, theirs.image[new]]), kind="stable")
    columns = (np.concatenate([getattr(mine, f.name), getattr(theirs, f.name)[new]])[order] for f in fields(Couples))
    return replace(split, given=Couples(*columns))


def again(split: PairSplit, others: PairSplit) -> Bools:
    """(M,) couples of a split that `others` has as well: human and object much the same, and one word."""
    mine, theirs = split.couples, others.couples
    met = np.zeros(len(mine.image), bool)
    for row in range(len(split)):
        there, seen = slice(*split.first[row : row + 2]), slice(*others.first[row : row + 2])
        same = mine.object[there, None] == theirs.object[seen]
        for part in ("humans_xyxy", "objects_xyxy"):
            same &= iou_matrix(getattr(mine, part)[there], getattr(theirs, part)[seen]) >= SAME
        met[there] = same.any(1)
    return met


def _detected(detector: Detector, photos: PairSplit, new: Sequence[int]) -> Iterator[tuple[int, Row]]:
    kinds = photos.pairs.kinds
    person = kinds.object_index.get(PERSON)
    asked = np.asarray(kinds.valid.any(1))
    for start in range(0, len(new), AT_ONCE):
        part = new[start : start + AT_ONCE]
        seen = [photos.pixels(i) for i in part]
        for i, pixels, boxes in zip(part, seen, detector.detect(seen)):
            scale = np.tile(photos.pairs.sizes_wh[i] / pixels.shape[1::-1], 2)
            human, thing = pairing.paired(boxes, person)
            human, thing = (side[asked[boxes.objects[thing]]] for side in (human, thing))
            yield (
                i,
                {
                    "humans_xyxy": torch.from_numpy(boxes.humans_xyxy[human] * scale).float(),
                    "objects_xyxy": torch.from_numpy(boxes.objects_xyxy[thing] * scale).float(),
                    "object": torch.from_numpy(boxes.objects[thing]).long(),
                },
            )
