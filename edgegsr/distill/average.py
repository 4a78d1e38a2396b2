"""The moving average of a student's weights: what is judged, drawn and shipped."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """A second student that follows the first; `decay` is the memory of one step, short in the beginning."""

    def __init__(self, student: nn.Module, decay: float) -> None:
        self.student: Any = copy.deepcopy(student).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, student: nn.Module, step: int) -> None:
        """Takes in the weights after `step` updates, the running statistics of norms among them."""
        follow(self.student.state_dict(), student.state_dict(), self.decay, step)


@torch.no_grad()
def follow(average: Mapping[str, Tensor], now: Mapping[str, Tensor], decay: float, step: int) -> None:
    """Moves an average, in place, towards the weights after `step` updates."""
    decay = min(decay, (1 + step) / (10 + step))
    shared = {mean.data_ptr(): name for name, mean in average.items()}  # layers may share a tensor, under several names
    means = {name: average[name] for name in shared.values()}
    moving = [name for name, mean in means.items() if mean.is_floating_point()]
    torch._foreach_lerp_([means[name] for name in moving], [now[name] for name in moving], 1 - decay)
    for name in means.keys() - set(moving):
        means[name].copy_(now[name])
