"""What a mirrored image means: left and right change places in texts, and in verbs, roles and nouns that name a side.

numpy only. Pixels and boxes are mirrored in `augment`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgegsr.situation import MAX_ROLES, OOV, Frame, Ontology

_OTHER = {"left": "right", "Left": "Right", "LEFT": "RIGHT"}
_OTHER |= {right: left for left, right in _OTHER.items()}
# Glued forms too ("leftmost", "righthand": role names of imSitu are glued); not "bright", "upright", "lefty".
_SIDE = re.compile(
    r"(?<![A-Za-z])(left|Left|LEFT|right|Right|RIGHT)(?=((?i:most|wards?|hand(?:ed)?|side))?(?![A-Za-z]))"
)


def swap_left_right(text: str) -> str:
    """The text with every left as right and every right as left; twice gives the text back."""
    return _SIDE.sub(lambda match: _OTHER[match[1]], text)


@dataclass(frozen=True)
class Mirror:
    """The words of an ontology seen in a mirror, as indices."""

    verbs: npt.NDArray[np.int64]  # (K,) the verb that the mirrored image shows
    slots: npt.NDArray[np.int64]  # (K, 6) slot r of the mirrored image holds what slot slots[v, r] held
    nouns: npt.NDArray[np.int64]  # (J + 1,) the last is OOV, so that index -1 stays -1
    possible: npt.NDArray[np.bool_]  # (K,) False: the ontology has no word for the mirrored image


def mirror(ontology: Ontology) -> Mirror:
    """The mirror of an ontology: most words are their own image."""
    verbs, slots = np.arange(len(ontology.frames)), np.tile(np.arange(MAX_ROLES), (len(ontology.frames), 1))
    possible = np.ones(len(verbs), np.bool_)
    for i, frame in enumerate(ontology.frames):
        verb = swap_left_right(frame.verb)
        other = ontology.frames[ontology.verb_index[verb]] if verb in ontology.verb_index else None
        if other is None or {*map(swap_left_right, frame.roles)} != {*other.roles}:
            possible[i] = False
            continue
        verbs[i] = ontology.verb_index[verb]
        slots[i, : len(frame.roles)] = _slots(frame, other)
    return Mirror(verbs, slots, _nouns(ontology), possible)


def _slots(frame: Frame, other: Frame) -> list[int]:
    return [frame.roles.index(swap_left_right(role)) for role in other.roles]


def _nouns(ontology: Ontology) -> npt.NDArray[np.int64]:
    first: dict[str, int] = {}
    for i, noun in enumerate(ontology.nouns):
        first.setdefault(noun.word, i)
    same = range(len(ontology.nouns))
    words = [swap_left_right(noun.word) for noun in ontology.nouns]
    return np.array([i if words[i] == ontology.nouns[i].word else first.get(words[i], i) for i in same] + [OOV])
