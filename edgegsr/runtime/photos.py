"""Photos on their way through a bundle: what every recognizer does, whatever it says of them. numpy and pillow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TypeVar

import numpy as np

from edgegsr.boxes import Letterbox
from edgegsr.bundle import PAIRS, SITUATIONS, Bundle, open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.runtime.session import Numbers, open_session
from edgegsr.shipped import find_bundle
from edgegsr.signature import Key

Photo = Pixels | Source  # RGB (H, W, 3), a file, or what a file holds
Seen = tuple[Pixels, "tuple[int, int] | None"]  # and the size of the whole photo, where those are a part of it
Answer = TypeVar("Answer")
OPENED_BY = {
    (SITUATIONS,): "SituationRecognizer",
    (PAIRS,): "InteractionRecognizer",
    (SITUATIONS, PAIRS): "BothRecognizer",
}


class Recognizer(ABC):
    """A bundle in its engine, and the way of a photo through it. Any number of threads may ask it at once.

    A bundle is a folder, one that was opened already, or the name of one that ships: "diorama-nano".
    The engine is the one that the bundle was made for, unless another is named. With a public `key`, a PEM file, a
    bundle that was not signed with the other half of it is refused.
    """

    steps = ("decode", "preprocess", "network", "answer")  # of a photo on its way to what is said of it
    heads: tuple[str, ...]  # what it says

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
        if not set(self.heads) <= set(self.bundle.heads):
            (says,) = self.bundle.heads
            right, wrong = OPENED_BY[says,], OPENED_BY[self.heads]
            raise InputError(
                f"{shown(self.bundle.folder)}: is a bundle of {says}; open it with {right} instead of {wrong}"
            )
        self.engine = engine or self.bundle.engine
        self._prepare(threads)
        self._run = open_session(self.bundle, self.engine, threads)

    @abstractmethod
    def _prepare(self, threads: int | None) -> None:
        """Reads what the numbers of the graph stand for, before the graph is opened in its engine."""

    def _steps(
        self, photo: Photo, ask: Callable[[Pixels], Numbers], answer: Callable[[Numbers, Letterbox], Answer]
    ) -> Iterator[Answer | None]:
        """One of `steps` at a time; the last one is what is said."""
        seen = self._seen(photo)
        yield None
        square, geometry = self._square(seen)
        yield None
        with self._answering():
            said = ask(square)
            yield None
            yield answer(said, geometry)

    def _seen(self, photo: Photo) -> Seen:
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


def last(steps: Iterator[Answer | None]) -> Answer:
    """What comes of the last step."""
    *_, said = steps
    assert said is not None
    return said


def each(photos: Iterable[Photo]) -> Iterable[Photo]:
    """Several photos, one after the other; one by itself is refused."""
    if isinstance(photos, (str, bytes, PathLike)) or (isinstance(photos, np.ndarray) and photos.ndim == 3):
        raise InputError("predict_all: wanted a list of photos, got one; write predict_all([photo]) or predict(photo)")
    return photos
