"""What a teacher has to tell about a batch of training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgegsr.data.augment import plain_view
from edgegsr.data.loader import Views
from edgegsr.data.split import Split

GLIMPSE_POS, GLIMPSE_NEG, GAZE_POS, GAZE_NEG = range(4)  # the order of the texts
FINE_SIDE = 1 << 16  # of the square in which boxes are told: no student's rounding to whole pixels shows in it


class Knowledge(NamedTuple):
    """About B images, each seen whole, and mirrored where the student sees it mirrored."""

    tokens: Tensor  # (B, 1 + G * G, d) float32: global token, then the grid over the letterboxed square
    shown: Tensor  # (B, G * G) bool
    boxes_xyxy: Tensor  # (B, 6, 4) in [0, 1] of that square, in the slots of the student's batch; zeros where none
    has_box: Tensor  # (B, 6) bool
    texts: Tensor  # (B, 4, L, t) float32: token vectors of glimpse +, glimpse -, gaze +, gaze -
    text_mask: Tensor  # (B, 4, L) bool: the real tokens
    collage_pixels: Tensor | None = None  # (M, S, S, 3) uint8, as the student sees them
    collage_tokens: Tensor | None = None  # (M, d): the global token of each


class Source(Protocol):
    """Where knowledge comes from: a cache, or the teacher itself."""

    width: int  # d
    grid: int  # G
    text_width: int  # t
    text_encoder: str  # of the rationales
    projection: tuple[Tensor, Tensor] | None  # weight (t, d), bias (t,): the teacher's way among its own texts

    @property
    def scores(self) -> Mapping[str, Any]:
        """What the teacher itself scores, zero-shot; empty where nobody has asked."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Teacher, revision, preprocessing, writer and the like: what the config.toml of a run says of it."""

    def about(self, rows: Tensor, flipped: Tensor) -> Knowledge:
        """rows (B,) of the training split, flipped (B,) bool; on the CPU."""

    def collage_tokens(self, numbers: Tensor, count: int) -> Tensor:
        """(M, d) the global tokens of collages, of which each image has `count`."""


class Scenes:
    """The whole images of a split, and where things are in them, by the loader's own arithmetic."""

    def __init__(self, split: Split) -> None:
        self.views = Views(split, FINE_SIDE, 0, None)
        self.mirror = self.views.mirror

    def pixels(self, row: int) -> npt.NDArray[np.uint8]:
        """The decoded image, refused if it has not the shape that its annotation names."""
        return self.views.pixels(row, FINE_SIDE)

    def boxes(self, rows: Tensor, flipped: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 6, 4) in [0, 1] of the letterboxed square, and (B, 6) whether there is one: in the student's slots."""
        truth = self.views.annotations
        has_box = truth.has_box[rows.numpy()]
        boxes = np.zeros((*has_box.shape, 4), np.float32)
        for b, (row, flip) in enumerate(zip(rows.tolist(), flipped.tolist())):
            view = plain_view(self.views.size_wh(row), FINE_SIDE)
            boxes[b] = self.views.carry(replace(view, flipped=flip), row)
            if flip:
                slots = self.mirror.slots[truth.verbs[row]]
                boxes[b], has_box[b] = boxes[b, slots], has_box[b, slots]
        return torch.from_numpy(boxes), torch.from_numpy(has_box)


def padded(texts: Sequence[Tensor], width: int) -> tuple[Tensor, Tensor]:
    """Token vectors of 4 B texts, (L, t) each, as `Knowledge.texts` and its mask; as long as the longest."""
    longest = max([1, *map(len, texts)])
    vectors, mask = torch.zeros(len(texts), longest, width), torch.zeros(len(texts), longest, dtype=torch.bool)
    for i, text in enumerate(texts):
        vectors[i, : len(text)] = text
        mask[i, : len(text)] = True
    return vectors.view(-1, 4, longest, width), mask.view(-1, 4, longest)
