"""The texts that stand for verbs, roles and nouns, on a workstation as on a device. stdlib."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from edgegsr.errors import InputError
from edgegsr.situation import Frame, Noun, Ontology

# each verb is read in every wording of its template, and the vectors are averaged
TEMPLATES: dict[str, tuple[Callable[[Frame], str], ...]] = {
    "word": (lambda frame: _verb(frame),),
    "definition": (lambda frame: _with(_verb(frame), frame.definition),),
    "both": (lambda frame: _verb(frame), lambda frame: _with(_verb(frame), frame.definition)),
}

# imSitu glues the parts of a role's name; these stand last in them
HEADS = re.compile(r"(?<=\w{4})(items?|part|type|person|source|container|entity)$|(?<=ed|en|ng)(to)$|(?<=ing)(thing)$")
SEAMS = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|[_\-\s]+")
FRONTS = re.compile(r"^(co)(?=agent|participant)|^(entity)(?=\w+ed$)")


class Texts(NamedTuple):
    """All the texts of an ontology, in its order."""

    verbs: list[list[str]]  # the wordings of each
    roles: list[list[str]]  # of each verb
    nouns: list[str]

    @property
    def every(self) -> list[str]:
        """Each text once."""
        return list(dict.fromkeys([text for group in (*self.verbs, *self.roles, self.nouns) for text in group]))


def texts_of(ontology: Ontology, template: str = "both") -> Texts:
    """What is read for an ontology; `template` names the wordings of a verb."""
    roles = [role_texts(frame) for frame in ontology.frames]
    return Texts(verb_texts(ontology, template), roles, noun_texts(ontology.nouns))


def ontology_hash(ontology: Ontology) -> str:
    """What ties tables to the words that they were made from."""
    return hashlib.sha256(ontology.to_json().encode(errors="surrogatepass")).hexdigest()


def verb_texts(ontology: Ontology, template: str) -> list[list[str]]:
    """The wordings of every verb."""
    if template not in TEMPLATES:
        raise InputError(f"template: wanted one of {', '.join(TEMPLATES)}, got {template!r}")
    return [[wording(frame) for wording in TEMPLATES[template]] for frame in ontology.frames]


def role_texts(frame: Frame) -> list[str]:
    """One text a role: "the scraped item of scraping", with its definition where there is one."""
    definitions = frame.role_definitions or ("",) * len(frame.roles)
    return [_with(f"the {split_words(role)} of {_verb(frame)}", text) for role, text in zip(frame.roles, definitions)]


def noun_texts(nouns: tuple[Noun, ...]) -> list[str]:
    """The first gloss of every noun; where two share one, also what tells them apart: definition or other glosses."""
    shared = Counter(noun.word for noun in nouns)
    return [noun.word if shared[noun.word] == 1 else _apart(noun) for noun in nouns]


def split_words(name: str) -> str:
    """The words of a compound name: "clungto" is "clung to", "itemPart" and "item_part" are "item part"."""
    spaced = SEAMS.sub(" ", name).lower()
    spaced = FRONTS.sub(lambda m: m.group() + " ", spaced)
    return " ".join(HEADS.sub(lambda m: " " + m.group(), word) for word in spaced.split())


def _apart(noun: Noun) -> str:
    return _with(noun.word, noun.definition) if noun.definition else ", ".join(noun.gloss) or noun.word


def _verb(frame: Frame) -> str:
    return SEAMS.sub(" ", frame.verb).strip()


def _with(text: str, definition: str) -> str:
    return f"{text}: {definition}" if definition else text
