"""Which rows make up which step, as a function of (seed, epoch, step) alone: a stopped run goes on exactly. torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from edgegsr.errors import InputError

Rows = npt.NDArray[np.int64]


class Place(NamedTuple):
    """The rows of one batch and the epoch they are seen in: all that decides how they are seen."""

    epoch: int
    rows: Rows


def epoch_batches(n: int, batch: int, seed: int, epoch: int, rank: int = 0, world: int = 1) -> list[Rows]:
    """The rows of each training step of one process: a fresh shuffle each epoch, every row at least once.

    All batches are full and all processes have as many: the last step is filled with the first rows of the shuffle.
    """
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return list(np.resize(order, (steps(n, batch * world), world, batch))[:, rank])


def plain_batches(n: int, batch: int, rank: int = 0, world: int = 1) -> list[Rows]:
    """The rows of each evaluation step of one process: in order, each row once, in one of the processes."""
    rows = np.arange(rank, n, world)
    return [rows[i * batch : (i + 1) * batch] for i in range(steps(len(rows), batch))]


def steps(n: int, batch: int) -> int:
    """How many batches n rows make, the last one perhaps not full."""
    return -(-n // batch)


class Order(Sampler[Place]):
    """The steps of one epoch, from one of them on; `set_position` says which."""

    def __init__(self, n: int, batch: int, *, train: bool, seed: int = 0, rank: int = 0, world: int = 1) -> None:
        if n < 1 or batch < 1 or not 0 <= rank < world:
            raise InputError(
                f"loader: wanted images, a batch of 1 or more and rank < world, got {n=} {batch=} {rank=} {world=}"
            )
        self.n, self.batch, self.train, self.seed, self.rank, self.world = n, batch, train, seed, rank, world
        self.epoch = self.step = 0

    def set_position(self, epoch: int, step: int = 0) -> None:
        """The next iteration goes through the steps of `epoch`, without the first `step` of them."""
        self.epoch, self.step = epoch, step

    def __len__(self) -> int:
        """The steps of a whole epoch."""
        if self.train:
            return steps(self.n, self.batch * self.world)
        return steps(len(range(self.rank, self.n, self.world)), self.batch)

    def __iter__(self) -> Iterator[Place]:
        if self.train:
            batches = epoch_batches(self.n, self.batch, self.seed, self.epoch, self.rank, self.world)
        else:
            batches = plain_batches(self.n, self.batch, self.rank, self.world)
        return iter([Place(self.epoch, rows) for rows in batches[self.step :]])
