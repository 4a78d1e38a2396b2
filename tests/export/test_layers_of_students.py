"""What is counted in the graphs of a student: what the student counts, in every form that it is exported in."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")
pytest.importorskip("onnxscript")

sys.path.insert(0, str(Path(__file__).parents[1] / "student"))

from onnx import ModelProto  # noqa: E402
from tiny_student import random_tables, tiny_config  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from edgegsr.bench.layers import layers  # noqa: E402
from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.export.int8 import RECIPES, in_8_bits  # noqa: E402
from edgegsr.export.onnx import graph_of  # noqa: E402
from edgegsr.export.tensorrt import for_tensorrt  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

FOLDED = ("encoder.fine.place", "encoder.coarse.place", "pool.attention.q")  # known before there is a photo


def test_a_graph_counts_what_its_student_counts_less_what_is_folded():
    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables()).eval()
    counted = cost(student)
    with FlopCounterMode(display=False, depth=9) as counter, torch.no_grad():
        student(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    folded = sum(sum(counter.get_flop_counts()[f"Student.{name}"].values()) for name in FOLDED)
    folded += 2 * student.config.width**2  # what the query of the pool looks for: it times the matrix of its keys
    blank = 2 * 6 * student.text_width  # the cosine of each role to no noun, which torch calls no matrix product
    network = layers(graph_of(student).SerializeToString())
    assert round(1e9 * network.gflops) == round(1e9 * counted.total_gflops) - folded + blank
    assert 0.85 < network.weights / (counted.total_parameters + counted.table_values) < 1  # norms are no layers


@pytest.fixture(scope="module")
def graph() -> ModelProto:
    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables()).eval().fold()
    photos = [torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8) for _ in range(4)]
    return graph_of(calibrated(student, photos))


@pytest.mark.parametrize(
    ("name", "known"),  # in 8 bits and known before a photo: what the query of the pool looks for
    [("onnxruntime", 0), ("onnxruntime on arm64", 0), ("openvino", 1)],
)
def test_an_engine_is_given_the_same_arithmetic_with_the_same_layers_in_8_bits(graph, name, known):
    made = RECIPES[name](graph)
    network, plain = layers(made.SerializeToString()), layers(graph.SerializeToString())
    assert network.gflops == pytest.approx(plain.gflops)
    assert sum(layer.in_8_bits for layer in network.layers) == len(in_8_bits(made)) - known > 5
    assert 0 < network.share_in_8_bits <= 1


@pytest.mark.parametrize("version", [(8, 5), (10, 3)])
def test_files_for_tensorrt_hold_the_same_arithmetic(graph, version):
    files = for_tensorrt(graph, version, np.zeros((1, 64, 64, 3), np.uint8))
    for made in files.values():
        network = layers(made.SerializeToString())
        assert network.gflops == pytest.approx(layers(graph.SerializeToString()).gflops)
        assert sum(layer.in_8_bits for layer in network.layers) == len(in_8_bits(made)) - 1 > 5
