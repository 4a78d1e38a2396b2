"""A training split in Diorama's words, as three annotators would tell of it, without a single picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.data.diorama import script
from edgegsr.data.split import Split

PEOPLE = ("man", "woman", "boy", "girl", "old_man", "old_woman", "builder")
VAGUE, BLANK = 0.15, 0.05  # how often an annotator writes the broader noun, or nothing


def split_of(count: int) -> Split:
    """Training images of verbs that Diorama shows in training, as three annotators tell of them."""
    space, dice = script.ontology(), np.random.default_rng(5)
    verbs = [verb for verb in script.verbs().values() if verb.group != "unseen"]
    fillers = [[fitting(verb, role) for role in verb.frame.roles] for verb in verbs]
    chosen = dice.integers(0, len(verbs), count)
    nouns, broader = np.zeros((count, 3, 6), np.int32), broader_nouns()
    for i, which in enumerate(chosen.tolist()):
        for slot, possible in enumerate(fillers[which]):
            if possible:
                nouns[i, :, slot] = space.noun_index[possible[dice.integers(len(possible))]]
    vague, blank = dice.random(nouns.shape) < VAGUE, dice.random(nouns.shape) < BLANK
    nouns = np.where(blank, 0, np.where(vague, broader[nouns], nouns)).astype(np.int32)
    low, size = dice.random((count, 6, 2)) * 400, dice.random((count, 6, 2)) * 200
    boxes = np.concatenate([low, low + size], -1).astype(np.float32)
    roles = np.array([len(verb.frame.roles) for verb in verbs])[chosen]
    has_box = (dice.random((count, 6)) < 0.7) & (np.arange(6) < roles[:, None])
    names = tuple(f"{verbs[which].name}_{i}.jpg" for i, which in enumerate(chosen.tolist()))
    rows = np.array([space.verb_index[verb.name] for verb in verbs], np.int32)[chosen]
    sizes = np.full((count, 2), 600, np.int32)
    return Split("train", Annotations(space, names, sizes, rows, nouns, boxes, has_box), Path("nowhere"))


def fitting(verb: script.Verb, role: str) -> tuple[str, ...]:
    """The nouns that may fill a role."""
    if role == "place":
        return verb.places
    if role in ("agent", "teacher", "boaters"):
        return verb.cast or PEOPLE
    return next((put.nouns for put in verb.puts if put.role == role), ())


def broader_nouns() -> np.ndarray:
    """(J,) the noun one step above each."""
    space = script.ontology()
    kinds = [str(script.nouns()[noun.id]["kind"]) if noun.id else "" for noun in space.nouns]
    return np.array([space.noun_index[kind] if kind else i for i, kind in enumerate(kinds)])
