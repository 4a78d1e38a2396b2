"""What a bundle says about itself beside its files: how a photo becomes pixels, where it comes from, with what."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import onnxruntime
import torch
from onnx import ModelProto

from edgegsr import __version__
from edgegsr.bundle import FORMAT, Gates, Normal
from edgegsr.export.onnx import OPSET, noted
from edgegsr.export.target import Target
from edgegsr.images import PAD_GREY
from edgegsr.notes import notes
from edgegsr.student.cost import Cost

NORMALISED = "(byte / 255 - mean) / std, by channel"


def preprocess(side: int, normal: Normal | None = None) -> dict[str, Any]:
    """What another program has to do with a photo."""
    return {
        "side": side,
        "colour": "RGB",
        "layout": "NCHW" if normal else "NHWC",
        "type": "float32" if normal else "uint8",
        "upright": "turned as EXIF says",
        "transparent": "white",
        "letterbox": "longest side to `side`, bilinear with antialiasing, centred",
        "padding": PAD_GREY,
        "normalised": {"how": NORMALISED, **asdict(normal)} if normal else "inside the graph",
    }


def facts(
    config: Mapping[str, Any],
    name: str,
    target: Target,
    spent: Cost,
    gates: Gates,
    vocabulary: Mapping[str, Any],
    licence: str = "",
    opset: int = OPSET,
) -> dict[str, Any]:
    """What a manifest says beside the files."""
    source = {key: config[key] for key in ("method", "data", "words") if key in config}
    if unseen := config.get("pairs", {}).get("unseen"):
        source["unseen"] = unseen
    return {
        "name": name,
        "target": asdict(target),
        "licence": licence,
        "inputs": list(gates.inputs),
        "vocabulary": vocabulary,
        "outputs": list(gates.outputs),
        "opset": opset,
        "parameters": spent.total_parameters,
        "gflops": round(spent.total_gflops, 4),
        "source": source,
        "versions": {
            "edgegsr": __version__,
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "python": platform.python_version(),
        },
    }


def noted_all(
    graphs: Mapping[str, ModelProto], facts: Mapping[str, Any], preprocess: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files of graphs that look at photos, by name, with what they say of themselves."""
    told = {"format": FORMAT, **facts}
    return {
        name: noted(
            model,
            notes(
                told,
                preprocess,
                [each.name for each in model.graph.input],
                [each.name for each in model.graph.output],
            ),
        )
        for name, model in graphs.items()
    }
