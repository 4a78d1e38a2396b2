"""A bundle that says situations and interactions: one look at a photo for both. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.interactions import Kinds
from edgegsr.runtime.decode_pairs import SURE
from edgegsr.runtime.interactions import interactions, kinds_of, sureness
from edgegsr.runtime.photos import Photo, Recognizer, each, last
from edgegsr.runtime.recognizer import situation
from edgegsr.runtime.session import BEST
from edgegsr.runtime.vocabulary import Words
from edgegsr.situation import Interaction, Ontology, Situation


class Both(NamedTuple):
    """What is said of one photo."""

    situation: Situation
    interactions: list[Interaction]


class BothRecognizer(Recognizer):
    """Who does what, with what, where; and every human that does something with an object."""

    heads = (SITUATIONS, PAIRS)
    kinds: Kinds  # of interaction, which it can say

    def _prepare(self, threads: int | None) -> None:
        self._words, self.kinds = Words(self.bundle, threads), kinds_of(self.bundle)

    @property
    def ontology(self) -> Ontology:
        """The words of situations."""
        return self._words.now.ontology

    def predict(self, photo: Photo, verb: str | None = None, top: int = 5, sure: float = SURE) -> Both:
        """The situation of the best verb, or of one of the caller's choice, and what is as likely as `sure` or more."""
        return last(self.predict_in_steps(photo, verb, top, sure))

    def predict_all(self, photos: Iterable[Photo], verb: str | None = None, top: int = 5) -> list[Both]:
        """One after the other: a graph looks at one photo at a time."""
        return [self.predict(photo, verb, top) for photo in each(photos)]

    def predict_in_steps(
        self, photo: Photo, verb: str | None = None, top: int = 5, sure: float = SURE
    ) -> Iterator[Both | None]:
        """The same one step at a time, in the order of `steps`; the last one is what is said."""
        words, least = self._words.now, sureness(sure)
        index = BEST if verb is None else words.ontology.verb_index[words.ontology.frame(verb).verb]
        return self._steps(
            photo,
            lambda square: words.ask(self._run, square, index),
            lambda said, geometry: Both(
                situation(said, geometry, words, verb, top), interactions(said, geometry, self.kinds, least)
            ),
        )
