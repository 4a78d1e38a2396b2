"""ONNX graphs of which something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harm_bytes import BYTES, NUMBERS, VALUES, Dice, one_of
from onnx import TensorProto


def operator(model: Any, dice: Dice) -> None:
    node, other = one_of(dice, model.graph.node), one_of(dice, model.graph.node).op_type
    node.op_type = one_of(dice, (other, other, other, "Loop", "Tile", "Range", "Expand", "NonZero", "Evil", "Concat"))


def domain(model: Any, dice: Dice) -> None:
    one_of(dice, model.graph.node).domain = one_of(dice, ("com.microsoft", "ai.onnx", "ai.onnx.ml", "evil"))


def external(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    tensor.external_data.add(key="location", value=one_of(dice, ("/etc/passwd", "../x", "manifest.json")))
    if dice.random() < 0.5:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")


def dims(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    how = dice.random()
    if tensor.dims and how < 0.6:
        tensor.dims[int(dice.integers(len(tensor.dims)))] = one_of(dice, NUMBERS)
    elif how < 0.8:
        tensor.dims.append(one_of(dice, NUMBERS))
    else:
        del tensor.dims[:]


def kind(model: Any, dice: Dice) -> None:
    one_of(dice, model.graph.initializer).data_type = int(dice.integers(-1, 30))


def data(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    if tensor.raw_data:
        tensor.raw_data = BYTES[one_of(dice, list(BYTES))](tensor.raw_data, dice)


def floats(model: Any, dice: Dice) -> None:
    """Weights that are no numbers, or too large ones."""
    every = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and t.raw_data]
    tensor = one_of(dice, every)
    value = one_of(dice, (np.nan, np.inf, -np.inf, 3e38, 0.0))
    tensor.raw_data = np.full(len(tensor.raw_data) // 4, value, np.float32).tobytes()


def integers(model: Any, dice: Dice) -> None:
    """Shapes, axes and places that are others."""
    every = [t for t in model.graph.initializer if t.data_type == TensorProto.INT64 and t.raw_data]
    every += [a.t for n in model.graph.node for a in n.attribute if a.t.data_type == TensorProto.INT64 and a.t.raw_data]
    if every:
        tensor = one_of(dice, every)
        values = np.frombuffer(tensor.raw_data, np.int64).copy()
        values[int(dice.integers(len(values)))] = one_of(dice, NUMBERS)
        tensor.raw_data = values.tobytes()


def attribute(model: Any, dice: Dice) -> None:
    found = one_of(dice, [a for node in model.graph.node for a in node.attribute])
    if found.ints:
        found.ints[int(dice.integers(len(found.ints)))] = one_of(dice, NUMBERS)
    elif dice.random() < 0.3:
        found.type = int(dice.integers(0, 15))
    else:
        found.i, found.f = one_of(dice, NUMBERS), one_of(dice, (np.nan, -1.0, 1e38, 0.0))


def wiring(model: Any, dice: Dice) -> None:
    node, other = one_of(dice, model.graph.node), one_of(dice, model.graph.node)
    how = dice.random()
    if node.input and other.output and how < 0.4:
        node.input[int(dice.integers(len(node.input)))] = one_of(dice, other.output)
    elif node.input and other.input and how < 0.7:
        node.input[int(dice.integers(len(node.input)))] = one_of(dice, other.input)
    elif how < 0.85:
        model.graph.node.remove(node)
    else:
        model.graph.node.add().CopyFrom(node)


def outside(model: Any, dice: Dice) -> None:
    """Inputs and outputs that say something else of themselves."""
    info = one_of(dice, [*model.graph.input, *model.graph.output])
    how, shape = dice.random(), info.type.tensor_type.shape.dim
    if how < 0.2:
        info.name = one_of(dice, ("pixels", "verb", "presence", "two\nlines", ""))
    elif how < 0.5:
        info.type.tensor_type.elem_type = int(dice.integers(0, 30))
    elif shape and how < 0.9:
        one_of(dice, shape).dim_value = one_of(dice, NUMBERS)
    else:
        info.type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT


def exchanged(model: Any, dice: Dice) -> None:
    """Outputs that carry each other's numbers."""
    one, other = (str(one_of(dice, model.graph.output).name) for _ in range(2))
    names = {one: other, other: one}
    for node in model.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]


def version(model: Any, dice: Dice) -> None:
    if dice.random() < 0.5:
        model.opset_import[0].version = one_of(dice, (*NUMBERS, 10**9, 5, 11, 13, 17, 18, 99))
    else:
        model.ir_version = one_of(dice, (*NUMBERS, 4, 8, 99))


def saying(model: Any, dice: Dice) -> None:
    """What a graph says of itself, said otherwise, twice or not at all."""
    how, told = dice.random(), model.metadata_props
    if told and how < 0.4:
        one_of(dice, told).value = str(one_of(dice, VALUES))
    elif told and how < 0.6:
        told.remove(one_of(dice, told))
    else:
        told.add(key=one_of(dice, ("format", "edgegsr", "two\nlines", "x" * 100_000)), value="[" * 10_000)


def crowd(model: Any, dice: Dice) -> None:
    """Countless nodes or constants."""
    node, tensor = one_of(dice, model.graph.node), one_of(dice, model.graph.initializer)
    for i in range(int(one_of(dice, (100, 3000, 30_000)))):
        if dice.random() < 0.5:
            model.graph.initializer.add(name=f"c{i}", data_type=1, dims=[1], raw_data=bytes(4))
        else:
            model.graph.node.add(op_type="Relu", input=[node.output[0]], output=[f"{tensor.name}{i}"])


GRAPHS: dict[str, Callable[[Any, Dice], None]] = {
    **{"operator": operator, "domain": domain, "external": external, "dims": dims, "kind": kind, "data": data},
    **{"floats": floats, "integers": integers, "attribute": attribute, "wiring": wiring, "outside": outside},
    **{"exchanged": exchanged, "version": version, "crowd": crowd, "saying": saying},
}
