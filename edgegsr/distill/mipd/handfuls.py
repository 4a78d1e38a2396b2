"""A handful of collages beside every batch: as the student sees them, prepared like batches by as many processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edgegsr.data.split import Split
from edgegsr.distill.config import TrainConfig
from edgegsr.errors import InputError
from edgegsr.teacher.collages import Collages, numbers_of

Handful = tuple[Tensor, Tensor]  # (M, S, S, 3) uint8, (M,) which collages they are


class Handfuls(Dataset[Handful]):
    """The handful of a step of this process."""

    def __init__(self, collages: Collages, side: int, how_many: int, seed: int, rank: int) -> None:
        self.collages, self.side, self.how_many, self.seed, self.rank = collages, side, how_many, seed, rank

    def __getitem__(self, step: int) -> Handful | InputError:  # type: ignore[override]
        chosen, flips = numbers_of(self.seed, step, self.rank, self.how_many, len(self.collages))
        try:
            looks = [self.collages.mirrored if flip else self.collages.pixels for flip in flips]
            pixels = np.stack([look(i, self.side) for look, i in zip(looks, chosen.tolist())])
        except InputError as error:  # a worker would bury it in a traceback
            return error
        return torch.from_numpy(pixels), torch.from_numpy(chosen)


def handfuls(
    split: Split, settings: TrainConfig, side: int, steps: Sequence[int], rank: int, world: int
) -> Iterator[Handful | None]:
    """One handful a step, or None where collages are switched off."""
    m = settings.mipd
    how_many = round(settings.batch // world * m.collage_share)
    if not (m.glimpse and m.collages and how_many):
        yield from (None for _ in steps)
        return
    views = Handfuls(Collages(split, m.collages), side, how_many, settings.seed, rank)
    ready: DataLoader[Handful] = DataLoader(
        views,
        batch_size=None,
        sampler=list(steps),
        num_workers=settings.workers,
        collate_fn=_as_it_is,
    )
    for handful in ready:
        if isinstance(handful, InputError):
            raise InputError(str(handful))
        yield handful


def _as_it_is(handful: Any) -> Any:
    return handful
