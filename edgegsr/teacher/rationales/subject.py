"""What a writer is told of one image. Only training images become subjects: of others nothing is ever written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.situation import BLANK, Box, Frame, Noun


@dataclass(frozen=True)
class Subject:
    """One training image in the words of its annotators; roles in the order of the frame."""

    image: str
    path: Path
    frame: Frame
    nouns: Mapping[str, Noun]  # of the filled roles: what most annotators say, the first of them where all differ
    answers: Mapping[str, tuple[Noun, ...]]  # of every role: all that any annotator says, each once, blanks left out
    boxes_xyxy: Mapping[str, Box]  # of the roles that have one, in pixels of the original image
    size_wh: tuple[int, int]

    @property
    def words(self) -> dict[str, str]:
        """The everyday word of every filled role."""
        return {role: noun.word for role, noun in self.nouns.items()}


def subjects(split: Split) -> list[Subject]:
    """One subject a row of a training split."""
    check_train(split)
    truth = split.annotations
    frames, nouns = truth.ontology.frames, truth.ontology.nouns
    first, second, third = truth.nouns.transpose(1, 0, 2)
    columns = zip(
        truth.images,
        (frames[verb] for verb in truth.verbs.tolist()),
        np.where(second == third, second, first).tolist(),
        truth.nouns.transpose(0, 2, 1).tolist(),
        truth.boxes_xyxy.tolist(),
        truth.has_box.tolist(),
        truth.sizes_wh.tolist(),
    )
    return [
        Subject(
            image=image,
            path=split.folder / image,
            frame=frame,
            nouns={role: nouns[n] for role, n in zip(frame.roles, most) if n > BLANK},
            answers={role: tuple(nouns[n] for n in dict.fromkeys(a) if n > BLANK) for role, a in zip(frame.roles, all)},
            boxes_xyxy={role: tuple(box) for role, box, has in zip(frame.roles, boxes, boxed) if has},
            size_wh=tuple(size),
        )
        for image, frame, most, all, boxes, boxed, size in columns
    ]


def check_train(split: Split) -> None:
    """Raises unless the split is a training split."""
    if split.name != "train":
        raise InputError(
            f"rationales: wanted the split 'train', got {split.name!r}; what is written about an image of another "
            "split would leak its labels"
        )
