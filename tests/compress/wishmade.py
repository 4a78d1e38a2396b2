"""What tests ask of a compression."""

from __future__ import annotations

from typing import Any

from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
from edgegsr.export.target import Target, find_target

HERE = find_target("onnx-fp32")


def wishes(target: Target = HERE, *, int8: QuantizeConfig | None = None, **prune: Any) -> Wishes:
    little = {"multiple": 2, "rounds": 1, "batches": 2, "epochs": 1}
    return Wishes(PruneConfig(**{**little, **prune}), int8 or QuantizeConfig(), target)
