"""The batches of a training, each with what the teacher says of it; from any step on, always the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

from edgegsr.data.loader import Batch, Loader, loader
from edgegsr.data.split import Split, kept
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.loop import Turn
from edgegsr.distill.mipd.handfuls import Handful, handfuls
from edgegsr.distill.training import share_of
from edgegsr.teacher.knowledge import Knowledge, Source


class Course:
    """The share of one of `world` processes in every batch of a training."""

    def __init__(
        self,
        split: Split,
        side: int,
        settings: TrainConfig,
        source: Source | None,
        collages: bool,
        rank: int = 0,
        world: int = 1,
        pin_memory: bool = False,
    ) -> None:
        self.split = split if settings.workers else kept(split)
        self.side, self.settings, self.source = side, settings, source
        self.collages, self.rank, self.world = collages, rank, world
        self.batches: Loader[Batch] = loader(
            self.split,
            side,
            share_of(settings, world),
            train=True,
            seed=settings.seed,
            workers=settings.workers,
            augmentation=settings.augment,
            rank=rank,
            world=world,
            pin_memory=pin_memory,
        )

    @property
    def per_epoch(self) -> int:
        return len(self.batches.order)

    @property
    def steps(self) -> int:
        return self.settings.epochs * self.per_epoch

    def from_step(self, done: int, until: int | None = None) -> Iterator[Turn]:
        """Every lesson from the first step that is not done."""
        until = self.steps if until is None else until
        beside: Iterator[Handful | None] = repeat(None)
        if self.collages:
            steps = range(done, until)
            beside = handfuls(self.split, self.settings, self.side, steps, self.rank, self.world)
        for turn, handful in zip(turns(self.batches, until, done), beside):
            yield turn._replace(about=self._about(turn.batch, handful))

    def _about(self, batch: Batch, handful: Handful | None) -> Knowledge | None:
        """What the teacher says of a batch, and of the collages beside it."""
        if self.source is None:
            return None
        about = self.source.about(batch.rows, batch.flipped)
        if handful is None:
            return about
        pixels, numbers = handful
        tokens = self.source.collage_tokens(numbers, self.settings.mipd.collages)
        return about._replace(collage_pixels=pixels, collage_tokens=tokens)


def turns(batches: Loader[Any], until: int, done: int) -> Iterator[Turn]:
    """The batches of every step that is not done."""
    step, per_epoch = done, len(batches.order)
    while step < until:
        epoch = step // per_epoch
        batches.set_position(epoch, step % per_epoch)
        for batch in batches:
            if step == until:
                return
            yield Turn(epoch, step, batch)
            step += 1
