"""What could be taken for the truth and is not: wrong verbs and wrong nouns near the true ones, from training alone.

A noun is no distractor if it may be true in other words. Which nouns are kin is read off three things: glosses that
two nouns share, what a noun's definition says it is ("a person who ..."), and annotators who gave both for one role.
A verb is none if the definition of the true one names it: who bikes "sits on a bicycle".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.situation import BLANK, Noun
from edgegsr.teacher.rationales.sentences import forms
from edgegsr.teacher.rationales.subject import Subject, check_train
from edgegsr.text.tables import TextTables

VERBS = 10  # the nearest seen verbs, from which a wrong one is drawn
SYNONYM = 0.95  # cosine above which two verbs say the same
NOUNS = 5  # the nearest wrong nouns, from which one is drawn
CONFUSED = 0.05  # of the images of the rarer noun in which annotators give both: then either may be true
BROAD = 0.02  # of all nouns, and at least 5: what is broader than so many ("object") may be true of nearly everything

Floats = npt.NDArray[np.float32]

HEAD_END = re.compile(r"[,;(]|\b(?:that|which|who|whose|where|of|for|with|without|used|made|in|on|from|by|to|at)\b")
WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
LONGEST = 3  # words of a gloss that is looked for in a definition


class Distractors:
    """The wrong verbs and nouns for any training image of one data set."""

    def __init__(self, split: Split, tables: TextTables) -> None:
        check_train(split)
        truth = split.annotations
        self.ontology = truth.ontology
        self._vectors: Floats = tables.nouns.numpy()
        self._near_verbs = _near_verbs(truth, tables.verbs.numpy())
        self._kin, broad = kin(self.ontology.nouns, truth.nouns)
        self._pools = _pools(truth, broad)
        self._ranked: dict[tuple[str, int], list[int]] = {}

    def verbs(self, verb: str) -> list[str]:
        """The nearest seen verbs that say something else, the nearest first."""
        return [self.ontology.verbs[i] for i in self._near_verbs[self.ontology.verb_index[verb]]]

    def nouns(self, subject: Subject, role: str) -> list[Noun]:
        """Wrong nouns for a filled role, the hardest first.

        Hard is near, among the nouns that training has for this verb and role. Where all of them may be true: those of
        the role in any verb, then all nouns, then nouns that are in the image but do not play this role.
        """
        index, own = self.ontology.noun_index, self.ontology.noun_index[subject.nouns[role].id]
        here = [self._kin[index[noun.id]] for noun in subject.answers[role]]
        anywhere = [self._kin[i] for i in {index[noun.id] for said in subject.answers.values() for noun in said}]
        ladder = [(pool, anywhere) for pool in (f"{subject.frame.verb} {role}", f" {role}", "")] + [("", here)]
        for pool, true in ladder:
            wrong = (i for i in self._near(pool, own) if not any(i in kin for kin in true))
            if found := [self.ontology.nouns[i] for i in islice(wrong, NOUNS)]:
                return found
        return []

    def _near(self, pool: str, noun: int) -> list[int]:
        """The nouns of a pool, the nearest to `noun` first."""
        if (pool, noun) not in self._ranked:
            nouns = self._pools.get(pool, np.empty(0, np.int64))
            order = np.argsort(-(self._vectors[nouns] @ self._vectors[noun]), kind="stable")
            self._ranked[pool, noun] = nouns[order].tolist()
        return self._ranked[pool, noun]


def _near_verbs(truth: Annotations, vectors: Floats) -> list[list[int]]:
    """For every verb the nearest seen ones, without those that say the same and those that its definition names."""
    frames, seen = truth.ontology.frames, np.unique(truth.verbs)
    named = [{word + s for word in WORD.findall(frame.definition.lower()) for s in ("", "s", "es")} for frame in frames]
    said = [forms(frames[verb]) for verb in seen]
    cosines = vectors @ vectors[seen].T  # (K, seen)
    true = np.array([[not words.isdisjoint(verb) for verb in said] for words in named], bool)
    true |= (cosines > SYNONYM) | (np.arange(len(frames))[:, None] == seen)
    order = np.argsort(np.where(true, np.inf, -cosines), axis=1, kind="stable")[:, :VERBS]
    return [[int(seen[i]) for i in row if not true[verb, i]] for verb, row in enumerate(order)]


def _pools(truth: Annotations, broad: set[int]) -> dict[str, npt.NDArray[np.int64]]:
    """The nouns that training has, without broad ones: by "verb role", by " role", and all of them by ""."""
    found = defaultdict[str, set[int]](set)
    for verb in np.unique(truth.verbs).tolist():
        nouns, frame = truth.nouns[truth.verbs == verb], truth.ontology.frames[verb]
        for slot, role in enumerate(frame.roles):
            here = {noun for noun in nouns[:, :, slot].ravel().tolist() if noun > BLANK} - broad
            for pool in (f"{frame.verb} {role}", f" {role}", ""):
                found[pool] |= here
    return {pool: np.array(sorted(nouns), np.int64) for pool, nouns in found.items()}


def kin(nouns: Sequence[Noun], answers: npt.NDArray[np.int32]) -> tuple[list[frozenset[int]], set[int]]:
    """For every noun those that may be true where it is: itself, synonyms, broader and narrower ones; and broad nouns.

    `answers` (N, 3, 6) are what three annotators say.
    """
    by_gloss, confused = _by_gloss(nouns), _confused(answers, len(nouns))
    related = [{i, *confused[i]} for i in range(len(nouns))]
    for same in by_gloss.values():
        for i in same:
            related[i] |= same
    up = [_broader(noun, by_gloss) for noun in nouns]
    for i, partners in enumerate(confused):  # of two that annotators confuse, the one with more partners is the broader
        up[i] |= {j for j in partners if len(confused[j]) > len(partners)}
    below = [0] * len(nouns)
    for i in range(len(nouns)):
        for j in _above(i, up):
            related[i].add(j)
            related[j].add(i)
            below[j] += 1
    return [frozenset(near) for near in related], {i for i, n in enumerate(below) if n > max(5, BROAD * len(nouns))}


def _by_gloss(nouns: Sequence[Noun]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for i, noun in enumerate(nouns):
        if i != BLANK:
            for gloss in noun.gloss:
                found.setdefault(gloss.lower(), set()).add(i)
    return found


def _confused(answers: npt.NDArray[np.int32], count: int) -> list[set[int]]:
    """For every noun those that annotators often give for the same role of the same image."""
    said = answers.transpose(0, 2, 1).reshape(-1, answers.shape[1])
    said = np.sort(said[(said > BLANK).any(1)], axis=1).astype(np.int64)
    said[:, 1:][said[:, 1:] == said[:, :-1]] = BLANK  # each noun once a role of an image
    images = np.bincount(said[said > BLANK], minlength=count)
    pairs = np.concatenate([said[:, [a, b]] for a, b in ((0, 1), (0, 2), (1, 2))])
    keys, together = np.unique(pairs[(pairs > BLANK).all(1)] @ np.array([count, 1]), return_counts=True)
    a, b = keys // count, keys % count
    often = together >= CONFUSED * np.minimum(images[a], images[b])
    found: list[set[int]] = [set() for _ in range(count)]
    for i, j in zip(a[often].tolist(), b[often].tolist()):
        found[i].add(j)
        found[j].add(i)
    return found


def _broader(noun: Noun, by_gloss: Mapping[str, set[int]]) -> set[int]:
    """What a noun is by its words: an "old man" is a man, "an adult female person who ..." is a person."""
    end = HEAD_END.search(noun.definition)
    found = set(_last(noun.definition[: end.start() if end else None], by_gloss))
    for gloss in noun.gloss:
        found.update(*(_last(part, by_gloss) for part in gloss.split(" of ")), _last(gloss.partition(" ")[2], by_gloss))
    return found


def _last(text: str, by_gloss: Mapping[str, set[int]]) -> set[int]:
    """The nouns with which a text ends: of "a wooden dining table" the dining table, if there is such a noun."""
    words = WORD.findall(text.lower())
    ends = (" ".join(words[-size:]) for size in range(min(LONGEST, len(words)), 0, -1))
    return next((by_gloss[end] for end in ends if end in by_gloss), set())


def _above(noun: int, up: Sequence[set[int]]) -> set[int]:
    """All that a noun is, however many steps up."""
    found, ahead = set[int](), [noun]
    while ahead:
        ahead = [j for i in ahead for j in up[i] if j not in found and j != noun]
        found.update(ahead)
    return found
