"""What a model's answer must be before anybody looks at the image: strict JSON, right roles, no truth in a lie."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from edgegsr.situation import Frame
from edgegsr.teacher.rationales.rationale import MOST_LETTERS, TEXTS
from edgegsr.teacher.rationales.sentences import forms
from edgegsr.teacher.rationales.subject import Subject
from edgegsr.teacher.rationales.template import MOST_TOKENS, CountTokens, gaze, short

FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)
SAME_SCRIPT = 0.9  # of the letters of an answer


class Refused(Exception):
    """Why an answer is not used, in a few words that are counted."""


class Said(NamedTuple):
    """The four texts of an answer, in the order of `TEXTS`."""

    glimpse_pos: str
    glimpse_neg: str
    gaze_pos: str
    gaze_neg: str


def check(answer: str, subject: Subject, wrong: Frame, count_tokens: CountTokens) -> Said:
    """The texts of an answer about `subject` that tells of the verb of `wrong` where it lies."""
    raw = parse(answer)
    if any(set(raw[name]) != subject.nouns.keys() for name in TEXTS[2:]):
        raise Refused("wrong roles")
    pos, neg = ({role: _line(raw[name][role]) for role in subject.nouns} for name in TEXTS[2:])
    said = Said(
        short(_line(raw["glimpse_pos"]), count_tokens),
        short(_line(raw["glimpse_neg"]), count_tokens),
        gaze(pos, count_tokens),
        gaze(neg, count_tokens),
    )
    if any(count_tokens(text) > MOST_TOKENS for text in said):
        raise Refused("too long")
    _check_language(subject, [raw["glimpse_pos"], raw["glimpse_neg"], *pos.values(), *neg.values()])
    if names(said.glimpse_neg, forms(subject.frame) - forms(wrong)) or _same(said.glimpse_neg, said.glimpse_pos):
        raise Refused("glimpse_neg names the true verb")
    for role, text in neg.items():
        if names(text, {gloss for noun in subject.answers[role] for gloss in noun.gloss}) or _same(text, pos[role]):
            raise Refused("gaze_neg names a true noun")
    return said


def parse(answer: str) -> dict[str, Any]:
    """The object of exactly the four fields; a fence of ```json around it is all else that may be there."""
    fenced = FENCED.match(answer)
    try:
        raw = json.loads(fenced[1] if fenced else answer, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise Refused("no JSON") from None
    if type(raw) is not dict or set(raw) != set(TEXTS):
        raise Refused("wrong fields")
    if not all(type(raw[name]) is str for name in TEXTS[:2]) or not all(type(raw[name]) is dict for name in TEXTS[2:]):
        raise Refused("wrong fields")
    return raw


def names(text: str, words: set[str]) -> bool:
    """Whether the text has one of the words, or its plural."""
    return any(re.search(rf"\b{re.escape(word)}(?:e?s)?\b", text, re.IGNORECASE) for word in words if word)


def _line(text: Any) -> str:
    """The text as one line."""
    if type(text) is not str:
        raise Refused("wrong fields")
    line = " ".join(text.split())
    if not line:
        raise Refused("empty text")
    if not line.isprintable():
        raise Refused("unprintable text")
    if len(line) > MOST_LETTERS // 4:
        raise Refused("too long")
    return line


def _check_language(subject: Subject, texts: list[str]) -> None:
    """The letters of an answer are those in which the annotators' words are written."""
    known = {
        script(letter) for word in (subject.frame.verb, *subject.nouns, *subject.words.values()) for letter in word
    }
    for text in texts:
        letters = Counter(script(letter) for letter in text if letter.isalpha())
        if sum(n for name, n in letters.items() if name in known) < SAME_SCRIPT * letters.total() or not letters:
            raise Refused("wrong language")


@lru_cache(maxsize=4096)
def script(letter: str) -> str:
    """The script of a letter as Unicode names it: LATIN, CYRILLIC, CJK."""
    return unicodedata.name(letter, "").partition(" ")[0] if letter.isalpha() else ""


def _same(a: str, b: str) -> bool:
    return a.casefold().strip(" .") == b.casefold().strip(" .")


def _without_twins(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
