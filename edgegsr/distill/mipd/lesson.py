"""`--method mipd`: a student that is taught glimpses (the scene) and gazes (its instances).

The teacher branch learns beside the student and apart from it: what is taught carries no gradient back, and the anchors
that put it among the words (its own cross-entropies, its negatives) touch no weight of the student.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.data.loader import Batch
from edgegsr.distill import losses
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.mipd.alignment import Alignment, Taught
from edgegsr.distill.mipd.losses import contrast, gap, mean_of_roles, ranking, repel
from edgegsr.distill.mipd.patches import under
from edgegsr.distill.plain import Plain, Recital
from edgegsr.distill.simple import given, own_projection
from edgegsr.situation import BLANK, OOV
from edgegsr.student.model import Student, View
from edgegsr.teacher.knowledge import GAZE_NEG, GAZE_POS, GLIMPSE_NEG, GLIMPSE_POS, Knowledge, Source


class Lecture(NamedTuple):
    """What the student says of the verb and sees in its cells, and what it was taught about the image."""

    verb_embedding: Tensor  # (B + M, t), of the images and of the collages
    glimpses: Tensor  # (B + M, t), what they are taught
    patches: Tensor  # (B, N, d), what the student takes the teacher's patches for, on its fine grid
    tokens: Tensor  # (B, G * G, d), what they are, on the teacher's grid over the whole image
    shown: Tensor  # (B, G * G)
    taught: Taught


class Mipd(Plain):
    """A student beside the branch that teaches it; only the student is ever saved as such."""

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source) -> None:
        super().__init__(student, config, counts)
        self.alignment = Alignment(
            config.mipd,
            source.width,
            source.grid,
            source.text_width,
            student.text_width,
            own_projection(source, student),
        )
        self.to_patches = nn.Linear(student.token_width, source.width)
        # cross-entropy that starts flat would pull verbs far apart before it is content, and off what is taught
        nn.init.constant_(student.verb_words.log_scale, -math.log(config.mipd.temperature))

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, batch = given(about), len(pixels)
        if about.collage_pixels is not None:
            pixels = torch.cat([pixels, about.collage_pixels])
        every = self.student.encode(pixels)
        view = View(*(part[:batch] for part in every))
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        taught = self.alignment(about)
        glimpses = taught.glimpse
        if about.collage_tokens is not None:
            glimpses = torch.cat([glimpses, self.alignment.plain(about.collage_tokens)])
        patches = self.to_patches(view.tokens[:, : self.student.config.fine_grid**2])
        tokens = about.tokens[:, 1:]
        return Recital(logits, answer, Lecture(every.verb_embedding, glimpses, patches, tokens, about.shown, taught))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        found = super().losses(said, true)
        found["verb"] = self.config.mipd.verb_share * self._verb(said.verb_logits, true.verbs)
        return found | self._distilled(said, true) | self._anchored(said.beside.taught, true)

    def _verb(self, logits: Tensor, verbs: Tensor) -> Tensor:
        """The verb's own cross-entropy, won by a margin (arXiv 1801.09414)."""
        margin = self.config.mipd.verb_margin * self.student.verb_words.scale
        behind = logits - margin * F.one_hot(verbs, logits.shape[-1])
        c = self.config
        return c.weights.verb * losses.verb_cross_entropy(behind, verbs, self.prior, c.verb_smoothing)

    def _distilled(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        """What teaches the student."""
        m, lecture, nouns = self.config.mipd, said.beside, said.answer.noun_embedding.float()
        found = {}
        if m.glimpse:
            words = self.student.verb_words.table[self.seen]
            found["glimpse"] = self._gap(lecture.verb_embedding.float(), lecture.glimpses, m.glimpse_weight, words)
        if m.gaze:
            words, taught = self.student.noun_words.table, lecture.taught
            image = self._gap(mean_of_roles(nouns, true.has_role), taught.gaze, m.gaze_weight, words)
            roles = self._gap(nouns[taught.has_box], taught.roles[taught.has_box], m.gaze_weight, words)
            found["gaze"] = m.image_gaze_share * image + (1 - m.image_gaze_share) * roles
        if m.patches:
            grid = self.student.config.fine_grid
            patches, inside = under(lecture.tokens, lecture.shown, true.whole_xyxy, grid)
            apart = 1 - F.cosine_similarity(lecture.patches.float(), patches, dim=-1)
            found["patches"] = m.patch_weight * losses.mean_where(apart, inside)
        return found

    def _gap(self, said: Tensor, taught: Tensor, weight: float, words: Tensor) -> Tensor:
        """How far vectors (n, t) are from what they are taught, each by itself and all together."""
        m, found = self.config.mipd, torch.zeros(len(said), device=said.device)
        if m.kind != "relational":
            found = found + weight * gap(said, taught, m.kind, words, m.temperature)
        if m.ranking or m.kind == "relational":
            found = found + m.ranking_weight * ranking(said, taught, words, m.ranking_temperature)
        return found.sum() / max(len(said), 1)

    def _anchored(self, taught: Taught, true: Batch) -> dict[str, Tensor]:
        """What teaches the teacher branch; scale and tables are fixed."""
        m, texts, found = self.config.mipd, taught.texts, {}
        if m.glimpse:
            logits = taught.read @ self.student.verb_words.table.T / m.temperature
            found["anchor_verb"] = losses.verb_cross_entropy(logits, true.verbs, self.prior, m.anchor_smoothing)
        if m.gaze:
            logits = taught.roles @ self.student.noun_words.table.T / m.temperature  # blank has no text
            nouns = torch.where(true.nouns == BLANK, OOV, true.nouns - 1).clamp(min=OOV)
            found["anchor_noun"] = losses.noun_cross_entropy(logits, nouns, taught.has_box, self.config.noun_smoothing)
        if m.negatives and m.glimpse:
            positive, negative = texts[:, GLIMPSE_POS], texts[:, GLIMPSE_NEG]
            found["negative_glimpse"] = contrast(taught.read, positive, negative)
            found["negative_glimpse"] += m.negative_glimpse_weight * repel(taught.read, negative)
        if m.negatives and m.gaze:
            positive, negative = texts[:, GAZE_POS], texts[:, GAZE_NEG]
            found["negative_gaze"] = contrast(taught.gaze, positive, negative)
            found["negative_gaze"] += m.negative_gaze_weight * repel(taught.gaze, negative)
        return found
