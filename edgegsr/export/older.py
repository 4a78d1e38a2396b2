"""A graph in opset 17, which TensorRT 8 reads: what came later, said in what was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from onnx import ModelProto, NodeProto, helper

from edgegsr.errors import InputError
from edgegsr.export.rewrite import Draft, attribute, put

OPSET, IR = 17, 8
LATER = ("saturate", "num_outputs", "output_dtype", "block_size", "precision")  # attributes that opset 17 lacks
AXES = ("ReduceL2", "ReduceMean", "ReduceMax", "ReduceMin")  # whose axes have become an input


def in_opset_17(model: ModelProto, norms: bool) -> ModelProto:
    """The same graph in opset 17; LayerNormalization stays what it is where `norms` are known."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        later = (*LATER, "noop_with_empty_axes") if node.op_type in AXES else LATER
        kept = [each for each in node.attribute if each.name not in later]
        del node.attribute[:]
        node.attribute.extend(kept)
        if node.op_type in AXES and len(node.input) > 1:
            put(node, "axes", draft.constants[node.input.pop()].tolist())
        taken_apart = _APART.get(node.op_type) if node.op_type != "LayerNormalization" or not norms else None
        nodes += taken_apart(draft, node) if taken_apart else [node]
    draft.nodes = nodes
    older = draft.finished()
    del older.opset_import[:]
    older.opset_import.append(helper.make_opsetid("", OPSET))
    older.ir_version = IR
    return older


def _norm(draft: Draft, node: NodeProto) -> Iterator[NodeProto]:
    name, axis = node.output[0], attribute(node, "axis", -1)
    if axis != -1:
        raise InputError(f"{name}: wanted a norm over the last axis, got {axis}")
    small = _constant(draft, f"{name}_epsilon", attribute(node, "epsilon", 1e-5))
    last = len(node.input) - 2  # of scale and bias
    yield helper.make_node("ReduceMean", [node.input[0]], [f"{name}_mean"], axes=[-1])
    yield helper.make_node("Sub", [node.input[0], f"{name}_mean"], [f"{name}_off"])
    yield helper.make_node("Mul", [f"{name}_off", f"{name}_off"], [f"{name}_square"])
    yield helper.make_node("ReduceMean", [f"{name}_square"], [f"{name}_variance"], axes=[-1])
    yield helper.make_node("Add", [f"{name}_variance", small], [f"{name}_above"])
    yield helper.make_node("Sqrt", [f"{name}_above"], [f"{name}_deviation"])
    yield helper.make_node("Div", [f"{name}_off", f"{name}_deviation"], [f"{name}_normed"])
    yield helper.make_node("Mul", [f"{name}_normed", node.input[1]], [f"{name}_scaled" if last else name])
    if last:
        yield helper.make_node("Add", [f"{name}_scaled", node.input[2]], [name])


def _gelu(draft: Draft, node: NodeProto) -> Iterator[NodeProto]:
    name, (value,) = node.output[0], node.input
    if attribute(node, "approximate", b"none") != b"none":
        raise InputError(f"{name}: wanted an exact GELU")
    root, one, half = (_constant(draft, f"{name}_{what}", number) for what, number in _GELU.items())
    yield helper.make_node("Mul", [value, root], [f"{name}_narrow"])
    yield helper.make_node("Erf", [f"{name}_narrow"], [f"{name}_erf"])
    yield helper.make_node("Add", [f"{name}_erf", one], [f"{name}_raised"])
    yield helper.make_node("Mul", [f"{name}_raised", half], [f"{name}_share"])
    yield helper.make_node("Mul", [value, f"{name}_share"], [name])


_GELU = {"root": 2**-0.5, "one": 1.0, "middle": 0.5}


def _constant(draft: Draft, name: str, number: float) -> str:
    draft.constants[name] = np.array(number, np.float32)
    return name


_APART: dict[str, Callable[[Draft, NodeProto], Iterator[NodeProto]]] = {"LayerNormalization": _norm, "Gelu": _gelu}
