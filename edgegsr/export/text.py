"""The text encoder that goes along with a bundle: token ids of one text in, its vector out, for words that come later.

One text at a time needs no padding and so no mask, and what is pooled is pooled inside the graph.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper
from torch import Tensor, nn

from edgegsr import __version__
from edgegsr.bundle import FORMAT, MOST_JSON, MOST_TEXT, TABLES, TEXT_GRAPH, TEXT_INPUTS, TEXT_OUTPUTS, TOKENIZER
from edgegsr.errors import InputError
from edgegsr.export.onnx import OPSET, exporting, noted, quiet
from edgegsr.export.rewrite import Array, Draft
from edgegsr.export.vocabulary import Vocab, tables_of
from edgegsr.files import write_whole
from edgegsr.notes import notes_of_texts
from edgegsr.run import Run
from edgegsr.runtime.vocabulary import Room
from edgegsr.runtime.words import TextEncoder
from edgegsr.text.embed import embed, words
from edgegsr.text.encoders import Encoder, open_encoder, resolve, revision
from edgegsr.wording import texts_of

LEAST = 4096  # values of a weight that is worth 8 bits
KEPT = 0.99  # least cosine of a vector to the one that a run was trained with


def write_words(run: Run, vocab: Vocab, folder: Path) -> tuple[Room | None, dict[str, Any] | None]:
    """Puts words that may change into a bundle: the room for them, and what is known of who reads new ones."""
    room = vocab.room(run)
    if room is None:
        return None, None
    write_whole(folder / TABLES, tables_of(run))
    return write_encoder(run, room, folder) if vocab.text_encoder else (room, None)


def write_encoder(run: Run, room: Room, folder: Path) -> tuple[Room, dict[str, Any]]:
    """Puts the encoder of a run's words into a bundle: the room that knows it, and what 8 bits did to the words."""
    name, where = resolve(run.tables.encoder)
    encoder = open_encoder(where)
    tokenizer = getattr(encoder.tokenizer, "backend_tokenizer", None)
    if encoder.reader.padding != "longest" or tokenizer is None:
        kind = encoder.model.config.model_type
        raise InputError(
            f"--with-text-encoder: {name} ({kind}) was trained to read padding or has no tokenizer.json; wanted an "
            "encoder that takes the mean or one of the tokens of a text"
        )
    _check_words(run, name)
    tokenizer.no_padding()
    tokenizer.enable_truncation(encoder.longest)
    spelling, told = tokenizer.to_str().encode(), dict[str, float]()
    exact = graph_of_encoder(encoder)
    for precision, graph in (("int8", weights_in_8_bits(exact)), ("fp32", exact)):
        told[precision] = _least_cosine(TextEncoder(graph.SerializeToString(), spelling, room.width, name), run, name)
        if told[precision] >= KEPT:
            break
    else:
        raise InputError(f"--with-text-encoder: {name} as ONNX reads words otherwise: cosines {told}")
    room = replace(room, encoder=name, revision=revision(where))
    of = {"format": FORMAT, "versions": {"edgegsr": __version__}, "vocabulary": room.facts()}
    content = noted(graph, notes_of_texts(of, TEXT_INPUTS, TEXT_OUTPUTS))
    if len(content) > MOST_TEXT or len(spelling) > MOST_JSON:
        raise InputError(f"--with-text-encoder: {name} has {len(content):,} bytes as ONNX, at most {MOST_TEXT:,} fit")
    write_whole(folder / TEXT_GRAPH, content)
    write_whole(folder / TOKENIZER, spelling)
    facts = {"encoder": name, "precision": precision, "least_cosine": told, "bytes": len(content)}
    return room, facts


def _check_words(run: Run, name: str) -> None:
    """Refuses an encoder that does not say what the student has learned."""
    found = embed(run.ontology, name)
    for rows, wanted in (
        (found.verbs, run.tables.verbs),
        (found.roles, run.tables.roles),
        (found.nouns, run.tables.nouns),
    ):
        there = wanted.abs().sum(-1) > 0
        if rows.shape != wanted.shape or bool(((rows * wanted).sum(-1)[there] < KEPT).any()):
            raise InputError(
                f"--with-text-encoder: {name} does not read the words of {run.folder} as they were learned"
            )


def _least_cosine(reader: TextEncoder, run: Run, name: str) -> float:
    """Over the texts of an ontology, between a device's reading and the float one."""
    texts = texts_of(run.ontology).every
    wanted, read = words(texts, name).numpy(), reader.read(texts)
    return round(min(float(read[text] @ row) for text, row in zip(texts, wanted)), 6)


class _One(nn.Module):
    """One text as one vector, before it is normalised."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.model, self.pool = encoder.model, encoder.reader.pool
        self.typed = "token_type_ids" in inspect.signature(encoder.model.forward).parameters

    def forward(self, input_ids: Tensor) -> Tensor:
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.typed else {}
        return self.pool(self.model(input_ids=input_ids, **types), torch.ones_like(input_ids))


def graph_of_encoder(encoder: Encoder) -> ModelProto:
    """The graph, in float32: `input_ids` (1, length) to `vector` (1, t)."""
    encoder.model.set_attn_implementation("eager")  # fewer and plainer operators
    ids = torch.full((1, min(8, encoder.longest)), 2)
    length = torch.export.Dim("length", min=2, max=encoder.longest)
    with quiet(), exporting():
        program = torch.onnx.export(
            _One(encoder).eval().cpu(),
            (ids,),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(TEXT_INPUTS),
            output_names=list(TEXT_OUTPUTS),
            dynamic_shapes=({1: length},),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def weights_in_8_bits(model: ModelProto) -> ModelProto:
    """The same with its matrices as steps of 8 bits, one scale for each output or row; what is counted stays float."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        port = {"MatMul": 1, "Gather": 0}.get(node.op_type, -1)
        weight = draft.constants.get(node.input[port]) if port >= 0 else None
        if weight is not None and weight.ndim == 2 and weight.dtype == np.float32 and weight.size >= LEAST:
            nodes += (_multiplied if node.op_type == "MatMul" else _looked_up)(draft, node, node.input[port], weight)
        else:
            nodes.append(node)
    draft.nodes = nodes
    return draft.finished()


def _multiplied(draft: Draft, node: NodeProto, name: str, weight: Array) -> list[NodeProto]:
    """No DequantizeLinear, in whose place some releases of ONNX Runtime round what is multiplied as well."""
    stored, known = f"{name}_by_output", f"{name}_by_output_scale" in draft.constants
    node.input[1] = f"{stored}_float"
    if known:  # another layer reads the same weight
        return [node]
    _store(draft, stored, weight, 0)
    return [
        helper.make_node("Cast", [f"{stored}_steps"], [f"{stored}_whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{stored}_whole", f"{stored}_scale"], [node.input[1]]),
        node,
    ]


def _looked_up(draft: Draft, node: NodeProto, name: str, weight: Array) -> list[NodeProto]:
    """Rows are chosen first, so that a text costs its own words alone."""
    stored, row, out = f"{name}_by_row", node.input[1], node.output[0]
    _store(draft, stored, weight, 1)
    return [
        helper.make_node("Gather", [f"{stored}_steps", row], [f"{out}_steps"]),
        helper.make_node("Gather", [f"{stored}_scale", row], [f"{out}_scale"]),
        helper.make_node("Cast", [f"{out}_steps"], [f"{out}_whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{out}_whole", f"{out}_scale"], [out]),
    ]


def _store(draft: Draft, name: str, weight: Array, axis: int) -> None:
    """Puts down the steps of a weight and their scale, which is the same all along an axis."""
    scale: Any = np.maximum(np.abs(weight).max(axis, keepdims=True) / 127, 1e-12).astype(np.float32)
    draft.constants[f"{name}_steps"] = np.rint(weight / scale).astype(np.int8)
    draft.constants[f"{name}_scale"] = scale
