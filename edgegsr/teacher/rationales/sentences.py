"""A frame and its fillers as an English sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgegsr.situation import Frame

SLOT = re.compile(r"\b[A-Z][A-Z0-9]*\b")
ARTICLES = {"a", "an", "the"}
LEADS = set(  # words that stand before a role and mean nothing without it
    "about above across against along among and around as at before behind beside between by down during for from in "
    "into like near of off on onto or out over past through to toward towards under up upon using via with within "
    "without".split()
)
COPULAS = {"it", "is", "are"}


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
        elif not said or (len(said) == 1 and said[0].lower() in ARTICLES):
            said = ["someone"]
        else:
            _take_back(said)
    return " ".join(said).rstrip(",; ")


def plain_sentence(frame: Frame, words: Mapping[str, str]) -> str:
    """For frames without an abstract: "woman drinking, liquid: water, place: kitchen"."""
    told = {role: words[role] for role in frame.roles if words.get(role)}
    agent = told.pop("agent", "")
    return ", ".join([f"{agent} {frame.verb}".strip(), *(f"{role}: {word}" for role, word in told.items())])


def forms(frame: Frame) -> set[str]:
    """The words by which a sentence names the verb of a frame: "drinking" and "drinks"."""
    roles = {role.upper() for role in frame.roles}
    said = (token.strip(",;.") for token in frame.abstract.split() if not set(SLOT.findall(token)) & roles)
    finite = next((word for word in map(str.lower, said) if word not in ARTICLES | LEADS | COPULAS), frame.verb)
    return {frame.verb.lower(), finite}


def article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _take_back(said: list[str]) -> None:
    """Drops the article and the preposition or conjunction that led to an empty role."""
    if said and said[-1].lower() in ARTICLES:
        said.pop()
    while said and said[-1].lower() in LEADS:
        said.pop()
