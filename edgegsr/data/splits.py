"""Seen, rare and unseen verbs: which verbs training has much of, little of, nothing of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.errors import InputError

RARE_IMAGES = 20  # a verb with at most as many training images is rare


class Groups(NamedTuple):
    """All verbs, each in one group. `seen` has more than 20 training images, `rare` 1 to 20, `unseen` none."""

    seen: tuple[str, ...]
    rare: tuple[str, ...]
    unseen: tuple[str, ...]


def groups(train: Mapping[str, int] | Annotations, unseen_verbs: Collection[str] = ()) -> Groups:
    """The groups by training images per verb; a verb of `unseen_verbs` is unseen whether training has it or not."""
    counts = image_counts(train) if isinstance(train, Annotations) else dict(train)
    counts |= dict.fromkeys(unseen_verbs, 0)
    if negative := {verb: count for verb, count in counts.items() if count < 0}:
        raise InputError(f"groups: wanted image counts of 0 or more, got {negative}")
    seen = (verb for verb, count in counts.items() if count > RARE_IMAGES)
    rare = (verb for verb, count in counts.items() if 0 < count <= RARE_IMAGES)
    return Groups(tuple(seen), tuple(rare), tuple(verb for verb, count in counts.items() if count == 0))


def image_counts(annotations: Annotations) -> dict[str, int]:
    """Images per verb, for every verb of the ontology."""
    verbs = annotations.ontology.verbs
    return dict(zip(verbs, np.bincount(annotations.verbs, minlength=len(verbs)).tolist(), strict=True))


def without(split: Split, verbs: Collection[str]) -> Split:
    """The split without the images of these verbs."""
    index = split.annotations.ontology.verb_index
    if unknown := [verb for verb in verbs if verb not in index]:
        raise InputError(f"wanted some of the {len(index)} verbs of the dataset, got {', '.join(unknown[:5])}")
    return split.take(~np.isin(split.annotations.verbs, [index[verb] for verb in verbs]))
