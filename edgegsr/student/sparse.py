"""Single weights set to zero for good. Nothing gets smaller by it, and few engines faster: see `WORTH`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from edgegsr.errors import InputError
from edgegsr.student.both import SomeStudent

TWO_OF_FOUR = "2:4"  # of every four inputs that lie together, two are zero
WORTH = (
    "Zeros alone save nothing: file and arithmetic stay as they are, ONNX Runtime and OpenVINO multiply by them. "
    "TensorRT takes 2:4 only where its sparse kernels are faster (wide layers, rarely beside INT8 on Jetson)."
)
LEAST = 0.1  # share of zeros that can be asked for
SPARSE = 0.05  # share of zeros from which on they are meant


def share_of(pattern: str) -> float:
    """The share of zeros that is wanted."""
    if pattern == TWO_OF_FOUR:
        return 0.5
    if not re.fullmatch(r"0?\.\d+", pattern) or not LEAST <= float(pattern) < 1:
        raise InputError(
            f"--sparse: wanted {TWO_OF_FOUR} or a share from {LEAST} to below 1 such as 0.5, got {pattern!r}"
        )
    return float(pattern)


@torch.no_grad()
def sparse(student: SomeStudent, pattern: str) -> SomeStudent:
    """The same student without the smallest weights of every convolution and linear; of 2:4 only where fours fit."""
    share = share_of(pattern)
    for module in student.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = module.weight
            if pattern != TWO_OF_FOUR:
                gone = weight.abs().flatten().argsort()[: round(share * weight.numel())]
                weight.view(-1)[gone] = 0
            elif weight.shape[1] % 4 == 0:
                fours = weight.movedim(1, -1).reshape(-1, 4)
                gone = fours.abs().argsort(-1)[:, :2]
                last = weight.movedim(1, -1).shape
                weight.copy_(fours.scatter(1, gone, 0).reshape(last).movedim(-1, 1))
    return student


def masks(student: nn.Module) -> dict[str, Tensor]:
    """0 where a weight is zero, of those of which so many are that it is meant."""
    return dict(_masks(student))


def _masks(student: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, weight in student.named_parameters():
        if weight.ndim > 1 and (weight == 0).float().mean() >= SPARSE:
            yield name, (weight != 0).to(weight.dtype)
