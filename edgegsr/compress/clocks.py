"""How long a student takes for one image on a target: measured where its engine runs here, else predicted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from edgegsr.bench.clock import Timed, best_of_turns, timed
from edgegsr.bench.roofline import Roofline
from edgegsr.errors import InputError
from edgegsr.export.onnx import export_onnx
from edgegsr.export.target import Target
from edgegsr.runtime.session import BEST, open_graph
from edgegsr.student.both import AnyStudent
from edgegsr.student.cost import cost

Clock = Callable[[AnyStudent], float]  # the latency of a student as a share of another one's
RUN_HERE = ("onnxruntime", "openvino")


def check_target(target: Target) -> None:
    """Refuses a target on which no latency can be told here."""
    if target.roofline is None and target.engine not in RUN_HERE:
        raise InputError(
            f"--target: {target.engine} does not run here; its profile needs a board or a [target.roofline] to go by"
        )


@contextmanager
def clock_of(target: Target, threads: int, first: AnyStudent) -> Iterator[Clock]:
    """What tells the latency of a student on a target, as a share of that of the first one."""
    check_target(target)
    if (law := target.roofline) is not None:
        whole = _predicted(law, first)
        yield lambda student: _predicted(law, student) / whole
        return
    with tempfile.TemporaryDirectory() as folder:
        before = export_onnx(first, Path(folder) / "first.onnx")
        yield lambda student: _taking_turns(
            before, export_onnx(student, Path(folder) / "next.onnx"), target.engine, threads
        )


def latency(student: AnyStudent, threads: int) -> Timed:
    """One image through the exported graph in ONNX Runtime, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        return timed(_looking(export_onnx(student, Path(folder) / "model.onnx"), "onnxruntime", threads))


def _predicted(law: Roofline, student: AnyStudent) -> float:
    spent = cost(student)
    return law.predict_ms(spent.total_gflops, spent.total_parameters)


def _taking_turns(before: Path, after: Path, engine: str, threads: int) -> float:
    first, then = best_of_turns([partial(_looking, graph, engine, threads) for graph in (before, after)])
    return then / first


def _looking(graph: Path, engine: str, threads: int) -> Callable[[], object]:
    """One look at a photo, whose side is that of the graph's input."""
    content = graph.read_bytes()
    given = onnx.load_model_from_string(content).graph.input
    side = given[0].type.tensor_type.shape.dim[1].dim_value
    session = open_graph(content, engine, "fp32", threads, inputs=[each.name for each in given])
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return lambda: session(pixels, BEST)
