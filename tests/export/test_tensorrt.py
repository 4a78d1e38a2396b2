"""The two files for TensorRT: what they say, what they hold, and what stays in float32."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")
pytest.importorskip("onnxscript")

sys.path.insert(0, str(Path(__file__).parents[1] / "student"))

import onnx  # noqa: E402
from onnx import ModelProto, TensorProto, helper, numpy_helper  # noqa: E402
from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.bundle import OUTPUTS  # noqa: E402
from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.half import in_half, nodes_in_full, peaks  # noqa: E402
from edgegsr.export.older import in_opset_17  # noqa: E402
from edgegsr.export.onnx import graph_of  # noqa: E402
from edgegsr.export.tensorrt import cast_first, for_tensorrt, held_against  # noqa: E402
from edgegsr.export.tensorrt_rules import check  # noqa: E402
from edgegsr.graphfile import read_graph  # noqa: E402
from edgegsr.runtime.session import BEST, asking, gates_of, in_onnxruntime  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

VERSIONS = [(8, 5), (8, 6), (10, 3), (10, 12), (10, 16), (11, 4)]
FLOAT, HALF = "model.onnx", "model.fp16.onnx"


@pytest.fixture(scope="module")
def graphs() -> dict[str, ModelProto]:
    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables()).eval().fold()
    photos = [torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8) for _ in range(4)]
    return {"fp16": graph_of(student), "int8": graph_of(calibrated(student, photos))}


@pytest.fixture(scope="module")
def squares() -> Any:
    return np.random.default_rng(1).integers(0, 256, (6, 64, 64, 3), np.uint8)


def drift(one: ModelProto, other: ModelProto, squares: Any) -> float:
    """The largest difference, in shares of the largest value of an output."""
    sessions = [asking(gates_of(in_onnxruntime(each.SerializeToString(), 1, fused=False))) for each in (one, other)]
    said = [[session(square, BEST) for square in squares] for session in sessions]
    apart = {name: max(np.abs(a[name] - b[name]).max() for a, b in zip(*said)) for name in OUTPUTS}
    return max(float(apart[name] / max(np.abs(each[name]).max() for each in said[0])) for name in OUTPUTS)


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_both_files_say_what_the_graph_says_and_break_no_rule(
    graphs: dict[str, ModelProto], squares: Any, precision: str, version: tuple[int, int]
) -> None:
    files = for_tensorrt(graphs[precision], version, squares)
    assert list(files) == [FLOAT, HALF]
    for model in files.values():
        onnx.checker.check_model(model, full_check=True)
        read_graph(model.SerializeToString(), "graph")  # nothing that a bundle refuses
    assert drift(graphs[precision], files[FLOAT], squares) < 1e-5
    assert drift(graphs[precision], files[HALF], squares) < (0.01 if precision == "fp16" else 0.1)
    assert not [finding for _, finding in held_against(files, version, 32) if finding.refused]
    opset = files[FLOAT].opset_import[0].version
    assert (opset, files[FLOAT].ir_version) == ((17, 8) if version < (10, 0) else (20, 10))
    kinds = {node.op_type for node in files[FLOAT].graph.node}
    assert ("LayerNormalization" in kinds) == (version >= (8, 6)) and ("Gelu" in kinds) == (opset == 20)


@pytest.mark.parametrize("name", [FLOAT, HALF])
def test_gates_are_bytes_in_and_float32_out(graphs: dict[str, ModelProto], squares: Any, name: str) -> None:
    graph = for_tensorrt(graphs["int8"], (10, 3), squares)[name].graph
    kinds = {each.name: each.type.tensor_type.elem_type for each in (*graph.input, *graph.output)}
    assert kinds == {"pixels": TensorProto.UINT8, "verb": TensorProto.INT64, **dict.fromkeys(OUTPUTS, 1)}
    assert [node.op_type for node in graph.node if "pixels" in node.input] == ["Cast"]
    zeros = [
        numpy_helper.to_array(each)
        for each in graph.initializer
        if each.name in {node.input[2] for node in graph.node if node.op_type == "QuantizeLinear"}
    ]
    assert zeros and all(zero.dtype == np.int8 and not zero.any() for zero in zeros)
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}
    assert b".py" not in graph.SerializeToString(), "no paths of the machine that made it"


def test_weights_are_bytes_from_10_on(graphs: dict[str, ModelProto], squares: Any) -> None:
    new, old = (for_tensorrt(graphs["int8"], version, squares)[FLOAT] for version in ((10, 3), (8, 6)))
    weights = [
        [each for each in model.graph.initializer if len(each.dims) > 1 and each.data_type == 3] for model in (new, old)
    ]
    assert len(weights[0]) > 30 and weights[1] == []


def test_what_is_typed_in_float16_counts_in_it(graphs: dict[str, ModelProto], squares: Any) -> None:
    half = for_tensorrt(graphs["int8"], (10, 12), squares)[HALF]
    full = set(nodes_in_full(half))
    heavy = [node for node in half.graph.node if node.op_type in ("Conv", "MatMul", "Gemm", "LayerNormalization")]
    assert len([node for node in heavy if node.name in full]) <= 2 and len(heavy) > 60
    assert {node.op_type for node in half.graph.node if node.name in full} >= {"ReduceL2", "Pow", "Sqrt", "Log"}


def small(scale: float = 0.1, weight: float = 0.1, factor: float = 1.0) -> ModelProto:
    """A convolution in 8 bits of a rounded value, times a factor, and a sum with something small."""
    constants = {
        "s": np.array(scale, np.float32),
        "z": np.array(0, np.int8),
        "w": np.ones((16, 16, 1, 1), np.int8),
        "ws": np.full(16, weight, np.float32),
        "wz": np.zeros(16, np.int8),
        "f": np.array(factor, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["x"], "cast", to=1),
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "round"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("Conv", ["d", "wd"], ["c"], "conv"),
        helper.make_node("Conv", ["d", "wd"], ["e"], "other"),
        helper.make_node("Mul", ["c", "f"], ["m"], "times"),
        helper.make_node("Add", ["m", "e"], ["y"], "sum"),
    ]
    gates = [helper.make_tensor_value_info("pixels", 2, [1, 16, 2, 2]), helper.make_tensor_value_info("verb", 7, [1])]
    y = helper.make_tensor_value_info("y", 1, [1, 16, 2, 2])
    made = helper.make_graph(nodes, "g", gates, [y], [numpy_helper.from_array(v, n) for n, v in constants.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def halved(model: ModelProto) -> tuple[ModelProto, set[str]]:
    made = in_half(model, peaks(model, np.full((1, 16, 2, 2), 10, np.uint8)))
    onnx.checker.check_model(made, full_check=True)
    assert [each for each in check(made, (10, 12)) if each.refused] == []
    return made, {name for name in nodes_in_full(made) if not name.startswith("cast")}


def said(model: ModelProto) -> Any:
    photo = np.full((1, 16, 2, 2), 10, np.uint8)
    return in_onnxruntime(model.SerializeToString(), 1, fused=False).run(
        None, {"pixels": photo, "verb": np.array([-1])}
    )[0]


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ({}, set()),
        ({"factor": 1e4}, {"times", "sum"}),  # 16 * 10 * 0.1 * 1e4 is more than float16 holds
        ({"factor": 1e-9}, {"times"}),  # is nothing in float16
        ({"weight": 1e-5}, {"conv", "other"}),  # steps that float16 does not have
        ({"scale": 5e-5}, {"round", "conv", "other"}),
    ],
)
def test_what_float16_does_not_hold_stays_in_float32(given: dict[str, float], full: set[str]) -> None:
    made, found = halved(small(**given))
    assert found == full
    assert np.allclose(said(made), said(small(**given)), rtol=2e-3)


def test_what_opset_17_cannot_say_is_refused() -> None:
    x, y = (helper.make_tensor_value_info(name, 1, [1, 16]) for name in "xy")
    tanh = helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")
    model = helper.make_model(helper.make_graph([tanh], "g", [x], [y]))
    with pytest.raises(InputError, match="y: wanted an exact GELU"):
        in_opset_17(model, norms=True)


def test_bytes_that_are_cast_at_once_are_left_alone(graphs: dict[str, ModelProto]) -> None:
    once = cast_first(graphs["fp16"])
    assert cast_first(once) == once
