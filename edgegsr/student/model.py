"""The student: one photo in, one situation out, as tensors.

    pixels -> tokens -> verb embedding -> nearest verb -> its frame -> role queries -> nouns, boxes, presence

Words enter as tables of text embeddings, which are buffers outside the weights: `set_tables` changes the vocabulary.
Slots past the frame of a verb give numbers without a meaning; the frame tells which they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgegsr.errors import InputError
from edgegsr.student import backbone as backbones
from edgegsr.student.attention import CrossAttention, feedforward
from edgegsr.student.config import StudentConfig
from edgegsr.student.decoder import Decoder, RoleQueries
from edgegsr.student.encoder import Encoder
from edgegsr.student.heads import AttentionPool, BoxHead, Embed, Words, WordsOrBlank
from edgegsr.student.widths import all_widths, narrow, still_there
from edgegsr.text import TextTables


class View(NamedTuple):
    """What the student has seen, before anything is asked."""

    tokens: Tensor  # (B, N, d), the fine grid first
    verb_embedding: Tensor  # (B, t) unit vectors
    pooled: Tensor  # (B, d) what the verb is read from


class Answer(NamedTuple):
    """Who and what plays the six roles of one verb."""

    noun_embedding: Tensor  # (B, 6, t) unit vectors
    noun_logits: Tensor  # (B, 6, J)
    boxes_xyxy: Tensor  # (B, 6, 4) in [0, 1] of the input square; while training they may stick out
    presence: Tensor  # (B, 6) logit: the filler is visible and has a box


class Prediction(NamedTuple):
    """Verbs, and the answers for one of them."""

    verb_logits: Tensor  # (B, K)
    noun_logits: Tensor
    boxes_xyxy: Tensor
    presence: Tensor


class Student(nn.Module):
    """`config` with the vocabulary of `tables`; `pretrained=False` leaves the backbone's first weights unread."""

    def __init__(self, config: StudentConfig, tables: TextTables, *, pretrained: bool = True) -> None:
        super().__init__()
        backbone, channels, self.config = backbones.build(config, pretrained)
        self.text_width = tables.verbs.shape[-1]
        self.encoder = Encoder(config, backbone, channels)
        self.pool = AttentionPool(config.width, CrossAttention(config.width, config.heads))
        self.verb = Embed(config.width, self.text_width)
        self.verb_words = Words()
        self.queries = RoleQueries(self.text_width, config.width)
        self.decoder = Decoder(config)
        self.noun = Embed(config.width, self.text_width)
        self.noun_words = WordsOrBlank(self.text_width)
        self.box = BoxHead(config.width, config.fine_grid)
        self.presence = feedforward(config.width, config.width, 1)
        self.card_widths = all_widths(self)  # before any pruning
        if config.folded:
            self.fold()
        narrow(self, config.widths)
        self.set_tables(tables)

    def fold(self) -> Student:
        """The same student with its BatchNorms folded into the convolutions before them."""
        self.encoder.fold(self.config.side)
        self.config = replace(self.config, folded=True, widths=still_there(self, self.config.widths))
        return self

    @property
    def token_width(self) -> int:
        return self.encoder.fine_norm.normalized_shape[0]

    @property
    def pooled_width(self) -> int:
        return self.pool.norm.normalized_shape[0]

    def set_tables(self, tables: TextTables) -> Student:
        """The same student with another vocabulary."""
        if (width := tables.verbs.shape[-1]) != self.text_width:
            raise InputError(
                f"text tables: this student speaks in vectors of {self.text_width}, got {width} from "
                f"{tables.encoder!r}; embed the words with the encoder that it was trained with"
            )
        self.text_encoder = tables.encoder
        like = self.verb.project.weight  # tables follow the student to its device and precision
        self.verb_words.set_table(tables.verbs.to(like))
        self.noun_words.set_table(tables.nouns[1:].to(like))
        self.queries.set_tables(tables.verbs.to(like), tables.roles.to(like))
        return self

    def encode(self, pixels: Tensor) -> View:
        """uint8 pixels (B, S, S, 3)."""
        tokens = self.encoder(pixels)
        pooled = self.pool(tokens)
        return View(tokens, self.verb(pooled), pooled)

    def verb_logits(self, view: View) -> Tensor:
        return self.verb_words(view.verb_embedding)  # type: ignore[no-any-return]

    def ask(self, view: View, verbs: Tensor) -> Answer:
        """The roles of one verb (B,) of the caller's choice per image."""
        queries, mask = self.queries(verbs)
        roles = self.decoder(queries, view.tokens, mask)
        noun = self.noun(roles)
        boxes = self.box(roles, view.tokens[:, : self.box.grid**2])
        return Answer(noun, self.noun_words(noun), boxes, self.presence(roles)[..., 0])

    def forward(self, pixels: Tensor, verbs: Tensor | None = None) -> Prediction:
        """All verbs, and the answers about the best one, or about the one whose place `verbs` (B,) gives, if not -1."""
        view = self.encode(pixels)
        verb_logits = self.verb_logits(view)
        best = verb_logits.argmax(-1)
        answer = self.ask(view, best if verbs is None else torch.where(verbs < 0, best, verbs))
        return Prediction(verb_logits, answer.noun_logits, answer.boxes_xyxy, answer.presence)
