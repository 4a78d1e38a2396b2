"""From the numbers of a network of pairs to interactions in pixels of the photo. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.boxes import Letterbox, clip
from edgegsr.interactions import Kinds
from edgegsr.situation import Interaction, box_of

Numbers = npt.NDArray[Any]  # of one photo
Doubles = npt.NDArray[np.float64]

SURE = 0.25  # likelihood from which an interaction is told
MOST = 100  # interactions of a photo


def likelihood(presence: Numbers, object_logits: Numbers, verb_logits: Numbers, kinds: Kinds) -> Doubles:
    """(N, K) how likely each query is each kind."""
    verb, noun = kinds.pairs.T
    raised = np.exp(object_logits.astype(np.float64) - object_logits.max(-1, keepdims=True))
    objects = raised / raised.sum(-1, keepdims=True)
    likely: Doubles = _sigmoid(presence)[:, None] * objects[:, noun] * _sigmoid(verb_logits)[:, verb]
    return likely


def decode_pairs(
    presence: Numbers,
    object_logits: Numbers,
    verb_logits: Numbers,
    humans_xyxy: Numbers,
    objects_xyxy: Numbers,
    geometry: Letterbox,
    kinds: Kinds,
    sure: float = SURE,
) -> list[Interaction]:
    """The interactions of one photo, likeliest first; boxes come in shares of the square."""
    likely = likelihood(presence, object_logits, verb_logits, kinds)
    flat = likely.ravel()
    told = np.flatnonzero((flat >= sure) & (flat > 0))  # what is not likely at all is told at no sureness
    best = told[np.argsort(-flat[told], kind="stable")[:MOST]]
    query, kind = np.unravel_index(best, likely.shape)
    verb, noun = kinds.pairs[kind].T
    humans, objects = (_in_photo(boxes[query], geometry) for boxes in (humans_xyxy, objects_xyxy))
    return [
        Interaction(box_of(human), box_of(thing), kinds.objects[o], kinds.verbs[v], float(score))
        for human, thing, o, v, score in zip(humans.tolist(), objects.tolist(), noun, verb, flat[best])
    ]


def _in_photo(boxes_xyxy: Numbers, geometry: Letterbox) -> Numbers:
    return clip(geometry.inverse(boxes_xyxy.astype(np.float64) * geometry.side), geometry.size_wh)


def _sigmoid(x: Numbers) -> Doubles:
    found: Doubles = 1 / (1 + np.exp(-x.astype(np.float64)))
    return found
