"""The words of the domain: verbs with frames, roles, nouns, and the situations and interactions they describe.

Pure values, validated once when they are made. Indices into an `Ontology` are what every array in the project holds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from edgegsr.errors import InputError, shown

MAX_ROLES = 6
BLANK = 0  # noun index of "": the role is empty. A real, scored answer.
OOV = -1  # noun index of an annotated noun that the ontology does not have; no prediction equals it

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the original image


def box_of(edges: Sequence[float]) -> Box:
    """Four edges as a box."""
    x1, y1, x2, y2 = edges
    return x1, y1, x2, y2


@dataclass(frozen=True)
class Frame:
    """One verb with its roles in their fixed order."""

    verb: str
    roles: tuple[str, ...]
    definition: str = ""
    abstract: str = ""  # "the AGENT drinks a LIQUID from a CONTAINER"
    role_definitions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.verb.strip():
            raise InputError("a frame needs a verb, got an empty word")
        if not 1 <= len(self.roles) <= MAX_ROLES:
            raise InputError(f"frame {self.verb!r}: wanted 1 to {MAX_ROLES} roles, got {len(self.roles)}")
        if len(set(self.roles)) != len(self.roles) or not all(str(role).strip() for role in self.roles):
            raise InputError(f"frame {self.verb!r}: roles must be distinct words, got {list(self.roles)}")
        if self.role_definitions and len(self.role_definitions) != len(self.roles):
            raise InputError(
                f"frame {self.verb!r}: wanted {len(self.roles)} role definitions, got {len(self.role_definitions)}"
            )


@dataclass(frozen=True)
class Noun:
    """What can fill a role: an id that files use and the words that people use."""

    id: str
    gloss: tuple[str, ...] = ()
    definition: str = ""

    @property
    def word(self) -> str:
        """The first gloss, or the id where there is none."""
        return self.gloss[0] if self.gloss else self.id


BLANK_NOUN = Noun("", ("nothing",), "the role is empty")


@dataclass(frozen=True)
class Ontology:
    """The vocabulary of a dataset, a bundle or an app. `nouns[0]` is always the blank noun."""

    frames: tuple[Frame, ...]
    nouns: tuple[Noun, ...]

    def __post_init__(self) -> None:
        if not self.nouns or self.nouns[0].id != "":
            object.__setattr__(self, "nouns", (BLANK_NOUN, *self.nouns))
        if len(self.verb_index) != len(self.frames):
            raise InputError(f"ontology: verb {_first_twice(self.verbs)!r} stands twice")
        if len(self.noun_index) != len(self.nouns):
            raise InputError(f"ontology: noun {_first_twice([n.id for n in self.nouns])!r} stands twice")

    @cached_property
    def verbs(self) -> tuple[str, ...]:
        return tuple(frame.verb for frame in self.frames)

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """Every role name once, in order of first use."""
        return tuple(dict.fromkeys(role for frame in self.frames for role in frame.roles))

    @cached_property
    def verb_index(self) -> dict[str, int]:
        return {frame.verb: i for i, frame in enumerate(self.frames)}

    @cached_property
    def noun_index(self) -> dict[str, int]:
        return {noun.id: i for i, noun in enumerate(self.nouns)}

    def frame(self, verb: str) -> Frame:
        if verb not in self.verb_index:
            raise InputError(f"verb {verb!r} is not among the {len(self.frames)} verbs of this ontology")
        return self.frames[self.verb_index[verb]]

    def to_json(self) -> str:
        return json.dumps(
            {
                "frames": [_as_object(frame) for frame in self.frames],
                "nouns": [_as_object(noun) for noun in self.nouns],
            },
            ensure_ascii=False,
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str, where: str = "ontology") -> Ontology:
        try:
            raw = json.loads(text)
            frames = tuple(_from_object(Frame, "frame", each) for each in _listed(raw, "frames"))
            nouns = tuple(_from_object(Noun, "noun", each) for each in _listed(raw, "nouns"))
            return cls(frames, nouns)
        except InputError as error:
            raise InputError(f"{where}: {shown(error)[:300]}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{where}: wanted an ontology with 'frames' and 'nouns', got {shown(error)[:300]}"
            ) from error


@dataclass(frozen=True)
class Filler:
    """What fills one role: a noun id ("" for nothing), where it is, and how sure that is."""

    noun: str
    box_xyxy: Box | None = None
    confidence: float = 1.0

    def __post_init__(self) -> None:
        _check_confidence("filler", self.confidence)
        if self.box_xyxy is not None:
            _check_box("filler", self.box_xyxy)


@dataclass(frozen=True)
class Situation:
    """One filled frame: the verb and, in the order of its roles, who and what plays them."""

    verb: str
    fillers: Mapping[str, Filler]
    confidence: float = 1.0
    verbs: tuple[tuple[str, float], ...] = field(default=())  # the best verbs with their confidence, best first

    def __post_init__(self) -> None:
        _check_confidence(f"situation {self.verb!r}", self.confidence)

    def check(self, ontology: Ontology) -> None:
        """Raises unless the roles and nouns are those of `ontology`."""
        frame = ontology.frame(self.verb)
        if tuple(self.fillers) != frame.roles:
            raise InputError(f"situation {self.verb!r}: wanted the roles {list(frame.roles)}, got {list(self.fillers)}")
        for role, filler in self.fillers.items():
            if filler.noun not in ontology.noun_index:
                raise InputError(f"situation {self.verb!r}, role {role!r}: unknown noun {filler.noun!r}")

    def to_json(self) -> str:
        return json.dumps(
            {
                "verb": self.verb,
                "confidence": self.confidence,
                "verbs": [list(pair) for pair in self.verbs],
                "fillers": {
                    role: {"noun": f.noun, "box": list(f.box_xyxy) if f.box_xyxy else None, "confidence": f.confidence}
                    for role, f in self.fillers.items()
                },
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Situation:
        try:
            raw = json.loads(text)
            fillers = {
                role: Filler(f["noun"], _box_or_none(f["box"]), f.get("confidence", 1.0))
                for role, f in raw["fillers"].items()
            }
            ranked = tuple((verb, confidence) for verb, confidence in raw.get("verbs", ()))
            return cls(raw["verb"], fillers, raw.get("confidence", 1.0), ranked)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"wanted a situation with 'verb' and 'fillers', got {error}") from error


@dataclass(frozen=True)
class Interaction:
    """One human-object pair: the pair-level sibling of a situation."""

    human_xyxy: Box
    object_xyxy: Box | None
    noun: str
    verb: str
    score: float

    @property
    def predicted(self) -> dict[str, Any]:
        """As `edgegsr score` reads it."""
        boxes = {"human": list(self.human_xyxy), "object": list(self.object_xyxy) if self.object_xyxy else None}
        return {**boxes, "object_category": self.noun, "verb": self.verb, "score": self.score}

    def __post_init__(self) -> None:
        _check_confidence(f"interaction {self.verb!r}", self.score)
        _check_box(f"interaction {self.verb!r}, human", self.human_xyxy)
        if self.object_xyxy is not None:
            _check_box(f"interaction {self.verb!r}, object", self.object_xyxy)


def _check_box(where: str, box: Sequence[float]) -> None:
    if len(box) != 4 or not all(math.isfinite(v) for v in box) or box[2] < box[0] or box[3] < box[1]:
        raise InputError(f"{where}: wanted a box [x1, y1, x2, y2] with x1 <= x2 and y1 <= y2, got {list(box)}")


def _check_confidence(where: str, confidence: float) -> None:
    if not 0.0 <= confidence <= 1.0:
        raise InputError(f"{where}: wanted a confidence between 0 and 1, got {confidence}")


def _box_or_none(raw: Sequence[float] | None) -> Box | None:
    return None if raw is None else (float(raw[0]), float(raw[1]), float(raw[2]), float(raw[3]))


def _as_object(value: Frame | Noun) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(value).items() if v not in ("", ())}


def _listed(raw: Any, name: str) -> list[Any]:
    found = raw.get(name) if isinstance(raw, dict) else None
    if isinstance(found, list):
        return found
    got = f"{name!r} as {brief(found)}" if isinstance(raw, dict) and name in raw else brief(raw)
    raise InputError(f"wanted an ontology with 'frames' and 'nouns', two lists, got {got}")


def _from_object(kind: Any, what: str, raw: Any) -> Any:
    """A frame or a noun; every word of it is a text, and nothing is in it that belongs elsewhere."""
    if not isinstance(raw, Mapping):
        raise InputError(f"wanted a {what} as an object with {', '.join(FIELDS[kind])}, got {brief(raw)}")
    if lacking := [name for name in NEEDED[kind] if name not in raw]:
        raise InputError(f"wanted a {what} with {lacking[0]!r}, got {brief(dict(raw))}")
    values = {}
    for name, value in raw.items():
        if name not in FIELDS[kind]:
            raise InputError(f"wanted a {what} with {', '.join(FIELDS[kind])}, got {brief(name)} as well")
        parts = value if FIELDS[kind][name] else [value]
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            wanted = "a list of words" if FIELDS[kind][name] else "a text"
            raise InputError(f"wanted {name!r} of a {what} as {wanted}, got {brief(value)}")
        values[name] = tuple(value) if FIELDS[kind][name] else value
    return kind(**{"id": ""} | values if kind is Noun else values)


FIELDS = {  # and whether each is a list
    Frame: {"verb": False, "roles": True, "definition": False, "abstract": False, "role_definitions": True},
    Noun: {"id": False, "gloss": True, "definition": False},
}
NEEDED = {Frame: ("verb", "roles"), Noun: ()}


def brief(value: Any) -> str:
    """A value as an error can show it."""
    return repr(value)[:60]


def _first_twice(words: Sequence[str]) -> str:
    seen: set[str] = set()
    return next(word for word in words if word in seen or seen.add(word))  # type: ignore[func-returns-value]
