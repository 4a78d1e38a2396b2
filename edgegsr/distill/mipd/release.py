"""`--method mipd-release`: the losses of the released code (github.com/caicch/Ov-GSR), on our student, to compare with.

Kept as they are there: the teacher's vector is attended text alone and is dragged towards the student; the student's
vector has neither norm nor temperature; negatives have projections of their own; unseen verbs stand in the softmax;
the gaze path teaches nobody. Its prompts are left out: they change patches, and only the global token is read.
Its closed noun head is ours over texts, which takes both the place of that head and of the auxiliary one (weight 0.02).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.data.loader import Batch
from edgegsr.distill import losses
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.mipd.losses import repel
from edgegsr.distill.plain import Plain, Recital
from edgegsr.distill.simple import given
from edgegsr.student.attention import Attention
from edgegsr.student.model import Student
from edgegsr.teacher.knowledge import GAZE_POS, GLIMPSE_POS, Knowledge, Source

VERB_SMOOTHING, NOUN_SMOOTHING = 0.3, 0.2
FEATURE, NEGATIVE, AUXILIARY, BOX = 2.0, 5.0, 0.02, 5.0


class Released(NamedTuple):
    """What is said of the verb, what is taught, and the mean vectors of the negative texts."""

    verb_vector: Tensor  # (B, t), of any length
    glimpse: Tensor  # (B, t)
    gaze: Tensor
    negatives: Tensor  # (B, 2, t): glimpse -, gaze -


class MipdRelease(Plain):
    """The student and the released teacher branch, which share gradients."""

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source) -> None:
        super().__init__(student, config, counts)
        width = student.text_width
        self.visual = nn.Linear(source.width, width)
        self.texts = nn.ModuleList(nn.Linear(source.text_width, width) for _ in range(4))
        self.attention = Attention(width, 1)

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        about, view = given(about), self.student.encode(pixels)
        texts = torch.stack([project(about.texts[:, i]) for i, project in enumerate(self.texts)], 1)
        mask = about.text_mask[..., None].to(texts)
        means = (texts * mask).sum(2) / mask.sum(2).clamp(min=1)
        glimpse, gaze = (self._look(about, texts, path) for path in (GLIMPSE_POS, GAZE_POS))
        vector = self.student.verb.project(view.pooled)
        answer, logits = self.student.ask(view, verbs), self.student.verb_logits(view)
        return Recital(logits, answer, Released(vector, glimpse, gaze, means[:, 1::2]))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        every = torch.zeros_like(self.prior)
        taught, answer = said.beside, said.answer
        logits = taught.verb_vector @ self.student.verb_words.table.T
        glimpse_neg, gaze_neg = F.normalize(taught.negatives.float(), dim=-1).unbind(1)
        noun = losses.noun_cross_entropy(answer.noun_logits, true.nouns, true.has_role, NOUN_SMOOTHING)
        return {
            "verb": losses.verb_cross_entropy(logits, true.verbs, every, VERB_SMOOTHING),
            "glimpse": FEATURE * (taught.verb_vector - taught.glimpse).abs().mean(),
            "negative_glimpse": NEGATIVE * repel(taught.glimpse, glimpse_neg),
            "negative_gaze": repel(taught.gaze, gaze_neg),
            "noun": (1 + AUXILIARY) * noun,
            "l1": BOX * losses.box_l1(answer.boxes_xyxy, true.boxes_xyxy, true.has_box),
            "giou": BOX * losses.box_giou(answer.boxes_xyxy, true.boxes_xyxy, true.has_box),
            "presence": BOX * losses.presence_cross_entropy(answer.presence, true.has_box, true.has_role),
        }

    def _look(self, about: Knowledge, texts: Tensor, path: int) -> Tensor:
        """The mix of a text's tokens that the global token asks for, as a unit vector."""
        closed = torch.zeros(about.text_mask[:, path].shape, device=texts.device, dtype=texts.dtype)
        closed = closed.masked_fill(~about.text_mask[:, path], -1e4)
        seen = self.visual(about.tokens[:, :1])
        return F.normalize(self.attention(seen, texts[:, path], closed[:, None, None])[:, 0].float(), dim=-1)
