"""Batches of pairs for training and evaluation. How an image is seen follows from (seed, epoch, row) alone. torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from edgegsr.boxes import clip
from edgegsr.data.augment import Augmentation, View, draw_colours, draw_view, plain_view, render
from edgegsr.data.loader import DEFAULT, Loader, shaped
from edgegsr.data.order import Order, Place
from edgegsr.data.pairs import PairSplit
from edgegsr.errors import InputError
from edgegsr.images import Pixels, letterbox


class PairBatch(NamedTuple):
    """B images in squares of side S, and the pairs on them, padded to the most of an image."""

    pixels: torch.Tensor  # (B, S, S, 3) uint8 RGB
    humans_xyxy: torch.Tensor  # (B, P, 4) float32 in [0, 1] of the square
    objects_xyxy: torch.Tensor  # (B, P, 4)
    objects: torch.Tensor  # (B, P) int64
    verbs: torch.Tensor  # (B, P, V) bool
    has_pair: torch.Tensor  # (B, P) bool
    flipped: torch.Tensor  # (B,) bool
    rows: torch.Tensor  # (B,) int64: rows of the split
    whole_xyxy: torch.Tensor  # (B, 4) float32: the letterboxed square of the whole image, in units of the square shown
    images: list[str]

    @property
    def asked(self) -> tuple[torch.Tensor, ...]:
        """What a lesson is given to speak about."""
        return self.pixels, self.objects_xyxy, self.has_pair


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


class PairViews(Dataset[PairBatch | InputError]):
    """Whole batches by their place; an `InputError` comes as a value, because a worker would bury it in a traceback."""

    def __init__(self, split: PairSplit, side: int, seed: int, augmentation: Augmentation | None) -> None:
        self.split, self.side, self.seed, self.augmentation = split, side, seed, augmentation

    def __getitem__(self, place: Place) -> PairBatch | InputError:
        try:
            return self.batch(place)
        except InputError as error:
            return error

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
        flipped, whole = np.zeros(len(rows), bool), np.empty((len(rows), 4), np.float32)
        for b, row in enumerate(rows.tolist()):
            pixels[b], view = self.look(place.epoch, row)
            size_wh, mine = self.size_wh(row), slots[b, there[b]]
            for which, column in enumerate((true.humans_xyxy, true.objects_xyxy)):
                boxes[b, which, there[b]] = (view.forward(clip(column[mine], size_wh)) / self.side).clip(0, 1)
            flipped[b], whole[b] = view.flipped, view.whole(size_wh)
        return PairBatch(
            pixels=torch.from_numpy(pixels),
            humans_xyxy=torch.from_numpy(boxes[:, 0]),
            objects_xyxy=torch.from_numpy(boxes[:, 1]),
            objects=torch.from_numpy(np.where(there, true.object[slots], 0)),
            verbs=torch.from_numpy(true.verbs[slots] & there[..., None]),
            has_pair=torch.from_numpy(there),
            flipped=torch.from_numpy(flipped),
            rows=torch.from_numpy(rows),
            whole_xyxy=torch.from_numpy(whole),
            images=[self.split.pairs.images[row] for row in rows.tolist()],
        )

    def look(self, epoch: int, row: int) -> tuple[Pixels, View]:
        """The square of one row, and which view of the image it shows."""
        how, size_wh = self.augmentation, self.size_wh(row)
        if how is None:
            return letterbox(self.pixels(row, self.side), self.side, size_wh)[0], plain_view(size_wh, self.side)
        dice = np.random.default_rng((self.seed, epoch, row))
        colours, mine = draw_colours(dice, how), slice(*self.split.first[row : row + 2])
        true = self.split.couples
        boxes = clip(np.concatenate([true.humans_xyxy[mine], true.objects_xyxy[mine]]), size_wh)
        view = draw_view(dice, how, size_wh, self.side, boxes)
        return render(self.pixels(row, view.wanted_side(size_wh)), size_wh, view, colours), view

    def pixels(self, row: int, side: int) -> Pixels:
        """The decoded image, whose boxes only fit if it has the shape that the annotation names."""
        return shaped(self.split.pixels(row, side), self.size_wh(row), self.split.pairs.images[row])

    def size_wh(self, row: int) -> tuple[int, int]:
        width, height = self.split.pairs.sizes_wh[row].tolist()
        return width, height
