"""Batches of pairs for training and evaluation. How an image is seen follows from (seed, epoch, row) alone. torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from edgegsr.boxes import clip
from edgegsr.data.augment import Augmentation
from edgegsr.data.loader import DEFAULT, Loader
from edgegsr.data.order import Order, Place
from edgegsr.data.pairs import PairSplit
from edgegsr.data.squares import Squares
from edgegsr.errors import InputError
from edgegsr.interactions import Floats


class PairBatch(NamedTuple):
    """B images in squares of side S, and the pairs on them, padded to the most of an image."""

    pixels: torch.Tensor  # (B, S, S, 3) uint8 RGB
    humans_xyxy: torch.Tensor  # (B, P, 4) float32 in [0, 1] of the square
    objects_xyxy: torch.Tensor  # (B, P, 4)
    objects: torch.Tensor  # (B, P) int64
    verbs: torch.Tensor  # (B, P, V) bool
    has_pair: torch.Tensor  # (B, P) bool
    rows: torch.Tensor  # (B,) int64: rows of the split
    images: list[str]

    @property
    def asked(self) -> tuple[torch.Tensor, ...]:
        """What a lesson is given to speak about."""
        return self.pixels, self.humans_xyxy, self.objects_xyxy, self.has_pair


def pair_loader(
    split: PairSplit,
    side: int,
    batch: int,
    *,
    train: bool,
    seed: int = 0,
    workers: int = 0,
    augmentation: Augmentation = DEFAULT,
    rank: int = 0,
    world: int = 1,
    pin_memory: bool = False,
) -> Loader[PairBatch]:
    """Augmented batches in a seeded order (`train`), or letterboxed ones in the order of the split."""
    order = Order(len(split), batch, train=train, seed=seed, rank=rank, world=world)
    return Loader(PairViews(split, side, seed, augmentation if train else None), order, workers, pin_memory)


class PairViews(Squares[PairBatch]):
    """Pairs, which a mirrored image changes nothing of but where they are."""

    def __init__(self, split: PairSplit, side: int, seed: int, augmentation: Augmentation | None) -> None:
        super().__init__(split, split.pairs, side, seed, augmentation)
        self.split = split

    def batch(self, place: Place) -> PairBatch:
        true, first, rows = self.split.couples, self.split.first, place.rows
        count = first[rows + 1] - first[rows]
        most = max(int(count.max()), 1)
        if not len(true.image):
            raise InputError(f"split {self.split.name!r}: wanted annotated pairs, got none")
        slots = np.minimum(first[rows][:, None] + np.arange(most), len(true.image) - 1)  # (B, P)
        there = np.arange(most) < count[:, None]
        pixels = np.empty((len(rows), self.side, self.side, 3), np.uint8)
        boxes = np.zeros((len(rows), 2, most, 4), np.float32)
        for b, row in enumerate(rows.tolist()):
            pixels[b], view = self.look(place.epoch, row)
            size_wh, mine = self.size_wh(row), slots[b, there[b]]
            for which, column in enumerate((true.humans_xyxy, true.objects_xyxy)):
                boxes[b, which, there[b]] = (view.forward(clip(column[mine], size_wh)) / self.side).clip(0, 1)
        return PairBatch(
            pixels=torch.from_numpy(pixels),
            humans_xyxy=torch.from_numpy(boxes[:, 0]),
            objects_xyxy=torch.from_numpy(boxes[:, 1]),
            objects=torch.from_numpy(np.where(there, true.object[slots], 0)),
            verbs=torch.from_numpy(true.verbs[slots] & there[..., None]),
            has_pair=torch.from_numpy(there),
            rows=torch.from_numpy(rows),
            images=[self.split.pairs.images[row] for row in rows.tolist()],
        )

    def kept_xyxy(self, row: int) -> Floats:
        true, mine = self.split.couples, slice(*self.split.first[row : row + 2])
        return np.concatenate([true.humans_xyxy[mine], true.objects_xyxy[mine]])
