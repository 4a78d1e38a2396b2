"""Batches for training and evaluation, from any split. torch.

How an image is seen follows from (seed, epoch, row) alone, never from the number of workers or what was loaded before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from edgegsr.annotations import Annotations
from edgegsr.boxes import clip
from edgegsr.data.augment import Augmentation, View, draw_colours, draw_view, plain_view, render
from edgegsr.data.mirror import mirror
from edgegsr.data.order import Order, Place, epoch_batches
from edgegsr.data.records import same_aspect
from edgegsr.errors import InputError
from edgegsr.images import letterbox

__all__ = ["Batch", "Loader", "Pictures", "epoch_batches", "loader"]

DEFAULT = Augmentation()
Whole = TypeVar("Whole")  # a batch, of whatever is true of its images


class Pictures(Protocol):
    """What the loader needs of a split, wherever its pixels come from."""

    @property
    def annotations(self) -> Annotations: ...

    def pixels(self, i: int, side: int | None = None) -> npt.NDArray[np.uint8]:
        """Row `i` as RGB (H, W, 3), its longest side at least `side` where the original has as much."""


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


class Views(Dataset[Batch | InputError]):
    """Whole batches by their place; an `InputError` comes as a value, because a worker would bury it in a traceback."""

    def __init__(self, split: Pictures, side: int, seed: int, augmentation: Augmentation | None) -> None:
        self.split, self.side, self.seed, self.augmentation = split, side, seed, augmentation
        self.mirror = mirror(split.annotations.ontology)

    def __getitem__(self, place: Place) -> Batch | InputError:
        try:
            return self.batch(place)
        except InputError as error:
            return error

    def batch(self, place: Place) -> Batch:
        truth, rows = self.split.annotations, place.rows
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

    def look(self, epoch: int, row: int) -> tuple[npt.NDArray[np.uint8], View]:
        """The square of one row, and which view of the image it shows."""
        truth, how, size_wh = self.split.annotations, self.augmentation, self.size_wh(row)
        if how is None:
            return letterbox(self.pixels(row, self.side), self.side, size_wh)[0], plain_view(size_wh, self.side)
        dice = np.random.default_rng((self.seed, epoch, row))
        colours = draw_colours(dice, how)
        boxes = clip(truth.boxes_xyxy[row, truth.has_box[row]], size_wh)
        view = draw_view(dice, how, size_wh, self.side, boxes, bool(self.mirror.possible[truth.verbs[row]]))
        return render(self.pixels(row, view.wanted_side(size_wh)), size_wh, view, colours), view

    def carry(self, view: View, row: int) -> npt.NDArray[np.float64]:
        """The boxes of one row in [0, 1] of the square."""
        truth = self.split.annotations
        boxes = view.forward(clip(truth.boxes_xyxy[row], self.size_wh(row))) / self.side
        return np.where(truth.has_box[row, :, None], boxes.clip(0, 1), 0)

    def size_wh(self, row: int) -> tuple[int, int]:
        width, height = self.split.annotations.sizes_wh[row].tolist()
        return width, height

    def pixels(self, row: int, side: int) -> npt.NDArray[np.uint8]:
        """The decoded image, whose boxes only fit if it has the shape that the annotation names."""
        return shaped(self.split.pixels(row, side), self.size_wh(row), self.split.annotations.images[row])


def shaped(pixels: npt.NDArray[np.uint8], size_wh: tuple[int, int], image: str) -> npt.NDArray[np.uint8]:
    """The pixels, refused if they have not the shape that the boxes are told in."""
    if not same_aspect(got := (pixels.shape[1], pixels.shape[0]), size_wh):
        raise InputError(
            f"image {image!r}: wanted the shape of its annotation, {size_wh[0]} x {size_wh[1]}, "
            f"got pixels of {got[0]} x {got[1]}; `edgegsr data check` lists all such images"
        )
    return pixels
