"""A part of an ONNX graph, cut where values come in from outside: the same nodes, the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from edgegsr.bundle import ASK_INPUTS, ASK_OUTPUTS, INPUTS, TOKENS
from edgegsr.errors import InputError
from edgegsr.export.rewrite import Draft

NORMALISING = ("Transpose", "Cast", "Sub", "Mul")  # what is done to bytes first


def part(model: ModelProto, entries: Mapping[str, ValueInfoProto], outputs: Sequence[str]) -> ModelProto:
    """What leads to some outputs from values that are given: inputs in their place, before others that are read."""
    draft = Draft(model)
    draft.nodes = [node for node in draft.nodes if not entries.keys() & set(node.output)]
    for node in draft.nodes:
        node.input[:] = [entries[name].name if name in entries else name for name in node.input]
    kept = [each for each in draft.model.graph.output if each.name in outputs]
    given = [*entries.values(), *(each for each in draft.model.graph.input if each.name not in _names(entries))]
    del draft.model.graph.output[:], draft.model.graph.input[:]
    draft.model.graph.output.extend(kept)
    cut = draft.finished()
    read = {name for node in cut.graph.node for name in node.input}
    cut.graph.input.extend(each for each in given if each.name in read)
    return cut


def _names(entries: Mapping[str, ValueInfoProto]) -> set[str]:
    return {each.name for each in entries.values()}


def asked_part(model: ModelProto) -> ModelProto:
    """The graph that answers about a verb from `tokens`, of a graph that puts them out."""
    inputs, outputs = ({each.name: each for each in group} for group in (model.graph.input, model.graph.output))
    chosen = next(node for node in model.graph.node if node.op_type == "Where" and INPUTS[1] in node.input)
    cut = part(model, {TOKENS: outputs[TOKENS], chosen.output[0]: inputs[INPUTS[1]]}, ASK_OUTPUTS)
    if tuple(each.name for each in cut.graph.input)[: len(ASK_INPUTS)] != ASK_INPUTS or INPUTS[0] in _inputs(cut):
        raise InputError(f"--with-ask: this graph answers from more than its {TOKENS}: {', '.join(_inputs(cut))}")
    return cut


def _inputs(model: ModelProto) -> list[str]:
    return [each.name for each in model.graph.input]


def normalised_outside(model: ModelProto) -> ModelProto:
    """The graph that takes normalised floats (1, 3, S, S) where the other one takes bytes (1, S, S, 3)."""
    draft = Draft(model)
    name, (batch, side, _, colours) = INPUTS[0], _shape(model.graph.input[0])
    while len(readers := draft.readers[name]) == 1 and readers[0].op_type in NORMALISING:
        name = readers[0].output[0]
    floats = helper.make_tensor_value_info(INPUTS[0], TensorProto.FLOAT, [batch, colours, side, side])
    return part(model, {name: floats}, [each.name for each in model.graph.output])


def _shape(info: ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in info.type.tensor_type.shape.dim]
