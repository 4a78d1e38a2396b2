"""Batches for training and evaluation, from any split. torch.

How an image is seen follows from (seed, epoch, row) alone, never from the number of workers or what was loaded before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from edgegsr.annotations import Annotations
from edgegsr.boxes import clip
from edgegsr.data.augment import Augmentation, View
from edgegsr.data.mirror import mirror
from edgegsr.data.order import Order, Place, epoch_batches
from edgegsr.data.squares import Readable, Squares, Whole
from edgegsr.errors import InputError

__all__ = ["Batch", "Loader", "Pictures", "epoch_batches", "loader"]

DEFAULT = Augmentation()


class Pictures(Readable, Protocol):
    """What the loader needs of a split."""

    @property
    def annotations(self) -> Annotations: ...


class Batch(NamedTuple):
    """B images in squares of side S, and what is true of them."""

    pixels: torch.Tensor  # (B, S, S, 3) uint8 RGB
    verbs: torch.Tensor  # (B,) int64
    nouns: torch.Tensor  # (B, 3, 6) int64; BLANK = 0, OOV = -1
    boxes_xyxy: torch.Tensor  # (B, 6, 4) float32 in [0, 1] of the square; zeros where there is none
    has_box: torch.Tensor  # (B, 6) bool
    has_role: torch.Tensor  # (B, 6) bool
    flipped: torch.Tensor  # (B,) bool: mirrored, so left is right in every text about the image
    rows: torch.Tensor  # (B,) int64: rows of the split
    whole_xyxy: torch.Tensor  # (B, 4) float32: the letterboxed square of the whole image, in units of the square shown
    images: list[str]

    @property
    def asked(self) -> tuple[torch.Tensor, ...]:
        """What a lesson is given to speak about."""
        return self.pixels, self.verbs


def loader(
    split: Pictures,
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
) -> Loader[Batch]:
    """Augmented batches in a seeded order (`train`), or letterboxed ones in the order of the split."""
    order = Order(len(split.annotations), batch, train=train, seed=seed, rank=rank, world=world)
    return Loader(Views(split, side, seed, augmentation if train else None), order, workers, pin_memory)


class Loader(DataLoader[Whole]):
    """A DataLoader whose samples are whole batches. It shards by itself: Accelerate need not prepare it."""

    def __init__(self, views: Dataset[Whole | InputError], order: Order, workers: int, pin_memory: bool) -> None:
        super().__init__(
            cast("Dataset[Whole]", views),
            batch_size=None,
            sampler=order,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
        )
        self.order = order

    def set_position(self, epoch: int, step: int = 0) -> None:
        """The next iteration goes through the steps of `epoch`, without the first `step` of them."""
        self.order.set_position(epoch, step)

    def __iter__(self) -> Iterator[Whole]:  # type: ignore[override]
        failed: InputError | None = None
        for batch in super().__iter__():
            if isinstance(batch, InputError):
                failed = InputError(str(batch))
                break
            yield batch
        if failed is not None:
            self._iterator = None  # ends the workers now: as garbage of the traceback they would take five seconds
            raise failed


def _as_it_is(batch: Any) -> Any:
    return batch


class Views(Squares[Batch]):
    """Situations, with the roles of a mirrored image in their new places."""

    def __init__(self, split: Pictures, side: int, seed: int, augmentation: Augmentation | None) -> None:
        super().__init__(split, split.annotations, side, seed, augmentation)
        self.annotations, self.mirror = split.annotations, mirror(split.annotations.ontology)

    def batch(self, place: Place) -> Batch:
        truth, rows = self.annotations, place.rows
        pixels = np.empty((len(rows), self.side, self.side, 3), np.uint8)
        verbs, nouns = truth.verbs[rows].astype(np.int64), truth.nouns[rows].astype(np.int64)
        boxes, has_box, flipped = truth.boxes_xyxy[rows], truth.has_box[rows], np.zeros(len(rows), np.bool_)
        whole = np.empty((len(rows), 4), np.float32)
        for b, row in enumerate(rows.tolist()):
            pixels[b], view = self.look(place.epoch, row)
            boxes[b], whole[b] = self.carry(view, row), view.whole(self.size_wh(row))
            if view.flipped:
                slots, flipped[b] = self.mirror.slots[verbs[b]], True
                boxes[b], has_box[b] = boxes[b, slots], has_box[b, slots]
                nouns[b], verbs[b] = self.mirror.nouns[nouns[b]][:, slots], self.mirror.verbs[verbs[b]]
        return Batch(
            pixels=torch.from_numpy(pixels),
            verbs=torch.from_numpy(verbs),
            nouns=torch.from_numpy(nouns),
            boxes_xyxy=torch.from_numpy(boxes),
            has_box=torch.from_numpy(has_box),
            has_role=torch.from_numpy(truth.has_role[rows]),
            flipped=torch.from_numpy(flipped),
            rows=torch.from_numpy(rows),
            whole_xyxy=torch.from_numpy(whole),
            images=[truth.images[row] for row in rows.tolist()],
        )

    def kept_xyxy(self, row: int) -> npt.NDArray[np.float64]:
        kept: npt.NDArray[np.float64] = self.annotations.boxes_xyxy[row, self.annotations.has_box[row]]
        return kept

    def may_flip(self, row: int) -> bool:
        return bool(self.mirror.possible[self.annotations.verbs[row]])

    def carry(self, view: View, row: int) -> npt.NDArray[np.float64]:
        """The boxes of one row in [0, 1] of the square."""
        truth = self.annotations
        boxes = view.forward(clip(truth.boxes_xyxy[row], self.size_wh(row))) / self.side
        return np.where(truth.has_box[row, :, None], boxes.clip(0, 1), 0)
