"""What every step of a compression costs and scores, in `metrics.json`, so that nothing is measured twice."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edgegsr.bench.clock import Timed, timed
from edgegsr.compress.school import School
from edgegsr.export.onnx import INPUT, export_onnx
from edgegsr.files import write_whole
from edgegsr.run import WEIGHTS, Run
from edgegsr.student.cost import cost
from edgegsr.student.evaluate import brief, evaluate
from edgegsr.student.model import Student

FILE = "metrics.json"


class Figures:
    """The steps so far, by name, in their order."""

    def __init__(self, out: Path, school: School, threads: int) -> None:
        self.path, self.school, self.threads = out / FILE, school, threads
        self.steps = read_steps(out)

    def add(self, name: str, run: Run) -> None:
        """Measures the run after a step, unless that is done."""
        if name in self.steps:
            return
        spent, last = cost(run.student), next(reversed(self.steps.values()), None)
        alike = last is not None and last["parameters"] == spent.total_parameters  # a step of recovery
        self.steps[name] = {
            "dev": brief(evaluate(run, self.school.judge, self.school.groups)),
            "parameters": spent.total_parameters,
            "gflops": round(spent.total_gflops, 5),
            "weight_bytes": (run.folder / WEIGHTS).stat().st_size,
            "latency": last["latency"] if last and alike else latency(run.student, self.threads).to_json(),
        }
        write_whole(self.path, json.dumps(self.steps, indent=1))


def read_steps(out: Path) -> dict[str, dict[str, Any]]:
    """What is measured so far."""
    path = out / FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def latency(student: Student, threads: int) -> Timed:
    """One image through the exported graph in ONNX Runtime, on this machine."""
    side = student.config.side
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        graph = export_onnx(student, Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    return timed(lambda: session.run(None, {INPUT: pixels}))
