"""A bundle that says interactions: the whole device side, in one object. numpy, pillow and one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from edgegsr.boxes import Letterbox
from edgegsr.bundle import KINDS, PAIR_OUTPUTS, PAIRS, Bundle
from edgegsr.errors import InputError, shown
from edgegsr.interactions import Kinds
from edgegsr.runtime.decode_pairs import SURE, decode_pairs
from edgegsr.runtime.photos import Photo, Recognizer, each, last
from edgegsr.runtime.session import Numbers
from edgegsr.situation import Interaction

MOST_NUMBERS = 1 << 24  # likelihoods of a photo: of every pair, object and verb


class InteractionRecognizer(Recognizer):
    """Every human that does something with an object, what it does, and where both are."""

    heads = (PAIRS,)
    kinds: Kinds  # of interaction, which it can say

    def _prepare(self, threads: int | None) -> None:
        self.kinds = kinds_of(self.bundle)

    def predict(self, photo: Photo, sure: float = SURE) -> list[Interaction]:
        """The interactions that are as likely as `sure` or more, likeliest first, the best hundred at most."""
        return last(self.predict_in_steps(photo, sure))

    def predict_all(self, photos: Iterable[Photo], sure: float = SURE) -> list[list[Interaction]]:
        """One after the other: a graph looks at one photo at a time."""
        return [self.predict(photo, sure) for photo in each(photos)]

    def predict_in_steps(self, photo: Photo, sure: float = SURE) -> Iterator[list[Interaction] | None]:
        """The same one step at a time, in the order of `steps`; the last one is the interactions."""
        return self._steps(photo, self._run, partial(interactions, kinds=self.kinds, sure=sureness(sure)))


def sureness(sure: float) -> float:
    """A likelihood from which interactions are told."""
    if isinstance(sure, str) or not 0 <= sure <= 1:
        raise InputError(f"sure: wanted a likelihood from 0 to 1, got {sure!r}")
    return sure


def kinds_of(bundle: Bundle) -> Kinds:
    """The kinds of interaction that a bundle of pairs can say."""
    return Kinds.from_json(bundle.kinds, f"{shown(bundle.folder)}: {KINDS}")


def interactions(said: Numbers, geometry: Letterbox, kinds: Kinds, sure: float = SURE) -> list[Interaction]:
    """What the numbers of a graph of pairs say, once they are those of these kinds."""
    check_pairs(said, kinds)
    humans, objects, object_logits, verb_logits, presence = (said[name] for name in PAIR_OUTPUTS)
    with np.errstate(over="ignore"):  # what is far from likely is not likely at all
        return decode_pairs(presence, object_logits, verb_logits, humans, objects, geometry, kinds, sure)


def check_pairs(said: Numbers, kinds: Kinds) -> None:
    """Refuses numbers that do not fit the kinds, or are none: a broken network must not pass for a confident one."""
    pairs, objects, verbs = len(np.atleast_1d(said[PAIR_OUTPUTS[-1]])), len(kinds.objects), len(kinds.verbs)
    if pairs * objects * verbs > MOST_NUMBERS:
        raise ValueError(
            f"wanted at most {MOST_NUMBERS:,} likelihoods, got {pairs:,} by {objects:,} objects by {verbs:,} verbs"
        )
    wanted = ((pairs, 4), (pairs, 4), (pairs, objects), (pairs, verbs), (pairs,))
    for name, shape in zip(PAIR_OUTPUTS, wanted):
        if (got := said[name].shape) != shape:
            raise ValueError(f"{name} must have the shape {shape} by {KINDS}, got {got}")
        if not np.isfinite(said[name]).all():
            raise ValueError(f"{name} must be numbers, got NaN or inf; the network is broken")
