"""How much a student would miss each unit: by what its lesson would lose, or by the size of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgegsr.compress.prune import Scores
from edgegsr.compress.strands import OUT, Strand
from edgegsr.distill.loop import Turn
from edgegsr.distill.training import Lesson
from edgegsr.student.attention import Attention


def taylor(lesson: Lesson, turns: Iterable[Turn], strands: Sequence[Strand]) -> Scores:
    """The square of what the loss would change by, to first order, were a unit 0; a mean over batches.

    The loss is that of the lesson, teacher's part included (arXiv 1906.10771). Norms keep their running statistics.
    """
    student, training = lesson.student, lesson.training
    lesson.train()
    for module in student.modules():
        if isinstance(module, _BatchNorm | nn.Dropout):
            module.eval()
    found = {strand.name: np.zeros(strand.units) for strand in strands}
    for count, turn in enumerate(turns, 1):
        torch.manual_seed(turn.step)
        heard = () if turn.about is None else (turn.about,)
        losses = lesson.losses(lesson(*turn.batch.asked, *heard), turn.batch)
        lesson.zero_grad()
        torch.stack(tuple(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        for strand in strands:
            change = _total(strand, student, lambda weight: weight * _gradient(weight))
            found[strand.name] += (np.square(change) - found[strand.name]) / count
    lesson.zero_grad()
    lesson.train(training)
    return found


@torch.no_grad()
def mean_loss(lesson: Lesson, turns: Sequence[Turn], *, adapted: bool = False) -> float:
    """What a lesson loses on some batches, the student being as it is judged.

    `adapted` BatchNorms go by the batch: their statistics are of the student before a cut, and the first steps of
    recovery mend just that.
    """
    lesson.eval()
    for module in lesson.modules() if adapted else ():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    total = 0.0
    for turn in turns:
        torch.manual_seed(turn.step)
        heard = () if turn.about is None else (turn.about,)
        said = lesson(*turn.batch.asked, *heard)
        total += float(torch.stack(tuple(lesson.losses(said, turn.batch).values())).sum())
    return total / len(turns)


def magnitude(student: nn.Module, strands: Sequence[Strand]) -> Scores:
    """The sum of squares of the weights that make a unit."""
    return {strand.name: _total(strand, student, torch.square) for strand in strands}


def _total(strand: Strand, student: nn.Module, of: Callable[[Tensor], Tensor]) -> npt.NDArray[np.float64]:
    """Per unit, the sum of a function of the weights that make it."""
    total = np.zeros(strand.units)
    for part in strand.slices:
        layer = student.get_submodule(part.layer)
        if part.width != OUT or isinstance(layer, Attention):
            continue
        for weight in layer.parameters(recurse=False):
            values = of(weight).detach().double().cpu()
            rows = values.T if isinstance(layer, nn.Embedding) else values
            total += rows.reshape(len(rows), -1).sum(1).numpy()[part.places].sum(1)
    return total


def _gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
