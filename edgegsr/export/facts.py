"""What a bundle says about itself beside its files: how a photo becomes pixels, where it comes from, with what."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

import onnxruntime
import torch

from edgegsr import __version__
from edgegsr.bundle import INPUTS, OUTPUTS, TABLE_INPUTS
from edgegsr.export.onnx import OPSET
from edgegsr.export.target import Target
from edgegsr.images import PAD_GREY
from edgegsr.run import Run
from edgegsr.runtime.vocabulary import Room
from edgegsr.student.cost import Cost


def preprocess(side: int) -> dict[str, Any]:
    """What another program has to do with a photo."""
    return {
        "side": side,
        "colour": "RGB",
        "layout": "NHWC",
        "type": "uint8",
        "upright": "turned as EXIF says",
        "transparent": "white",
        "letterbox": "longest side to `side`, bilinear with antialiasing, centred",
        "padding": PAD_GREY,
        "normalised": "inside the graph",
    }


def asked(run: Run, room: Room | None = None) -> dict[str, Any]:
    """What goes into the graph, and where its words are."""
    words = {"verbs": len(run.ontology.verbs), "nouns": len(run.ontology.nouns), "folded": room is None}
    if room is None:
        return {"inputs": list(INPUTS), "vocabulary": words}
    return {"inputs": [*INPUTS, *TABLE_INPUTS], "vocabulary": words | room.facts()}


def facts(
    run: Run, name: str, target: Target, spent: Cost, room: Room | None = None, opset: int = OPSET
) -> dict[str, Any]:
    """What a manifest says beside the files."""
    return {
        "name": name,
        "target": asdict(target),
        **asked(run, room),
        "outputs": list(OUTPUTS),
        "opset": opset,
        "parameters": spent.total_parameters,
        "gflops": round(spent.total_gflops, 4),
        "source": {key: run.config[key] for key in ("method", "data", "words") if key in run.config},
        "versions": {
            "edgegsr": __version__,
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "python": platform.python_version(),
        },
    }
