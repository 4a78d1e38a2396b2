"""A student with both heads: one look at a photo, and what is said is its situation and its pairs."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from edgegsr.student.config import StudentConfig
from edgegsr.student.encoder import Encoder
from edgegsr.student.model import Prediction, Student
from edgegsr.student.pairs import PairAnswer, PairStudent

OneHead = TypeVar("OneHead", Student, PairStudent)


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
