"""What an ONNX file holds, read from its bytes without onnx and without trusting them. stdlib.

Only what decides whether a file is safe to open: its operators and their attributes, who reads from whom, whether data
lies outside of it, inputs and outputs; and what it says of itself. Engines fall on what is refused here, or turn in
circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edgegsr.errors import InputError

OPERATORS = frozenset(
    """Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose DequantizeLinear Div Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool
    Greater GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization Less Log
    MatMul Max MaxPool Min Mul Neg Not Or Pad Pow QuantizeLinear Range ReduceL2 ReduceMax ReduceMean ReduceMin
    ReduceSum Relu Reshape Resize Shape Sigmoid Slice Softmax Split Sqrt Squeeze Sub Tanh Tile TopK Transpose
    Unsqueeze Where""".split()
)
ATTRIBUTES = {  # AttributeProto.type: the names that have it, in all of these operators
    1: "alpha beta cubic_coeff_a epsilon extrapolation_value momentum value_float",
    2: """allowzero antialias axis batch_dims block_size ceil_mode count_include_pad end exclude_outside group keepdims
    largest noop_with_empty_axes num_groups num_outputs output_dtype precision saturate select_last_index sorted start
    stash_type storage_order to training_mode transA transB value_int""",
    3: """approximate auto_pad coordinate_transformation_mode keep_aspect_ratio_policy mode nearest_mode round_mode""",
    4: "value",
    6: "value_floats",
    7: "axes dilations kernel_shape output_padding output_shape pads perm strides value_ints",
}
TYPES = {name: kind for kind, names in ATTRIBUTES.items() for name in names.split()}
OF_TEXTS = frozenset("GatherElements GatherND GreaterOrEqual LessOrEqual".split())  # a text encoder's, beside them
DOMAINS = ("", "ai.onnx")
MOST_FIELDS = 500_000  # of protobuf, counted as often as they are read

Field = tuple[int, int, memoryview | int]  # number, wire type, content
Fields = Callable[[memoryview], Iterator[Field]]


class Node(NamedTuple):
    """An operator, and the names that it reads and makes."""

    operator: str
    reads: list[str]
    makes: list[str]


@dataclass(frozen=True)
class Graph:
    """The outside of a graph."""

    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: frozenset[str]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of the inputs, 0 where one is open
    notes: Mapping[str, str] = field(default_factory=dict)  # its metadata


def read_graph(content: bytes, where: str, more: frozenset[str] = frozenset()) -> Graph:
    """The graph, refused where it does anything that a network of ours, or `more`, does not."""
    try:
        return _model(memoryview(content), OPERATORS | more, _counted(MOST_FIELDS))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise InputError(f"{where}: wanted an ONNX model, got bytes that are none: {error}") from error


def _model(content: memoryview, allowed: frozenset[str], fields: Fields) -> Graph:
    graphs = [part for number, _, part in fields(content) if number == 7 and isinstance(part, memoryview)]
    opsets = [
        _opset(part, fields) for number, _, part in fields(content) if number == 8 and isinstance(part, memoryview)
    ]
    if any(number == 25 for number, _, _ in fields(content)):
        raise InputError("holds functions; wanted plain operators")
    notes = dict[str, str]()
    for said in [part for number, _, part in fields(content) if number == 14 and isinstance(part, memoryview)]:
        if (name := _text(said, 1, fields)) in notes:
            raise InputError(f"says {name[:40]!r} of itself twice; wanted it once")
        notes[name] = _text(said, 2, fields)
    if len(graphs) != 1:
        raise InputError(f"wanted one graph, got {len(graphs)}")
    if odd := [domain for domain, _ in opsets if domain not in DOMAINS]:
        raise InputError(f"wanted operators of ONNX alone, got the domain {odd[0][:40]!r}")
    nodes, constants = list[Node](), set[str]()
    names: dict[int, list[str]] = {11: [], 12: []}
    shapes: dict[str, tuple[int, ...]] = {}
    for number, _, part in fields(graphs[0]):
        if not isinstance(part, memoryview):
            continue
        if number == 1:
            nodes.append(_node(part, allowed, fields))
        elif number == 5:
            constants.add(_tensor(part, fields))
        elif number == 15:
            raise InputError("holds sparse tensors; wanted dense ones")
        elif number in names:
            names[number].append(_text(part, 1, fields))
            if number == 11:
                shapes[names[11][-1]] = _shape(part, fields)
    _check_order(nodes, {*names[11], *constants}, names[12])
    inputs = tuple(name for name in names[11] if name not in constants)
    operators = frozenset(node.operator for node in nodes)
    opset = max((version for _, version in opsets), default=0)
    return Graph(opset, inputs, tuple(names[12]), operators, {name: shapes[name] for name in inputs}, notes)


def _check_order(nodes: list[Node], made: set[str], wanted: list[str]) -> None:
    """Every name is made once, before it is read."""
    for node in (*nodes, Node("the graph", wanted, [])):
        if early := [name for name in node.reads if name and name not in made]:
            raise InputError(f"{node.operator} reads {early[0][:60]!r} before it is made; wanted nodes in their order")
        if twice := [name for name in node.makes if name and name in made]:
            raise InputError(f"{twice[0][:60]!r} is made twice; wanted a name for each")
        made.update(node.makes)


def _node(content: memoryview, allowed: frozenset[str], fields: Fields) -> Node:
    operator, domain = _text(content, 4, fields), _text(content, 7, fields)
    if domain not in DOMAINS or operator not in allowed:
        raise InputError(f"holds the operator {f'{domain}.{operator}'.lstrip('.')[:60]!r}, which is not allowed")
    names: dict[int, list[str]] = {1: [], 2: []}
    for number, _, part in fields(content):
        if number == 5 and isinstance(part, memoryview):
            _check_attribute(operator, part, fields)
        elif number in names and isinstance(part, memoryview):
            names[number].append(str(part, "utf-8"))
    return Node(operator, names[1], names[2])


def _check_attribute(operator: str, content: memoryview, fields: Fields) -> None:
    name, kind = _text(content, 1, fields), _number(content, 20, fields)
    for number, _, part in fields(content):
        if number in (6, 11, 22, 23):
            raise InputError(f"{operator} holds a graph or sparse tensors; wanted plain attributes")
        if number in (5, 10) and isinstance(part, memoryview):
            _tensor(part, fields)
    if TYPES.get(name) != kind:
        raise InputError(f"{operator} holds the attribute {name[:60]!r} of type {kind}, which is not allowed")


def _tensor(content: memoryview, fields: Fields) -> str:
    """The name of a tensor that holds all of its numbers."""
    name, size = _text(content, 8, fields), 1
    for number, _, part in fields(content):
        if number == 13 or (number == 14 and part != 0):  # data_location; engines read its last 32 bits
            raise InputError(f"{name[:60]!r} has its data in another file; wanted all of it in this one")
        for dim in _varints(part) if number == 1 else ():
            size *= dim
            if size > 8 * len(content):
                raise InputError(f"{name[:60]!r} says that it has {size:,} numbers; wanted those that are there")
    return name


def _shape(content: memoryview, fields: Fields) -> tuple[int, ...]:
    """The dimensions that the type of a value has."""
    parts = [content]
    for wanted in (2, 1, 2, 1):  # type, of a tensor, shape, dimensions
        parts = [
            part
            for each in parts
            for number, _, part in fields(each)
            if number == wanted and isinstance(part, memoryview)
        ]
    return tuple(_number(each, 1, fields) for each in parts)


def _opset(content: memoryview, fields: Fields) -> tuple[str, int]:
    return _text(content, 1, fields), _number(content, 2, fields)


def _number(content: memoryview, wanted: int, fields: Fields) -> int:
    found = [part for number, _, part in fields(content) if number == wanted and isinstance(part, int)]
    return found[-1] if found else 0


def _text(content: memoryview, wanted: int, fields: Fields) -> str:
    found = [part for number, _, part in fields(content) if number == wanted and isinstance(part, memoryview)]
    return str(found[-1], "utf-8") if found else ""


def _counted(most: int) -> Fields:
    """The fields of any number of messages, up to what can be read in seconds."""
    left = iter(range(most))

    def fields(content: memoryview) -> Iterator[Field]:
        for each in _fields(content):
            if next(left, None) is None:
                raise InputError(f"has more parts than any graph of ours, over {most:,}; export a smaller student")
            yield each

    return fields


def _fields(content: memoryview) -> Iterator[Field]:
    """Every field of a protobuf message, in its order."""
    at, end = 0, len(content)
    while at < end:
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if key >> 32:  # engines would read the last 32 bits, and so another field
            raise ValueError(f"a field with the number {number}")
        if wire == 0:
            value, at = _varint(content, at)
            yield number, wire, value
            continue
        size, at = _varint(content, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, -1), at)
        if size < 0 or at + size > end:
            raise ValueError(f"a field of {size} bytes at {at} of {end}")
        yield number, wire, content[at : at + size]
        at += size


def _varints(content: memoryview | int) -> Iterator[int]:
    """Numbers that stand together, or the one that stands alone."""
    if isinstance(content, int):
        yield content
        return
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without an end at {at}")
