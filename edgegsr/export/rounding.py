"""A quantized student whose scales are constants, as exporters want it: weights lie on their grid already."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from edgegsr.student.quantizers import FakeQuant, Quantized, hooks, storage_of

Still = TypeVar("Still", bound=Quantized)

LOW, HIGH = -128, 127  # what ONNX knows; weights never use the lowest step


class Rounding(nn.Module):
    """What a quantizer does, with its scale as a number or a buffer."""

    scale: Tensor
    zero: Tensor

    def __init__(self, quant: FakeQuant) -> None:
        super().__init__()
        scale = quant.steps.detach()
        self.axis, self.step = quant.axis, float(scale[0])
        self.register_buffer("scale", scale.clone())
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        if self.axis is None:
            return torch.fake_quantize_per_tensor_affine(x, self.step, 0, LOW, HIGH)
        return torch.fake_quantize_per_channel_affine(x, self.scale, self.zero, self.axis, LOW, HIGH)


class _Bake(nn.Module):
    """Puts a weight onto its grid for good."""

    def __init__(self, quant: FakeQuant) -> None:
        super().__init__()
        self.quant = quant

    def forward(self, weight: Tensor) -> Tensor:
        weight.data.copy_(self.quant(weight))
        return weight


@torch.no_grad()
def frozen(student: Still) -> Still:
    """A copy that says the same and can be exported."""
    still = copy.deepcopy(student).eval()
    storage, every = storage_of(still), list(hooks(still))
    for name, quant in every:
        if quant.axis is not None:
            storage.set_submodule(name, _Bake(quant))
    side = still.config.side
    still(torch.zeros(1, side, side, 3, dtype=torch.uint8, device=still.encoder.mean.device))
    made: dict[nn.Module, Rounding] = {}
    for name, quant in every:
        storage.set_submodule(name, made.setdefault(quant, Rounding(quant)))
    return still
