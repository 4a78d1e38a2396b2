"""Words that an app has made up: as an ontology, and as vectors by the text encoder that lies in the bundle.

onnxruntime, whatever engine looks at photos, and the package `tokenizers`, which the extra `words` brings.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgegsr.errors import InputError, MissingExtra
from edgegsr.runtime.session import in_onnxruntime
from edgegsr.situation import Frame, Noun, Ontology, brief
from edgegsr.tensorfile import Array


class TextEncoder:
    """Texts as unit vectors."""

    def __init__(self, graph: bytes, tokenizer: bytes, width: int, where: str, threads: int | None = None) -> None:
        if importlib.util.find_spec("tokenizers") is None:
            raise MissingExtra("reading words on this device (tokenizers)", "words")
        from tokenizers import Tokenizer

        self.where, self.width = where, width
        try:
            with unheard():
                self._tokenizer = Tokenizer.from_str(tokenizer.decode())
            self._session = in_onnxruntime(graph, threads)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # both have exceptions of their own, and a panic of Rust is no Exception
            raise self._wanted("a text encoder", error) from error
        self._tokenizer.no_padding()

    def read(self, texts: Sequence[str]) -> dict[str, Array]:
        """A vector (t,) for each text."""
        return {text: half(self._one(text)) for text in texts}

    def _one(self, text: str) -> Array:
        try:
            with unheard():
                ids = np.array([self._tokenizer.encode(text).ids], np.int64)
            vector = np.asarray(self._session.run(None, {"input_ids": ids})[0], np.float32)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise self._wanted(f"a vector for {text[:40]!r}", error) from error
        if vector.shape != (1, self.width) or not np.isfinite(vector).all():
            raise InputError(f"{self.where}: wanted {self.width} numbers for {text[:40]!r}, got {vector.shape}")
        found: Array = vector[0]
        return found

    def _wanted(self, what: str, error: BaseException) -> InputError:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return InputError(f"{self.where}: wanted {what}, got: {reason[:200]}")


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Keeps off the terminal what a panic of Rust writes there itself; the exception says the same in one line."""
    try:
        terminal = os.dup(2)
    except OSError:  # there is none
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def unit(vectors: Array) -> Array:
    """The same directions with norm 1; zeros stay zeros."""
    length = np.sqrt(np.square(vectors).sum(-1, keepdims=True))
    return vectors / np.maximum(length, np.float32(1e-12))  # type: ignore[no-any-return]


def half(vectors: Array) -> Array:
    """What comes back from a file of 16 bits, so that words read here are those of a workstation."""
    return unit(unit(vectors).astype(np.float16).astype(np.float32))


def frames_of(verbs: Any) -> tuple[Frame, ...]:
    """Frames from {"kicking": ["agent"]}, {"kicking": {"roles": ["agent"], "definition": "…"}}, or a list of frames."""
    if isinstance(verbs, Mapping):
        verbs = [
            {"verb": verb, **roles} if isinstance(roles, Mapping) else {"verb": verb, "roles": roles}
            for verb, roles in verbs.items()
        ]
    return tuple(
        each if isinstance(each, Frame) else _ontology("frames", each).frames[0] for each in _each("verbs", verbs)
    )


def nouns_of(nouns: Any) -> tuple[Noun, ...]:
    """Nouns from ["ball", "person"], from a list of {"id": …, "gloss": […], "definition": …}, or of nouns."""
    if isinstance(nouns, Mapping):
        raise InputError("set_vocabulary: wanted nouns as a list of words, got a mapping")
    made = [{"id": each} if isinstance(each, str) else each for each in _each("nouns", nouns)]
    found = tuple(each if isinstance(each, Noun) else _ontology("nouns", each).nouns[-1] for each in made)
    blank = bool(made) and isinstance(made[0], Noun) and not made[0].id  # that of an ontology, given again
    for noun in found[blank:]:
        if not noun.id.strip() or not all(map(str.strip, noun.gloss)):
            raise InputError(f"set_vocabulary: wanted nouns with an id and words, got {brief(noun.id or noun.gloss)}")
    return found


def _each(what: str, given: Any) -> Iterable[Any]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"set_vocabulary: wanted a list of {what}, got {str(given)[:40]!r}")
    return given


def _ontology(what: str, raw: Any) -> Ontology:
    """The one frame or noun that a plain object describes."""
    if not isinstance(raw, Mapping):
        kind = 'a verb with its roles, as in {"kicking": ["agent", "item"]}' if what == "frames" else "a noun"
        raise InputError(f"set_vocabulary: wanted {kind}, got {str(raw)[:40]!r}")
    if isinstance(raw.get("roles"), str):
        raise InputError(f"set_vocabulary: wanted the roles of a verb as a list, got {raw['roles'][:40]!r}")
    raw = {key: list(value) if isinstance(value, tuple) else value for key, value in raw.items()}
    try:
        text = json.dumps({"frames": [], "nouns": [], what: [raw]})
    except (TypeError, ValueError) as error:
        raise InputError(f"set_vocabulary: wanted words, got {error}") from error
    return Ontology.from_json(text, "set_vocabulary")
