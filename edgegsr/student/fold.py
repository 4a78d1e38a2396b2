"""Folds every BatchNorm into the convolution before it: one layer less to run, and none that quantization would split.

Which BatchNorm follows which convolution is seen by sending a grey image through, whatever the backbone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval


def fold(network: nn.Module, image: Tensor) -> int:
    """Folds in place, by the running statistics, and tells how many; a BatchNorm that reads something else stays."""
    training = network.training
    pairs = _pairs(network.eval(), image)
    names = {module: name for name, module in network.named_modules()}
    for norm, convolution in pairs.items():
        folded = fuse_conv_bn_eval(convolution, norm)
        convolution.weight, convolution.bias = folded.weight, folded.bias
        _replace(network, names[norm], nn.Identity())
    network.train(training)
    return len(pairs)


def _pairs(network: nn.Module, image: Tensor) -> dict[nn.BatchNorm2d, nn.Conv2d]:
    """Which convolution alone each BatchNorm reads."""
    made: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # so that no two outputs share an address
    found: dict[nn.BatchNorm2d, nn.Conv2d] = {}
    read: dict[nn.Conv2d, int] = {}

    def after(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module
            kept.append(output)
        for tensor in given:
            if (source := made.get(id(tensor))) is not None:
                read[source] = read.get(source, 0) + 1
                if isinstance(module, nn.BatchNorm2d):
                    found[module] = source

    leaves = [module for module in network.modules() if not any(module.children())]
    handles = [module.register_forward_hook(after) for module in leaves]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return {norm: convolution for norm, convolution in found.items() if read[convolution] == 1}


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
