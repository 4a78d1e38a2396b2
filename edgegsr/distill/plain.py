"""The undistilled baseline, `--method none`: what a student learns from annotations alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgegsr.data.loader import Batch
from edgegsr.distill import losses
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.watching import Watching
from edgegsr.student.model import Answer, Student
from edgegsr.teacher.knowledge import Knowledge, Source


class Recital(NamedTuple):
    """What the student says to a batch."""

    verb_logits: Tensor  # (B, K)
    answer: Answer  # for the verbs that it was asked about
    beside: Any = None  # what a method compares it with


class Plain(Watching[Student]):
    """A student that is asked about the verbs of the annotations, and the losses of what it says."""

    seen: Tensor
    prior: Tensor

    def __init__(self, student: Student, config: TrainConfig, counts: Tensor, source: Source | None = None) -> None:
        super().__init__()
        self.student = student
        self.config = config
        # (K,) which verbs training may know of, by their images, and how common they are
        self.register_buffer("seen", counts > 0, persistent=False)
        self.register_buffer("prior", losses.log_prior(counts, config.verb_balance), persistent=False)

    @staticmethod
    def check(teacher_texts: str | None, read_by: str, words: str) -> None:
        """Refuses, before it has looked, a teacher from which nothing can be learned this way.

        Text encoders by name: among whose vectors the teacher puts images, who reads rationales, whose the words are.
        """

    def forward(self, pixels: Tensor, verbs: Tensor, about: Knowledge | None = None) -> Recital:
        view = self.student.encode(pixels)
        return Recital(self.student.verb_logits(view), self.student.ask(view, verbs))

    def losses(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        """The terms of the loss, weighted: their sum is what training goes down."""
        c, w, answer = self.config, self.config.weights, said.answer
        return {
            "verb": w.verb * losses.verb_cross_entropy(said.verb_logits, true.verbs, self.prior, c.verb_smoothing),
            "noun": w.noun * losses.noun_cross_entropy(answer.noun_logits, true.nouns, true.has_role, c.noun_smoothing),
            "l1": w.l1 * losses.box_l1(answer.boxes_xyxy, true.boxes_xyxy, true.has_box),
            "giou": w.giou * losses.box_giou(answer.boxes_xyxy, true.boxes_xyxy, true.has_box),
            "presence": w.presence * losses.presence_cross_entropy(answer.presence, true.has_box, true.has_role),
        }

    def watched(self, said: Recital, true: Batch) -> dict[str, Tensor]:
        """The same for what a watcher says of these pixels; whatever the method, nothing without one."""
        if self.watcher is None:
            return {}
        with torch.no_grad():
            view = self.watcher.encode(true.pixels)
            verbs, wanted = self.watcher.verb_logits(view), self.watcher.ask(view, true.verbs)
        answer, there = said.answer, true.has_role
        apart = losses.divergence(said.verb_logits, verbs).mean()
        apart = apart + losses.mean_where(losses.divergence(answer.noun_logits, wanted.noun_logits), there)
        apart = apart + losses.box_l1(answer.boxes_xyxy, wanted.boxes_xyxy, true.has_box)
        return {"watched": self.config.weights.watched * apart}
