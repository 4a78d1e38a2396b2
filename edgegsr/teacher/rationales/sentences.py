"""A frame and its fillers as an English sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgegsr.situation import Frame

SLOT = re.compile(r"\b[A-Z][A-Z0-9]*\b")
ARTICLES = {"a", "an", "the"}
PREPOSITIONS = set(
    "about above across against along among around as at before behind beside between by down during for from in into "
    "like near of off on onto out over past through to toward towards under up upon using via with within without".split()
)


def sentence(frame: Frame, words: Mapping[str, str]) -> str:
    """The abstract of a frame with the words of its roles, without the roles that have none.

    "the AGENT drinks a LIQUID from a CONTAINER" with an agent and a liquid is "the woman drinks water".
    """
    roles = {role.upper(): role for role in frame.roles}
    if not (set(SLOT.findall(frame.abstract)) & roles.keys()):
        return plain_sentence(frame, words)
    said: list[str] = []
    for token in frame.abstract.split():
        slot = SLOT.search(token)
        if slot is None or slot[0] not in roles:
            said.append(token)
        elif word := words.get(roles[slot[0]], ""):
            if said and said[-1] in ("a", "an"):
                said[-1] = article(word)
            said.append(token.replace(slot[0], word))
        elif said and said[0].lower() in ARTICLES and len(said) == 1:
            said = ["someone"]
        else:
            _take_back(said)
    return " ".join(said).rstrip(",; ")


def plain_sentence(frame: Frame, words: Mapping[str, str]) -> str:
    """For frames without an abstract: "woman drinking, liquid: water, place: kitchen"."""
    told = {role: words[role] for role in frame.roles if words.get(role)}
    agent = told.pop("agent", "")
    return ", ".join([f"{agent} {frame.verb}".strip(), *(f"{role}: {word}" for role, word in told.items())])


def article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _take_back(said: list[str]) -> None:
    """Drops the article and the preposition that led to an empty role."""
    if said and said[-1].lower() in ARTICLES:
        said.pop()
    while said and said[-1].lower() in PREPOSITIONS:
        said.pop()
