"""What is rewritten in a graph leaves every value as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from edgegsr.export.rewrite import padded_by_readers  # noqa: E402

ABOVE_ZERO, ANYTHING = "Relu", "Neg"


def padded(before: str, pads: list[int], value: float = 0.0) -> Any:
    """A map that is padded for a convolution and a max-pool, after an operator of one's choice."""
    rng = np.random.default_rng(0)
    constants = {
        "pads": np.array(pads, np.int64),
        "value": np.array(value, np.float32),
        "weight": rng.standard_normal((3, 2, 2, 2)).astype(np.float32),
    }
    nodes = [
        helper.make_node(before, ["x"], ["map"]),
        helper.make_node("Pad", ["map", "pads", "value"], ["wide"]),
        helper.make_node("Conv", ["wide", "weight"], ["conv"], pads=[1, 0, 0, 0]),
        helper.make_node("MaxPool", ["wide"], ["pool"], kernel_shape=[3, 3]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 5, 5])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("conv", "pool")]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "padded", [x], outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_a_window_that_begins_in_zeros_is_not_lost() -> None:
    model = padded(ABOVE_ZERO, [0, 0, 0, 0, 0, 0, 2, 2])
    pool = model.graph.node[3]
    pool.attribute.extend([helper.make_attribute("strides", [2, 2]), helper.make_attribute("ceil_mode", 1)])
    found = padded_by_readers(model)
    assert "Pad" in [node.op_type for node in found.graph.node]
    for one, other in zip(run(model), run(found), strict=True):
        assert np.array_equal(one, other)


def run(model: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.random.default_rng(1).standard_normal((1, 2, 5, 5)).astype(np.float32)})


def test_zeros_around_a_map_become_the_business_of_its_readers() -> None:
    model = padded(ABOVE_ZERO, [0, 0, 0, 1, 0, 0, 1, 2])
    found = padded_by_readers(model)
    assert [node.op_type for node in found.graph.node] == ["Relu", "Conv", "MaxPool"]
    assert {tensor.name for tensor in found.graph.initializer} == {"weight"}
    for one, other in zip(run(model), run(found), strict=True):
        assert one.shape == other.shape and np.allclose(one, other, atol=1e-6)
    assert len(model.graph.node) == 4, "a copy was rewritten"


@pytest.mark.parametrize(
    ("before", "pads", "value"),
    [
        (ANYTHING, [0, 0, 0, 0, 0, 0, 1, 1], 0.0),  # a zero may win where all is below it
        (ABOVE_ZERO, [0, 0, 0, 0, 0, 0, 1, 1], 1.0),
        (ABOVE_ZERO, [0, 0, -1, 0, 0, 0, 1, 1], 0.0),  # cut on one side
        (ABOVE_ZERO, [0, 0, 0, 0, 0, 0, 3, 3], 0.0),  # a max-pool takes no more than lies under its window
    ],
)
def test_what_would_change_a_value_stays(before: str, pads: list[int], value: float) -> None:
    model = padded(before, pads, value)
    found = padded_by_readers(model)
    assert [node.op_type for node in found.graph.node] == [before, "Pad", "Conv", "MaxPool"]
    for one, other in zip(run(model), run(found), strict=True):
        assert np.array_equal(one, other)
