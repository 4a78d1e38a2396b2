"""The collages of a training split: how they look, and what of a teacher's sight of them is kept: one global token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.data.collage import Collage, Pixels, draw_collage, paste
from edgegsr.data.split import Split
from edgegsr.images import letterbox
from edgegsr.teacher.knowledge import Scenes
from edgegsr.teacher.shards import key_of

FOLDER = "collages"
SEED = 0
LARGEST = 512  # side of a collage that a teacher is shown


class Collages:
    """`count` collages of every image of a split; collage `i` is number `i % count` of row `i // count`."""

    def __init__(self, split: Split, count: int) -> None:
        self.split, self.count, self.scenes = split, count, Scenes(split)
        unflipped = torch.zeros(len(split), dtype=torch.bool)
        self.boxes = self.scenes.boxes(torch.arange(len(split)), unflipped)[0].numpy()

    def __len__(self) -> int:
        return len(self.split) * self.count

    def draw(self, i: int) -> Collage:
        return draw_collage(self.split.annotations, self.boxes, *divmod(i, self.count), SEED)

    def pixels(self, i: int, side: int | None = None) -> Pixels:
        """The square (side, side, 3) of a collage; by default as large as its image."""
        collage = self.draw(i)
        side = side or min(int(self.split.annotations.sizes_wh[collage.row].max()), LARGEST)
        here, there = (self._square(row, side) for row in (collage.row, collage.other))
        return paste(here, there, collage)

    def mirrored(self, i: int, side: int) -> Pixels:
        """The square of a collage, mirrored where nothing that its images show has a left or a right in its name."""
        truth, collage = self.split.annotations, self.draw(i)
        possible = self.scenes.mirror.possible[truth.verbs[[collage.row, collage.other]]].all()
        pixels = self.pixels(i, side)
        return pixels[:, ::-1] if possible else pixels

    def keys(self, photos: Sequence[str], revision: str, preprocessing: str) -> list[bytes]:
        """What the token of each collage hangs on."""
        drawn = map(self.draw, range(len(self)))
        return [
            key_of("collage", photos[c.row], photos[c.other], str(astuple(c)[2:]), revision, preprocessing)
            for c in drawn
        ]

    def _square(self, row: int, side: int) -> Pixels:
        return letterbox(self.scenes.views.pixels(row, side), side, self.scenes.views.size_wh(row))[0]


def numbers_of(
    seed: int, step: int, rank: int, how_many: int, total: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Which collages go with a step of a process, and which of them mirrored."""
    dice = np.random.default_rng((seed, step, rank))
    return dice.integers(total, size=how_many), dice.random(how_many) < 0.5
