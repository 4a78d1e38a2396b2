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
from edgegsr.bundle import FORMAT, INPUTS, OUTPUTS, TABLE_INPUTS, TOKENS, Normal
from edgegsr.export.form import PLAIN, Form
from edgegsr.export.onnx import OPSET, noted
from edgegsr.export.target import Target
from edgegsr.images import PAD_GREY
from edgegsr.notes import notes
from edgegsr.run import Run
from edgegsr.runtime.vocabulary import Room
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


def asked(run: Run, room: Room | None = None) -> dict[str, Any]:
    """What goes into the graph, and where its words are."""
    words = {"verbs": len(run.ontology.verbs), "nouns": len(run.ontology.nouns), "folded": room is None}
    if room is None:
        return {"inputs": list(INPUTS), "vocabulary": words}
    return {"inputs": [*INPUTS, *TABLE_INPUTS], "vocabulary": words | room.facts()}


def facts(
    run: Run,
    name: str,
    target: Target,
    spent: Cost,
    room: Room | None = None,
    opset: int = OPSET,
    form: Form = PLAIN,
) -> dict[str, Any]:
    """What a manifest says beside the files."""
    return {
        "name": name,
        "target": asdict(target),
        "licence": form.licence,
        **asked(run, room),
        "outputs": [*OUTPUTS, *[TOKENS] * form.ask],
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
