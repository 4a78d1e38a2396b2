"""How much a student would miss each unit: by what its lesson would lose, or by the size of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgegsr.compress.groups import OUT, Group
from edgegsr.compress.prune import Scores
from edgegsr.distill.course import Lesson
from edgegsr.distill.plain import Plain
from edgegsr.student.attention import Attention
from edgegsr.student.model import Student


def taylor(lesson: Plain, taught: Iterable[Lesson], groups: Sequence[Group]) -> Scores:
    """The square of what the loss would change by, to first order, were a unit 0; a mean over batches.

    The loss is that of the lesson, teacher's part included (arXiv 1906.10771). Norms keep their running statistics.
    """
    student, training = lesson.student, lesson.training
    lesson.train()
    for module in student.modules():
        if isinstance(module, _BatchNorm | nn.Dropout):
            module.eval()
    found = {group.name: np.zeros(group.units) for group in groups}
    for count, step in enumerate(taught, 1):
        torch.manual_seed(step.step)
        heard = () if step.about is None else (step.about,)
        losses = lesson.losses(lesson(step.batch.pixels, step.batch.verbs, *heard), step.batch)
        lesson.zero_grad()
        torch.stack(tuple(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        for group in groups:
            change = _total(group, student, lambda weight: weight * _gradient(weight))
            found[group.name] += (np.square(change) - found[group.name]) / count
    lesson.zero_grad()
    lesson.train(training)
    return found


@torch.no_grad()
def mean_loss(lesson: Plain, taught: Sequence[Lesson]) -> float:
    """What a lesson loses on some batches, the student being as it is judged."""
    lesson.eval()
    total = 0.0
    for step in taught:
        torch.manual_seed(step.step)
        heard = () if step.about is None else (step.about,)
        said = lesson(step.batch.pixels, step.batch.verbs, *heard)
        total += float(torch.stack(tuple(lesson.losses(said, step.batch).values())).sum())
    return total / len(taught)


def magnitude(student: Student, groups: Sequence[Group]) -> Scores:
    """The sum of squares of the weights that make a unit."""
    return {group.name: _total(group, student, torch.square) for group in groups}


def _total(group: Group, student: Student, of: Callable[[Tensor], Tensor]) -> npt.NDArray[np.float64]:
    """Per unit, the sum of a function of the weights that make it."""
    total = np.zeros(group.units)
    for part in group.slices:
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
