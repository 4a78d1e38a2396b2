"""A bundle that looks at photos: the whole device side, in one object. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np

from edgegsr.bundle import Bundle, open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.runtime.decode import decode, softmax
from edgegsr.runtime.session import BEST, open_session
from edgegsr.signature import Key
from edgegsr.situation import Ontology, Situation

Photo = Pixels | Source  # RGB (H, W, 3), a file, or what a file holds


class SituationRecognizer:
    """Who does what, with what, where. Any number of threads may ask it at once.

    The engine is the one that the bundle was made for, unless another is named. With a public `key`, a PEM file, a
    bundle that was not signed with the other half of it is refused.
    """

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
        self.ontology = Ontology.from_json(self.bundle.vocabulary, f"{shown(self.bundle.folder)}: vocabulary.json")
        self.engine = engine or str(self.bundle.manifest.get("target", {}).get("engine", "onnxruntime"))
        self._run = open_session(self.bundle, self.engine, threads)

    def predict(self, photo: Photo, verb: str | None = None, top: int = 5) -> Situation:
        """The situation of the best verb, or of a verb of the caller's choice, with the `top` likeliest verbs."""
        index = BEST if verb is None else self.ontology.verb_index[self.ontology.frame(verb).verb]
        seen = (photo,) if isinstance(photo, np.ndarray) else read_photo(photo, self.bundle.side)
        square, geometry = letterbox(seen[0], self.bundle.side, *seen[1:])
        said = self._run(square, index)
        try:
            return decode(
                softmax(said["verb_logits"]),
                said["noun_logits"],
                said["boxes_xyxy"],
                said["presence"],
                geometry,
                self.ontology,
                verb,
                top,
            )
        except ValueError as error:
            raise InputError(
                f"{shown(self.bundle.folder)}: its graph does not answer as it should: {shown(error)}; export it again"
            ) from error

    def predict_all(self, photos: Iterable[Photo], verb: str | None = None, top: int = 5) -> list[Situation]:
        """One after the other: a graph looks at one photo at a time."""
        return [self.predict(photo, verb, top) for photo in photos]
