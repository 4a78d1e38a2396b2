"""How long a student takes for one image on a target: measured where its engine runs here, else predicted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from edgegsr.bench.clock import Timed, best_of_turns, timed
from edgegsr.bundle import INPUTS
from edgegsr.errors import InputError
from edgegsr.export.onnx import export_onnx
from edgegsr.export.target import Roofline, Target
from edgegsr.runtime.session import in_onnxruntime
from edgegsr.student.cost import cost
from edgegsr.student.model import Student

Clock = Callable[[Student], float]  # the latency of a student as a share of another one's
RUN_HERE = ("onnxruntime",)


def check_target(target: Target) -> None:
    """Refuses a target on which no latency can be told here."""
    if target.roofline is None and target.engine not in RUN_HERE:
        raise InputError(f"--target: {target.engine} does not run here; its profile needs a [target.roofline] to go by")


@contextmanager
def clock_of(target: Target, threads: int, first: Student) -> Iterator[Clock]:
    """What tells the latency of a student on a target, as a share of that of the first one."""
    check_target(target)
    if (law := target.roofline) is not None:
        whole = _predicted(law, first)
        yield lambda student: _predicted(law, student) / whole
        return
    with tempfile.TemporaryDirectory() as folder:
        before = export_onnx(first, Path(folder) / "first.onnx")
        yield lambda student: _taking_turns(before, export_onnx(student, Path(folder) / "next.onnx"), threads)


def latency(student: Student, threads: int) -> Timed:
    """One image through the exported graph in ONNX Runtime, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        return timed(_looking(export_onnx(student, Path(folder) / "model.onnx"), threads))


def _predicted(law: Roofline, student: Student) -> float:
    spent = cost(student)
    return law.predict_ms(spent.total_gflops, spent.total_parameters)


def _taking_turns(before: Path, after: Path, threads: int) -> float:
    first, then = best_of_turns([partial(_looking, graph, threads) for graph in (before, after)])
    return then / first


def _looking(graph: Path, threads: int) -> Callable[[], object]:
    session = in_onnxruntime(str(graph), threads)
    pixels = np.random.default_rng(0).integers(0, 256, session.get_inputs()[0].shape, np.uint8)
    fed = dict(zip(INPUTS, (pixels, np.array([-1], np.int64))))
    return lambda: session.run(None, fed)
