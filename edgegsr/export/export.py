"""`edgegsr export`: a run becomes a bundle, which is compared with its student and timed before anybody gets it."""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from edgegsr import __version__
from edgegsr.bench.clock import timed
from edgegsr.bundle import (
    GRAPH,
    INPUTS,
    MODEL_CARD,
    NUMERICS,
    OUTPUTS,
    PERF,
    PREPROCESS,
    VOCABULARY,
    is_bundle,
    open_bundle,
    seal,
)
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export.modelcard import model_card
from edgegsr.export.onnx import OPSET, export_onnx
from edgegsr.export.parity import parity
from edgegsr.export.target import Target
from edgegsr.files import listing, write_whole
from edgegsr.images import PAD_GREY
from edgegsr.machine import examine_machine
from edgegsr.run import Run
from edgegsr.runtime.session import BEST, Session, open_session
from edgegsr.student.cost import Cost, cost
from edgegsr.student.quantizers import QuantizedStudent

CARRIED_OUT = ("onnxruntime", "fp32")  # engine and precision


def export(run: Run, out: Path, target: Target, photos: Split, images: int, threads: int) -> dict[str, Any]:
    """What was found out about the bundle, which lies in `out` now unless it missed a gate."""
    _check(run, out, target)
    draft, before = (out.with_name(f".{out.name}.{which}{os.getpid()}") for which in ("", "before-"))
    try:
        found = _written(run, draft, out.name, target, photos, images, threads)
        if not found["missed"]:
            if out.is_dir():
                out.replace(before)
            draft.replace(out)
    finally:
        if before.is_dir() and not out.exists():
            before.replace(out)
        for folder in (draft, before):
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _check(run: Run, out: Path, target: Target) -> None:
    """Refuses before any work is done."""
    if (target.engine, target.precision) != CARRIED_OUT:
        raise InputError(f"--target: {target.engine} in {target.precision} cannot be made yet; give onnx-fp32")
    if isinstance(run.student, QuantizedStudent):
        raise InputError(
            f"{run.folder}: counts in INT8, and this target does not; export the run that it was made from"
        )
    if out.exists() and not is_bundle(out) and (not out.is_dir() or any(out.iterdir())):
        found = listing(out) if out.is_dir() else "a file"
        raise InputError(f"{out}: wanted an empty folder or a bundle, found {found}; give another --out")


def _written(
    run: Run, folder: Path, name: str, target: Target, photos: Split, images: int, threads: int
) -> dict[str, Any]:
    """The whole bundle in a folder."""
    export_onnx(run.student, folder / GRAPH)
    write_whole(folder / VOCABULARY, run.ontology.to_json())
    write_whole(folder / PREPROCESS, json.dumps(_preprocess(run.student.config.side), indent=1))
    seal(folder, {})
    session = open_session(open_bundle(folder), target.engine, threads)
    near, spent = parity(run.student, session, photos, images), cost(run.student)
    took = timed(_looking(session, run.student.config.side))
    missed = [
        f"{output}: {drift:.1e} of its largest value away from the student, at most {target.gates.drift:.0e} was wanted"
        for output, drift in near.drift.items()
        if drift > target.gates.drift
    ]
    numerics = {**near.to_json(), "photos": photos.name, "gates": asdict(target.gates), "missed": missed}
    cpu = examine_machine().cpu.model
    perf = {**took.to_json(), "engine": target.engine, "threads": threads, "batch": 1, "cpu": cpu}
    write_whole(folder / NUMERICS, json.dumps(numerics, indent=1))
    write_whole(folder / PERF, json.dumps(perf, indent=1))
    write_whole(folder / MODEL_CARD, model_card(run, name, spent, near, took, cpu))
    seal(folder, _facts(run, name, target, spent))
    size = (folder / GRAPH).stat().st_size
    return {"numerics": numerics, "perf": perf, "graph_bytes": size, "missed": missed}


def _preprocess(side: int) -> dict[str, Any]:
    """What another program has to do with a photo."""
    return {
        "side": side,
        "colour": "RGB",
        "layout": "NHWC",
        "type": "uint8",
        "upright": "turned as EXIF says",
        "letterbox": "longest side to `side`, bilinear with antialiasing, centred",
        "padding": PAD_GREY,
        "normalised": "inside the graph",
    }


def _facts(run: Run, name: str, target: Target, spent: Cost) -> dict[str, Any]:
    """What a manifest says beside the files."""
    return {
        "name": name,
        "target": asdict(target),
        "inputs": list(INPUTS),
        "outputs": list(OUTPUTS),
        "opset": OPSET,
        "vocabulary": {"verbs": len(run.ontology.verbs), "nouns": len(run.ontology.nouns), "folded": True},
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


def _looking(session: Session, side: int) -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return lambda: session(pixels, BEST)
