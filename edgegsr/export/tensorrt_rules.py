"""What TensorRT would make of an ONNX graph, told from the file alone: rules that it is refused by, or slow by.

The rules are those of NVIDIA's documentation and of issues that users met. They prove nothing: no engine is built here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, shape_inference

from edgegsr.export.rewrite import Draft, attribute

Version = tuple[int, int]
Told = Iterator[tuple[str, str]]  # the node, and what about it

LEAST_HALF = 6e-5  # below this a scale in float16 loses its digits
NARROW = 16  # channels, below which INT8 gains nothing
OPSETS = (((11, 0), 24), ((10, 14), 23), ((10, 0), 20), ((0, 0), 17))  # the newest that each version reads
SINCE = {"Attention": (10, 14), "RMSNormalization": (10, 15), "RotaryEmbedding": (10, 15), "Swish": (11, 0)}
SINCE["LayerNormalization"] = (8, 6)
QOPERATORS = ("MatMulInteger", "ConvInteger", "DynamicQuantizeLinear")
WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Exp", "Log", "Softmax", "LayerNormalization", *WEIGHTED)
ROUNDING = ("QuantizeLinear", "DequantizeLinear")
SHORT = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}
WIDE = {TensorProto.INT64: "int64", TensorProto.DOUBLE: "float64"}


@dataclass(frozen=True)
class Finding:
    """What a rule holds against a graph."""

    rule: str
    refused: bool  # or only slower than it could be
    node: str
    what: str


class Graph(Draft):
    """A graph on its way to one TensorRT."""

    def __init__(self, model: ModelProto, version: Version, multiple: int) -> None:
        super().__init__(model)
        self.version, self.multiple = version, multiple
        self.opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
        typed = shape_inference.infer_shapes(model).graph
        values = (*typed.value_info, *typed.input, *typed.output)
        self.types = {each.name: each.type.tensor_type.elem_type for each in values}

    def of(self, *kinds: str) -> Iterator[NodeProto]:
        return (node for node in self.nodes if node.op_type in kinds)

    def maker(self, name: str) -> str:
        """The operator that makes a value."""
        return self.makers[name].op_type if name in self.makers else ""

    def is_weight(self, name: str) -> bool:
        """Whether a value is a constant, perhaps rounded, cast or turned."""
        while name in self.makers and self.makers[name].op_type in (*ROUNDING, "Cast", "Transpose", "Reshape", "Mul"):
            name = self.makers[name].input[0]
        return name in self.constants


def zero_is_zero(graph: Graph) -> Told:
    for node in graph.of(*ROUNDING):
        zero = graph.constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if zero is not None and zero.dtype == np.uint8:
            yield node.name, f"{node.input[2]} is uint8; wanted int8"
        elif zero is not None and zero.any():
            yield node.name, f"the zero point {node.input[2]} is {zero.ravel()[0]}; wanted 0"
        elif zero is None and node.op_type == "QuantizeLinear" and not attribute(node, "output_dtype", 0):
            yield node.name, "has no zero point, which makes it uint8; wanted an int8 0"


def activations_have_one_scale(graph: Graph) -> Told:
    for node in graph.of("QuantizeLinear"):
        scale = graph.constants.get(node.input[1])
        if scale is not None and scale.size > 1 and not graph.is_weight(node.input[0]):
            yield node.name, f"{node.input[0]} has {scale.size} scales by channel; wanted one"


def scales_are_constants(graph: Graph) -> Told:
    for node in graph.of(*ROUNDING):
        for name in node.input[1:3]:
            if name and name not in graph.constants:
                yield node.name, f"{name} is worked out in the graph; wanted a constant"


def scales_are_sound(graph: Graph) -> Told:
    for node in graph.of(*ROUNDING):
        if (scale := graph.constants.get(node.input[1])) is not None:
            least = LEAST_HALF if scale.dtype == np.float16 else 0.0
            if not (np.isfinite(scale).all() and (scale > least).all()):
                yield node.name, f"the smallest scale of {node.input[1]} is {scale.min():g}; wanted more than {least:g}"


def scales_have_the_type_of_their_graph(graph: Graph) -> Told:
    for node in graph.of("QuantizeLinear"):
        scale, kind = graph.constants.get(node.input[1]), SHORT.get(graph.types.get(node.input[0], 0))
        if scale is not None and kind and scale.dtype != kind:
            yield node.name, f"{node.input[0]} is {kind} and its scale {scale.dtype}; wanted one type"
    for node in graph.of(*WEIGHTED):
        rounded = [each for name in node.input[:2] if (each := graph.rounded(name)) is not None]
        types = sorted(
            {str(graph.constants[each.input[1]].dtype) for each in rounded if each.input[1] in graph.constants}
        )
        if len(types) > 1:
            yield node.name, f"reads scales in {' and '.join(types)}; wanted one type"


def operators_are_of_onnx(graph: Graph) -> Told:
    for node in graph.nodes:
        if node.domain not in ("", "ai.onnx") or node.op_type.startswith("QLinear") or node.op_type in QOPERATORS:
            yield node.name, f"{node.domain or 'ai.onnx'}.{node.op_type}; wanted plain ONNX with Q and DQ"


def operators_are_known(graph: Graph) -> Told:
    known = next(opset for version, opset in OPSETS if graph.version >= version)
    here = "{}.{}".format(*graph.version)
    if graph.opset > known:
        yield "", f"opset {graph.opset}; TensorRT {here} reads up to {known}"
    for node in graph.nodes:
        if graph.version < (since := SINCE.get(node.op_type, (0, 0))):
            yield node.name, f"{node.op_type} is known since TensorRT {since[0]}.{since[1]}, and this is {here}"
        if node.op_type == "Resize" and attribute(node, "antialias", 0):
            yield node.name, "Resize with antialiasing is not known"


def floats_are_short(graph: Graph) -> Told:
    for node in graph.of(*ARITHMETIC):
        if wide := WIDE.get(graph.types.get(node.output[0], 0)):
            yield node.name, f"{node.op_type} counts in {wide}"


def both_inputs_are_rounded(graph: Graph) -> Told:
    for node in graph.of(*WEIGHTED):
        if len({graph.rounded(name) is None for name in node.input[:2]}) > 1:
            yield node.name, f"{node.op_type} has one rounded input; wanted both or none"


def nothing_is_rounded_inside_a_fusion(graph: Graph) -> Told:
    for node in graph.of("QuantizeLinear"):
        if graph.maker(node.input[0]) in ("Conv", "ConvTranspose"):
            for dequantize in graph.readers[node.output[0]]:
                for reader in graph.readers[dequantize.output[0]]:
                    bias = reader.op_type == "Add" and any(name in graph.constants for name in reader.input)
                    if bias or reader.op_type in ("Relu", "BatchNormalization"):
                        yield (
                            node.name,
                            f"stands between a convolution and its {reader.op_type}, which then do not fuse",
                        )


def _sums(graph: Graph) -> Iterator[tuple[NodeProto, list[bool]]]:
    """The sums of two maps, one of them out of a convolution, and which of both is rounded."""
    for node in graph.of("Add"):
        made = [graph.maker(name) for name in node.input]
        inner = [graph.makers[name].input[0] for name, kind in zip(node.input, made) if kind == "Relu"]
        if "Conv" in (*made, *map(graph.maker, inner)) and not any(name in graph.constants for name in node.input):
            yield node, [kind == "DequantizeLinear" for kind in made]


def skips_are_rounded(graph: Graph) -> Told:
    if any(graph.of("QuantizeLinear")):
        yield from (
            (n.name, "neither side of the sum is rounded, so it is float") for n, r in _sums(graph) if not any(r)
        )


def sums_have_one_rounded_side(graph: Graph) -> Told:
    for node in graph.of("Add"):
        if all(graph.maker(name) == "DequantizeLinear" for name in node.input):
            yield node.name, "both sides of the sum are rounded, so the convolution does not take it in"


def attention_is_float(graph: Graph) -> Told:
    for node in graph.of("Softmax", "LayerNormalization", "MatMul"):
        ports = node.input[:2] if node.op_type == "MatMul" else node.input[:1]
        if node.op_type == "MatMul" and any(graph.is_weight(name) for name in ports):
            continue
        if any(graph.rounded(name) is not None for name in ports):
            yield node.name, f"{node.op_type} reads a rounded value; wanted float"


def widths_fit(graph: Graph) -> Told:
    for node in graph.of(*WEIGHTED):
        dequantize = graph.rounded(node.input[1])
        if dequantize is None or dequantize.input[0] not in graph.constants:
            continue
        weight = graph.constants[dequantize.input[0]]
        sides = weight.shape[:2] if weight.ndim > 2 else weight.shape
        if attribute(node, "group", 1) == 1 and (min(sides) < NARROW or any(n % graph.multiple for n in sides)):
            told = f"at least {NARROW}, in multiples of {graph.multiple}"
            yield node.name, f"is {sides[0]} by {sides[1]} wide; INT8 is quick from {told}"


def joins_have_one_scale(graph: Graph) -> Told:
    for node in graph.of("Concat"):
        rounded = [graph.rounded(name) for name in node.input]
        scales = {float(graph.constants[each.input[1]].ravel()[0]) for each in rounded if each is not None}
        if len(scales) > 1:
            yield node.name, f"joins values of {len(scales)} scales; wanted one"


def nothing_is_rounded_twice(graph: Graph) -> Told:
    counts = Counter(node.input[0] for node in graph.of("QuantizeLinear"))
    yield from ((name, f"is rounded {count} times; once is enough") for name, count in counts.items() if count > 1)


REFUSED, SLOW = True, False
RULES: dict[str, tuple[bool, Callable[[Graph], Told]]] = {
    "T01": (REFUSED, zero_is_zero),
    "T02": (REFUSED, activations_have_one_scale),
    "T03": (REFUSED, scales_are_constants),
    "T04": (REFUSED, scales_are_sound),
    "T05": (REFUSED, scales_have_the_type_of_their_graph),
    "T06": (REFUSED, operators_are_of_onnx),
    "T07": (REFUSED, operators_are_known),
    "T08": (REFUSED, floats_are_short),
    "T09": (SLOW, both_inputs_are_rounded),
    "T10": (SLOW, nothing_is_rounded_inside_a_fusion),
    "T11": (SLOW, skips_are_rounded),
    "T12": (SLOW, sums_have_one_rounded_side),
    "T13": (SLOW, attention_is_float),
    "T14": (SLOW, widths_fit),
    "T15": (SLOW, joins_have_one_scale),
    "T16": (SLOW, nothing_is_rounded_twice),
}


def check(model: ModelProto, version: Version, multiple: int = 8) -> list[Finding]:
    """What TensorRT of a version would hold against a graph."""
    graph = Graph(model, version, multiple)
    return [Finding(name, refused, node, what) for name, (refused, rule) in RULES.items() for node, what in rule(graph)]
