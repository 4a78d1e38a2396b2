"""From the grid that a student learned to the graphs of engines: what a step may change and what it may not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1] / "student"))

from onnx import ModelProto, TensorProto, helper, numpy_helper  # noqa: E402
from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.bundle import OUTPUTS  # noqa: E402
from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.fused import in_8_bits as fused  # noqa: E402
from edgegsr.export.fused import layers_by_kind  # noqa: E402
from edgegsr.export.int8 import (  # noqa: E402
    RECIPES,
    halved,
    in_8_bits,
    in_float,
    joined_in_8_bits,
    pooled_first,
    rounded_once,
    stored,
    summed_in_8_bits,
    unsigned,
    whole_biases,
)
from edgegsr.export.onnx import graph_of  # noqa: E402
from edgegsr.export.rewrite import Draft, padded_by_readers  # noqa: E402
from edgegsr.graphfile import read_graph  # noqa: E402
from edgegsr.runtime.session import BEST, open_graph  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.quantizers import QuantizedStudent  # noqa: E402


@pytest.fixture(scope="module")
def rounded() -> QuantizedStudent:
    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables()).eval().fold()
    return calibrated(student, [torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8) for _ in range(4)])


@pytest.fixture(scope="module")
def graph(rounded: QuantizedStudent) -> ModelProto:
    return graph_of(rounded)


@pytest.fixture(scope="module")
def squares() -> Any:
    return np.random.default_rng(1).integers(0, 256, (20, 64, 64, 3), np.uint8)


def said(model: ModelProto, squares: Any) -> list[list[Any]]:
    """Without the engine's own fusions."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [session.run(None, {"pixels": each[None], "verb": np.array([-1])}) for each in squares]


def drifts(one: list[list[Any]], other: list[list[Any]]) -> Any:
    """By image, in shares of the largest value of an output."""
    largest = [max(np.abs(each[i]).max() for each in one) for i in range(len(OUTPUTS))]
    return np.array([max(np.abs(a - b).max() / top for a, b, top in zip(x, y, largest)) for x, y in zip(one, other)])


@pytest.mark.parametrize("step", [stored, pooled_first, joined_in_8_bits, padded_by_readers])
def test_steps_that_change_nothing(graph: ModelProto, squares: Any, step: Any) -> None:
    before = stored(graph) if step is not stored else graph
    for one, other in zip(said(before, squares), said(step(before), squares)):
        for a, b in zip(one, other):
            assert np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("step", [unsigned, whole_biases, halved])
def test_steps_that_move_values_between_their_steps(graph: ModelProto, squares: Any, step: Any) -> None:
    before = stored(graph)
    moved = drifts(said(before, squares), said(step(before), squares))
    assert np.median(moved) < 0.05 and moved.max() < 0.3, moved


def test_stored_weights_are_bytes(graph: ModelProto) -> None:
    assert len(halved(stored(graph)).SerializeToString()) < len(graph.SerializeToString())
    values = {each.name: each.data_type for each in stored(graph).graph.initializer}
    draft = Draft(stored(graph))
    assert not [node for node in draft.nodes if node.op_type == "QuantizeLinear" and node.input[0] in values]
    assert TensorProto.INT8 in values.values()


def test_all_layers_in_float_is_the_student_without_rounding(graph: ModelProto, squares: Any) -> None:
    plain = in_float(stored(graph), lambda draft, node: True)
    assert in_8_bits(plain) == [] and len(in_8_bits(graph)) > 30
    constants = {each.name for each in plain.graph.initializer}
    assert not [n for n in plain.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in constants]
    assert drifts(said(graph, squares), said(plain, squares)).max() < 0.3


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_counts_in_8_bits_what_it_should(
    rounded: QuantizedStudent, graph: ModelProto, squares: Any, engine: str
) -> None:
    pytest.importorskip(engine)
    made = RECIPES[engine](graph)
    content = made.SerializeToString()
    read_graph(content, "graph")  # nothing that a bundle refuses
    kinds, wanted = layers_by_kind(content, engine, "int8"), in_8_bits(made)
    assert fused(kinds) >= 0.9 * len(wanted) > 10, (kinds, wanted)
    session = open_graph(content, engine, "int8", 1)
    found = [[session(each, BEST)[name] for name in OUTPUTS] for each in squares]
    with torch.no_grad():
        eager = [
            [getattr(rounded(torch.from_numpy(each[None])), name)[0].numpy() for name in OUTPUTS] for each in squares
        ]
    moved = drifts(eager, found)
    assert np.median(moved) < 0.1 and moved.max() < 0.5, moved


def test_on_arm_the_same_layers_count_in_signed_bytes(
    rounded: QuantizedStudent, graph: ModelProto, squares: Any
) -> None:
    arm, x64 = RECIPES["onnxruntime on arm64"](graph), RECIPES["onnxruntime"](graph)
    assert in_8_bits(arm) == in_8_bits(x64) != []
    types = {each.data_type for each in arm.graph.initializer}
    assert TensorProto.UINT8 not in types and TensorProto.INT8 in types
    read_graph(arm.SerializeToString(), "graph")
    near = drifts(said(arm, squares), said(x64, squares))
    assert np.median(near) < 0.1 and near.max() < 0.5, near


def joined(scales: list[float], positive: list[bool]) -> ModelProto:
    """Two rounded values in one map, which a convolution in 8 bits reads."""
    constants = {"zero": np.array(0, np.int8), "w": np.ones((1, 2, 1, 1), np.int8), "ws": np.array(0.5, np.float32)}
    nodes = []
    for i, (scale, relu) in enumerate(zip(scales, positive)):
        constants[f"s{i}"] = np.array(scale, np.float32)
        nodes += [
            helper.make_node("Relu" if relu else "Neg", ["x"], [f"r{i}"]),
            helper.make_node("QuantizeLinear", [f"r{i}", f"s{i}", "zero"], [f"q{i}"]),
            helper.make_node("DequantizeLinear", [f"q{i}", f"s{i}", "zero"], [f"d{i}"]),
        ]
    nodes += [
        helper.make_node("Concat", ["d0", "d1"], ["c"], axis=1),
        helper.make_node("DequantizeLinear", ["w", "ws"], ["wd"]),
        helper.make_node("Conv", ["c", "wd"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "joined", [x], [y], initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: ModelProto, x: Any) -> Any:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x.astype(np.float32)})[0]


def test_bytes_without_a_sign_reach_as_far_and_clip_as_early() -> None:
    model = joined([0.1, 0.1], [True, False])
    made = joined_in_8_bits(unsigned(model))
    zeros = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer if each.name.startswith("zero")}
    assert zeros == {"zero_0": 0, "zero_128": 128} and zeros["zero_0"].dtype == np.uint8
    x = np.linspace(-30, 30, 16).reshape(1, 1, 4, 4)
    assert np.abs(run(model, x) - run(made, x)).max() <= 0.05 + 1e-6  # half a step of the join, times the weight
    assert run(made, np.full((1, 1, 4, 4), 30.0)).max() == pytest.approx(0.5 * (12.7 - 12.8), abs=0.03)


@pytest.mark.parametrize("scales", [[0.2, 0.05], [0.1, 0.06], [0.05, 0.2], [0.06, 0.1]])
def test_a_join_of_two_grids_clips_nothing(scales: list[float]) -> None:
    model = joined(scales, [True, False])
    made = joined_in_8_bits(unsigned(model))
    assert [node.op_type for node in made.graph.node].count("QuantizeLinear") == 3
    x = np.linspace(-30, 30, 16).reshape(1, 1, 4, 4)
    assert np.abs(run(model, x) - run(made, x)).max() <= max(scales)  # a step, times the weight, of two values


def summed(relu: bool) -> ModelProto:
    """Two convolutions of a rounded value, whose sum is rounded, with one bias, one weight and no names."""
    constants = {
        "s": np.array(0.1, np.float32),
        "t": np.array(0.3, np.float32),
        "zero": np.array(0, np.int8),
        "w": np.full((4, 4, 1, 1), 1, np.int8),
        "ws": np.full(4, 0.3, np.float32),
        "wz": np.zeros(4, np.int8),
        "b": np.ones(4, np.float32),
    }
    rounded = [("x", "s", "d"), ("r" if relu else "sum", "t", "y")]
    first, last = (
        [
            helper.make_node("QuantizeLinear", [name, scale, "zero"], [f"{made}q"]),
            helper.make_node("DequantizeLinear", [f"{made}q", scale, "zero"], [made]),
        ]
        for name, scale, made in rounded
    )
    nodes = [
        *first,
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("Conv", ["d", "wd", "b"], ["c"]),
        helper.make_node("Conv", ["d", "wd", "b"], ["e"]),
        helper.make_node("Add", ["c", "e"], ["sum"]),
        *([helper.make_node("Relu", ["sum"], ["r"])] if relu else []),
        *last,
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 2, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "summed", [x], [y], initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("relu", [False, True])
def test_both_sides_of_a_rounded_sum_are_rounded_and_what_is_shared_stays_apart(relu: bool) -> None:
    model, x = summed(relu), np.random.default_rng(0).standard_normal((1, 4, 2, 2))
    made = whole_biases(summed_in_8_bits(model))
    roundings = [node for node in made.graph.node if node.op_type == "QuantizeLinear"]
    assert len(roundings) == 4, "the photo, both sides and the sum"
    assert np.abs(run(model, x) - run(made, x)).max() <= 0.3 + 1e-6  # half a step a side
    floats = in_float(model, lambda draft, node: True)
    assert np.abs(run(model, x) - run(floats, x)).max() <= 0.3 + 1e-6
    assert len(in_8_bits(model)) == 2 and in_8_bits(floats) == []


def test_a_value_on_two_grids_is_left_on_the_widest() -> None:
    model = joined([0.1, 0.1], [True, True])
    for node in model.graph.node:
        if "r1" in node.input:
            node.input[0] = "r0"  # one value, and the second grid is as wide
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.array(0.4, np.float32), "s1"))
    made = rounded_once(model)
    (rounding,) = [node for node in made.graph.node if node.op_type == "QuantizeLinear"]
    assert rounding.input[1] == "s1"


def test_bias_beyond_32_bits_is_refused() -> None:
    model = joined([1e-9, 1e-9], [True, True])
    model.graph.node[-1].input.append("b")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1e6], np.float32), "b"))
    with pytest.raises(InputError, match="b: too large for 32 bits at the scale of its layer"):
        whole_biases(joined_in_8_bits(model))


def test_weights_that_are_not_around_zero_are_refused(graph: ModelProto) -> None:
    odd = ModelProto()
    odd.CopyFrom(graph)
    weight = next(n for n in odd.graph.node if n.op_type == "QuantizeLinear" and "weight" in n.input[0])
    for each in odd.graph.initializer:
        if each.name == weight.input[2]:
            each.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(each) + np.int8(1), each.name))
    with pytest.raises(InputError, match="wanted a weight around zero"):
        stored(odd)
