"""The words of a bundle: folded into its graph, or tables that go in with every photo and may change at run time.

    recognizer.set_vocabulary(verbs={"kicking": ["agent", "victim"]}, nouns=["ball", "woman"])

Words belong to the vectors of one text encoder. A verb that the bundle came with keeps its handicap (the seen bias that
training chose); a new one has none. numpy.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.bundle import ASK_TABLES, GRAPH, TABLES, TEXT_GRAPH, TOKENIZER, VOCABULARY, Bundle
from edgegsr.errors import InputError, shown
from edgegsr.files import read_file
from edgegsr.graphfile import read_graph
from edgegsr.runtime.session import Asker, Engine, Numbers, Pixels
from edgegsr.runtime.words import TextEncoder, frames_of, half, nouns_of, unit
from edgegsr.situation import MAX_ROLES, Frame, Noun, Ontology
from edgegsr.tensorfile import Array, read_tensors
from edgegsr.wording import ontology_hash, texts_of

FORMAT = "edgegsr-text-1"  # of files of tables
MOST_BYTES = 1 << 30  # of a file of tables, and of tables in memory

Name = str | PathLike[str]
Verbs = Mapping[str, Sequence[str] | Mapping[str, Any]] | Iterable[Frame | Mapping[str, Any]]
Nouns = Iterable[str | Noun | Mapping[str, Any]]


@dataclass(frozen=True)
class Room:
    """What the graph of a bundle takes in, and whose vectors."""

    verbs: int
    nouns: int  # the empty one included
    width: int
    encoder: str
    revision: str = ""

    def __post_init__(self) -> None:
        for name, least in (("verbs", 1), ("nouns", 2), ("width", 1)):
            if type(size := getattr(self, name)) is not int or size < least:
                raise InputError(f"vocabulary: {name} must be {least} or more, got {size!r}")
        if 4 * self.width * (self.verbs * (1 + MAX_ROLES) + self.nouns) > MOST_BYTES:
            raise InputError(f"vocabulary: room for {self.verbs} verbs and {self.nouns} nouns is too much")
        if not isinstance(self.encoder, str) or not isinstance(self.revision, str):
            raise InputError("vocabulary: wanted the name and the revision of a text encoder")

    @classmethod
    def of(cls, told: Mapping[str, Any], where: str) -> Room:
        """What a manifest says."""
        try:
            sizes = told["capacity"]["verbs"], told["capacity"]["nouns"], told["text_width"]
            return cls(*sizes, told["text_encoder"], told.get("text_revision", ""))
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: 'vocabulary' lacks a capacity, a text width or a text encoder") from error
        except InputError as error:
            raise InputError(f"{where}: {error}") from error

    def facts(self) -> dict[str, Any]:
        """The same, for a manifest."""
        return {
            "capacity": {"verbs": self.verbs, "nouns": self.nouns},
            "text_width": self.width,
            "text_encoder": self.encoder,
            "text_revision": self.revision,
        }


@dataclass(frozen=True)
class Tables:
    """Unit vectors for the words of one ontology."""

    verbs: Array  # (K, t)
    roles: Array  # (K, 6, t), zeros past the frame
    nouns: Array  # (J, t)
    encoder: str
    ontology: str = ""  # hash of the words that the rows belong to
    revision: str = ""  # of the encoder

    @classmethod
    def read(cls, content: bytes, where: str) -> tuple[Tables, Array | None]:
        """The tables of a file, and the handicaps (K,) of its verbs where it has some."""
        found, facts = read_tensors(content, where)
        if facts.get("format") != FORMAT:
            raise InputError(f"{where}: wanted the format {FORMAT}, got {str(facts.get('format'))[:40]!r}")
        if missing := [name for name in ("verbs", "roles", "nouns") if name not in found]:
            raise InputError(f"{where}: wanted text tables, lacks {', '.join(missing)}")
        verbs, roles, nouns = found["verbs"], found["roles"], found["nouns"]
        handicap = found.get("handicap", np.zeros(len(verbs), np.float32) if verbs.ndim else verbs)
        shapes = [list(each.shape) for each in (verbs, roles, nouns, handicap)]
        if verbs.ndim != 2 or nouns.ndim != 2 or shapes != _shapes(len(verbs), len(nouns), verbs.shape[1]):
            raise InputError(f"{where}: wanted verbs, roles, nouns (and handicap) that fit each other, got {shapes}")
        if not all(np.isfinite(each).all() for each in (verbs, roles, nouns, handicap)):
            raise InputError(f"{where}: wanted numbers, got NaN or inf")
        told = {name: facts.get(name, "") for name in ("encoder", "ontology", "revision")}
        return cls(unit(verbs), unit(roles), unit(nouns), **told), found.get("handicap")


def _shapes(verbs: int, nouns: int, width: int) -> list[list[int]]:
    return [[verbs, width], [verbs, MAX_ROLES, width], [nouns, width], [verbs]]


@dataclass(frozen=True)
class Vocabulary:
    """The words of one answer; nothing of it changes."""

    ontology: Ontology
    tables: Tables | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)  # of the graph, beside pixels and verb

    def ask(self, engine: Engine, pixels: Pixels, verb: int) -> Numbers:
        """What the graph says of these words and of nothing past them."""
        return self._cut(engine(pixels, verb, self.inputs))

    def ask_again(self, asker: Asker, tokens: Array, verb: int) -> Numbers:
        """The same about another verb, by what was seen."""
        return self._cut(asker(tokens, verb, {name: self.inputs[name] for name in ASK_TABLES if self.inputs}))

    def _cut(self, said: Numbers) -> Numbers:
        """Without what lies past the words."""
        counts = {"verb_logits": len(self.ontology.verbs), "noun_logits": len(self.ontology.nouns)}
        return {name: v[..., : counts[name]] if self.inputs and name in counts else v for name, v in said.items()}


class Words:
    """The vocabulary of a recognizer: `now` is one at any moment, and `change` puts another in its place."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle, self._threads, self._changing = bundle, threads, threading.Lock()
        ontology = Ontology.from_json(bundle.vocabulary, f"{shown(bundle.folder)}: {VOCABULARY}")
        self.room, self._handicap = None, dict[str, float]()
        self.now = Vocabulary(ontology)
        if TABLES not in bundle.words:
            return
        where = shown(bundle.folder / TABLES)
        self.room = Room.of(bundle.manifest["vocabulary"], f"{shown(bundle.folder)}: manifest.json")
        tables, handicap = Tables.read(bundle.words[TABLES], where)
        if handicap is not None and len(handicap) == len(ontology.verbs):
            self._handicap = dict(zip(ontology.verbs, handicap.tolist()))
        self.now = self._filled(ontology, tables, where)
        shapes = read_graph(bundle.graph, shown(bundle.folder / GRAPH)).shapes
        if any(shapes[name] != values.shape for name, values in self.now.inputs.items()):
            raise InputError(
                f"{shown(bundle.folder)}: the room in its manifest.json is not that of its graph; export it again"
            )

    def change(
        self,
        ontology: Ontology | Name | None = None,
        tables: Tables | Name | None = None,
        verbs: Verbs | None = None,
        nouns: Nouns | None = None,
    ) -> None:
        """Other words from now on; without `tables`, the bundle's own text encoder reads them."""
        if self.room is None:
            raise InputError(
                f"{shown(self.bundle.folder)}: its words are folded into its graph; export it with --vocab input"
            )
        if (ontology is None) == (verbs is None and nouns is None) or (ontology is None and tables is not None):
            raise InputError("set_vocabulary: wanted an ontology, with tables or without, or else verbs, nouns or both")
        with self._changing:
            if isinstance(ontology, (str, PathLike)):
                ontology = _ontology(ontology)
            if ontology is None:
                ontology = Ontology(
                    self.now.ontology.frames if verbs is None else frames_of(verbs),
                    self.now.ontology.nouns if nouns is None else nouns_of(nouns),
                )
            where = "set_vocabulary"
            if isinstance(tables, (str, PathLike)):
                where = str(tables)
                tables, _ = Tables.read(_bytes(tables), where)
            self._fits(ontology, where)  # before a text is read
            if len(ontology.nouns) < 2:
                raise InputError(f"{where}: wanted one noun at least beside the empty one, got none")
            self.now = self._filled(ontology, tables or self._read(ontology), where)

    def _read(self, ontology: Ontology) -> Tables:
        """The tables of an ontology by the bundle's text encoder; what stays as it is is not read again."""
        before, old = self.now.tables, self.now.ontology
        assert before is not None and self.room is not None
        said = texts_of(ontology)
        same_verbs, same_nouns = ontology.frames == old.frames, ontology.nouns == old.nouns
        if same_verbs:
            said = said._replace(verbs=[], roles=[])
        if same_nouns:
            said = said._replace(nouns=[])
        vectors = self._encoder.read(said.every)
        padding = np.zeros(self.room.width, np.float32)
        roles = [[vectors[text] for text in group] for group in said.roles]
        return Tables(
            before.verbs if same_verbs else half(np.stack([np.mean([vectors[t] for t in g], 0) for g in said.verbs])),
            before.roles if same_verbs else np.stack([[*g, *[padding] * (MAX_ROLES - len(g))] for g in roles]),
            before.nouns if same_nouns else np.stack([vectors[text] for text in said.nouns]),
            self.room.encoder,
            revision=self.room.revision,
        )

    @cached_property
    def _encoder(self) -> TextEncoder:
        assert self.room is not None
        if TEXT_GRAPH not in self.bundle.words:
            raise InputError(
                f"{shown(self.bundle.folder)}: has no text encoder to read words with; give tables that `edgegsr text` "
                "made, or export it with --with-text-encoder"
            )
        files, where = self.bundle.words, shown(self.bundle.folder / "text")
        return TextEncoder(files[TEXT_GRAPH], files[TOKENIZER], self.room.width, where, self._threads)

    def _fits(self, ontology: Ontology, where: str) -> None:
        assert self.room is not None
        if not ontology.frames:
            raise InputError(f"{where}: wanted one verb at least, got none")
        for what, count, most in (
            ("verbs", len(ontology.verbs), self.room.verbs),
            ("nouns (the one for an empty role among them)", len(ontology.nouns), self.room.nouns),
        ):
            if count > most:
                raise InputError(
                    f"{where}: this bundle has room for {most} {what}, got {count}; "
                    "leave some out or export it with a larger --capacity"
                )

    def _filled(self, ontology: Ontology, tables: Tables, where: str) -> Vocabulary:
        """The words in the room that the graph has for them."""
        room = self.room
        assert room is not None
        self._fits(ontology, where)
        if (width := tables.verbs.shape[-1]) != room.width:
            raise InputError(f"{where}: this bundle speaks in vectors of {room.width}, got {width}{_embed(room)}")
        same = tables.revision == room.revision if tables.revision and room.revision else tables.encoder == room.encoder
        if not same:
            raise InputError(f"{where}: made with {tables.encoder[:80]!r} as it is there{_embed(room)}")
        counts = len(ontology.verbs), len(ontology.nouns)
        if counts != (len(tables.verbs), len(tables.nouns)) or tables.ontology not in ("", ontology_hash(ontology)):
            raise InputError(
                f"{where}: not made from these words ({counts[0]} verbs and {counts[1]} nouns; "
                f"the tables have {len(tables.verbs)} and {len(tables.nouns)}); make both from one ontology"
            )
        return Vocabulary(ontology, tables, padded(room, ontology, tables, self._handicap))


def padded(room: Room, ontology: Ontology, tables: Tables, handicap: Mapping[str, float]) -> dict[str, Any]:
    """The inputs of a graph: zeros past the words."""
    rows = {"verb_table": (room.verbs, tables.verbs), "role_table": (room.verbs, tables.roles)}
    rows |= {
        "role_count": (room.verbs, np.array([len(frame.roles) for frame in ontology.frames], np.int64)),
        "handicap": (room.verbs, np.array([handicap.get(verb, 0.0) for verb in ontology.verbs], np.float32)),
        "noun_table": (room.nouns - 1, tables.nouns[1:]),  # an empty role has a vector of the graph's own
    }
    found: dict[str, Any] = {}
    for name, (most, values) in rows.items():
        found[name] = np.zeros((most, *values.shape[1:]), values.dtype)
        found[name][: len(values)] = values
    found["verb_count"] = np.array([len(ontology.verbs)], np.int64)
    found["noun_count"] = np.array([len(ontology.nouns)], np.int64)
    return found


def _ontology(path: Name) -> Ontology:
    try:
        return Ontology.from_json(_bytes(path).decode(), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: wanted an ontology as text, got {error}") from error


def _embed(room: Room) -> str:
    name = shlex.quote(shown(room.encoder[:200]))
    return f"; read the words with its own encoder: edgegsr text ONTOLOGY.json --encoder {name} --out FILE"


def _bytes(path: Name) -> bytes:
    try:
        content = read_file(Path(path), MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{shown(path)}: wanted at most {MOST_BYTES:,} bytes")
    return content
