from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import edgegsr

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(edgegsr.__file__).parent / "data" / "diorama"
REQUIRED = (
    "man woman boy girl old_man old_woman chef builder farmer hand arm back head floor grass sand snow road dirt water"
)


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


NOUNS = read("nouns.toml")


def used_by(verb: dict[str, Any]) -> set[str]:
    """Every noun that scenes of a verb may name: what is put, where they happen, and who is cast."""
    put = " ".join(value.split(":", 1)[1] for value in verb.get("put", {}).values())
    return {*put.split(), *verb.get("places", []), *verb.get("cast", [])}


def kinds_above(noun: str) -> list[str]:
    """The broader nouns above a noun, nearest first; a noun that comes round again ends the list with itself."""
    above: list[str] = []
    kind = NOUNS[noun]["kind"]
    while kind:
        above.append(kind)
        if kind == noun or above.count(kind) > 1:
            break
        kind = NOUNS[kind]["kind"]
    return above


def test_there_are_at_least_a_hundred_nouns() -> None:
    assert len(NOUNS) >= 100


def test_every_noun_has_words_a_kind_and_a_definition_and_nothing_else() -> None:
    assert {noun: set(entry) for noun, entry in NOUNS.items() if set(entry) != {"words", "kind", "definition"}} == {}


def test_every_noun_that_a_verb_uses_is_there() -> None:
    missing = {name: gone for name, verb in read("verbs.toml").items() if (gone := used_by(verb) - NOUNS.keys())}
    assert missing == {}


def test_people_body_parts_and_grounds_are_there() -> None:
    assert set(REQUIRED.split()) - NOUNS.keys() == set()


def test_every_kind_is_itself_a_noun() -> None:
    assert {noun: entry["kind"] for noun, entry in NOUNS.items() if entry["kind"] not in {"", *NOUNS}} == {}


def test_kinds_lead_to_a_broadest_noun_without_a_cycle() -> None:
    chains = {noun: kinds_above(noun) for noun in NOUNS}
    assert {noun: chain for noun, chain in chains.items() if len({noun, *chain}) != 1 + len(chain)} == {}


def test_first_words_are_distinct() -> None:
    first = [entry["words"][0] for entry in NOUNS.values()]
    assert sorted({word for word in first if first.count(word) > 1}) == []


def test_no_word_names_two_nouns() -> None:
    words = [word for entry in NOUNS.values() for word in entry["words"]]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_a_noun_has_one_to_four_plain_words_and_a_definition() -> None:
    for noun, entry in NOUNS.items():
        assert 1 <= len(entry["words"]) <= 4, noun
        assert all(word and word == word.strip().lower() and "_" not in word for word in entry["words"]), noun
        assert len(entry["definition"].split()) >= 3, noun
