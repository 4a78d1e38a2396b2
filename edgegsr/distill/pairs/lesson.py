"""What a student of pairs learns of couples by any method: which query is which, and how wrong it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from edgegsr.data.pair_loader import PairBatch
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.losses import divergence, giou, mean_where
from edgegsr.distill.watching import Watching
from edgegsr.student.pairs import PairAnswer, PairStudent, in_order

ASTRAY = 25.0  # cost of a cell between where a query began and where the object is
LATER = 1e4  # cost of what nobody annotated, whose queries are those that are left
NEVER = -1e4  # logit
BROKEN = 1e6  # cost of what is not finite: the loss says so, and a training stops with the images of the step
ALPHA, GAMMA = 0.25, 2.0  # of the focal loss (arXiv 1708.02002)


class Match(NamedTuple):
    """Which query stands for which couple."""

    query: Tensor  # (B, P) int64; 0 where there is none
    found: Tensor  # (B, P) bool: the pair has a query; there may be more pairs than queries
    taken: Tensor  # (B, N) bool: the query stands for a pair


class Recital(NamedTuple):
    """What the student says to a batch, and what the teacher sees of it."""

    answer: PairAnswer
    about: Any = None
    match: Match | None = None


class PairLesson(Watching[PairStudent]):
    """A student that is told in training where objects are, and matched with couples there."""

    allowed: Tensor  # (O, V) kinds that training may know of
    named: Tensor  # (O,) words that it may know of: of those kinds, and what a detector calls what it finds besides

    def __init__(self, student: PairStudent, config: TrainConfig, allowed: Tensor) -> None:
        super().__init__()
        self.student, self.config = student, config
        self.register_buffer("allowed", allowed, persistent=False)
        self.register_buffer("named", allowed.any(1), persistent=False)

    def forward(
        self, pixels: Tensor, humans_xyxy: Tensor, objects_xyxy: Tensor, has_pair: Tensor, about: Any = None
    ) -> Recital:
        return Recital(self.answer(self.student.encode(pixels), objects_xyxy, has_pair), about)

    def answer(self, tokens: Tensor, objects_xyxy: Tensor, has_pair: Tensor) -> PairAnswer:
        """What the student says once it is told where objects are."""
        return self.student.say(tokens, cells_of(objects_xyxy, has_pair, self.student.pairs.grid))

    def matched(self, answer: PairAnswer, true: PairBatch) -> Match:
        return match(answer, true, self.annotated(true), self.student.pairs.grid, self.config)

    def annotated(self, true: PairBatch) -> Tensor:
        """(B, P) couples of which somebody has said that they are pairs; of others a detector has found the thing."""
        return true.verbs.any(-1)

    def is_pair(self, said: Recital, true: PairBatch) -> Tensor:
        """(B, P) how likely each couple is a pair; 0 where nobody says so."""
        return self.annotated(true).float()

    def losses(self, said: Recital, true: PairBatch) -> dict[str, Tensor]:
        """The terms of the loss, weighted: their sum is what training goes down."""
        w, grid, answer = self.config.weights, self.student.pairs.grid, said.answer
        query, there, taken = said.match or self.matched(answer, true)
        humans, objects, object_logits, verb_logits = (chosen(part, query) for part in answer[:4])
        annotated = self.annotated(true)
        told, guessed = there & annotated, there & ~annotated
        pairs = told.sum(-1).clamp(min=1)
        boxes = (humans - true.humans_xyxy).abs().sum(-1) + (objects - true.objects_xyxy).abs().sum(-1)
        overlaps = 2 - giou(humans, true.humans_xyxy) - giou(objects, true.objects_xyxy)
        unnamed = annotated[..., None] & ~self.named  # words out of training are no wrong answers
        known = object_logits.masked_fill(unnamed, NEVER)
        words = F.cross_entropy(known.transpose(1, 2), true.objects, reduction="none")
        verbs = focal(verb_logits, true.verbs) * self.allowed[true.objects]
        is_pair = self.is_pair(said, true).to(answer.presence)
        present = torch.zeros_like(answer.presence).scatter_reduce(1, query, is_pair * there, "amax")
        is_thing, is_any = (cells_of(true.objects_xyxy, of, grid) for of in (is_pair, true.has_pair))
        return {
            "verb": w.verb * mean_where(verbs.sum(-1), told),
            "noun": w.noun * (mean_where(words, told) + mean_where(words, guessed)),
            "l1": w.l1 * mean_where(boxes, told),
            "giou": w.giou * mean_where(overlaps, told),
            "presence": w.presence * _yes_or_no(answer.presence, present, (present > 0) | ~taken, pairs),
            "seed": w.seed * _yes_or_no(answer.seeds, is_thing, (is_thing > 0) | (is_any == 0), pairs),
        }

    def unseen(self, verb_logits: Tensor, likely: Tensor, there: Tensor) -> dict[str, Tensor]:
        """How far couples (B, P, V) are from what a teacher says of kinds out of training, -1 where it says nothing."""
        verbs = focal(verb_logits, likely.clamp(min=0)) * (likely >= 0)
        return {"unseen": self.config.weights.verb * mean_where(verbs.sum(-1), there)}

    def watched(self, said: Recital, true: PairBatch) -> dict[str, Tensor]:
        """How far queries are from what a watcher says of these pixels from the same cells; nothing without one."""
        if self.watcher is None:
            return {}
        mine = in_order(said.answer)
        with torch.no_grad():
            known = torch.zeros_like(said.answer.seeds).scatter_(1, said.answer.starts, 1)
            wanted = in_order(self.watcher(true.pixels, known))
        sure = wanted.presence.sigmoid()
        each = divergence(mine.object_logits, wanted.object_logits)
        each = each + binary(mine.verb_logits, wanted.verb_logits).mean(-1)
        for box, other in ((mine.humans_xyxy, wanted.humans_xyxy), (mine.objects_xyxy, wanted.objects_xyxy)):
            each = each + (box - other).abs().sum(-1)
        apart = (sure * each).sum() / sure.sum().clamp(min=1) + binary(mine.presence, wanted.presence).mean()
        return {"watched": self.config.weights.watched * apart}


def binary(logits: Tensor, wanted: Tensor) -> Tensor:
    """The divergence of one answer of yes or no from another; no gradient into what is wanted."""
    wanted = wanted.detach()
    gap = F.binary_cross_entropy_with_logits(logits, wanted.sigmoid(), reduction="none")
    return gap - F.binary_cross_entropy_with_logits(wanted, wanted.sigmoid(), reduction="none")


@torch.no_grad()
def match(said: PairAnswer, true: PairBatch, annotated: Tensor, grid: int, config: TrainConfig) -> Match:
    """The cheapest matching of queries and couples in each image; most of the cost is to begin in another cell.

    Where two want one query, what is annotated has it.
    """
    w, (batch, pairs) = config.weights, true.has_pair.shape
    humans, objects = said.humans_xyxy.float(), said.objects_xyxy.float()
    cost = w.l1 * (torch.cdist(humans, true.humans_xyxy, p=1) + torch.cdist(objects, true.objects_xyxy, p=1))
    cost -= w.giou * (_gious(humans, true.humans_xyxy) + _gious(objects, true.objects_xyxy))
    sure = said.object_logits.float().softmax(-1).gather(-1, true.objects[:, None].expand(-1, said.starts.shape[1], -1))
    right = said.verb_logits.float().sigmoid() @ true.verbs.float().transpose(1, 2)
    cost -= sure + right / true.verbs.sum(-1).clamp(min=1)[:, None]
    begun = torch.stack([said.starts % grid, said.starts // grid], -1)
    away = (begun[:, :, None] - centre_cells(true.objects_xyxy, grid)[:, None]).abs().amax(-1)  # (B, N, P)
    cost += torch.where(annotated[:, None], ASTRAY * away, LATER + ASTRAY / 2 * away)
    cost = torch.nan_to_num(cost, nan=BROKEN, posinf=BROKEN, neginf=-BROKEN).cpu()
    query = torch.zeros(batch, pairs, dtype=torch.int64)
    found, taken = torch.zeros(batch, pairs, dtype=torch.bool), torch.zeros(said.starts.shape, dtype=torch.bool)
    for b, there in enumerate(true.has_pair.cpu()):  # an assignment is no tensor arithmetic
        count = int(there.sum())
        rows, columns = linear_sum_assignment(cost[b, :, :count].numpy())
        query[b, columns] = torch.from_numpy(rows)
        found[b, columns] = taken[b, rows] = True
    device = said.starts.device
    return Match(query.to(device), found.to(device), taken.to(device))


def chosen(part: Tensor, query: Tensor) -> Tensor:
    """(B, P, ...) of (B, N, ...) what the matched queries say."""
    return part.gather(1, query[..., None].expand(-1, -1, part.shape[-1]))


def centre_cells(boxes_xyxy: Tensor, grid: int) -> Tensor:
    """(..., 2) column and row of the cell that holds the centre."""
    centres = (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2
    return (centres * grid).long().clamp(0, grid - 1)


def cells_of(boxes_xyxy: Tensor, there: Tensor, grid: int) -> Tensor:
    """(B, cells) 1 where a box has its centre, or the largest share of those that have it."""
    column, row = centre_cells(boxes_xyxy, grid).unbind(-1)
    cells = boxes_xyxy.new_zeros(len(boxes_xyxy), grid * grid)
    return cells.scatter_reduce(1, row * grid + column, there.to(cells), "amax")


def focal(logits: Tensor, true: Tensor) -> Tensor:
    """Binary cross-entropy that is hard on what is wrong and sure; logits and truth of one shape."""
    y = true.to(logits)
    p = logits.sigmoid()
    missed = p * (1 - y) + (1 - p) * y
    return (
        (ALPHA * y + (1 - ALPHA) * (1 - y))
        * missed**GAMMA
        * F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    )


def _yes_or_no(logits: Tensor, true: Tensor, known: Tensor, pairs: Tensor) -> Tensor:
    """The focal loss, per pair of an image, of those of which it is `known`."""
    return ((focal(logits, true) * known).sum(-1) / pairs).mean()


def _gious(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """(B, N, P) of (B, N, 4) and (B, P, 4)."""
    return giou(a_xyxy[:, :, None], b_xyxy[:, None])
