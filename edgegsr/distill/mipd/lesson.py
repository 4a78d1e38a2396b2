"""`--method mipd`: a student that is taught glimpses (the scene) and gazes (its instances).

The teacher branch learns beside the student and apart from it: what is taught carries no gradient back, and the anchors
that put it among the words (its own cross-entropies, its negatives) touch no weight of the student.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from edgegsr.data.loader import Batch
from edgegsr.distill import losses
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.mipd.alignment import Alignment, Taught
from edgegsr.distill.mipd.losses import contrast, gap, mean_gap, mean_of_roles, relations, repel
from edgegsr.distill.plain import Plain, Recital
from edgegsr.distill.simple import given
from edgegsr.situation import BLANK, OOV
from edgegsr.student.model import Student
from edgegsr.teacher.knowledge import GAZE_NEG, GAZE_POS, GLIMPSE_NEG, GLIMPSE_POS, Knowledge, Source


class Lecture(NamedTuple):
    """What the student says of the verb, and what it was taught about the image."""

    verb_embedding: Tensor  # (B, t)
    taught: Taught


class Mipd(Plain):
    """A student beside the branch that teaches it; only the student is ever saved as such."""

    def __init__(self, student: Student, config: TrainConfig, seen: Tensor, source: Source) -> None:
        super().__init__(student, config, seen)
        self.alignment = Alignment(
            config.mipd, source.width, source.grid, source.text_width, student.text_width, source.projection
        )

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, view = given(about), self.student.encode(pixels)
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        return Recital(logits, answer, Lecture(view.verb_embedding, self.alignment(about)))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        return super().losses(said, true) | self._distilled(said, true) | self._anchored(said.beside.taught, true)

    def _distilled(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        """What teaches the student."""
        m, taught, nouns = self.config.mipd, said.beside.taught, said.answer.noun_embedding.float()
        verbs, words = self._seen_verbs(), self.student.noun_words.table
        found = {}
        if m.glimpse:
            found["glimpse"] = m.glimpse_weight * self._gap(said.beside.verb_embedding.float(), taught.glimpse, verbs)
        if m.gaze:
            image = self._gap(mean_of_roles(nouns, true.has_role), taught.gaze, words)
            roles = mean_gap(nouns, taught.roles, taught.has_box, m.kind, words, m.temperature)
            found["gaze"] = m.gaze_weight * (m.image_gaze_share * image + (1 - m.image_gaze_share) * roles)
        return found

    def _gap(self, said: Tensor, taught: Tensor, words: Tensor) -> Tensor:
        m = self.config.mipd
        if m.kind == "relational":
            return relations(said, taught, torch.ones(len(said), dtype=torch.bool, device=said.device), m.temperature)
        return gap(said, taught, m.kind, words, m.temperature).mean()

    def _anchored(self, taught: Taught, true: Batch) -> dict[str, Tensor]:
        """What teaches the teacher branch; scale and tables are fixed."""
        m, texts, found = self.config.mipd, taught.texts, {}
        if m.glimpse:
            logits = taught.glimpse @ self.student.verb_words.table.T / m.temperature
            found["anchor_verb"] = losses.verb_cross_entropy(logits, true.verbs, self.seen, m.anchor_smoothing)
        if m.gaze:
            logits = taught.roles @ self.student.noun_words.table.T / m.temperature  # blank has no text
            nouns = torch.where(true.nouns == BLANK, OOV, true.nouns - 1).clamp(min=OOV)
            found["anchor_noun"] = losses.noun_cross_entropy(logits, nouns, taught.has_box, self.config.noun_smoothing)
        if m.negatives and m.glimpse:
            positive, negative = texts[:, GLIMPSE_POS], texts[:, GLIMPSE_NEG]
            found["negative_glimpse"] = contrast(taught.glimpse, positive, negative)
            found["negative_glimpse"] += m.negative_glimpse_weight * repel(taught.glimpse, negative)
        if m.negatives and m.gaze:
            positive, negative = texts[:, GAZE_POS], texts[:, GAZE_NEG]
            found["negative_gaze"] = contrast(taught.gaze, positive, negative)
            found["negative_gaze"] += m.negative_gaze_weight * repel(taught.gaze, negative)
        return found

    def _seen_verbs(self) -> Tensor:
        return self.student.verb_words.table[self.seen]
