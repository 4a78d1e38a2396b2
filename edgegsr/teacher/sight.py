"""What a teacher is: something that turns images into a global token and a square grid of patch tokens.

The grid always lies over the letterboxed square of the image, as the student's does, whatever the teacher's own
preprocessing looks like: so a box in [0, 1] of the square names the same place for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB, upright, of any size

# Of nearness among texts, read as how likely each is. Diorama's teacher learned its own, which was not kept. On
# pictures of its world (160 of diorama's dev, 104 verbs) the true verb costs it 0.21 nats at 0.02, 0.32 at 0.03, 0.84
# at 0.05 and 1.49 at 0.07, where its training began.
TEMPERATURE = 0.02


class Sight(NamedTuple):
    """What a teacher sees in B images."""

    tokens: Tensor  # (B, 1 + G * G, d): the global token, then the grid over the letterboxed square, row by row
    shown: Tensor  # (B, G * G) bool: the cell lies on the image, and the teacher's preprocessing kept it


class Known(Protocol):
    """What everything that is asked about images and remembered says of itself."""

    @property
    def name(self) -> str:
        """The hub id or folder, for people."""

    @property
    def revision(self) -> str:
        """sha256 over weights and config: what an answer depends on besides the image and the preprocessing."""

    @property
    def preprocessing(self) -> str:
        """One line that changes whenever the same image would be shown, or what is found chosen, in another way."""


class Teacher(Known, Protocol):
    """Anything that looks at images: `see` needs no gradients and changes nothing."""

    @property
    def width(self) -> int:
        """Of a token."""

    @property
    def grid(self) -> int:
        """Patch tokens along a side of the square."""

    @property
    def text_encoder(self) -> str | None:
        """The encoder (hub id or folder) among whose vectors `to_text` puts tokens; None where there is none."""

    @property
    def projection(self) -> tuple[Tensor, Tensor] | None:
        """Weight (t, d) and bias (t,) of the way that `to_text` takes; None where there is none."""

    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        """Whole images, mirrored first where `flipped` says so; the grid then lies over the mirrored square."""

    def to_text(self, tokens: Tensor) -> Tensor:
        """Tokens (..., d) as unit vectors among those of `text_encoder` (..., t)."""
