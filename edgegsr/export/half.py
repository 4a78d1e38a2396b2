"""A graph typed in float16, with float32 at its outputs and wherever 16 bits would not hold what is worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, shape_inference

from edgegsr.bundle import INPUTS
from edgegsr.export.rewrite import Draft, attribute, put
from edgegsr.export.tensorrt_rules import LEAST_HALF, WEIGHTED
from edgegsr.runtime.session import BEST, NO_WORDS

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST = 2.0**15  # of a value in float16: half of what fits
IN_FULL = ("ReduceL2", "ReduceSum", "Pow", "Sqrt", "Log", "Exp", "Resize")  # sums of squares, and where boxes look


def peaks(model: ModelProto, squares: npt.NDArray[Any], words: Mapping[str, Any] = NO_WORDS) -> dict[str, float]:
    """The largest value of everything that is worked out, over some photos, and of the words where they are inputs."""
    watched = ModelProto()
    watched.CopyFrom(model)
    own = {each.name for each in model.graph.output}
    names = [name for name, kind in _types(model).items() if kind == FLOAT and name not in own]
    watched.graph.output.extend(helper.make_tensor_value_info(name, FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = dict.fromkeys(names, 0.0)
    taken = {each.name for each in session.get_inputs()}
    for square in squares:
        given = dict(zip(INPUTS, (square[None], np.array([BEST], np.int64))))
        values = session.run(names, {**{name: value for name, value in given.items() if name in taken}, **words})
        found |= {name: max(found[name], float(np.abs(value).max())) for name, value in zip(names, values)}
    return found


def in_half(model: ModelProto, peaks: Mapping[str, float]) -> ModelProto:
    """The same graph in float16; a node stays in float32 if a value of it is too large or a number of it too small."""
    draft = _Halved(model, peaks)
    for node in Draft(model).nodes:
        draft.add(node)
    return draft.ended()


def nodes_in_full(model: ModelProto) -> list[str]:
    """What counts in float32 in a graph that is typed in float16."""
    types = _types(model)
    return [node.name or node.output[0] for node in model.graph.node if types.get(node.input[0]) == FLOAT]


class _Halved(Draft):
    """A graph that is written anew, node by node, each reading its values in its own type."""

    def __init__(self, model: ModelProto, peaks: Mapping[str, float]) -> None:
        super().__init__(model)
        given = [each.name for each in model.graph.input if each.type.tensor_type.elem_type == FLOAT]
        self.nodes, self.peaks, self.floats = [], peaks, {n for n, kind in _types(model).items() if kind == FLOAT}
        self.floats |= {name for name, value in self.constants.items() if value.dtype == np.float32} | {*given}
        self.typed = dict.fromkeys(given, int(FLOAT))  # values that are there, and in which type
        self.copies: dict[tuple[str, int], str] = {}
        self.dequantized: dict[str, NodeProto] = {}

    def add(self, node: NodeProto) -> None:
        if node.op_type == "DequantizeLinear":
            self.dequantized[node.output[0]] = node  # written for those who read it, in their type
            return
        kind = FLOAT if self.stays(node) else HALF
        if node.op_type == "Cast" and attribute(node, "to", 0) == FLOAT:
            put(node, "to", kind)
        elif node.op_type != "Cast":
            for port, name in enumerate(node.input):
                node.input[port] = self.read(name, kind)
        self.nodes.append(node)
        self.typed |= {name: kind for name in node.output if name in self.floats}

    def stays(self, node: NodeProto) -> bool:
        """Whether a node counts in float32."""
        values = [name for name in (*node.input, *node.output) if name in self.floats]
        large = any(self.peaks.get(name, self.peak(name)) > LARGEST for name in values)
        vanishes = any(self.vanishes(name) for name in node.input)
        fine = node.op_type in ("QuantizeLinear", *WEIGHTED) and any(map(self.is_fine, node.input))
        return large or vanishes or fine or node.op_type in IN_FULL

    def peak(self, name: str) -> float:
        values = self.constants.get(name)
        return 0.0 if values is None or not values.size else float(np.abs(values).max())

    def vanishes(self, name: str) -> bool:
        """Whether a number is none in float16."""
        value = self.constants.get(name)
        return value is not None and value.dtype == np.float32 and value.size == 1 and bool(value) != bool(_half(value))

    def is_fine(self, name: str) -> bool:
        """Whether a value is rounded in steps that float16 does not hold, or is the scale of such."""
        node = self.dequantized.get(name)
        scale = self.constants.get(node.input[1] if node is not None else name)
        scaled = node is not None or any(name == each.input[1] for each in self.quantizers(name))
        return scaled and scale is not None and float(_half(scale).min()) <= LEAST_HALF

    def quantizers(self, scale: str) -> list[NodeProto]:
        return [each for each in self.readers[scale] if each.op_type == "QuantizeLinear"]

    def read(self, name: str, kind: int) -> str:
        """The name under which a value has a type; made where it is not there yet."""
        if name in self.dequantized:
            fine = self.is_fine(name)
            made = self.rounded_as(name, FLOAT if fine else kind)
            return self.cast(made, kind) if fine and kind == HALF else made
        if name not in self.floats:
            return name
        if name in self.constants:
            return self.constant(name, kind)
        return name if self.typed[name] == kind else self.cast(name, kind)

    def constant(self, name: str, kind: int) -> str:
        if kind == FLOAT:
            return name
        self.constants[f"{name}_half"] = _half(self.constants[name])
        return f"{name}_half"

    def rounded_as(self, name: str, kind: int) -> str:
        if (name, kind) not in self.copies:
            node = NodeProto()
            node.CopyFrom(self.dequantized[name])
            node.input[1] = self.constant(node.input[1], kind)
            self.copies[name, kind] = node.output[0] = name if kind == HALF else f"{name}_in_full"
            self.nodes.append(node)
        return self.copies[name, kind]

    def cast(self, name: str, kind: int) -> str:
        if (name, kind) not in self.copies:
            made = self.copies[name, kind] = f"{name}_{'half' if kind == HALF else 'whole'}"
            self.nodes.append(helper.make_node("Cast", [name], [made], f"cast_{made}", to=kind))
        return self.copies[name, kind]

    def ended(self) -> ModelProto:
        """The graph, with its outputs in float32 under their own names."""
        outputs = [each.name for each in self.model.graph.output if self.typed.get(each.name) == HALF]
        for node in self.nodes:
            for names in (node.input, node.output):
                for port, name in enumerate(names):
                    if name in outputs:
                        names[port] = f"{name}_short"
        self.nodes += [helper.make_node("Cast", [f"{n}_short"], [n], f"cast_{n}", to=FLOAT) for n in outputs]
        return self.finished()


def _half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return values.astype(np.float16)


def _types(model: ModelProto) -> dict[str, int]:
    """The type of everything that is worked out."""
    graph = shape_inference.infer_shapes(model).graph
    return {each.name: each.type.tensor_type.elem_type for each in (*graph.value_info, *graph.output)}
