"""Rows of a table that a graph chooses by itself, as plain Gathers, which every engine has and looks after."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from edgegsr.errors import InputError
from edgegsr.export.rewrite import Draft, attribute
from edgegsr.runtime.session import STARTS


def by_rows(model: ModelProto) -> ModelProto:
    """The same graph of one photo without GatherElements and GatherND: rows (1, N) of a table as a Gather each."""
    draft, nodes = Draft(model), list[NodeProto]()
    draft.constants["first_axis"] = np.array([0], np.int64)
    for node in draft.nodes:
        if node.op_type == "GatherElements":
            rows = _behind(draft, node.input[1], "Expand", "Unsqueeze")
            if attribute(node, "axis", 0) != 1:
                raise InputError(f"{node.output[0]}: wanted rows of one photo, got a choice along another axis")
            nodes.append(helper.make_node("Squeeze", [rows, "first_axis"], [f"{node.output[0]}_rows"]))
            node = helper.make_node("Gather", [node.input[0], f"{node.output[0]}_rows"], node.output, node.name, axis=1)
        elif node.op_type == "GatherND":
            rows = _behind(draft, node.input[1], "Unsqueeze")
            node = helper.make_node("Gather", [node.input[0], rows], node.output, node.name, axis=0)
        nodes.append(node)
    draft.nodes = nodes
    return draft.finished()


def _behind(draft: Draft, name: str, *kinds: str) -> str:
    """The value that comes to a name by these operators, the last one first."""
    for kind in kinds:
        maker = draft.makers.get(name)
        if maker is None or maker.op_type != kind:
            raise InputError(f"{name}: wanted it out of {kind}, got {maker.op_type if maker else 'a constant'}")
        name = maker.input[0]
    return name


def telling_starts(model: ModelProto) -> ModelProto:
    """The same graph, which also says with which cells its pairs begin."""
    told = ModelProto()
    told.CopyFrom(model)
    (top,) = (node for node in told.graph.node if node.op_type == "TopK")
    told.graph.node.append(helper.make_node("Identity", [top.output[1]], [STARTS]))
    told.graph.output.append(helper.make_tensor_value_info(STARTS, TensorProto.INT64, None))
    return told
