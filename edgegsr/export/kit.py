"""A bundle for a board with TensorRT: the files that its engine is built of there, and what builds it.

No engine is built here. What is measured is what the files say, by ONNX Runtime on the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from onnx import ModelProto

from edgegsr.bundle import MODEL_CARD, NUMERICS, PERF, PREPROCESS, open_bundle, seal
from edgegsr.errors import require
from edgegsr.export.facts import facts, noted_all, preprocess
from edgegsr.export.gates import missed
from edgegsr.export.half import nodes_in_full
from edgegsr.export.judge import watched
from edgegsr.export.modelcard import with_missed
from edgegsr.export.parity import Parity
from edgegsr.export.said import Said
from edgegsr.export.target import Target
from edgegsr.export.tensorrt import for_tensorrt, held_against
from edgegsr.export.tensorrt_rules import Version
from edgegsr.files import write_whole
from edgegsr.runtime import build_engine
from edgegsr.runtime.build_engine import FLOAT_FILE, HALF_FILE, OLDEST
from edgegsr.runtime.session import Engine, asking, gates_of, in_onnxruntime
from edgegsr.student.cost import Cost, cost

BUILDER, README = "build_engine.py", "README.md"
VERSIONS = ("8.6", "10.3", "10.16", "11.4")  # one of each kind; 8 reads what was made for it alone

STEPS = """# {name}, for TensorRT {version}

Copy this folder to the board, where TensorRT is installed with its Python module (JetPack brings both), and run

    python3 build_engine.py

It reads the file that the TensorRT there takes ({float_file} up to 10.11, {half_file} from 10.12 on) and writes
`engine/model.plan` with a note of the GPU, the TensorRT and the file that it is good for. Minutes, once; `--level 5`
looks longer for faster kernels. An engine is for one GPU and one TensorRT: one that does not fit its note is never
loaded but built again, so do not copy engines between boards.

Then `edgegsr predict {name} PHOTO` runs there (`pip install edgegsr`), or any program that can load a plan:
{interface}.
`preprocess.json` says how a photo becomes `pixels`.

The same with NVIDIA's own program, to look at timings; TensorRT {version}, which the profile of the board names:

    {line}

| TensorRT | trtexec |
| --- | --- |
{lines}

## Speed

{speed}
"""
MORE = {"verb": " and `verb` int64 (int32 in TensorRT 8)"}  # that goes in beside pixels
PIXELS = {True: "uint8 (1, {side}, {side}, 3)", False: "normalised float32 (1, 3, {side}, {side})"}  # bytes, or not
WORDS = ", and the tables of words that `MODEL_CARD.md` names,"


def check_version(target: Target) -> None:
    """Refuses a profile that does not say which TensorRT is on the board, or one that is too old."""
    require(bool(target.version), "--target: wanted a profile with the version of TensorRT on the board, got none")
    require(
        version_of(target) >= OLDEST,
        f"--target: wanted TensorRT 8.5 or newer on the board, got {target.version}; update its JetPack",
    )


def version_of(target: Target) -> Version:
    major, minor = map(int, target.version.split("."))
    return major, minor


def kit(of: Said, folder: Path, name: str, target: Target) -> dict[str, Any]:
    """The whole bundle in a folder, and what was found out about it."""
    student, normal, spent = of.student, of.normal, cost(of.student)
    photos = watched(student, of.checks, normal)
    words, read_by = of.write_words(folder)
    files = for_tensorrt(of.graph(), version_of(target), photos, of.words())
    opset = max(each.version for each in files[FLOAT_FILE].opset_import)
    told = facts(of.run.config, name, target, spent, of.gates, words, of.form.licence, opset)
    reads = preprocess(student.config.side, normal)
    contents = noted_all(files, told, reads)
    numerics, near = _numerics(of, target, files)
    numerics |= read_by
    speed = estimated(target, spent)
    perf: dict[str, Any] = {"engine": "tensorrt", "measured": False, "told": speed}
    if target.roofline:
        perf["estimated_ms"] = round(target.roofline.predict_ms(spent.total_gflops, spent.total_parameters), 3)
    numerics["missed"] = list(missed(target.gates, numerics, {}))
    texts: dict[str, str | bytes] = {
        PREPROCESS: json.dumps(reads, indent=1),
        BUILDER: Path(build_engine.__file__).read_text("utf-8"),
        README: _steps(name, target, of, speed),
        NUMERICS: json.dumps(numerics, indent=1),
        PERF: json.dumps(perf, indent=1),
        MODEL_CARD: with_missed(of.card(name, spent, near, speed), numerics["missed"]),
    }
    for file, content in (texts | contents).items():
        write_whole(folder / file, content)
    seal(folder, told)
    open_bundle(folder)  # it is what every other bundle is
    return {"numerics": numerics, "perf": perf, "graph_bytes": len(contents[FLOAT_FILE]), "missed": numerics["missed"]}


def estimated(target: Target, spent: Cost) -> str:
    """What is known about the latency, which is not much."""
    told = "No engine was built and no latency was measured."
    if target.roofline is None:
        return f"{told} Build the engine on the board and measure there."
    ms = target.roofline.predict_ms(spent.total_gflops, spent.total_parameters)
    return (
        f"{told} ESTIMATE: {ms:.1f} ms for the network alone, by a law fitted to published latencies of convolutional "
        "networks on such boards; it may well be off by a fifth. Build the engine on the board and measure."
    )


def _numerics(of: Said, target: Target, files: Mapping[str, ModelProto]) -> tuple[dict[str, Any], Parity]:
    """What the files say, beside the student, and what TensorRT would hold against them."""
    checks = of.checks

    def opened(graph: ModelProto) -> Engine:
        gates = gates_of(in_onnxruntime(graph.SerializeToString(), checks.threads, fused=False))
        return asking(gates, of.normal, of.gates.inputs)

    graphs = [files[file] for file in (FLOAT_FILE, HALF_FILE)]
    sessions = [of.session(opened(graph)) for graph in graphs]
    near, half = (of.near(session, graph, opened) for session, graph in zip(sessions, graphs))
    dev = of.scores(sessions)
    held = held_against(dict(files), version_of(target), target.multiple)
    numerics = {
        **near.to_json(),
        "photos": checks.photos.name,
        "gates": asdict(target.gates),
        "measured_in": "ONNX Runtime on the CPU, as the files are written",
        "dev": dict(zip(("student", "graph", "half"), dev)),
        "half": {**half.to_json(), "in_float32": nodes_in_full(files[HALF_FILE])},
        "findings": [{"file": file, **asdict(finding)} for file, finding in held],
    }
    return numerics, near


def _interface(of: Said) -> str:
    """What goes into the engine and comes out."""
    pixels = PIXELS[of.normal is None].format(side=of.student.config.side)
    more = "".join(MORE.get(name, "") for name in of.gates.inputs) + WORDS * bool(of.words())
    return f"`pixels` {pixels}{more} in, {', '.join(f'`{name}`' for name in of.gates.outputs)} out, float32"


def _steps(name: str, target: Target, of: Said, speed: str) -> str:
    read = [each for each in VERSIONS if not each.startswith("8.") or target.version.startswith("8.")]
    lines = {each: build_engine.trtexec(build_engine.way_of(each, target.precision)) for each in read}
    own = build_engine.trtexec(build_engine.way_of(target.version, target.precision))
    return STEPS.format(
        name=name,
        version=target.version,
        float_file=FLOAT_FILE,
        half_file=HALF_FILE,
        interface=_interface(of),
        line=own,
        lines="\n".join(f"| {each} | `{line}` |" for each, line in lines.items()),
        speed=speed,
    )
