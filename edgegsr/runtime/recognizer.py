"""A bundle that looks at photos: the whole device side, in one object. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from edgegsr.boxes import Letterbox
from edgegsr.bundle import TOKENS, Bundle, open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.runtime.decode import decode, softmax
from edgegsr.runtime.session import BEST, Numbers, open_asker, open_session
from edgegsr.runtime.vocabulary import Name, Nouns, Tables, Verbs, Vocabulary, Words
from edgegsr.shipped import find_bundle
from edgegsr.signature import Key
from edgegsr.situation import Ontology, Situation

Photo = Pixels | Source  # RGB (H, W, 3), a file, or what a file holds
Seen = tuple[Pixels, "tuple[int, int] | None"]  # and the size of the whole photo, where those are a part of it


@dataclass(frozen=True)
class Look:
    """What was seen of one photo: the likeliest situation, and whatever else is asked about it."""

    situation: Situation
    _ask: Callable[[str], Situation] = field(repr=False)

    def ask(self, verb: str) -> Situation:
        """The situation of a verb of the caller's choice."""
        return self._ask(verb)


class SituationRecognizer:
    """Who does what, with what, where. Any number of threads may ask it at once.

    A bundle is a folder, one that was opened already, or the name of one that ships: "diorama-nano".
    The engine is the one that the bundle was made for, unless another is named. With a public `key`, a PEM file, a
    bundle that was not signed with the other half of it is refused.
    """

    steps = ("decode", "preprocess", "network", "answer")  # of a photo on its way to a situation

    def __init__(
        self,
        bundle: Bundle | str | PathLike[str],
        engine: str | None = None,
        threads: int | None = None,
        key: Key | None = None,
    ) -> None:
        if isinstance(bundle, Bundle) and key is not None:
            raise ValueError("key: the bundle is open already; give the key to `open_bundle`")
        self.bundle = bundle if isinstance(bundle, Bundle) else open_bundle(find_bundle(bundle), key)
        self._words = Words(self.bundle, threads)
        self.engine = engine or str(self.bundle.manifest.get("target", {}).get("engine", "onnxruntime"))
        self._run = open_session(self.bundle, self.engine, threads)
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
        square, geometry = self._square(self._read(photo))
        with self._answering():
            said = words.ask(self._run, square, BEST)
            best = _situation(said, geometry, words, None, top)

        def ask(verb: str) -> Situation:
            index = words.ontology.verb_index[words.ontology.frame(verb).verb]
            if verb == best.verb:
                return best
            with self._answering():
                if self._ask is None:
                    return _situation(words.ask(self._run, square, index), geometry, words, verb, top)
                again = words.ask_again(self._ask, said[TOKENS], index)
                return _situation({**said, **again}, geometry, words, verb, top)

        return Look(best, ask)

    def predict_in_steps(self, photo: Photo, verb: str | None = None, top: int = 5) -> Iterator[Situation | None]:
        """The same one step at a time, in the order of `steps`; the last one is the situation."""
        return self._steps(photo, verb, top, self._words.now)

    def _predict(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Situation:
        *_, situation = self._steps(photo, verb, top, words)
        assert situation is not None
        return situation

    def _steps(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Iterator[Situation | None]:
        index = BEST if verb is None else words.ontology.verb_index[words.ontology.frame(verb).verb]
        seen = self._read(photo)
        yield None
        square, geometry = self._square(seen)
        yield None
        with self._answering():
            said = words.ask(self._run, square, index)
            yield None
            yield _situation(said, geometry, words, verb, top)

    def _read(self, photo: Photo) -> Seen:
        if isinstance(photo, np.ndarray):
            return photo, None
        if not isinstance(photo, (str, bytes, PathLike)):
            raise InputError(
                f"photo: wanted a path, a file's bytes or RGB pixels (H, W, 3) of uint8, got {type(photo).__name__}"
            )
        return read_photo(photo, self.bundle.side)

    def _square(self, seen: Seen) -> tuple[Pixels, Letterbox]:
        return letterbox(seen[0], self.bundle.side, seen[1])

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, IndexError, TypeError) as error:
            raise InputError(
                f"{shown(self.bundle.folder)}: its graph does not answer as it should: {shown(error)}; export it again"
            ) from error

    def predict_all(self, photos: Iterable[Photo], verb: str | None = None, top: int = 5) -> list[Situation]:
        """One after the other: a graph looks at one photo at a time."""
        if isinstance(photos, (str, bytes, PathLike)) or (isinstance(photos, np.ndarray) and photos.ndim == 3):
            raise InputError(
                "predict_all: wanted a list of photos, got one; write predict_all([photo]) or predict(photo)"
            )
        words = self._words.now
        return [self._predict(photo, verb, top, words) for photo in photos]


def _situation(said: Numbers, geometry: Letterbox, words: Vocabulary, verb: str | None, top: int) -> Situation:
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
