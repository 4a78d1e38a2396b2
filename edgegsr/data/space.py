"""The vocabulary files of SWiG: imsitu_space.json (verbs with frames, nouns with words) and lists of nouns or verbs."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegsr.data.records import Twice, brief, read_json
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.situation import BLANK_NOUN, Frame, Noun, Ontology

OOV_ID = "oov"  # how the noun files of SWiG call an answer that their vocabulary does not have
NOT_NOUNS = ("", "blank", OOV_ID, "Pad")  # rows of train_classes.csv that name no thing


@dataclass(frozen=True)
class Space:
    """An imsitu_space.json: its verbs as frames, its nouns still as they stand in the file."""

    path: Path
    frames: tuple[Frame, ...]
    nouns: dict[str, Any]

    def ontology(self, nouns: Iterable[str] | None = None) -> Ontology:
        """All verbs with all nouns, or with these in the order given; one without an entry has only its id."""
        wanted = self.nouns if nouns is None else dict.fromkeys(nouns)
        ids = sorted(wanted, key=bool)  # the blank noun comes first
        return Ontology(self.frames, tuple(self._noun(id) for id in ids))

    def _noun(self, id: str) -> Noun:
        if id in self.nouns:
            return _noun(self.path, id, self.nouns[id])
        return Noun(id) if id else BLANK_NOUN


def read_space(path: str | Path) -> Space:
    """The space file at `path`, its verbs examined."""
    path = Path(path)
    verbs, nouns = _sections(path)
    return Space(path, tuple(_frame(path, verb, raw) for verb, raw in verbs.items()), nouns)


def read_ontology(path: str | Path, nouns: Iterable[str] | None = None) -> Ontology:
    """The verbs of an imsitu_space.json in its order; its nouns, or only `nouns` in the order given."""
    return read_space(path).ontology(nouns)


def write_space(ontology: Ontology, path: str | Path) -> None:
    """Writes the ontology as an imsitu_space.json; `read_ontology` gives it back unchanged."""
    verbs = {frame.verb: _frame_object(frame) for frame in ontology.frames}
    nouns = {n.id: {"gloss": list(n.gloss), "def": n.definition} for n in ontology.nouns if n != BLANK_NOUN}
    write_whole(path, json.dumps({"verbs": verbs, "nouns": nouns}, ensure_ascii=False, indent=1) + "\n")


def read_nouns(path: str | Path) -> tuple[str, ...]:
    """The noun ids of a train_classes.csv in its order, without its rows blank, oov and Pad."""
    path, ids = Path(path), dict[str, int]()
    for number, row in enumerate(csv.reader(_text(path).splitlines()), 1):
        if not row or row[0] in NOT_NOUNS:
            continue
        if len(row) != 2 or not row[1].strip().isdecimal():
            raise InputError(f"{path}, line {number}: wanted 'noun id,index', got {','.join(row)!r}")
        if row[0] in ids:
            raise InputError(f"{path}, line {number}: noun {row[0]!r} already stands in line {ids[row[0]]}")
        ids[row[0]] = number
    if not ids:
        raise InputError(f"{path}: wanted lines 'noun id,index', got no noun")
    return tuple(ids)


def read_verbs(path: str | Path, known: Collection[str]) -> tuple[str, ...]:
    """The verbs of a list file, one verb a line; each must be known and stand once."""
    path, found = Path(path), dict[str, int]()
    for number, line in enumerate(_text(path).splitlines(), 1):
        verb = line.strip()
        if not verb:
            continue
        if verb not in known:
            raise InputError(f"{path}, line {number}: wanted one of the {len(known)} verbs, got {verb!r}")
        if verb in found:
            raise InputError(f"{path}, line {number}: verb {verb!r} already stands in line {found[verb]}")
        found[verb] = number
    if not found:
        raise InputError(f"{path}: wanted one verb a line, got no verb")
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: wanted a readable text file, got: {error}") from error


def _sections(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    tree = read_json(path)
    verbs, nouns = (tree.get("verbs"), tree.get("nouns", {})) if isinstance(tree, dict) else (None, None)
    if not isinstance(verbs, dict) or not isinstance(nouns, dict) or not verbs:
        raise InputError(f"{path}: wanted an object with 'verbs' (at least one) and 'nouns', got {brief(tree)}")
    for part in (tree, verbs, nouns):
        if isinstance(part, Twice):
            raise InputError(f"{path}: wanted every key once, got {list(part.keys_twice)} twice")
    return verbs, nouns


def _frame(path: Path, verb: str, raw: Any) -> Frame:
    order = raw.get("order") if isinstance(raw, dict) else None
    if not isinstance(order, list) or not all(isinstance(role, str) for role in order):
        raise InputError(f"{path}: verb {verb!r}: wanted 'order', a list of roles, got {brief(order or raw)}")
    roles = raw.get("roles", {})
    if not isinstance(roles, dict) or not all(isinstance(role, dict) for role in roles.values()):
        raise InputError(f"{path}: verb {verb!r}: wanted 'roles', an object of objects, got {brief(roles)}")
    if isinstance(roles, Twice) or (roles and roles.keys() != set(order)):
        raise InputError(f"{path}: verb {verb!r}: wanted the roles of its order {order}, got {list(roles)}")
    defined = any("def" in role for role in roles.values())
    meanings = tuple(_string(path, verb, roles[role], "def") for role in order) if defined else ()
    meaning, abstract = _string(path, verb, raw, "def"), _string(path, verb, raw, "abstract")
    try:
        return Frame(verb, tuple(order), meaning, abstract, meanings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _noun(path: Path, id: str, raw: Any) -> Noun:
    gloss = raw.get("gloss", []) if isinstance(raw, dict) else None
    if not isinstance(gloss, list) or not all(isinstance(word, str) for word in gloss):
        raise InputError(f"{path}: noun {id!r}: wanted 'gloss', a list of words, got {brief(raw)}")
    return Noun(id, tuple(gloss), _string(path, id, raw, "def"))


def _string(path: Path, word: str, raw: Mapping[str, Any], key: str) -> str:
    if not isinstance(value := raw.get(key, ""), str):
        raise InputError(f"{path}: {word!r}: wanted a text for {key!r}, got {brief(value)}")
    return value


def _frame_object(frame: Frame) -> dict[str, Any]:
    meanings = frame.role_definitions
    roles = {role: {"framenet": ""} | ({"def": meanings[i]} if meanings else {}) for i, role in enumerate(frame.roles)}
    return {
        "framenet": "",
        "abstract": frame.abstract,
        "def": frame.definition,
        "order": list(frame.roles),
        "roles": roles,
    }
