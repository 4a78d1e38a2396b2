"""A student with both heads in training: situations and pairs, each on images of its own, through one trunk."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from edgegsr.both_run import HALVES
from edgegsr.data.loader import Batch
from edgegsr.data.pair_loader import PairBatch
from edgegsr.distill.pairs.lesson import PairLesson
from edgegsr.distill.plain import Plain
from edgegsr.student.both import BothStudent, halves_of


class Both(NamedTuple):
    """Something of each half: what it is shown, what a teacher says of that, or what it says itself."""

    situations: Any
    pairs: Any


class BothBatch(NamedTuple):
    """As many images of situations as of pairs."""

    situations: Batch
    pairs: PairBatch

    @property
    def asked(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the lessons are given to speak about."""
        return self.situations.asked, self.pairs.asked


class BothLesson(nn.Module):
    """The lessons of both halves, whose losses add up."""

    def __init__(self, student: BothStudent, situations: Plain, pairs: PairLesson) -> None:
        super().__init__()
        self.student, self.situations, self.pairs = student, situations, pairs
        for lesson, half in ((situations, student.situations), (pairs, student.pairs)):
            del lesson.student  # a part of `student` already: a state would hold it once more
            lesson.__dict__["student"] = half

    def forward(self, situations: tuple[Tensor, ...], pairs: tuple[Tensor, ...], about: Both | None = None) -> Both:
        heard = [() if part is None else (part,) for part in (about or (None, None))]
        return Both(self.situations(*situations, *heard[0]), self.pairs(*pairs, *heard[1]))

    def losses(self, said: Both, true: BothBatch) -> dict[str, Tensor]:
        """The terms of both, by half."""
        return self._of_halves("losses", said, true)

    def watch(self, watcher: BothStudent) -> None:
        """Takes copies of its halves, each to watch its own."""
        for half, part in halves_of(watcher).items():
            getattr(self, half).watch(part)

    def watched(self, said: Both, true: BothBatch) -> dict[str, Tensor]:
        """What watchers of either half say."""
        return self._of_halves("watched", said, true)

    def _of_halves(self, what: str, said: Both, true: BothBatch) -> dict[str, Tensor]:
        found = {half: getattr(getattr(self, half), what)(getattr(said, half), getattr(true, half)) for half in HALVES}
        return {f"{half}/{name}": loss for half, losses in found.items() for name, loss in losses.items()}
