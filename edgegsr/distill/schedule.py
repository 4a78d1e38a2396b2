"""How fast which weight learns when: groups of parameters, and the share of their rate at each step."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from edgegsr.distill.config import TrainConfig

BACKBONE, QUANTIZERS = ".encoder.backbone.", ".__nncf_hooks."


def groups(lesson: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters by rate and decay; norms, biases, temperatures and other vectors do not decay."""
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in lesson.named_parameters():
        if parameter.requires_grad:
            lr = config.lr * _factor(name, config)
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            found.setdefault((lr, decay), []).append(parameter)
    return [
        {"params": members, "lr": lr, "peak_lr": lr, "weight_decay": decay} for (lr, decay), members in found.items()
    ]


def _factor(name: str, config: TrainConfig) -> float:
    if QUANTIZERS in name:
        return config.scale_lr_factor
    return config.backbone_lr_factor if BACKBONE in name else 1.0


def share(step: int, steps: int, warmup_steps: int) -> float:
    """Which part of its peak the learning rate has at `step` (from 0): a line up, then half a cosine down to 0."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - warmup_steps) / max(steps - warmup_steps, 1))
