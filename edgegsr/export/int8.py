"""From the graph of a student in simulated 8 bits to the one that an engine likes: steps that each change one thing.

What a student learned is one grid: signed 8 bits, zero at zero, weights by channel, float biases. Engines differ in
what they do fast: which layers are worth their while, bytes with or without a sign, what stands where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from edgegsr.errors import InputError
from edgegsr.export.rewrite import Array, Draft, attribute, never_negative

MIDDLE = 128  # where the zero of a signed byte comes to lie in one without a sign
HALVED = 4096  # values of a constant
POSITIVE = np.float32(127 / 255)  # steps of a byte without a sign that reach as far as those of half a signed one

Layers = Callable[[Draft, NodeProto], bool]


def for_onnxruntime(model: ModelProto) -> ModelProto:
    """Bytes without a sign in convolutions; float32 before the first pooling and in linears, where bytes are slower."""
    return _finished(unsigned(_convolutions_in_8_bits(model)))


def for_onnxruntime_on_arm(model: ModelProto) -> ModelProto:
    """The same with the signed bytes of the grid, which ARM multiplies as they are."""
    return _finished(_convolutions_in_8_bits(model))


def for_openvino(model: ModelProto) -> ModelProto:
    """The grid as it is: OpenVINO fuses signed bytes and float biases as well."""
    return halved(pooled_first(stored(model)))


RECIPES = {  # by Target.graph
    "onnxruntime": for_onnxruntime,
    "onnxruntime on arm64": for_onnxruntime_on_arm,
    "openvino": for_openvino,
}


def _convolutions_in_8_bits(model: ModelProto) -> ModelProto:
    model = summed_in_8_bits(rounded_once(stored(model)))
    return pooled_first(in_float(model, _either(_is_linear, _before_pooling(model))))


def _finished(model: ModelProto) -> ModelProto:
    return halved(whole_biases(joined_in_8_bits(model)))


def in_8_bits(model: ModelProto) -> list[str]:
    """The layers that should count in 8 bits: what they read is rounded, and their weights are."""
    draft = Draft(model)
    return [
        node.output[0]
        for node in draft.nodes
        if node.op_type in ("Conv", "MatMul", "Gemm") and all(map(draft.rounded, node.input[:2]))
    ]


def _either(*wanted: Layers) -> Layers:
    return lambda draft, node: any(each(draft, node) for each in wanted)


def _is_linear(_: Draft, node: NodeProto) -> bool:
    return node.op_type in ("MatMul", "Gemm")


def _before_pooling(model: ModelProto) -> Layers:
    """The convolutions above what reads the first max-pool; without one, the first convolution."""
    draft = Draft(model)
    pool = next((node for node in draft.nodes if node.op_type == "MaxPool"), None)
    end = next((i for i, node in enumerate(draft.nodes) if pool is not None and pool.output[0] in node.input), 0)
    convolutions = [node.output[0] for node in draft.nodes if node.op_type == "Conv"]
    above = {node.output[0] for node in draft.nodes[:end] if node.op_type == "Conv"} or set(convolutions[:1])
    return lambda _, node: node.output[0] in above


def stored(model: ModelProto) -> ModelProto:
    """Weights as the steps that they are, as their readers want them, with one DequantizeLinear each."""
    draft = Draft(model)
    for node in draft.nodes:
        if node.op_type != "QuantizeLinear" or node.input[0] not in draft.constants:
            continue
        dequantize = _dequantize(draft, node)
        weight, scale, zero = (draft.constants[name] for name in node.input)
        if zero.dtype != np.int8 or zero.any():
            raise InputError(f"{node.input[0]}: wanted a weight around zero")
        axis = int(attribute(node, "axis", 1))
        steps = (
            np.rint(weight / _beside(weight, scale, axis)).clip(-127 if scale.size > 1 else -128, 127).astype(np.int8)
        )
        readers = draft.readers[dequantize.output[0]]
        if len(readers) == 1 and readers[0].op_type == "Transpose" and weight.ndim == 2:
            steps, axis = np.ascontiguousarray(steps.T), 1 - axis
            dequantize.output[0], readers[0].output[0] = readers[0].output[0], f"{dequantize.output[0]}_unread"
        dequantize.input[0] = f"{dequantize.output[0]}_steps"
        draft.constants[dequantize.input[0]] = steps
        del dequantize.attribute[:]
        dequantize.attribute.append(helper.make_attribute("axis", axis))
    return draft.finished()


def in_float(model: ModelProto, layers: Layers) -> ModelProto:
    """These layers count in floats: what they read is not rounded, and their weights are steps times a scale."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        if node.op_type in ("Conv", "MatMul", "Gemm") and layers(draft, node):
            for port, name in enumerate(node.input[:2]):
                rounded = draft.makers.get(name)
                if rounded is None or rounded.op_type != "DequantizeLinear":
                    continue
                if rounded.input[0] in draft.constants:
                    nodes += _multiplied(draft, rounded, f"{name}_of_{node.output[0]}")
                    node.input[port] = f"{name}_of_{node.output[0]}"
                else:
                    node.input[port] = draft.makers[rounded.input[0]].input[0]
        nodes.append(node)
    draft.nodes = nodes
    return draft.finished()


def _dequantize(draft: Draft, quantize: NodeProto) -> NodeProto:
    readers = draft.readers[quantize.output[0]]
    if len(readers) != 1 or len(quantize.input) < 3:
        raise InputError(f"{quantize.input[0]}: wanted one DequantizeLinear after its rounding, and a zero point")
    return readers[0]


def _multiplied(draft: Draft, dequantize: NodeProto, name: str) -> list[NodeProto]:
    """The same as a DequantizeLinear of a constant, as operators that every engine works out before it starts."""
    steps, scale = (draft.constants[each] for each in dequantize.input[:2])
    draft.constants[f"{name}_scale"] = _beside(steps, scale, int(attribute(dequantize, "axis", 1)))
    return [
        helper.make_node("Cast", [dequantize.input[0]], [f"{name}_steps"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name]),
    ]


def pooled_first(model: ModelProto) -> ModelProto:
    """Max-pools look before the rounding and not after it: the largest value is the same, and engines do it faster."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        nodes.append(node)
        rounded = draft.makers.get(node.input[0]) if node.op_type == "MaxPool" else None
        if rounded is not None and rounded.op_type == "DequantizeLinear":
            node.input[0] = draft.makers[rounded.input[0]].input[0]
            nodes += _rounded(node, *rounded.input[1:3])
    draft.nodes = nodes
    return draft.finished()


def joined_in_8_bits(model: ModelProto) -> ModelProto:
    """What joins rounded values is rounded on the widest of their grids, which tells the engine to join bytes.

    Where all lie on one grid, or on it and its positive half, that changes nothing.
    """
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        nodes.append(node)
        made = [draft.makers.get(name) for name in node.input] if node.op_type == "Concat" else []
        rounded = [each for each in made if each is not None and each.op_type == "DequantizeLinear"]
        if rounded and len(rounded) == len(made):
            nodes += _rounded(node, *_widest(draft, rounded, node.output[0]))
    draft.nodes = nodes
    return draft.finished()


def _widest(draft: Draft, rounded: Sequence[NodeProto], name: str) -> tuple[str, str]:
    """Scale and zero of the grid that holds the values of all of these, and no wider than it must be."""
    reach = max(_reach(draft, each) for each in rounded)
    signed = [each for each in rounded if _is_signed(draft, each)]
    for each in signed or rounded:
        if _reach(draft, each) >= 0.99 * reach:
            return each.input[1], each.input[2]
    draft.constants[f"{name}_scale"] = np.array(reach / 127, np.float32)  # a positive value reaches furthest
    return f"{name}_scale", signed[0].input[2]


def _reach(draft: Draft, rounding: NodeProto) -> float:
    """The largest value of a grid."""
    return float(draft.constants[rounding.input[1]]) * (127 if _is_signed(draft, rounding) else 255)


def _is_signed(draft: Draft, rounding: NodeProto) -> bool:
    zero = draft.constants[rounding.input[2]]
    return bool(zero.dtype == np.int8 or zero == MIDDLE)


def _rounded(node: NodeProto, scale: str, zero: str) -> list[NodeProto]:
    """The output of a node, rounded under its old name."""
    name = node.output[0]
    node.output[0] = f"{name}_unrounded"
    return _rounding(node.output[0], name, scale, zero)


def _rounding(name: str, rounded: str, scale: str, zero: str) -> list[NodeProto]:
    return [
        helper.make_node("QuantizeLinear", [name, scale, zero], [f"{rounded}_steps"]),
        helper.make_node("DequantizeLinear", [f"{rounded}_steps", scale, zero], [rounded]),
    ]


def unsigned(model: ModelProto) -> ModelProto:
    """Activations in bytes without a sign: the same steps counted from 128, or twice as fine where none is negative."""
    draft = Draft(model)
    for node in draft.nodes:
        if node.op_type != "QuantizeLinear":
            continue
        scale, zero = node.input[1], MIDDLE
        if never_negative(draft, node.input[0]):
            scale, zero = f"{node.input[1]}_positive", 0
            draft.constants[scale] = draft.constants[node.input[1]] * POSITIVE
        draft.constants[f"zero_{zero}"] = np.array(zero, np.uint8)
        for each in (node, *draft.readers[node.output[0]]):
            each.input[1], each.input[2] = scale, f"zero_{zero}"
    return draft.finished()


def rounded_once(model: ModelProto) -> ModelProto:
    """A value that is rounded on several grids lies on the widest of them for all that read it."""
    draft = Draft(model)
    for name, readers in list(draft.readers.items()):
        roundings = [each for each in readers if each.op_type == "QuantizeLinear"]
        if len(roundings) > 1 and name not in draft.constants:
            widest = max(roundings, key=lambda each: float(draft.constants[each.input[1]]))
            kept = _dequantize(draft, widest)
            for other in (each for each in roundings if each is not widest):
                for dequantize in draft.readers[other.output[0]]:
                    for reader in draft.readers[dequantize.output[0]]:
                        reader.input[list(reader.input).index(dequantize.output[0])] = kept.output[0]
    return draft.finished()


def summed_in_8_bits(model: ModelProto) -> ModelProto:
    """What a rounded sum of two maps is made of is rounded too: as it is for others, else as the sum is."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        if node.op_type == "Add" and (rounding := _only_rounding(draft, node.output[0])) is not None:
            for port, name in enumerate(node.input):
                known = next((each for each in draft.readers[name] if each.op_type == "QuantizeLinear"), None)
                if known is not None:
                    node.input[port] = draft.readers[known.output[0]][0].output[0]
                elif _is_map(draft, name):
                    node.input[port] = f"{name}_of_{node.output[0]}"
                    nodes += _rounding(name, node.input[port], *rounding.input[1:3])
        nodes.append(node)
    draft.nodes = nodes
    return draft.finished()


def _only_rounding(draft: Draft, name: str) -> NodeProto | None:
    """The rounding of a value, or of what is left of it above zero, that nothing reads as it is."""
    readers = draft.readers[name]
    if len(readers) == 1 and readers[0].op_type == "Relu":
        readers = draft.readers[readers[0].output[0]]
    grids = {each.input[1] if each.op_type == "QuantizeLinear" else "" for each in readers}
    return readers[0] if len(grids) == 1 and "" not in grids else None


def _is_map(draft: Draft, name: str) -> bool:
    maker = draft.makers.get(name)
    while maker is not None and maker.op_type == "Relu":
        maker = draft.makers.get(maker.input[0])
    return maker is not None and maker.op_type == "Conv"


def whole_biases(model: ModelProto) -> ModelProto:
    """Biases of layers in 8 bits as 32-bit multiples of what their sums are counted in."""
    draft, made = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3 or node.input[2] not in draft.constants:
            continue
        read = [draft.makers.get(name) for name in node.input[:2]]
        scales = [draft.constants[each.input[1]] for each in read if each and each.op_type == "DequantizeLinear"]
        if len(scales) == 2:
            bias, name = draft.constants[node.input[2]], f"{node.input[2]}_of_{node.output[0]}"
            scale = np.broadcast_to(scales[0].astype(np.float64) * scales[1], bias.shape)
            steps = np.rint(bias / scale)
            if np.abs(steps).max() > np.iinfo(np.int32).max:
                raise InputError(f"{node.input[2]}: too large for 32 bits at the scale of its layer")
            draft.constants[f"{name}_steps"] = steps.astype(np.int32)
            draft.constants[f"{name}_scale"] = scale.astype(np.float32)
            made.append(helper.make_node("DequantizeLinear", [f"{name}_steps", f"{name}_scale"], [name], axis=0))
            node.input[2] = name
    draft.nodes = made + draft.nodes
    return draft.finished()


def halved(model: ModelProto) -> ModelProto:
    """Large float constants in 16 bits, turned back before the engine starts: for the size of the file alone."""
    draft, made = Draft(model), list[NodeProto]()
    for name, values in list(draft.constants.items()):
        if values.dtype == np.float32 and values.size >= HALVED and np.abs(values).max() < np.finfo(np.float16).max:
            draft.constants[f"{name}_half"] = values.astype(np.float16)
            del draft.constants[name]
            made.append(helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_whole", to=TensorProto.FLOAT))
    draft.nodes = made + draft.nodes
    return draft.finished()


def _beside(values: Array, scale: Array, axis: int) -> Array:
    """The scale, shaped to go with values."""
    return scale.reshape([-1 if i == axis and scale.size > 1 else 1 for i in range(values.ndim)])
