"""A student with both heads: one look at a photo, and what is said is its situation and its pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.student.config import StudentConfig
from edgegsr.student.decoder import Decoder
from edgegsr.student.encoder import Encoder
from edgegsr.student.model import Prediction, Student
from edgegsr.student.pairs import PairAnswer, PairStudent
from edgegsr.student.widths import Widths

OneHead = TypeVar("OneHead", Student, PairStudent)
SomeStudent = TypeVar("SomeStudent", Student, PairStudent, "BothStudent")


class BothAnswer(NamedTuple):
    """What both heads say."""

    situation: Prediction
    pairs: PairAnswer


class BothStudent(nn.Module):
    """Two students with one encoder and one decoder."""

    def __init__(self, situations: Student, pairs: PairStudent) -> None:
        super().__init__()
        pairs.encoder, pairs.decoder = situations.encoder, situations.decoder
        self.situations, self.pairs = situations, pairs

    @property
    def config(self) -> StudentConfig:
        return self.pairs.config

    @property
    def encoder(self) -> Encoder:
        return self.situations.encoder

    @property
    def decoder(self) -> Decoder:
        return self.situations.decoder

    @property
    def card_widths(self) -> dict[str, Widths]:
        """Before any pruning, under the names of its own modules."""
        return {f"{h}.{name}": wide for h, part in halves_of(self).items() for name, wide in part.card_widths.items()}

    @property
    def token_width(self) -> int:
        return self.situations.token_width

    @property
    def pooled_width(self) -> int:
        return self.situations.pooled_width

    def fold(self) -> BothStudent:
        """The same student with its BatchNorms folded into the convolutions before them."""
        for half in halves_of(self).values():
            half.fold()
        return self

    def forward(self, pixels: Tensor, verbs: Tensor | None = None) -> BothAnswer:
        """uint8 pixels (B, S, S, 3); the situation is that of the best verb, or of `verbs` (B,) where it is not -1."""
        situation, tokens = self.look(pixels, verbs)
        return BothAnswer(situation, self.pairs.say(tokens))

    def look(self, pixels: Tensor, verbs: Tensor | None = None) -> tuple[Prediction, Tensor]:
        """The situation, and what there is to say pairs of."""
        view = self.situations.encode(pixels)
        verb_logits = self.situations.verb_logits(view)
        best = verb_logits.argmax(-1)
        said = self.situations.ask(view, best if verbs is None else torch.where(verbs < 0, best, verbs))
        return Prediction(verb_logits, said.noun_logits, said.boxes_xyxy, said.presence), view.tokens


AnyStudent = Student | PairStudent | BothStudent


def halves_of(student: AnyStudent) -> dict[str, Student | PairStudent]:
    """The students of one head that it is made of: itself under no name, or both halves under theirs."""
    if isinstance(student, BothStudent):
        return {SITUATIONS: student.situations, PAIRS: student.pairs}
    return {"": student}


def of_each(student: AnyStudent, make: Callable[[str, Student | PairStudent], Student | PairStudent]) -> AnyStudent:
    """What becomes of it when each half, or all of it, becomes another."""
    made = {half: make(half, part) for half, part in halves_of(student).items()}
    if not isinstance(student, BothStudent):
        return made[""]
    situations, pairs = made[SITUATIONS], made[PAIRS]
    assert isinstance(situations, Student) and isinstance(pairs, PairStudent)
    return BothStudent(situations, pairs)
