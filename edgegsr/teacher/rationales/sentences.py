"""A frame and its fillers as an English sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

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
    plan = _plan(frame)
    if not any(role for _, _, role in plan):
        return plain_sentence(frame, words)
    said: list[str] = []
    for token, slot, role in plan:
        if not role:
            said.append(token)
        elif word := words.get(role, ""):
            if said and said[-1] in ("a", "an"):
                said[-1] = article(word)
            said.append(token.replace(slot, word))
        elif not said or (len(said) == 1 and said[0].lower() in ARTICLES):
            said = ["someone"]
        else:
            _take_back(said)
    return " ".join(said).rstrip(",; ")


@lru_cache(maxsize=4096)
def _plan(frame: Frame) -> tuple[tuple[str, str, str], ...]:
    """Each word of the abstract, with what in it stands for a role, and the role."""
    roles = {role.upper(): role for role in frame.roles}
    slots = ((token, next((s for s in SLOT.findall(token) if s in roles), "")) for token in frame.abstract.split())
    return tuple((token, slot, roles.get(slot, "")) for token, slot in slots)


def plain_sentence(frame: Frame, words: Mapping[str, str]) -> str:
    """For frames without an abstract: "woman drinking, liquid: water, place: kitchen"."""
    told = {role: words[role] for role in frame.roles if words.get(role)}
    agent = told.pop("agent", "")
    return ", ".join([f"{agent} {frame.verb}".strip(), *(f"{role}: {word}" for role, word in told.items())])


def forms(frame: Frame) -> set[str]:
    """The words by which a sentence names the verb of a frame: "drinking" and "drinks"."""
    said = (token.strip(",;.").lower() for token, _, role in _plan(frame) if not role)
    finite = next((word for word in said if word not in ARTICLES | LEADS | COPULAS), frame.verb)
    return {frame.verb.lower(), finite}


def article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _take_back(said: list[str]) -> None:
    """Drops the article and the preposition or conjunction that led to an empty role."""
    if said and said[-1].lower() in ARTICLES:
        said.pop()
    while said and said[-1].lower() in LEADS:
        said.pop()
