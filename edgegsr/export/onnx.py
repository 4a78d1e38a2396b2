"""A student as one ONNX file: uint8 pixels and a verb in, all verbs and the answers for that or the best one out.

Of a student of pairs: pixels in, its pairs out; of one with both heads, what either says.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from onnx import ModelProto

from edgegsr.bundle import HEADS, INPUTS, OUTPUTS, PAIRS, SITUATIONS, TABLE_INPUTS, TOKENS, Gates, gates_of
from edgegsr.errors import InputError
from edgegsr.export.rewrite import padded_by_readers
from edgegsr.export.rounding import frozen
from edgegsr.export.rows import by_rows
from edgegsr.export.vocabulary import OpenStudent
from edgegsr.files import write_whole
from edgegsr.hub import first_line
from edgegsr.progress import waiting
from edgegsr.runtime.vocabulary import Room
from edgegsr.student.both import AnyStudent, BothStudent, OneHead
from edgegsr.student.pairs import PairAnswer, PairStudent
from edgegsr.student.quantizers import Quantized, rounding_of

OPSET = 20


def export_onnx(student: AnyStudent, path: Path) -> Path:
    """Writes the graph with its weights inside, and says where."""
    write_whole(path, graph_of(student).SerializeToString())
    return path


def graph_of(student: AnyStudent, batch: int = 1, room: Room | None = None, tokens: bool = False) -> ModelProto:
    """The graph with static shapes; of a student in simulated 8 bits, with Q and DQ wherever it rounds.

    Its words are folded into it, or inputs where there is a room for them; with `tokens` what it saw comes out too.
    """
    if isinstance(student, Quantized):
        student = frozen(student)
    if isinstance(student, BothStudent):
        student = BothStudent(_still(student.situations), _still(student.pairs))
    side = student.config.side
    module: torch.nn.Module = student.eval().cpu()
    given: tuple[torch.Tensor, ...] = (torch.zeros(batch, side, side, 3, dtype=torch.uint8),)
    if isinstance(student, PairStudent):
        return by_rows(_exported(SaidPairs(student), given, HEADS[PAIRS]))
    given += (torch.full((batch,), -1),)
    if isinstance(student, BothStudent):
        return by_rows(_exported(SaidByBoth(student), given, gates_of((SITUATIONS, PAIRS))))
    if room is not None:
        module = OpenStudent(student).eval()
        given += module.tables(room)
    if tokens:
        module = _Telling(module, student.encoder)
    return _exported(module, given, Gates((*INPUTS, *TABLE_INPUTS)[: len(given)], (*OUTPUTS, *[TOKENS] * tokens)))


def _still(student: OneHead) -> OneHead:
    """A student whose scales, where it has some, are constants."""
    return frozen(student) if isinstance(student, Quantized) else student


def _exported(module: torch.nn.Module, given: tuple[torch.Tensor, ...], gates: Gates) -> ModelProto:
    with waiting("tracing the graph"), quiet(), exporting():
        program = torch.onnx.export(
            module,
            given,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(gates.inputs),
            output_names=list(gates.outputs),
            verbose=False,
        )
    assert program is not None
    return told_by_nobody(padded_by_readers(program.model_proto))


class SaidPairs(torch.nn.Module):
    """What a student of pairs says, as a bundle puts it out; what training alone looks at stays inside."""

    def __init__(self, student: PairStudent) -> None:
        super().__init__()
        self.student = student

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.of(self.student(pixels))

    @staticmethod
    def of(said: PairAnswer) -> tuple[torch.Tensor, ...]:
        return said.humans_xyxy, said.objects_xyxy, said.object_logits, said.verb_logits, said.presence


class SaidByBoth(torch.nn.Module):
    """What a student with both heads says, as a bundle puts it out."""

    def __init__(self, student: BothStudent) -> None:
        super().__init__()
        self.student = student
        self.looking, self.pairing = rounding_of(student.situations), rounding_of(student.pairs)

    def forward(self, pixels: torch.Tensor, verb: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with self.looking():
            situation, tokens = self.student.look(pixels, verb)
        with self.pairing():
            return *situation, *SaidPairs.of(self.student.pairs.say(tokens))


class _Telling(torch.nn.Module):
    """The answers of a module, and beside them what its encoder has seen."""

    def __init__(self, module: torch.nn.Module, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.module, self.encoder = module, encoder

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen: list[torch.Tensor] = []
        hook = self.encoder.register_forward_hook(lambda _, __, tokens: seen.append(tokens))
        said = self.module(*given)
        hook.remove()
        return *said, seen[0]


def noted(model: ModelProto, notes: Mapping[str, str]) -> bytes:
    """The file of a graph, which says this of itself."""
    del model.metadata_props[:]
    for name, value in notes.items():
        model.metadata_props.add(key=name, value=value)
    content: bytes = model.SerializeToString()
    return content


def told_by_nobody(model: ModelProto) -> ModelProto:
    """The same graph without the exporter's notes, which name the files and folders of whoever exports."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


@contextlib.contextmanager
def exporting() -> Iterator[None]:
    try:
        yield
    except torch.onnx.OnnxExporterError as error:
        raise InputError(f"export: ONNX cannot express this student: {first_line(error)}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporter's talk about its own insides off the screen."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
