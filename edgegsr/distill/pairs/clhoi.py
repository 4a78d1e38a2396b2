"""CL-HOI for a student of pairs: from what a model says of a whole image to who does what in it, without annotations.

A reconstruction from the abstract (arXiv 2410.15657) and published precedents; docs/interactions.md says what is ours.
A detector says where humans and objects are. A translator turns what the student sees into what a caption says, a
network of cognition names what each couple does, and only the couples of an image together are held against what was
said of it. Each query learns from the couple that it stands for. All that is gone after training.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.data.pair_loader import PairBatch
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.losses import mean_where
from edgegsr.distill.pairs.config import ClConfig
from edgegsr.distill.pairs.lesson import NEVER, Match, PairLesson, Recital, chosen
from edgegsr.distill.pairs.regions import looks, where
from edgegsr.interactions import Kinds
from edgegsr.student.attention import CrossAttention, feedforward
from edgegsr.student.heads import START_SCALE, Embed
from edgegsr.student.pairs import PairAnswer, PairStudent
from edgegsr.teacher.testimony import Heard
from edgegsr.text.kinds import NO_ACT

NEVER_THERE = float("-inf")
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 1.0
SPATIAL = (36, 128)  # numbers of two boxes, and what they are turned into first


def acts(kinds: Kinds) -> Tensor:
    """(K, 3) verb and object of each kind, and whether anything is done."""
    pairs = torch.from_numpy(kinds.pairs).long()
    done = [kinds.names(kind)[0] != NO_ACT for kind in range(len(kinds))]
    return torch.cat([pairs, torch.tensor(done)[:, None].long()], 1)


class Thought(NamedTuple):
    """What was made of an image, and what was said of it."""

    caption: Tensor | None  # (B, t) unit vectors
    couples: Tensor  # (B, P, t) unit vectors
    heard: Heard
    now: Tensor  # bool: couples are learned of, and not the context alone


class Translator(nn.Module):
    """Tokens that have looked at what the student sees: what there is to say of an image."""

    def __init__(self, width: int, heads: int, count: int, text_width: int, token_width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(0.02 * torch.randn(count, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.layers = nn.ModuleList(CrossAttention(width, heads, token_width) for _ in range(2))
        self.embed = Embed(width, text_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, M, d) of tokens (B, n, d)."""
        said = self.queries.expand(len(tokens), -1, -1)
        for norm, layer in zip(self.norms, self.layers):
            said = said + layer(norm(said), tokens)
        return said

    def caption(self, said: Tensor) -> Tensor:
        """(B, t) the same as one text."""
        return self.embed(said.mean(1))  # type: ignore[no-any-return]


class Cognition(nn.Module):
    """What each couple does, by how the two lie to each other, by how they look, and by what there is to say."""

    def __init__(self, student: PairStudent, config: ClConfig) -> None:
        super().__init__()
        width = student.config.width
        self.config, self.grid = config, student.pairs.grid
        self.spatial = nn.Sequential(nn.Linear(*SPATIAL), nn.ReLU(), feedforward(SPATIAL[1], 2 * SPATIAL[1], width))
        self.visual = nn.Linear(3 * student.token_width, width)
        self.norm = nn.LayerNorm(width)
        self.context = CrossAttention(width, student.config.heads)
        self.embed = Embed(width, student.text_width)

    def forward(self, tokens: Tensor, said: Tensor | None, humans_xyxy: Tensor, objects_xyxy: Tensor) -> Tensor:
        """(B, P, t) unit vectors."""
        known = []
        if self.config.spatial:
            known.append(self.spatial(where(humans_xyxy, objects_xyxy)))
        if self.config.visual:
            known.append(self.visual(looks(tokens[:, : self.grid**2], humans_xyxy, objects_xyxy, self.grid)))
        couple = torch.stack(known).sum(0)
        if self.config.context and said is not None:
            couple = couple + self.context(self.norm(couple), said)
        return self.embed(couple)  # type: ignore[no-any-return]


class ClHoi(PairLesson):
    """A lesson without annotations: boxes are a detector's, and what is done a model has said of whole images."""

    texts: Tensor  # (K, t) of the kinds
    acts: Tensor  # (K, 3)
    steps: Tensor  # taken

    def __init__(self, student: PairStudent, config: TrainConfig, allowed: Tensor, texts: Tensor, acts: Tensor) -> None:
        super().__init__(student, config, allowed)
        c, width, heads = config.clhoi, student.config.width, student.config.heads
        words, tokens = student.text_width, student.token_width
        self.translator = Translator(width, heads, c.tokens, words, tokens) if c.translator else None
        self.cognition = Cognition(student, c)
        self.register_buffer("texts", texts, persistent=False)
        self.register_buffer("acts", acts, persistent=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE)))
        self.bias = nn.Parameter(torch.tensor(-START_SCALE / 2))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.07)))

    def forward(
        self,
        pixels: Tensor,
        humans_xyxy: Tensor,
        objects_xyxy: Tensor,
        has_pair: Tensor,
        about: Heard | None = None,
    ) -> Recital:
        if about is None:
            raise ValueError("about: wanted what was heard of the photos, got nothing")
        now = self.steps >= self.config.clhoi.first_steps
        if self.training:
            self.steps += 1
        tokens = self.student.encode(pixels)
        answer = self.answer(tokens, objects_xyxy, has_pair)
        said = None if self.translator is None else self.translator(tokens)
        caption = None if said is None or self.translator is None else self.translator.caption(said)
        couples = self.cognition(tokens, said, humans_xyxy, objects_xyxy)
        return Recital(answer, Thought(caption, couples, about, now))

    def matched(self, answer: PairAnswer, true: PairBatch) -> Match:
        """By boxes and objects: which verbs are true, nobody has said."""
        return super().matched(answer, true._replace(verbs=torch.zeros_like(true.verbs)))

    def annotated(self, true: PairBatch) -> Tensor:
        """What was detected stands for annotations."""
        return true.has_pair

    def losses(self, said: Recital, true: PairBatch) -> dict[str, Tensor]:
        query, there, _ = match = self.matched(said.answer, true)
        found, c, thought = super().losses(said._replace(match=match), true), self.config.clhoi, said.about
        del found["verb"]  # nobody has said which are true
        now = thought.now.to(thought.couples)  # a factor: every step has the same graph
        if c.caption_loss and thought.caption is not None:
            found["context"] = c.context_weight * self._context(thought.caption, thought.heard.caption)
        named = self._named(thought.couples)  # (B, P, K)
        mine = self.acts[:, 1] == true.objects[..., None]
        together = self._together(named.masked_fill(~(mine & true.has_pair[..., None]), NEVER))
        share, asked = self.shares(thought.heard), thought.heard.logprob.isfinite()
        if c.interaction_loss:
            found["interaction"] = now * c.interaction_weight * self._interaction(together, share, asked)
        if c.calibration_loss:
            gap = F.binary_cross_entropy_with_logits(together, share, reduction="none")
            found["calibration"] = now * c.calibration_weight * mean_where(gap, asked)
        wanted, told = self._of_couples(thought.heard, named.detach(), true)
        verbs = F.binary_cross_entropy_with_logits(chosen(said.answer.verb_logits, query), wanted, reduction="none")
        found["heard"] = now * c.heard_weight * mean_where((verbs * told).sum(-1), there)
        return found

    def shares(self, heard: Heard) -> Tensor:
        """(B, K) how likely each kind is among those that its object allows; 0 where nobody was asked."""
        c, length = self.config.clhoi, heard.tokens if self.config.clhoi.per_token else 1
        return _softmax_within(heard.logprob / length / c.temperature, self.acts[:, 1], len(self.student.pairs.valid))

    def _context(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """InfoNCE in both directions, over the images of which something was said."""
        told = theirs.abs().sum(-1) > 0
        temperature = self.log_temperature.exp().clamp(LEAST_TEMPERATURE, MOST_TEMPERATURE)
        near = (mine @ theirs.T / temperature).masked_fill(~(told[:, None] & told), NEVER)
        right = torch.arange(len(near), device=near.device)
        both = [F.cross_entropy(logits, right, reduction="none") for logits in (near, near.T)]
        return mean_where((both[0] + both[1])[None] / 2, told[None])

    def _named(self, couples: Tensor) -> Tensor:
        """(B, P, K) logits of what each couple does."""
        return couples @ self.texts.T * self.log_scale.exp().clamp(max=100) + self.bias

    def _together(self, named: Tensor) -> Tensor:
        """(B, K) what the couples of an image say together."""
        return named.amax(1) if self.config.clhoi.peak else named.logsumexp(1)

    def _interaction(self, together: Tensor, share: Tensor, asked: Tensor) -> Tensor:
        """Several that are true at once against all that the detected objects allow."""
        c, likely = self.config.clhoi, (share >= self.config.clhoi.likely) & (self.acts[:, 2] > 0)
        weight = likely * (share if c.soft else torch.ones_like(share))
        weight = weight / weight.sum(-1, keepdim=True).clamp(min=1e-6)
        log_p = together.masked_fill(~asked, NEVER).log_softmax(-1)
        some = likely.any(-1)
        return mean_where(-(weight * log_p).sum(-1)[None], some[None])

    def _of_couples(self, heard: Heard, named: Tensor, true: PairBatch) -> tuple[Tensor, Tensor]:
        """(B, P, V) how likely each couple does what, and the verbs about which that is known."""
        c, valid = self.config.clhoi, self.student.pairs.valid[true.objects]  # (B, P, V)
        share = _softmax(self._by_verb(named, true, NEVER), valid)
        asked = heard.couple_logprob.isfinite()
        if c.couples:
            tokens = heard.tokens.to(named)[:, None].expand_as(named)
            length = self._by_verb(tokens, true, 1) if c.per_token else 1
            alone = _softmax(heard.couple_logprob / length / c.temperature, asked)
            share = torch.where(asked.any(-1, keepdim=True), alone, share)
        return share * valid, valid & true.has_pair[..., None]

    def _by_verb(self, kinds: Tensor, true: PairBatch, nothing: float) -> Tensor:
        """(B, P, V) what is told of each kind (B, P, K), by the verbs that go with the object of a couple."""
        mine, verb = self.acts[:, 1] == true.objects[..., None], self.acts[:, 0].expand_as(kinds)
        verbs = kinds.new_full((*kinds.shape[:-1], self.allowed.shape[1]), nothing)
        return verbs.scatter_reduce(-1, verb, kinds.masked_fill(~mine, nothing), "amax")


def _softmax(logits: Tensor, there: Tensor) -> Tensor:
    """A softmax over what is there; nothing anywhere where that is nothing."""
    logits = logits.masked_fill(~there, NEVER_THERE)
    raised = (logits - logits.amax(-1, keepdim=True)).exp().nan_to_num(0)
    return raised / raised.sum(-1, keepdim=True).clamp(min=1e-12)


def _softmax_within(logits: Tensor, groups: Tensor, count: int) -> Tensor:
    """A softmax over each group of the last axis by itself; -inf stays out, and a group of nothing is 0."""
    there, index = logits.isfinite(), groups.expand_as(logits)
    highest = logits.new_full((*logits.shape[:-1], count), NEVER_THERE).scatter_reduce(-1, index, logits, "amax")
    raised = torch.where(there, (logits - highest.gather(-1, index)).exp(), 0)
    sums = logits.new_zeros(highest.shape).scatter_add(-1, index, raised)
    return raised / sums.gather(-1, index).clamp(min=1e-12)
