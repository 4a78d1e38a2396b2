"""The simpler things to try before MIPD: the teacher's feature, captions, the teacher's zero-shot labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.data.loader import Batch
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.plain import Plain, Recital
from edgegsr.errors import InputError
from edgegsr.student.model import Student
from edgegsr.teacher.knowledge import GLIMPSE_POS, Knowledge, Source
from edgegsr.text.encoders import same_encoder, takes_mean

LABEL_TEMPERATURE = 0.03  # of the teacher's cosines to the verbs


class Compared(NamedTuple):
    """Two vectors, of the student and of the teacher, that should agree."""

    said: Tensor  # (B, n)
    wanted: Tensor  # (B, n)


class Feature(Plain):
    """Feature mimicry: a linear of what the student pools is to be the teacher's global token."""

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source) -> None:
        super().__init__(student, config, counts)
        self.to_teacher = nn.Linear(student.pooled_width, source.width)

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, view = given(about), self.student.encode(pixels)
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        return Recital(logits, answer, Compared(self.to_teacher(view.pooled), about.tokens[:, 0]))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        gap = 1 - F.cosine_similarity(said.beside.said.float(), said.beside.wanted, dim=-1)
        return super().losses(said, true) | {"feature": self.config.weights.feature * gap.mean()}


class Caption(Plain):
    """Caption alignment: the verb embedding is to be the text of the image's own positive glimpse."""

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source) -> None:
        super().__init__(student, config, counts)
        self.check(source.facts.get("teacher_texts"), source.text_encoder, student.text_encoder)

    @staticmethod
    def check(teacher_texts: str | None, read_by: str, words: str) -> None:
        if not same_encoder(read_by, words):
            raise InputError(
                f"caption: wanted rationales read by the encoder of the words, {words}, got {read_by}; "
                "give the same --text to `teach` and `distill`"
            )
        if not takes_mean(words):
            raise InputError(
                "caption: wanted an encoder that takes the mean of its tokens, such as all-MiniLM-L6-v2, got "
                f"{words}, whose tokens lie apart from its texts; give another --text to `teach` and `distill`"
            )

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, view = given(about), self.student.encode(pixels)
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        mask = about.text_mask[:, GLIMPSE_POS, :, None].to(about.texts)
        caption = (about.texts[:, GLIMPSE_POS] * mask).sum(1)
        return Recital(logits, answer, Compared(view.verb_embedding, caption))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        gap = 1 - F.cosine_similarity(said.beside.said.float(), said.beside.wanted, dim=-1)
        return super().losses(said, true) | {"caption": self.config.weights.feature * gap.mean()}


class Pseudo(Plain):
    """Zero-shot labels: the verb is learned from what the teacher takes the image for, not from people."""

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source) -> None:
        super().__init__(student, config, counts)
        texts = source.facts.get("teacher_texts") if source.projection else None
        self.check(texts, source.text_encoder, student.text_encoder)
        if (projection := own_projection(source, student)) is None:
            raise InputError(f"pseudo: wanted a teacher's projection into the {student.text_width} numbers of a word")
        self.teacher = nn.Linear(source.width, student.text_width).requires_grad_(False)
        self.teacher.weight.copy_(projection[0])
        self.teacher.bias.copy_(projection[1])

    @staticmethod
    def check(teacher_texts: str | None, read_by: str, words: str) -> None:
        if teacher_texts is None:
            raise InputError(
                "pseudo: wanted a teacher that puts images among texts (CLIP, SigLIP, Diorama), got one that does not"
            )
        if not same_encoder(teacher_texts, words):
            raise InputError(
                f"pseudo: wanted words among the teacher's own texts, those of {teacher_texts}, got words of "
                f"{words}; give --text {teacher_texts}"
            )

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, view = given(about), self.student.encode(pixels)
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        with torch.no_grad():
            seen = F.normalize(self.teacher(about.tokens[:, 0]).float(), dim=-1)
        labels = (seen @ self.student.verb_words.table.T / LABEL_TEMPERATURE).softmax(-1)
        return Recital(logits, answer, Compared(logits, labels))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        found = super().losses(said, true)
        labels = F.cross_entropy(said.beside.said.float(), said.beside.wanted)
        return {**found, "verb": self.config.weights.verb * labels}


def own_projection(source: Source, student: Student) -> tuple[Tensor, Tensor] | None:
    """The teacher's way among its own texts, where those are the student's words."""
    if source.projection is None or not same_encoder(source.facts.get("teacher_texts"), student.text_encoder):
        return None
    return source.projection if source.projection[0].shape == (student.text_width, source.width) else None


def given(about: Knowledge | None) -> Knowledge:
    """The teacher's knowledge; methods that learn from a teacher do nothing without it."""
    if about is None:
        raise InputError("--method: wanted what a teacher says of every batch, got none; give --teacher")
    return about
