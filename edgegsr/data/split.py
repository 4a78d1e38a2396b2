"""A split: annotated images and the folder where their pixels are. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.images import open_image


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
