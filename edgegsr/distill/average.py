"""The moving average of a student's weights: what is judged, drawn and shipped."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from edgegsr.student.model import Student


class Average:
    """A second student that follows the first; `decay` is the memory of one step, short in the beginning."""

    def __init__(self, student: Student, decay: float) -> None:
        self.student = copy.deepcopy(student).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, student: Student, step: int) -> None:
        """Takes in the weights after `step` updates, the running statistics of norms among them."""
        follow(self.student.state_dict(), student.state_dict(), self.decay, step)


@torch.no_grad()
def follow(average: Mapping[str, Tensor], now: Mapping[str, Tensor], decay: float, step: int) -> None:
    """Moves an average, in place, towards the weights after `step` updates."""
    decay = min(decay, (1 + step) / (10 + step))
    seen: set[int] = set()  # layers may share a tensor, which then has several names
    for name, mean in average.items():
        if mean.data_ptr() in seen:
            continue
        seen.add(mean.data_ptr())
        if mean.is_floating_point():
            mean.lerp_(now[name], 1 - decay)
        else:
            mean.copy_(now[name])
