"""A bundle that looks at photos: the whole device side, in one object. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike

import numpy as np

from edgegsr.bundle import Bundle, open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.runtime.decode import decode, softmax
from edgegsr.runtime.session import BEST, open_session
from edgegsr.runtime.vocabulary import Name, Nouns, Tables, Verbs, Vocabulary, Words
from edgegsr.signature import Key
from edgegsr.situation import Ontology, Situation

Photo = Pixels | Source  # RGB (H, W, 3), a file, or what a file holds


class SituationRecognizer:
    """Who does what, with what, where. Any number of threads may ask it at once.

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
        self.bundle = bundle if isinstance(bundle, Bundle) else open_bundle(bundle, key)
        self._words = Words(self.bundle, threads)
        self.engine = engine or str(self.bundle.manifest.get("target", {}).get("engine", "onnxruntime"))
        self._run = open_session(self.bundle, self.engine, threads)

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

    def predict_in_steps(self, photo: Photo, verb: str | None = None, top: int = 5) -> Iterator[Situation | None]:
        """The same one step at a time, in the order of `steps`; the last one is the situation."""
        return self._steps(photo, verb, top, self._words.now)

    def _predict(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Situation:
        *_, situation = self._steps(photo, verb, top, words)
        assert situation is not None
        return situation

    def _steps(self, photo: Photo, verb: str | None, top: int, words: Vocabulary) -> Iterator[Situation | None]:
        ontology = words.ontology
        index = BEST if verb is None else ontology.verb_index[ontology.frame(verb).verb]
        if not isinstance(photo, (np.ndarray, str, bytes, PathLike)):
            raise InputError(
                f"photo: wanted a path, a file's bytes or RGB pixels (H, W, 3) of uint8, got {type(photo).__name__}"
            )
        seen = (photo,) if isinstance(photo, np.ndarray) else read_photo(photo, self.bundle.side)
        yield None
        square, geometry = letterbox(seen[0], self.bundle.side, *seen[1:])
        yield None
        try:
            said = words.ask(self._run, square, index)
            yield None
            yield decode(
                softmax(said["verb_logits"]),
                said["noun_logits"],
                said["boxes_xyxy"],
                said["presence"],
                geometry,
                ontology,
                verb,
                top,
            )
        except (ValueError, IndexError, TypeError) as error:
            raise InputError(
                f"{shown(self.bundle.folder)}: its graph does not answer as it should: {shown(error)}; export it again"
            ) from error

    def predict_all(self, photos: Iterable[Photo], verb: str | None = None, top: int = 5) -> list[Situation]:
        """One after the other: a graph looks at one photo at a time."""
        words = self._words.now
        return [self._predict(photo, verb, top, words) for photo in photos]
