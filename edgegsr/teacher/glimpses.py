"""What a teacher sees of each couple: the part of the photo with a human and an object, as a vector among its texts.

That is a glimpse; a gaze is what it sees of the object alone. A crop of two is a scene of its own, so a teacher that
knows whole pictures knows it too. Both are kept under the hash of what they were made from, as tokens are.
"""

from __future__ import annotations

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
from edgegsr.teacher.found import RULE, again, beside, found
from edgegsr.teacher.photos import digests
from edgegsr.teacher.remembered import Row, remembered
from edgegsr.teacher.shards import key_of
from edgegsr.teacher.sight import Pixels, Teacher
from edgegsr.teacher.sought import IS_PAIR, KEPT, LIKELY, Sought
from edgegsr.text.encoders import same_encoder

FOLDER, GAZES = "glimpses", "gazes"
MARGIN = 0.25  # of the longer side, around human and object
AT_ONCE = 32  # crops


class Glimpses(NamedTuple):
    """What is known of a batch of pairs, in the slots of the batch."""

    seen: Tensor  # (B, P, t) unit vectors; 0 where there is no pair
    is_pair: Tensor  # (B, P) how likely each is a pair, 1 where it is annotated; 0 where nobody says so
    likely: Tensor | None = None  # (B, P, V) of kinds that are sought; -1 where nothing is said
    gazes: Tensor | None = None  # (B, P, t) of objects alone, where the teacher looked at them


class GlimpseSource:
    """The glimpses of a training split; the teacher looks at what was never looked at.

    With a detector it looks at the couples as well that the detector finds and nobody annotated. Of kinds that are
    `sought` it says how likely they are, and of what was found that is kept which it takes for one: the rest would have
    been annotated, if it were a pair. How likely what is kept is one, annotations of other kinds tell.
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
        met: Bools | None = None
        if detector:
            others = found(detector, split, folder)
            split = beside(split, others)
            met = again(split, others) & split.couples.annotated
            self.facts |= {**facts_of(detector), "annotated": RULE}
        if not len(split.couples.image):
            raise InputError(f"split {split.name!r}: wanted pairs to look at, got none")
        self.split, self.seen = split, _all(teacher, split, folder / FOLDER, "glimpse", unions(split))  # (M, t) float16
        self.is_pair = torch.from_numpy(split.couples.annotated).float()[:, None]  # (M, 1)
        self.likely: Tensor | None = None  # (M, V)
        if sought:
            self._seek(sought, met)
        if detector:
            self.facts["couples"] = int((~self.split.couples.annotated).sum())
        self.gazes: Tensor | None = None
        if gazes:
            self.gazes = _all(teacher, self.split, folder / GAZES, "gaze", self.split.couples.objects_xyxy)
            self.facts["gazes"] = True
        self.first = self.split.first

    def _seek(self, sought: Sought, met: Bools | None) -> None:
        """Says how likely kinds out of training are, and leaves of what was found what it takes for one."""
        couples, near = self.split.couples, sought.nearness(self.seen, self.split)
        self.likely = sought.believed(near, self.split)
        self.facts["likely"] = LIKELY
        if met is None:
            return
        is_pair = sought.is_pair(near, self.split, met)
        kept = couples.annotated | (self.likely.gather(1, near.argmax(-1)[:, None])[:, 0] >= 0).numpy()
        self.split = replace(self.split, given=couples.only(kept))
        self.seen, self.likely, self.is_pair = self.seen[kept], self.likely[kept], is_pair[kept, None]
        self.facts["kept"] = KEPT
        if self.is_pair[~self.split.couples.annotated].any():
            self.facts["is_pair"] = IS_PAIR

    def about(self, rows: Tensor) -> Glimpses:
        """rows (B,) of the training split."""
        seen, is_pair = (self._of(rows, part) for part in (self.seen, self.is_pair))
        likely = None if self.likely is None else self._of(rows, self.likely, nothing=-1)
        gazes = None if self.gazes is None else self._of(rows, self.gazes)
        return Glimpses(seen, is_pair[..., 0], likely, gazes)

    def _of(self, rows: Tensor, column: Tensor, nothing: float = 0) -> Tensor:
        """(B, P, ...) of (M, ...) what a batch has."""
        first = self.first[rows.numpy()]
        counts = self.first[rows.numpy() + 1] - first
        slots = torch.full((len(rows), max(int(counts.max()), 1), column.shape[-1]), float(nothing))
        for b, (start, count) in enumerate(zip(first.tolist(), counts.tolist())):
            slots[b, :count] = column[start : start + count].float()
        return slots


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
