"""`edgegsr export`: a run becomes a bundle, which is compared with its student and timed before anybody gets it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from edgegsr.bench.clock import best_of_turns, timed
from edgegsr.bundle import (
    GRAPH,
    MODEL_CARD,
    NUMERICS,
    PERF,
    PREPROCESS,
    Bundle,
    is_bundle,
    open_bundle,
    seal,
    sign,
)
from edgegsr.errors import InputError, MissingExtra
from edgegsr.export.facts import facts, noted_all, preprocess
from edgegsr.export.form import PLAIN, Form
from edgegsr.export.fused import in_8_bits as fused
from edgegsr.export.fused import layers_by_kind
from edgegsr.export.gates import missed, strays
from edgegsr.export.half import in_half, peaks
from edgegsr.export.int8 import RECIPES, in_8_bits
from edgegsr.export.judge import Checks, watched
from edgegsr.export.kit import check_version, kit
from edgegsr.export.modelcard import measured, with_missed
from edgegsr.export.said import AnyRun, Said, said_by
from edgegsr.export.target import ENGINES, Target
from edgegsr.export.vocabulary import Vocab
from edgegsr.files import listing, write_whole
from edgegsr.machine import examine_machine
from edgegsr.run import Run
from edgegsr.runtime.session import BEST, Engine, Session, open_graph, open_session
from edgegsr.signature import signer
from edgegsr.student.cost import cost
from edgegsr.student.quantizers import counts_in_8_bits

FOLDED = Vocab()
ELSEWHERE = {
    "arm64": "Made for arm64, which this machine is not: not timed, and what the engine fuses was not looked at.",
    "none": "Made for a GPU: not timed here. On a CPU ONNX Runtime is slower with float16 than with float32.",
}


def export(
    run: AnyRun,
    out: Path,
    target: Target,
    checks: Checks,
    vocab: Vocab = FOLDED,
    name: str = "",
    key: Path | None = None,
    form: Form = PLAIN,
) -> dict[str, Any]:
    """What was found out about the bundle, which lies in `out` now, signed with `key`, unless it missed a gate.

    `name`, by default that of the folder, is what its manifest and its card call it.
    """
    of = said_by(run, checks, vocab, form)
    _check(of, out, target)
    by = signer(key) if key else None
    draft, before = (out.with_name(f".{out.name}.{which}{os.getpid()}") for which in ("", "before-"))
    try:
        if target.engine == "tensorrt":
            found = kit(of, draft, name or out.name, target)
        else:
            found = _written(of, draft, name or out.name, target)
        found["written"] = not found["missed"] or (
            checks.allow_regression and not strays(target.gates, found["numerics"])
        )
        if found["written"]:
            if by:
                sign(draft, by)
            if out.is_dir():
                out.replace(before)
            draft.replace(out)
    finally:
        if before.is_dir() and not out.exists():
            before.replace(out)
        for folder in (draft, before):
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _check(of: Said, out: Path, target: Target) -> None:
    """Refuses before any work is done."""
    run = of.run
    if of.form.ask and target.engine == "tensorrt":
        raise InputError("--with-ask: what TensorRT builds is one engine, of one graph; leave it out")
    if target.engine == "tensorrt":
        check_version(target)
    elif importlib.util.find_spec(target.engine) is None:
        raise MissingExtra(f"--target: measuring {target.engine}", "train")
    quantized = counts_in_8_bits(run.student)
    if quantized and target.precision != "int8":
        raise InputError(
            f"{run.folder}: counts in INT8, and {target.precision} does not; export the run that it was made from"
        )
    if target.precision == "int8" and not quantized:
        how = " (or --qat)" * isinstance(run, Run)
        raise InputError(
            f"{run.folder}: counts in float32; run `edgegsr compress {run.folder} --ptq`{how} first, which finds "
            "the grid of its 8 bits"
        )
    if out.exists() and not is_bundle(out) and (not out.is_dir() or any(out.iterdir())):
        found = listing(out) if out.is_dir() else "a file"
        raise InputError(f"{out}: wanted an empty folder or a bundle, found {found}; give another --out")


def _written(of: Said, folder: Path, name: str, target: Target) -> dict[str, Any]:
    """The whole bundle in a folder."""
    checks, student = of.checks, of.student
    words, read_by = of.write_words(folder)
    spent, reads = cost(student), preprocess(student.config.side, of.normal)
    told = facts(of.run.config, name, target, spent, of.gates, words, of.form.licence)
    graphs = _graphs(of, target)
    for file, content in noted_all(graphs, told, reads).items():
        write_whole(folder / file, content)
    write_whole(folder / PREPROCESS, json.dumps(reads, indent=1))
    seal(folder, told)
    bundle = open_bundle(folder)
    session = of.session(open_session(bundle, target.engine, checks.threads))
    near = of.near(session, graphs[GRAPH], lambda graph: _opened(graph, bundle, target, checks.threads))
    numerics: dict[str, Any] = {**near.to_json(), "photos": checks.photos.name, "gates": asdict(target.gates)}
    numerics |= read_by | of.asked_again(session, bundle, target.engine)
    if target.precision != "fp32":
        kind = "half" if target.precision == "fp16" else "graph"
        numerics["dev"] = dict(zip(("student", kind), of.scores([session])))
    if target.precision == "int8" and target.is_here:
        kinds = layers_by_kind(bundle.graph, target.engine, target.precision)
        numerics["layers"] = {
            "wanted_in_8_bits": len(in_8_bits(graphs[GRAPH])),
            "in_8_bits": fused(kinds),
            "kinds": dict(kinds),
        }
    speed = ELSEWHERE.get(target.cpu, "")
    perf: dict[str, Any] = {"engine": target.engine, "measured": False, "told": speed}
    if target.is_here:
        took, cpu = timed(_looking(session, bundle.side)), examine_machine().cpu.model
        perf = {**took.to_json(), "engine": target.engine, "threads": checks.threads, "batch": 1, "cpu": cpu}
        speed = measured(target, took, cpu)
    del session
    if target.precision != "fp32" and target.is_here:
        perf["in_turns_ms"] = _in_turns(of, graphs[GRAPH], bundle, target)
    numerics["missed"] = list(missed(target.gates, numerics, perf))
    write_whole(folder / NUMERICS, json.dumps(numerics, indent=1))
    write_whole(folder / PERF, json.dumps(perf, indent=1))
    write_whole(folder / MODEL_CARD, with_missed(of.card(name, spent, near, speed), numerics["missed"]))
    seal(folder, told)
    size = (folder / GRAPH).stat().st_size
    return {"numerics": numerics, "perf": perf, "graph_bytes": size, "missed": numerics["missed"]}


def _graphs(of: Said, target: Target) -> dict[str, ModelProto]:
    """The ONNX files of a bundle, as its engine likes them."""
    graph = of.graph()
    if target.precision == "int8":
        graph = RECIPES[target.graph](graph)
    graphs = of.parts(graph)
    if target.precision == "fp16":
        largest = peaks(graph, watched(of.student, of.checks, of.normal), of.words())
        graphs = {name: in_half(each, largest) for name, each in graphs.items()}
    return graphs


def _opened(graph: ModelProto, bundle: Bundle, target: Target, threads: int, precision: str = "") -> Engine:
    """A graph in the engine of a bundle, given what that is given."""
    content, precision = graph.SerializeToString(), precision or target.precision
    return open_graph(content, target.engine, precision, threads, bundle.normal, bundle.inputs)


def _in_turns(of: Said, graph: ModelProto, bundle: Bundle, target: Target) -> dict[str, float]:
    """How long the bundle takes and how long the float graph does in the precisions that the engine has."""
    graphs = {target.precision: graph}
    for precision in ENGINES[target.engine]:
        if precision not in ("int8", "fp16"):
            graphs[precision] = of.graph(plain=True)

    def opened(precision: str) -> Callable[[], object]:
        engine = _opened(graphs[precision], bundle, target, of.checks.threads, precision)
        return _looking(of.session(engine), bundle.side)

    return dict(zip(graphs, best_of_turns([partial(opened, precision) for precision in graphs])))


def _looking(session: Session, side: int) -> Callable[[], object]:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return lambda: session(pixels, BEST)
