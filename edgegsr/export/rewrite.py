"""An ONNX graph as something to rewrite, and what makes any of ours faster without changing a value."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper, numpy_helper

Array = npt.NDArray[Any]
MOVED = ("Transpose", "Reshape", "Flatten", "MaxPool", "Split", "Slice", "Relu")


class Draft:
    """A copy of a model: its nodes in order, its constants, and who makes and reads what."""

    def __init__(self, model: ModelProto) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(model)
        self.nodes = list(self.model.graph.node)
        self.constants: dict[str, Array] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer
        }
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.readers = defaultdict[str, list[NodeProto]](list)
        for node in self.nodes:
            for name in node.input:
                self.readers[name].append(node)

    def rounded(self, name: str) -> NodeProto | None:
        """The DequantizeLinear that a value comes out of, by ways that leave values as they are."""
        maker = self.makers.get(name)
        if maker is None or maker.op_type == "DequantizeLinear":
            return maker
        if maker.op_type == "Concat":
            found = [self.rounded(each) for each in maker.input]
            return found[0] if all(found) else None
        return self.rounded(maker.input[0]) if maker.op_type in MOVED else None

    def finished(self) -> ModelProto:
        """The model with the nodes and constants that something reads."""
        graph = self.model.graph
        kept, wanted = list[NodeProto](), {output.name for output in graph.output}
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        found = {name: value for name, value in self.constants.items() if name in wanted}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(kept[::-1])
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in found.items())
        return self.model


def padded_by_readers(model: ModelProto) -> ModelProto:
    """Zeros around a feature map as the business of the convolutions and max-pools that read it.

    A max-pool pads with what never wins, which is the same where nothing lies below zero.
    """
    draft = Draft(model)
    for node in draft.nodes:
        if node.op_type != "Pad" or not _zeros_around_map(draft, node):
            continue
        more, positive = draft.constants[node.input[1]][[2, 3, 6, 7]], never_negative(draft, node.input[0])
        readers = [each if each.input[0] == node.output[0] else node for each in draft.readers[node.output[0]]]
        wider = [np.add(attribute(reader, "pads", [0, 0, 0, 0]), more) for reader in readers]
        if all(_can_pad(reader, pads, positive) for reader, pads in zip(readers, wider)):
            for reader, pads in zip(readers, wider):
                put(reader, "pads", pads.tolist())
                reader.input[0] = node.input[0]
    return draft.finished()


def _can_pad(reader: NodeProto, pads: Array, positive: bool) -> bool:
    if attribute(reader, "auto_pad", b"NOTSET") != b"NOTSET":
        return False
    if reader.op_type == "MaxPool":
        skips = attribute(reader, "ceil_mode", 0) and set(attribute(reader, "strides", [1, 1])) != {1}
        return positive and not skips and bool((pads < np.tile(attribute(reader, "kernel_shape", [0, 0]), 2)).all())
    return reader.op_type == "Conv"


def never_negative(draft: Draft, name: str) -> bool:
    """Whether a value comes out of a ReLU by ways that keep it from going below zero."""
    maker = draft.makers.get(name)
    if maker is None:
        return False
    if maker.op_type in ("Concat", "Add"):
        return all(never_negative(draft, each) for each in maker.input)
    if maker.op_type in ("MaxPool", "Pad", "QuantizeLinear", "DequantizeLinear"):
        return never_negative(draft, maker.input[0])
    return bool(maker.op_type == "Relu")


def _zeros_around_map(draft: Draft, pad: NodeProto) -> bool:
    amounts, value = (draft.constants.get(name) for name in [*pad.input[1:3], "", ""][:2])
    if attribute(pad, "mode", b"constant") != b"constant" or amounts is None or len(pad.input) > 3:
        return False
    around = amounts.size == 8 and not amounts[[0, 1, 4, 5]].any() and bool((amounts >= 0).all())
    return around and (len(pad.input) < 3 or not pad.input[2] or (value is not None and not value.any()))


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute of a node."""
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def put(node: NodeProto, name: str, value: object) -> None:
    """Gives a node an attribute in place of what it had by that name."""
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
