"""ONNX files read from bytes alone: what is in them, and what must not be."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("onnx")

from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, defs, helper

from edgegsr.errors import InputError
from edgegsr.graphfile import OF_TEXTS, OPERATORS, TYPES, read_graph


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


def circle() -> Any:
    nodes = [helper.make_node("Add", ["x", "z"], ["v"]), helper.make_node("Relu", ["v"], ["z"])]
    return model(*nodes, helper.make_node("Relu", ["z"], ["y"]))


def mistyped() -> Any:
    node = helper.make_node("Concat", ["x", "w"], ["y"], axis=0)
    node.attribute[0].type = 7
    return model(node)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (circle, "here: Add reads 'z' before it is made; wanted nodes in their order"),
        (lambda: model(helper.make_node("Relu", ["x"], ["v"])), "here: the graph reads 'y' before it is made"),
        (
            lambda: model(*[helper.make_node("Relu", ["x"], ["y"])] * 2),
            "here: 'y' is made twice; wanted a name for each",
        ),
        (lambda: model(helper.make_node("Relu", ["x"], ["w"])), "here: 'w' is made twice; wanted a name for each"),
        (mistyped, "here: Concat holds the attribute 'axis' of type 7, which is not allowed"),
        (
            lambda: model(helper.make_node("Relu", ["x"], ["y"], evil=1.0)),
            "here: Relu holds the attribute 'evil' of type 1, which is not allowed",
        ),
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


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


@pytest.mark.parametrize("number", [7, 25])
def test_a_field_under_a_number_that_engines_cut_short_is_refused(number: int) -> None:
    content = model().SerializeToString() + varint((number << 3 | 2) + (1 << 32)) + varint(0)
    with pytest.raises(
        InputError, match="here: wanted an ONNX model, got bytes that are none: a field with the number"
    ):
        read_graph(content, "here")


def test_data_outside_is_found_in_the_last_bits_as_well() -> None:
    tensor = helper.make_tensor("v", TensorProto.FLOAT, [2], [1.0, 2.0])
    inner = tensor.SerializeToString() + varint(14 << 3) + varint((1 << 32) + 1)
    graph = model().graph.SerializeToString() + varint(5 << 3 | 2) + varint(len(inner)) + inner
    content = varint(7 << 3 | 2) + varint(len(graph)) + graph
    with pytest.raises(InputError, match="here: 'v' has its data in another file"):
        read_graph(content, "here")


@pytest.mark.parametrize("dims", [[1 << 40], [-1], [1 << 20, 1 << 20], [3, 1 << 62], [1 << 62] * 100_000])
def test_a_tensor_that_says_it_has_more_numbers_than_are_there_is_refused(dims: list[int]) -> None:
    tensor = TensorProto(name="v", data_type=1, dims=dims, raw_data=bytes(8))
    with pytest.raises(
        InputError, match=r"here: 'v' says that it has [0-9,]{9,30} numbers; wanted those that are there"
    ):
        read_graph(model(constants=(tensor,)).SerializeToString(), "here")


def test_attributes_have_the_types_of_the_standard() -> None:
    schemas = [s for s in defs.get_all_schemas_with_history() if s.domain == "" and s.name in OPERATORS | OF_TEXTS]
    known = {name: {int(a.type.value) for s in schemas for n, a in s.attributes.items() if n == name} for name in TYPES}
    assert all(kind in known[name] for name, kind in TYPES.items())
    newest = [defs.get_schema(name, 20) for name in OPERATORS | OF_TEXTS]
    lacking = {n for schema in newest for n in schema.attributes if n not in TYPES}
    assert lacking == {"sparse_value", "value_string", "value_strings"}


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


@pytest.mark.parametrize(
    "made",
    [
        lambda: model(*[helper.make_node("Relu", ["x"], ["y"])] * 60_000),
        lambda: model(constants=(helper.make_tensor("c", TensorProto.FLOAT, [0], []),) * 200_000),
        lambda: model(helper.make_node("Concat", ["x"] * 600_000, ["y"])),
    ],
    ids=["nodes", "constants", "inputs"],
)
def test_a_graph_of_countless_parts_is_refused_in_time(made: Any) -> None:
    content = made().SerializeToString()
    started = time.process_time()
    with pytest.raises(InputError, match="here: has more parts than any graph of ours, over 500,000"):
        read_graph(content, "here")
    assert time.process_time() - started < 5
