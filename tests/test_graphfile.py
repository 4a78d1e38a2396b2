"""ONNX files read from bytes alone: what is in them, and what must not be."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("onnx")

from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgegsr.errors import InputError
from edgegsr.graphfile import OF_TEXTS, OPERATORS, read_graph


def model(*nodes: Any, constants: tuple[Any, ...] = (), opsets: tuple[tuple[str, int], ...] = (("", 20),)) -> Any:
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Relu", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "w")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0]), *constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets])


def test_outside_of_a_graph_is_read() -> None:
    found = read_graph(model().SerializeToString(), "here")
    assert (found.opset, found.inputs, found.outputs, found.operators) == (20, ("x",), ("y",), {"Relu"})
    assert found.shapes == {"x": (2,)}


def external() -> Any:
    tensor = helper.make_tensor("v", TensorProto.FLOAT, [2], [1.0, 2.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def hidden() -> Any:
    return helper.make_node("Constant", [], ["v"], value=external())


def branching() -> Any:
    inner = helper.make_graph([], "inner", [], [])
    return helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)


def with_graph() -> Any:
    return helper.make_node("Relu", ["x"], ["y"], body=helper.make_graph([], "inner", [], []))


def with_function() -> Any:
    found = model()
    found.functions.add(name="f", domain="d")
    return found


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: model(constants=(external(),)), "here: 'v' has its data in another file"),
        (lambda: model(hidden()), "here: 'v' has its data in another file"),
        (lambda: model(branching()), "here: holds the operator 'If', which is not allowed"),
        (lambda: model(with_graph()), "here: Relu holds a graph or sparse tensors"),
        (with_function, "here: holds functions; wanted plain operators"),
        (lambda: model(opsets=(("", 20), ("com.evil", 1))), "here: wanted operators of ONNX alone, got .* 'com.evil'"),
        (
            lambda: model(helper.make_node("Relu", ["x"], ["y"], domain="com.microsoft")),
            "here: holds the operator 'com.microsoft.Relu', which is not allowed",
        ),
    ],
)
def test_what_no_network_of_ours_does_is_refused(made: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_graph(made().SerializeToString(), "here")


def test_operators_of_texts_are_those_of_texts_alone() -> None:
    content = model(helper.make_node("GatherND", ["x", "w"], ["y"])).SerializeToString()
    assert read_graph(content, "here", OF_TEXTS).operators == {"GatherND"}
    with pytest.raises(InputError, match="here: holds the operator 'GatherND', which is not allowed"):
        read_graph(content, "here")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused_by_name(content: bytes) -> None:
    with pytest.raises(InputError, match="here: "):
        read_graph(content, "here")


@settings(max_examples=300)
@given(st.data())
def test_mutated_models_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(model(constants=(helper.make_tensor("c", TensorProto.FLOAT, [1], [3.0]),)).SerializeToString())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        assert read_graph(bytes(content), "here").operators <= OPERATORS
    except InputError as error:
        assert str(error).startswith("here: ")
