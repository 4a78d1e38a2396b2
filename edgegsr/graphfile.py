"""What an ONNX file holds, read from its bytes without onnx and without trusting them. stdlib.

Only what decides whether a file is safe to open: its operators, whether data lies outside of it, inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgegsr.errors import InputError

OPERATORS = frozenset(
    """Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose DequantizeLinear Div Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool
    Greater GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization Less Log
    MatMul Max MaxPool Min Mul Neg Not Or Pad Pow QuantizeLinear Range ReduceL2 ReduceMax ReduceMean ReduceMin
    ReduceSum Relu Reshape Resize Shape Sigmoid Slice Softmax Split Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze
    Where""".split()
)
OF_TEXTS = frozenset("GatherElements GatherND GreaterOrEqual LessOrEqual".split())  # a text encoder's, beside them
DOMAINS = ("", "ai.onnx")
EXTERNAL = 1  # TensorProto.data_location

Field = tuple[int, int, bytes | int]  # number, wire type, content


@dataclass(frozen=True)
class Graph:
    """The outside of a graph."""

    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of the inputs, 0 where one is open


def read_graph(content: bytes, where: str, more: frozenset[str] = frozenset()) -> Graph:
    """The graph, refused where it does anything that a network of ours, or `more`, does not."""
    try:
        return _model(content, OPERATORS | more)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise InputError(f"{where}: wanted an ONNX model, got bytes that are none: {error}") from error


def _model(content: bytes, allowed: frozenset[str]) -> Graph:
    graphs = [part for number, _, part in _fields(content) if number == 7 and isinstance(part, bytes)]
    opsets = [_opset(part) for number, _, part in _fields(content) if number == 8 and isinstance(part, bytes)]
    if any(number == 25 for number, _, _ in _fields(content)):
        raise InputError("holds functions; wanted plain operators")
    if len(graphs) != 1:
        raise InputError(f"wanted one graph, got {len(graphs)}")
    if odd := [domain for domain, _ in opsets if domain not in DOMAINS]:
        raise InputError(f"wanted operators of ONNX alone, got the domain {odd[0][:40]!r}")
    operators, constants = set[str](), set[str]()
    names: dict[int, list[str]] = {11: [], 12: []}
    shapes: dict[str, tuple[int, ...]] = {}
    for number, _, part in _fields(graphs[0]):
        if not isinstance(part, bytes):
            continue
        if number == 1:
            operators.add(_node(part, allowed))
        elif number == 5:
            constants.add(_tensor(part))
        elif number == 15:
            raise InputError("holds sparse tensors; wanted dense ones")
        elif number in names:
            names[number].append(_text(part, 1))
            if number == 11:
                shapes[_text(part, 1)] = _shape(part)
    inputs = tuple(name for name in names[11] if name not in constants)
    opset = max((version for _, version in opsets), default=0)
    return Graph(opset, inputs, tuple(names[12]), frozenset(operators), {name: shapes[name] for name in inputs})


def _node(content: bytes, allowed: frozenset[str]) -> str:
    operator, domain = _text(content, 4), _text(content, 7)
    if domain not in DOMAINS or operator not in allowed:
        raise InputError(f"holds the operator {f'{domain}.{operator}'.lstrip('.')[:60]!r}, which is not allowed")
    for number, _, attribute in _fields(content):
        if number == 5 and isinstance(attribute, bytes):
            for kind, _, part in _fields(attribute):
                if kind in (6, 11, 22, 23):  # graphs and sparse tensors
                    raise InputError(f"{operator} holds a graph or sparse tensors; wanted plain attributes")
                if kind in (5, 10) and isinstance(part, bytes):
                    _tensor(part)
    return operator


def _tensor(content: bytes) -> str:
    for number, _, part in _fields(content):
        if number == 13 or (number == 14 and part == EXTERNAL):
            raise InputError(f"{_text(content, 8)[:60]!r} has its data in another file; wanted all of it in this one")
    return _text(content, 8)


def _shape(content: bytes) -> tuple[int, ...]:
    """The dimensions that the type of a value has."""
    parts = [content]
    for wanted in (2, 1, 2, 1):  # type, of a tensor, shape, dimensions
        parts = [
            part for each in parts for number, _, part in _fields(each) if number == wanted if isinstance(part, bytes)
        ]
    sizes = ([part for number, _, part in _fields(each) if number == 1 and isinstance(part, int)] for each in parts)
    return tuple(size[-1] if size else 0 for size in sizes)


def _opset(content: bytes) -> tuple[str, int]:
    version = next((part for number, _, part in _fields(content) if number == 2 and isinstance(part, int)), 0)
    return _text(content, 1), version


def _text(content: bytes, wanted: int) -> str:
    found = [part for number, _, part in _fields(content) if number == wanted and isinstance(part, bytes)]
    return found[-1].decode() if found else ""


def _fields(content: bytes) -> Iterator[Field]:
    """Every field of a protobuf message, in its order."""
    at, end = 0, len(content)
    while at < end:
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(content, at)
            yield number, wire, value
            continue
        size, at = _varint(content, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, -1), at)
        if size < 0 or at + size > end:
            raise ValueError(f"a field of {size} bytes at {at} of {end}")
        yield number, wire, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without an end at {at}")
