"""What a graph has to work out: its convolutions and products, one by one, counted from the ONNX file itself.

A multiply-add counts as two operations. What an engine works out once, before the first photo, is left out, and so are
norms, activations and lookups, most of which engines fuse into what is counted. Needs onnx, which a workstation has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgegsr.errors import InputError, MissingExtra
from edgegsr.graphfile import read_graph
from edgegsr.hub import first_line

Shape = tuple[int, ...]
BYTES = {"fp32": 4, "fp16": 2, "int8": 2}  # of a number that is not in 8 bits
WHOLE = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")  # in 8 bits by their nature
# what is rounded comes out of these as it was
AS_THEY_ARE = ("Transpose", "Reshape", "Flatten", "MaxPool", "Split", "Slice", "Relu", "Concat")


class Ports(NamedTuple):
    """Which inputs of an operator are what."""

    data: int
    weights: int
    bias: int


PORTS = {
    "Conv": Ports(0, 1, 2),
    "ConvTranspose": Ports(0, 1, 2),
    "Gemm": Ports(0, 1, 2),
    "MatMul": Ports(0, 1, 2),
    "QLinearConv": Ports(0, 3, 8),
    "QLinearMatMul": Ports(0, 3, 8),
    "ConvInteger": Ports(0, 1, 4),  # without a bias, as the next
    "MatMulInteger": Ports(0, 1, 4),
}


@dataclass(frozen=True)
class Layer:
    """A convolution or a product: what it counts, what it reads and what it writes for one photo."""

    name: str
    kind: str
    gflops: float
    weights: int  # constants, biases among them; 0 for a product of two things that a photo decides
    values_in: int
    values_out: int
    in_8_bits: bool
    out_in_8_bits: bool  # all that reads it rounds it first

    def megabytes(self, precision: str) -> float:
        """What moves between memory and arithmetic; int8 is a graph whose layers in floats count in 16 bits."""
        own, out = (1 if whole else BYTES[precision] for whole in (self.in_8_bits, self.out_in_8_bits))
        return ((self.weights + self.values_in) * own + self.values_out * out) / 1e6


@dataclass(frozen=True)
class Network:
    """All layers of a graph, in its order."""

    layers: tuple[Layer, ...]
    side: int  # of the photo that it reads

    @property
    def gflops(self) -> float:
        return sum(layer.gflops for layer in self.layers)

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def share_in_8_bits(self) -> float:
        """Of the arithmetic."""
        return sum(layer.gflops for layer in self.layers if layer.in_8_bits) / self.gflops if self.gflops else 0.0

    @property
    def precision(self) -> str:
        """What it was exported for: a graph without a layer in 8 bits counts in 16 on a board."""
        return "int8" if self.share_in_8_bits else "fp16"

    @property
    def attention(self) -> int:
        """Products of two things that are no constants."""
        return sum(not layer.weights for layer in self.layers)


def layers(graph: bytes, where: str = "model.onnx") -> Network:
    """What the bytes of an ONNX file have to work out; `where` stands in errors."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtra("an estimate from a graph", "train") from error

    outside = read_graph(graph, where, frozenset(WHOLE))
    try:
        model: Any = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph), strict_mode=True)
        found = _Graph(model.graph, where)
        counted = [node for node in model.graph.node if node.op_type in PORTS and node.output[0] not in found.constants]
        every = tuple(map(found.layer, counted))
    except InputError:
        raise
    except Exception as error:  # onnx raises what its C++ and protobuf raise
        raise InputError(
            f"{where}: wanted layers that fit together, got {type(error).__name__}: {first_line(error)}"
        ) from error
    sides = [shape[2] for shape in outside.shapes.values() if len(shape) == 4]
    return Network(every, sides[0] if sides else 0)


class _Graph:
    """How large everything is, what is known before there is a photo, and what is in 8 bits."""

    def __init__(self, graph: Any, where: str) -> None:
        self.where = where
        self.shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self.constants = set(self.shapes)
        self.shapes |= {each.name: _fixed(each) for each in (*graph.input, *graph.value_info, *graph.output)}
        self.rounded: set[str] = set()  # by a DequantizeLinear, and left as it is since
        for node in graph.node:
            read = node.input if node.op_type == "Concat" else node.input[:1]
            if self.constants.issuperset(filter(None, node.input)):
                self.constants.update(node.output)
            if node.op_type == "DequantizeLinear" or (node.op_type in AS_THEY_ARE and self.rounded.issuperset(read)):
                self.rounded.update(node.output)
        self.needed: set[str] = {each.name for each in graph.output}  # by what does not round it first
        for node in reversed(graph.node):
            passes = node.op_type in (*AS_THEY_ARE, "Add") and self.needed.isdisjoint(node.output)
            if node.op_type != "QuantizeLinear" and not passes:
                self.needed.update(node.input)

    def layer(self, node: Any) -> Layer:
        ports, inputs = PORTS[node.op_type], dict(enumerate(node.input))
        data, weights = inputs[ports.data], inputs[ports.weights]
        read = [name for name in (data, weights, inputs.get(ports.bias)) if name]
        count = MULTIPLY_ADDS[node.op_type.removeprefix("QLinear").removesuffix("Integer")]
        return Layer(
            name=node.name or node.output[0],
            kind=node.op_type,
            gflops=2 * count(node, self.shape(data), self.shape(weights), self.shape(node.output[0])) / 1e9,
            weights=sum(self.size(name) for name in read if name in self.constants),
            values_in=sum(self.size(name) for name in read if name not in self.constants),
            values_out=self.size(node.output[0]),
            in_8_bits=node.op_type in WHOLE or self.rounded.issuperset((data, weights)),
            out_in_8_bits=node.op_type.startswith("QLinear") or node.output[0] not in self.needed,
        )

    def shape(self, name: str) -> Shape:
        shape = self.shapes.get(name, (-1,))
        if min(shape, default=0) < 0:
            raise InputError(f"{self.where}: {name[:60]!r} has no fixed shape; wanted a graph for photos of one size")
        return shape

    def size(self, name: str) -> int:
        return math.prod(self.shape(name))


def _convolution(_: Any, data: Shape, weights: Shape, out: Shape) -> int:
    return math.prod(out) * math.prod(weights[1:])


def _transposed(_: Any, data: Shape, weights: Shape, out: Shape) -> int:
    return math.prod(data) * math.prod(weights[1:])


def _product(_: Any, data: Shape, weights: Shape, out: Shape) -> int:
    return math.prod(out) * data[-1]


def _linear(node: Any, data: Shape, weights: Shape, out: Shape) -> int:
    turned = any(each.name == "transA" and each.i for each in node.attribute)
    return math.prod(out) * data[0 if turned else 1]


MULTIPLY_ADDS: Mapping[str, Callable[[Any, Shape, Shape, Shape], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "Gemm": _linear,
}


def _fixed(value: Any) -> Shape:
    """The dimensions of a value, -1 where one is open."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return (-1,)
    return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
