"""Annotated images as columns: what every loader gives and every scorer judges. numpy only.

Columns instead of 126,000 objects: a whole dataset loads in seconds, and scoring is array arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edgegsr.errors import InputError
from edgegsr.situation import MAX_ROLES, Ontology

ANNOTATORS = 3


@dataclass(frozen=True)
class Annotations:
    """N annotated images in the words of one ontology. Slots past the frame of the verb hold zeros."""

    ontology: Ontology
    images: tuple[str, ...]  # file names
    sizes_wh: npt.NDArray[np.int32]  # (N, 2): the size that the boxes refer to
    verbs: npt.NDArray[np.int32]  # (N,) index into ontology.verbs
    nouns: npt.NDArray[np.int32]  # (N, 3, 6) index into ontology.nouns; BLANK = 0, OOV = -1
    boxes_xyxy: npt.NDArray[np.float32]  # (N, 6, 4) pixels of the original image
    has_box: npt.NDArray[np.bool_]  # (N, 6)

    def __post_init__(self) -> None:
        n = len(self.images)
        wanted = {
            "sizes_wh": (n, 2),
            "verbs": (n,),
            "nouns": (n, ANNOTATORS, MAX_ROLES),
            "boxes_xyxy": (n, MAX_ROLES, 4),
            "has_box": (n, MAX_ROLES),
        }
        for name, shape in wanted.items():
            if (got := getattr(self, name).shape) != shape:
                raise InputError(f"annotations: {name} must have the shape {shape}, got {got}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def role_counts(self) -> npt.NDArray[np.int32]:
        """(N,) how many of the six slots the verb of each image uses."""
        per_verb = np.array([len(frame.roles) for frame in self.ontology.frames], np.int32)
        return per_verb[self.verbs]

    @cached_property
    def has_role(self) -> npt.NDArray[np.bool_]:
        """(N, 6) which slots belong to the frame."""
        return np.arange(MAX_ROLES) < self.role_counts[:, None]

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of an image by its name."""
        return {image: i for i, image in enumerate(self.images)}

    def take(self, rows: npt.ArrayLike) -> Annotations:
        """The same table with only these rows, in this order."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        return Annotations(
            self.ontology,
            tuple(self.images[i] for i in index),
            self.sizes_wh[index],
            self.verbs[index],
            self.nouns[index],
            self.boxes_xyxy[index],
            self.has_box[index],
        )
