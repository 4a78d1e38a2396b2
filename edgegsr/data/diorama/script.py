"""The script of the staged world: verbs with frames and visible factors, nouns with words, as an ontology."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgegsr.card import read_toml
from edgegsr.situation import Frame, Noun, Ontology

HERE = Path(__file__).parent
GROUPS = ("common", "rare", "unseen")


@dataclass(frozen=True)
class Put:
    """What fills a role and where it goes; `role` starts with "+" for a prop that no role names."""

    role: str
    where: str
    nouns: tuple[str, ...]
    optional: bool

    @property
    def is_prop(self) -> bool:
        return self.role.startswith("+")


@dataclass(frozen=True)
class Verb:
    """One verb: its frame and the factors from which scenes are composed."""

    frame: Frame
    group: str
    puts: tuple[Put, ...]
    places: tuple[str, ...]
    posture: tuple[str, ...]
    arms: tuple[str, ...]
    effects: tuple[tuple[str, str], ...]  # effect, anchor
    cast: tuple[str, ...]  # nouns of an agent that is no person
    open_mouth: bool

    @property
    def name(self) -> str:
        return self.frame.verb


@cache
def verbs() -> dict[str, Verb]:
    return {name: _verb(name, raw) for name, raw in read_toml(HERE / "verbs.toml").items()}


@cache
def nouns() -> dict[str, dict[str, object]]:
    return read_toml(HERE / "nouns.toml")


@cache
def ontology() -> Ontology:
    """The frames and nouns of Diorama."""
    words = tuple(Noun(key, tuple(raw["words"]), str(raw["definition"])) for key, raw in nouns().items())  # type: ignore[arg-type]
    return Ontology(tuple(verb.frame for verb in verbs().values()), words)


def _verb(name: str, raw: dict) -> Verb:  # type: ignore[type-arg]
    frame = Frame(name, tuple(raw["roles"]), raw["definition"], raw["abstract"], _role_definitions(name, raw))
    return Verb(
        frame=frame,
        group=raw["group"],
        puts=tuple(_put(role, text) for role, text in raw["put"].items()),
        places=tuple(raw["places"]),
        posture=tuple(raw.get("posture", ())),
        arms=tuple(raw.get("arms", ())),
        effects=tuple(tuple(effect.split("@")) for effect in raw.get("effects", ())),
        cast=tuple(raw.get("cast", ())),
        open_mouth=raw.get("mouth") == "open",
    )


def _put(role: str, text: str) -> Put:
    where, _, words = text.partition(":")
    return Put(role, where.strip("| "), tuple(words.split()), "|" in where)


def _role_definitions(verb: str, raw: dict) -> tuple[str, ...]:  # type: ignore[type-arg]
    """Each role as the abstract uses it: "the TOOL of chopping: the AGENT chops the ITEM with a TOOL"."""
    sentence = re.sub(r"\b[A-Z]{3,}\b", lambda found: found[0].lower(), raw["abstract"])
    return tuple(f"the {role} of {verb}, where {sentence}" for role in raw["roles"])
