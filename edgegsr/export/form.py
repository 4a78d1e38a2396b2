"""What a bundle takes in and can be asked, whatever its target."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import ModelProto

from edgegsr.bundle import Normal
from edgegsr.errors import InputError
from edgegsr.export.onnx import graph_of
from edgegsr.export.part import normalised_outside
from edgegsr.runtime.vocabulary import Room
from edgegsr.student.both import AnyStudent


@dataclass(frozen=True)
class Form:
    """How a bundle gets its pixels, whether it can be asked again about a photo, and who may use it for what."""

    pixels: str = "bytes"  # or float: normalised by whoever asks
    ask: bool = False
    licence: str = ""

    def __post_init__(self) -> None:
        if self.pixels not in ("bytes", "float"):
            raise InputError(f"--pixels: wanted bytes or float, got {self.pixels!r}")

    def graph(self, student: AnyStudent, room: Room | None = None) -> ModelProto:
        """The graph of a student in this form."""
        made = graph_of(student, room=room, tokens=self.ask)
        return normalised_outside(made) if self.pixels == "float" else made

    def normal(self, student: AnyStudent) -> Normal | None:
        """What is done to pixels outside of that graph."""
        of = student.config.encoder
        return Normal(tuple(of.mean), tuple(of.std)) if self.pixels == "float" else None


PLAIN = Form()
