"""The rung that exports stand on: the graph in 8 bits says what the student in simulated 8 bits says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1] / "student"))

from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.export.onnx import export_onnx  # noqa: E402
from edgegsr.export.rounding import frozen  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.quantizers import QuantizedStudent, places  # noqa: E402


@pytest.fixture(scope="module")
def coarse() -> QuantizedStudent:
    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables()).eval().fold()
    return calibrated(student, [torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8) for _ in range(4)])


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (100, 64, 64, 3), dtype=torch.uint8, generator=rng)


def test_frozen_student_says_the_same_to_the_last_bit(coarse: QuantizedStudent, images: torch.Tensor) -> None:
    before = {name: tensor.clone() for name, tensor in coarse.state_dict().items()}
    with torch.no_grad():
        for one, other in zip(coarse(images), frozen(coarse)(images)):
            assert torch.equal(one, other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in coarse.state_dict().items()), "a copy was frozen"


def test_exported_graph_says_what_simulated_arithmetic_says_on_a_hundred_images(
    coarse: QuantizedStudent, images: torch.Tensor, tmp_path: Path
) -> None:
    """Without the engine's own fusions; what those change is the business of each target.

    Sums of floats differ in their last bits, so now and then a value that lies between two steps goes the other way;
    with weights of chance that moves an output by a twentieth.
    """
    path = export_onnx(coarse, tmp_path / "int8.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        said = coarse(images)
    drift = torch.zeros(len(images), len(said))
    for i in range(len(images)):
        found = session.run(None, {"pixels": images[i : i + 1].numpy(), "verb": np.array([-1])})
        for output, (one, other) in enumerate(zip(said, found)):
            drift[i, output] = (one[i] - torch.from_numpy(other)[0]).abs().max() / one[i].abs().max()
    same = (drift.amax(1) < 1e-5).float().mean()
    assert same > 0.8 and drift.max() < 0.05, (same, drift.amax(0), said._fields)


def test_graph_is_on_the_strictest_grid(coarse: QuantizedStudent, tmp_path: Path) -> None:
    graph = onnx.load(export_onnx(coarse, tmp_path / "int8.onnx")).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    rounding = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(rounding) == len(places(coarse))
    for node in rounding:
        zero = values[node.input[2]]
        assert zero.dtype == "int8" and not zero.any()
        assert (values[node.input[1]] > 0).all()
