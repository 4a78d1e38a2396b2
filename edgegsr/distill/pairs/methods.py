"""The ways to train a student of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from edgegsr.data.pair_loader import PairBatch
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.losses import divergence, mean_where
from edgegsr.distill.pairs.clhoi import ClHoi, acts
from edgegsr.distill.pairs.gplhoi import GplHoi, group_texts
from edgegsr.distill.pairs.lesson import PairLesson, Recital, chosen
from edgegsr.errors import InputError
from edgegsr.interactions import Kinds
from edgegsr.student.heads import Words
from edgegsr.teacher.glimpses import Glimpses, GlimpseSource
from edgegsr.teacher.testimony import Testimony
from edgegsr.text.embed import words
from edgegsr.text.kinds import kind_texts


class PairMipd(PairLesson):
    """MIPD for pairs: the verb of a query learns what the teacher sees of its human and object, and how it ranks words.

    That is the glimpse. With `mipd.pair_gaze` the object of a query learns in the same way what it sees of that alone.
    What the teacher sees says more than the labels do: a broom that is only "held" in a zero-shot setting looks like
    sweeping to it. Ranking names every verb of the vocabulary, unseen ones too, and kinds out of training are taught as
    labels are; without `mipd.ranking` and `mipd.unseen_kinds` no name of theirs is used in a loss. Which couples that a
    detector finds are learned of, those names decide all the same.
    """

    def is_pair(self, said: Recital, true: PairBatch) -> Tensor:
        about: Glimpses = said.about
        return about.is_pair

    def losses(self, said: Recital, true: PairBatch) -> dict[str, Tensor]:
        query, there, _ = match = self.matched(said.answer, true)
        found, m = super().losses(said._replace(match=match), true), self.config.mipd
        (seen, _, likely, gazes), words = said.about, self.student.pairs
        if m.unseen_kinds and likely is not None:
            found |= self.unseen(chosen(said.answer.verb_logits, query), likely, there)
        embeddings = (said.answer.verb_embedding, said.answer.object_embedding)
        verb, thing = (chosen(embedding, query).float() for embedding in embeddings)
        if m.glimpse:
            found["glimpse"] = m.pair_share * m.glimpse_weight * mean_where(apart(verb, seen), there)
        if m.ranking:
            gap = self._ranked(verb, seen, words.verb_words)
            found["ranking"] = m.pair_share * m.ranking_weight * mean_where(gap, there)
        if m.pair_gaze:
            gap = apart(thing, gazes)
            if m.ranking:
                gap = gap + self._ranked(thing, gazes, words.object_words)
            found["gaze"] = m.pair_share * m.gaze_weight * mean_where(gap, there)
        return found

    def _ranked(self, mine: Tensor, theirs: Tensor, words: Words) -> Tensor:
        """(B, P) how differently two rank the words."""
        return divergence(
            *(F.linear(x, words.table.float()) / self.config.mipd.ranking_temperature for x in (mine, theirs))
        )


def apart(mine: Tensor, theirs: Tensor) -> Tensor:
    """(B, P) how far one vector is from another."""
    return 1 - F.cosine_similarity(mine, theirs, dim=-1)


Source = GlimpseSource | Testimony


class PairMethod(NamedTuple):
    """How a lesson is made of a student, its settings, the kinds that it may know of and what else it is given."""

    lesson: Callable[..., PairLesson]
    source: type[Source] | None = None  # of what it learns beside annotations, or instead of them
    given: Callable[[Kinds, str], tuple[Tensor, ...]] = lambda kinds, encoder: ()
    alone: bool = False  # it does without a source as well


PAIR_METHODS: dict[str, PairMethod] = {
    "none": PairMethod(PairLesson),
    "mipd": PairMethod(PairMipd, GlimpseSource),
    "clhoi": PairMethod(ClHoi, Testimony, lambda kinds, encoder: (words(kind_texts(kinds), encoder), acts(kinds))),
    "gplhoi": PairMethod(
        GplHoi, GlimpseSource, lambda kinds, encoder: (words(group_texts(kinds), encoder),), alone=True
    ),
}
LEARNS_FROM = {GlimpseSource: "a teacher; give --teacher", Testimony: "what is said of photos; give --detector"}


def gazes(method: str, settings: TrainConfig) -> bool:
    """Whether a training learns what its teacher sees of objects alone."""
    return method == "mipd" and settings.mipd.pair_gaze


def find_pair_method(name: str) -> PairMethod:
    """The method of that name."""
    if name not in PAIR_METHODS:
        raise InputError(f"--method: students of pairs take one of {', '.join(PAIR_METHODS)}, got {name!r}")
    return PAIR_METHODS[name]
