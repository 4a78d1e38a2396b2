"""A bundle that says situations: the whole device side, in one object. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from edgegsr.boxes import Letterbox
from edgegsr.bundle import SITUATIONS, TOKENS
from edgegsr.runtime.decode import decode, softmax
from edgegsr.runtime.photos import Photo, Recognizer, each, last
from edgegsr.runtime.session import BEST, Numbers, open_asker
from edgegsr.runtime.vocabulary import Name, Nouns, Tables, Verbs, Vocabulary, Words
from edgegsr.situation import Ontology, Situation


@dataclass(frozen=True)
class Look:
    """What was seen of one photo: the likeliest situation, and whatever else is asked about it."""

    situation: Situation
    _ask: Callable[[str], Situation] = field(repr=False)

    def ask(self, verb: str) -> Situation:
        """The situation of a verb of the caller's choice."""
        return self._ask(verb)


class SituationRecognizer(Recognizer):
    """Who does what, with what, where."""

    heads = (SITUATIONS,)

    def _prepare(self, threads: int | None) -> None:
        self._words = Words(self.bundle, threads)
        # six queries are no work for two threads, and those of two engines get in each other's way
        self._ask = open_asker(self.bundle, self.engine, 1) if self.bundle.ask else None

    @property
    def ontology(self) -> Ontology:
        """The words that it speaks now."""
        return self._words.now.ontology

    def set_vocabulary(
        self,
        ontology: Ontology | Name | None = None,
        tables: Tables | Name | None = None,
        *,
        verbs: Verbs | None = None,
        nouns: Nouns | None = None,
    ) -> None:
        """Other words from now on, for a bundle whose vocabulary is an input; calls in flight end with the old ones.

        An ontology, or its file, with the tables that `edgegsr text` made of it; or without tables, or as plain
        `verbs={"kicking": ["agent", "item"]}` and `nouns=["ball"]` (one that is left out stays as it is), where the
        bundle has its text encoder.
        """
        self._words.change(ontology, tables, verbs, nouns)

    def predict(self, photo: Photo, verb: str | None = None, top: int = 5) -> Situation:
        """The situation of the best verb, or of a verb of the caller's choice, with the `top` likeliest verbs."""
        return self._predict(photo, verb, top, self._words.now)

    def look(self, photo: Photo, top: int = 5) -> Look:
        """What is seen of a photo, to be asked about any number of verbs, in the words of now.

        With the graph that `edgegsr export --with-ask` adds, a question costs the decoder alone; without it, the
        network looks again at pixels that were read once.
        """
        words = self._words.now
        square, geometry = self._square(self._seen(photo))
        with self._answering():
            said = words.ask(self._run, square, BEST)
            best = situation(said, geometry, words, None, top)

        def ask(verb: str) -> Situation:
            index = words.ontology.verb_index[words.ontology.frame(verb).verb]
            if verb == best.verb:
                return best
            with self._answering():
                if self._ask is None:
                    return situation(words.ask(self._run, square, index), geometry, words, verb, top)
                again = words.ask_again(self._ask, said[TOKENS], index)
                return situation({**said, **again}, geometry, words, verb, top)

        return Look(best, ask)

    def predict_in_steps(self, photo: Photo, verb: str | None = None, top: int = 5) -> Iterator[Situation | None]:
        """The same one step at a time, in the order of `steps`; the last one is the situation."""
        return self._of(photo, verb, top, self._words.now)

    def _predict(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Situation:
        return last(self._of(photo, verb, top, words))

    def _of(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Iterator[Situation | None]:
        index = BEST if verb is None else words.ontology.verb_index[words.ontology.frame(verb).verb]
        return self._steps(
            photo,
            lambda square: words.ask(self._run, square, index),
            lambda said, geometry: situation(said, geometry, words, verb, top),
        )

    def predict_all(self, photos: Iterable[Photo], verb: str | None = None, top: int = 5) -> list[Situation]:
        """One after the other: a graph looks at one photo at a time."""
        words = self._words.now
        return [self._predict(photo, verb, top, words) for photo in each(photos)]


def situation(said: Numbers, geometry: Letterbox, words: Vocabulary, verb: str | None, top: int) -> Situation:
    """What the numbers of a graph say of this verb, or of the likeliest."""
    return decode(
        softmax(said["verb_logits"]),
        said["noun_logits"],
        said["boxes_xyxy"],
        said["presence"],
        geometry,
        words.ontology,
        verb,
        top,
    )
