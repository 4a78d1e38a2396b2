"""A split: annotated images and the folder where their pixels are. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.images import Pixels, open_image, read_size, reduction

SMALL = 2 << 30  # bytes of decoded images that a training process may keep


@dataclass(frozen=True)
class Split:
    """The images of one split, and what is true of them."""

    name: str
    annotations: Annotations
    folder: Path  # of the image files

    def __len__(self) -> int:
        return len(self.annotations)

    def path(self, i: int) -> Path:
        """The image file of row `i`."""
        return self.folder / self.annotations.images[i]

    def pixels(self, i: int, side: int | None = None) -> npt.NDArray[np.uint8]:
        """Row `i` as RGB, (H, W, 3); `side` is the longest side wanted: a large JPEG is then decoded smaller."""
        return open_image(self.path(i), side)

    def take(self, rows: npt.ArrayLike) -> Split:
        """The same split with only these rows, in this order."""
        return replace(self, annotations=self.annotations.take(rows))


@dataclass(frozen=True)
class Kept(Split):
    """A split that decodes an image once."""

    sizes_wh: dict[int, tuple[int, int]] = field(default_factory=dict, repr=False, compare=False)  # of the files
    decoded: dict[tuple[int, int], Pixels] = field(default_factory=dict, repr=False, compare=False)

    def pixels(self, i: int, side: int | None = None) -> Pixels:
        """Row `i` as every split gives it, but read-only."""
        if i not in self.sizes_wh:
            self.sizes_wh[i] = read_size(self.path(i))
        key = i, reduction(self.sizes_wh[i], side)
        if key not in self.decoded:
            self.decoded[key] = super().pixels(i, side)
            self.decoded[key].setflags(write=False)
        return self.decoded[key]

    def take(self, rows: npt.ArrayLike) -> Split:
        return Split(self.name, self.annotations, self.folder).take(rows)


def kept(split: Split, most: int = SMALL) -> Split:
    """The split with its decoded images in memory, or as it is where they take more than `most` bytes."""
    width, height = split.annotations.sizes_wh.astype(np.int64).T
    return Kept(split.name, split.annotations, split.folder) if 3 * (width * height).sum() <= most else split
