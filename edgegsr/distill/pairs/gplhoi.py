"""GPL-HOI for a student of pairs: groups of prompts that look at scene, region and pose, taught by texts.

A reconstruction from the abstract (ICME 2025) and published precedents; docs/interactions.md says what is ours. The
groups look at couples where annotations or a detector say that they are, name verbs beside the student, and hand on
what they find to the query that stands for the couple. Where a teacher has looked at couples as well, they start from
that, and what it says of kinds out of training is learned beside annotations. They all are gone after training: the
student that is left is the one of every method.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.data.pair_loader import PairBatch
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.losses import divergence, mean_where
from edgegsr.distill.pairs.config import GplConfig
from edgegsr.distill.pairs.lesson import PairLesson, Recital, chosen, focal
from edgegsr.distill.pairs.regions import PARTS, looks, parts
from edgegsr.interactions import Kinds
from edgegsr.student.attention import CrossAttention, feedforward
from edgegsr.student.heads import START_SCALE, Embed
from edgegsr.student.pairs import FIRST_NEARNESS, FIRST_SHARE, PairStudent
from edgegsr.teacher.glimpses import Glimpses
from edgegsr.text.kinds import spoken

FIRST_PART = 0.2  # of what a group adds to what a teacher sees
SAYS = {
    "scene": "a scene where a person is {} something",
    "region": "the region where a person is {} something",
    "pose": "the body pose of a person {} something",
}


def group_texts(kinds: Kinds) -> list[str]:
    """What each group calls each verb, group by group."""
    return [text.format(spoken(verb)) for text in SAYS.values() for verb in kinds.verbs]


class Seen(NamedTuple):
    """What the groups see of each couple, and what a teacher says of it."""

    vectors: Tensor  # (B, P, g, t) unit vectors
    together: Tensor  # (B, P, t) the same, weighed
    cosines: Tensor  # (B, P, V) with the texts of the groups, weighed
    likely: Tensor | None = None  # (B, P, V) of kinds out of training; -1 where nothing is said
    is_pair: Tensor | None = None  # (B, P) how likely each is a pair


class Groups(nn.Module):
    """Prompts of each group on both sides, and what they see of couples."""

    texts: Tensor  # (g, V, t) frozen

    def __init__(self, student: PairStudent, config: GplConfig, texts: Tensor) -> None:
        super().__init__()
        width, seen, count = student.config.width, student.token_width, len(config.groups)
        self.config, self.grid = config, student.pairs.grid
        rows = texts.view(len(SAYS), -1, texts.shape[-1])[[list(SAYS).index(name) for name in config.groups]]
        self.register_buffer("texts", rows, persistent=False)
        self.shift = nn.ModuleList(_nothing_at_first(rows.shape[-1]) for _ in range(count))
        self.prompts = nn.Parameter(0.02 * torch.randn(count, config.prompts, seen))
        sizes = {"scene": seen, "region": 3 * seen, "pose": PARTS**2 * seen}
        self.first = nn.ModuleList(nn.Linear(sizes[name], width) for name in config.groups)
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(count))
        self.look = nn.ModuleList(CrossAttention(width, student.config.heads, seen) for _ in range(count))
        self.embed = nn.ModuleList(Embed(width, rows.shape[-1]) for _ in range(count))
        self.part = nn.Parameter(torch.full((count,), FIRST_PART))
        self.share = nn.Parameter(torch.zeros(count), requires_grad=config.weighed)
        rare = math.log(FIRST_SHARE / (1 - FIRST_SHARE))
        self.bias = nn.Parameter(torch.tensor(rare - START_SCALE * FIRST_NEARNESS))
        self.log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE)))

    def forward(self, tokens: Tensor, humans_xyxy: Tensor, objects_xyxy: Tensor, taught: Tensor | None = None) -> Seen:
        """Tokens (B, n, d), the fine grid first; boxes (B, P, 4) in [0, 1]; what a teacher saw of couples (B, P, t)."""
        fine, couples = tokens[:, : self.grid**2], humans_xyxy.shape[1]
        of_group = {
            "scene": lambda: tokens.mean(1, keepdim=True).expand(-1, couples, -1),
            "region": lambda: looks(fine, humans_xyxy, objects_xyxy, self.grid),
            "pose": lambda: parts(fine, humans_xyxy, self.grid),
        }
        vectors = torch.stack(
            [self._vector(i, tokens, of_group[name]()) for i, name in enumerate(self.config.groups)], 2
        )
        if taught is not None:
            vectors = F.normalize(taught[:, :, None] + self.part[:, None] * vectors, dim=-1)
        near, share = torch.einsum("bpgt,gvt->bpgv", vectors, self.prompted()), self.share.softmax(0)[:, None]
        return Seen(vectors, (share * vectors).sum(2), (share * near).sum(2))

    def logits(self, seen: Seen) -> Tensor:
        """(B, P, V) each verb by itself."""
        return seen.cosines * self.log_scale.exp().clamp(max=100) + self.bias

    def prompted(self) -> Tensor:
        """(g, V, t) the texts with what the prompts of their side add."""
        if not self.config.text_prompts:
            return self.texts
        return F.normalize(torch.stack([rows + shift(rows) for rows, shift in zip(self.texts, self.shift)]), dim=-1)

    def _vector(self, i: int, tokens: Tensor, seen: Tensor) -> Tensor:
        """(B, P, t) what group `i` makes of what it sees (B, P, k d)."""
        at = self.first[i](seen)
        if self.config.visual_prompts:
            tokens = torch.cat([tokens, self.prompts[i].expand(len(tokens), -1, -1)], 1)
        return self.embed[i](at + self.look[i](self.norm[i](at), tokens))  # type: ignore[no-any-return]


class GplHoi(PairLesson):
    """A lesson whose teacher is a text encoder: what is alike in words shall look alike. Another may look as well."""

    def __init__(self, student: PairStudent, config: TrainConfig, allowed: Tensor, texts: Tensor) -> None:
        super().__init__(student, config, allowed)
        self.groups = Groups(student, config.gplhoi, texts)

    def forward(
        self,
        pixels: Tensor,
        humans_xyxy: Tensor,
        objects_xyxy: Tensor,
        has_pair: Tensor,
        about: Glimpses | None = None,
    ) -> Recital:
        tokens = self.student.encode(pixels)
        answer = self.answer(tokens, objects_xyxy, has_pair)
        seen = self.groups(tokens, humans_xyxy, objects_xyxy, about and about.seen)
        return Recital(answer, seen._replace(likely=about and about.likely, is_pair=about and about.is_pair))

    def is_pair(self, said: Recital, true: PairBatch) -> Tensor:
        return super().is_pair(said, true) if said.about.is_pair is None else said.about.is_pair

    def losses(self, said: Recital, true: PairBatch) -> dict[str, Tensor]:
        query, there, _ = match = self.matched(said.answer, true)
        annotated = self.annotated(true)
        found, c, seen = super().losses(said._replace(match=match), true), self.config.gplhoi, said.about
        named, known_kinds = true.verbs.float(), self.allowed[true.objects]
        if c.unseen_kinds and c.unseen_names and seen.likely is not None:
            found |= self.unseen(chosen(said.answer.verb_logits, query), seen.likely, there)
            named, known_kinds = named + seen.likely.clamp(min=0), known_kinds | (seen.likely >= 0)
        verbs = focal(self.groups.logits(seen), named) * known_kinds
        found["groups"] = c.group_weight * mean_where(verbs.sum(-1), annotated)
        mine = chosen(said.answer.verb_embedding, query).float()
        known = self._known()
        words = self.student.pairs.verb_words.table.float()
        ranks = F.linear(mine, words)[..., known] / c.heard_temperature
        heard = divergence(ranks, seen.cosines.detach()[..., known] / c.heard_temperature)
        found["heard"] = c.heard_weight * mean_where(heard, there)
        gap = 1 - F.cosine_similarity(mine, seen.together.detach(), dim=-1)
        found["look"] = c.look_weight * mean_where(gap, there)
        if c.texts:
            of_groups = [*seen.vectors.unbind(2)]
            sides = [*zip(of_groups, self.groups.texts, self.groups.prompted(), [annotated] * len(of_groups))]
            sides.append((mine, words, words, there & annotated))
            gaps = [self._gap(x, frozen, text, named, mask) for x, frozen, text, mask in sides]
            found["texts"] = c.text_weight * torch.stack(gaps).mean()
        return found

    def _known(self) -> Tensor:
        """(V,) verbs whose names training may use."""
        return torch.ones_like(self.allowed[0]) if self.config.gplhoi.unseen_names else self.allowed.any(0)

    def _gap(self, x: Tensor, frozen: Tensor, texts: Tensor, verbs: Tensor, mask: Tensor) -> Tensor:
        """How far what couples (B, P, t) look like is from what texts (V, t) are like; no gradient into the texts."""
        c, known = self.config.gplhoi, self._known()
        verbs = verbs * known
        labels = verbs / verbs.sum(-1, keepdim=True).clamp(min=1)  # (B, P, V)
        if c.form == "relation":
            every, rows = x[mask], labels[mask] @ frozen
            if not len(every):
                return x.sum() * 0
            wanted, said = F.normalize(rows, dim=-1) @ F.normalize(rows, dim=-1).T, every @ every.T
            return c.temperature**2 * self._kl(said, wanted).mean()
        wanted = (labels @ (frozen @ frozen.T))[..., known]
        return c.temperature**2 * mean_where(self._kl((x @ texts.T)[..., known], wanted), mask)

    def _kl(self, said: Tensor, wanted: Tensor) -> Tensor:
        c = self.config.gplhoi
        said, wanted = said / c.temperature, wanted.detach() / c.temperature
        return divergence(wanted, said) if c.reverse else divergence(said, wanted)


def _nothing_at_first(width: int) -> nn.Sequential:
    """A block whose first answer is 0."""
    block = feedforward(width, width // 4, width)
    for parameter in block[-1].parameters():
        nn.init.zeros_(parameter)
    return block
