"""What a teacher sees of each couple: the part of the photo with a human and an object, as a vector among its texts.

That is a glimpse; a gaze is what it sees of the object alone. A crop of two is a scene of its own, so a teacher that
knows whole pictures knows it too. Both are kept under the hash of what they were made from, as tokens are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgegsr.boxes import clip
from edgegsr.data.pairs import PairSplit
from edgegsr.errors import InputError
from edgegsr.interactions import Bools, Floats
from edgegsr.teacher.detectors import Detector, facts_of
from edgegsr.teacher.found import RULE, beside, found
from edgegsr.teacher.photos import digests
from edgegsr.teacher.remembered import Row, remembered
from edgegsr.teacher.shards import key_of
from edgegsr.teacher.sight import TEMPERATURE, Pixels, Teacher
from edgegsr.text.encoders import same_encoder

FOLDER, GAZES = "glimpses", "gazes"
MARGIN = 0.25  # of the longer side, around human and object
AT_ONCE = 32  # crops
KNOWN = 0.5  # mean likelihood, where a verb is annotated, from which a teacher is believed to know it
LIKELY = f"shares at {TEMPERATURE}, of verbs with {KNOWN} or more where they are annotated"
KEPT = "what the teacher takes for a kind out of training"  # of what is found


class Glimpses(NamedTuple):
    """What is known of a batch of pairs, in the slots of the batch."""

    seen: Tensor  # (B, P, t) unit vectors; 0 where there is no pair
    likely: Tensor | None = None  # (B, P, V) of kinds that are sought; -1 where nothing is said
    gazes: Tensor | None = None  # (B, P, t) of objects alone, where the teacher looked at them


class Sought(NamedTuple):
    """Kinds that nobody could annotate, and what tells them apart."""

    kinds: Bools  # (O, V)
    verbs: Tensor  # (V, t) texts


class GlimpseSource:
    """The glimpses of a training split; the teacher looks at what was never looked at.

    With a detector it looks at the couples as well that the detector finds and nobody annotated. Of kinds that are
    `sought` it says how likely they are, and of what was found that is kept which it takes for one: the rest would have
    been annotated, if it were a couple.
    """

    def __init__(
        self,
        teacher: Teacher,
        split: PairSplit,
        folder: Path,
        encoder: str,
        detector: Detector | None = None,
        sought: Sought | None = None,
        gazes: bool = False,
    ) -> None:
        if not same_encoder(teacher.text_encoder, encoder):
            raise InputError(
                f"--teacher {teacher.name}: puts images among the texts of {teacher.text_encoder}, and the words are "
                f"of {encoder}; give --text {teacher.text_encoder}"
            )
        looked = {"revision": teacher.revision, "preprocessing": teacher.preprocessing, "margin": MARGIN}
        self.facts: dict[str, Any] = {"teacher": teacher.name, **looked}
        if detector:
            split = beside(split, found(detector, split, folder))
            self.facts |= {**facts_of(detector), "annotated": RULE}
        if not len(split.couples.image):
            raise InputError(f"split {split.name!r}: wanted pairs to look at, got none")
        seen, likely = _all(teacher, split, folder / FOLDER, "glimpse", unions(split)), None
        if sought:
            likely = _likely(sought.verbs, seen, split)
            self.facts["likely"] = LIKELY
            if detector:
                kept = split.couples.verbs.any(1) | _are(sought, likely, split)
                split, seen, likely = replace(split, given=split.couples.only(kept)), seen[kept], likely[kept]
                self.facts["kept"] = KEPT
            likely = _believed(sought, likely, split)
        if detector:
            self.facts["couples"] = int((~split.couples.verbs.any(1)).sum())
        self.gazes: Tensor | None = None
        if gazes:
            self.gazes = _all(teacher, split, folder / GAZES, "gaze", split.couples.objects_xyxy)
            self.facts["gazes"] = True
        self.split, self.first = split, split.first
        self.seen, self.likely = seen, likely  # (M, t) float16, and (M, V)

    def about(self, rows: Tensor) -> Glimpses:
        """rows (B,) of the training split."""
        parts = ((self.seen, 0), (self.likely, -1), (self.gazes, 0))
        seen, likely, gazes = (None if part is None else self._of(rows, part, nothing) for part, nothing in parts)
        assert seen is not None
        return Glimpses(seen, likely, gazes)

    def _of(self, rows: Tensor, column: Tensor, nothing: float) -> Tensor:
        """(B, P, ...) of (M, ...) what a batch has."""
        first = self.first[rows.numpy()]
        counts = self.first[rows.numpy() + 1] - first
        slots = torch.full((len(rows), max(int(counts.max()), 1), column.shape[-1]), float(nothing))
        for b, (start, count) in enumerate(zip(first.tolist(), counts.tolist())):
            slots[b, :count] = column[start : start + count].float()
        return slots


def _likely(verbs: Tensor, seen: Tensor, split: PairSplit) -> Tensor:
    """(M, V) how likely each verb is, among those that the object of a couple allows."""
    allows = torch.from_numpy(split.pairs.kinds.valid[split.couples.object])
    return (seen.float() @ verbs.T / TEMPERATURE).masked_fill(~allows, -math.inf).softmax(-1)


def _are(sought: Sought, likely: Tensor, split: PairSplit) -> Bools:
    """(M,) couples whose likeliest verb makes a kind that is sought."""
    return np.asarray(sought.kinds[split.couples.object, likely.argmax(-1).numpy()])


def _believed(sought: Sought, likely: Tensor, split: PairSplit) -> Tensor:
    """(M, V) the same where a verb makes a kind that is sought, and the teacher knows it; -1 elsewhere.

    Of what is true at once it names one thing: who sweeps with a broom also holds it. That shows where annotations call
    such a verb true and it hardly ever does. Of verbs that are annotated nowhere it is believed.
    """
    there = torch.from_numpy(split.couples.verbs)
    count = there.sum(0)
    knows = (likely * there).sum(0) >= KNOWN * count
    return likely.masked_fill(~(torch.from_numpy(sought.kinds[split.couples.object]) & knows), -1)


def _all(teacher: Teacher, split: PairSplit, folder: Path, what: str, boxes: Floats) -> Tensor:
    """(M, t) what is in a box (M, 4) of every couple, from the folder or from the teacher."""

    def looked(new: Sequence[int]) -> Iterator[tuple[int, Row]]:
        parts = [new[i : i + AT_ONCE] for i in range(0, len(new), AT_ONCE)]
        for part, vectors in _looked(teacher, split, boxes, parts):
            for i, vector in zip(part, vectors):
                yield i, {what: vector[None]}

    keys, subject = _keys(teacher, split, folder, what, boxes), "objects" if what == "gaze" else "pairs"
    rows = remembered(folder, keys, looked, f"{teacher.name} looks at {subject}")
    return torch.cat([row[what] for row in rows])


def _keys(teacher: Teacher, split: PairSplit, folder: Path, what: str, boxes: Floats) -> list[bytes]:
    photos = digests([split.path(i) for i in range(len(split))], folder.parent, keep=True)
    facts = (teacher.revision, teacher.preprocessing, f"{what} {MARGIN}")
    rows = split.couples.image.tolist()
    return [key_of(*facts, photos[image], str(box)) for image, box in zip(rows, boxes.tolist())]


def _looked(
    teacher: Teacher, split: PairSplit, boxes: Floats, parts: Sequence[Sequence[int]]
) -> Iterator[tuple[Sequence[int], Tensor]]:
    images = split.couples.image.tolist()
    photo = lru_cache(maxsize=2)(split.pixels)  # couples of one photo follow each other
    for part in parts:
        crops = [crop(photo(images[i]), boxes[i], split.pairs.sizes_wh[images[i]]) for i in part]
        sight = teacher.see(crops, [False] * len(crops))
        yield part, teacher.to_text(sight.tokens[:, 0]).half()


def crop(pixels: Pixels, box_xyxy: Floats, size_wh: npt.NDArray[Any]) -> Pixels:
    """The part of a picture around a box, which is told in pixels of `size_wh`."""
    scale = np.array(pixels.shape[1::-1]) / size_wh
    low, high = box_xyxy[:2] * scale, box_xyxy[2:] * scale
    margin = MARGIN * (high - low).max()
    most = np.array(pixels.shape[1::-1])
    x1, y1 = np.floor(np.clip(low - margin, 0, most - 1)).astype(int)
    x2, y2 = np.ceil(np.clip(high + margin, 1, most)).astype(int)
    return np.ascontiguousarray(pixels[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)])


def unions(split: PairSplit) -> Floats:
    """(M, 4) the box around human and object."""
    true = split.couples
    low = np.minimum(true.humans_xyxy[:, :2], true.objects_xyxy[:, :2])
    union = np.concatenate([low, np.maximum(true.humans_xyxy[:, 2:], true.objects_xyxy[:, 2:])], 1)
    return clip(union, split.pairs.sizes_wh[true.image]).astype(np.float64, copy=False)
