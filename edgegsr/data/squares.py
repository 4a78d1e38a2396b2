"""Images as squares, for training and evaluation. How one is seen follows from (seed, epoch, row) alone. torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from edgegsr.boxes import clip
from edgegsr.data.augment import Augmentation, View, draw_colours, draw_view, plain_view, render
from edgegsr.data.order import Place
from edgegsr.data.records import same_aspect
from edgegsr.errors import InputError
from edgegsr.images import Pixels, letterbox

Whole = TypeVar("Whole")  # a batch, of whatever is true of its images


class Readable(Protocol):
    """What has pixels, wherever they come from."""

    def pixels(self, i: int, side: int | None = None) -> Pixels:
        """Row `i` as RGB (H, W, 3), its longest side at least `side` where the original has as much."""


class Sized(Protocol):
    """The images of a split and how large their annotations take them to be."""

    @property
    def images(self) -> Sequence[str]: ...

    @property
    def sizes_wh(self) -> npt.NDArray[np.integer[Any]]: ...


class Squares(Dataset[Whole | InputError], ABC):
    """Whole batches by their place; an `InputError` comes as a value, because a worker would bury it in a traceback."""

    def __init__(self, split: Readable, truth: Sized, side: int, seed: int, augmentation: Augmentation | None) -> None:
        self.read, self.truth, self.side, self.seed, self.augmentation = split.pixels, truth, side, seed, augmentation

    def __getitem__(self, place: Place) -> Whole | InputError:
        try:
            return self.batch(place)
        except InputError as error:
            return error

    @abstractmethod
    def batch(self, place: Place) -> Whole:
        """The images of one step, and what is true of them."""

    @abstractmethod
    def kept_xyxy(self, row: int) -> npt.NDArray[np.float64]:
        """The boxes of a row that a crop leaves in sight."""

    def may_flip(self, row: int) -> bool:
        return True

    def look(self, epoch: int, row: int) -> tuple[Pixels, View]:
        """The square of one row, and which view of the image it shows."""
        how, size_wh = self.augmentation, self.size_wh(row)
        if how is None:
            return letterbox(self.pixels(row, self.side), self.side, size_wh)[0], plain_view(size_wh, self.side)
        dice = np.random.default_rng((self.seed, epoch, row))
        colours = draw_colours(dice, how)
        view = draw_view(dice, how, size_wh, self.side, clip(self.kept_xyxy(row), size_wh), self.may_flip(row))
        return render(self.pixels(row, view.wanted_side(size_wh)), size_wh, view, colours), view

    def size_wh(self, row: int) -> tuple[int, int]:
        width, height = self.truth.sizes_wh[row].tolist()
        return width, height

    def pixels(self, row: int, side: int) -> Pixels:
        """The decoded image, refused if it has not the shape that its boxes are told in."""
        pixels, size_wh = self.read(row, side), self.size_wh(row)
        if not same_aspect(got := (pixels.shape[1], pixels.shape[0]), size_wh):
            raise InputError(
                f"image {self.truth.images[row]!r}: wanted the shape of its annotation, {size_wh[0]} x {size_wh[1]}, "
                f"got pixels of {got[0]} x {got[1]}; `edgegsr data check` lists all such images"
            )
        return pixels
