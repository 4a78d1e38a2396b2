"""What answering without a look at the image earns: the usual answer of each role. numpy only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgegsr.annotations import ANNOTATORS, Annotations
from edgegsr.scoring.predictions import NO_VERB, RANKS, Predictions
from edgegsr.situation import MAX_ROLES, OOV, Ontology

Ints = npt.NDArray[np.int64]
EDGES = 4


def majority(train: Annotations, truth: Annotations) -> Predictions:
    """For every image of `truth` the usual answer of its verb's roles in `train`: noun, presence of a box, and where.

    A verb that `train` does not show answers as its roles do elsewhere; a role that it does not show, with nothing.
    """
    usual, common = _Usual(train, _verb_slots(train.ontology)), _Usual(train, _role_names(train.ontology))
    known = np.bincount(train.verbs, minlength=len(truth.ontology.verbs))[truth.verbs] > 0
    slots, names = (table[truth.verbs] for table in (_verb_slots(truth.ontology), _role_names(truth.ontology)))
    nouns = np.where(known[:, None], usual.nouns[slots], common.nouns[names])
    share = np.where(known[:, None], usual.box_share[slots], common.box_share[names])
    boxes = np.where(known[:, None, None], usual.boxes[slots], common.boxes[names])
    has_box = (share > 0.5) & truth.has_role
    sizes = np.tile(truth.sizes_wh, 2)[:, None]  # (N, 1, 4)
    return Predictions(
        present=np.ones(len(truth), bool),
        answered=np.ones(len(truth), bool),
        ranked_verbs=np.full((len(truth), RANKS), NO_VERB, np.int32),
        nouns=nouns.astype(np.int32),
        boxes_xyxy=np.where(has_box[..., None], boxes * sizes, np.nan),
        has_box=has_box,
    )


class _Usual:
    """The usual answer under each key; `keys` (K, 6) tells the key of every slot, -1 where there is none."""

    def __init__(self, train: Annotations, keys: Ints) -> None:
        key, n = keys[train.verbs], int(keys.max()) + 2  # the last one is that of key -1
        used = key >= 0
        self.nouns, self.box_share, self.boxes = np.zeros(n, np.int64), np.zeros(n), np.zeros((n, EDGES))
        told = used[:, None] & (train.nouns != OOV)
        votes = np.broadcast_to(key[:, None], (len(train), ANNOTATORS, MAX_ROLES))[told]
        _set_most_frequent(self.nouns, votes, train.nouns[told].astype(np.int64), len(train.ontology.nouns))
        total, boxed = (np.bincount(key[mask], minlength=n) for mask in (used, used & train.has_box))
        self.box_share = boxed / np.maximum(total, 1)
        there = used & train.has_box
        relative = (train.boxes_xyxy / np.tile(train.sizes_wh, 2)[:, None])[there]
        order = np.argsort(key[there], kind="stable")
        ends = np.cumsum(boxed)
        for i in np.flatnonzero(boxed):
            self.boxes[i] = np.median(relative[order[ends[i] - boxed[i] : ends[i]]], axis=0)


def _set_most_frequent(best: Ints, keys: Ints, nouns: Ints, kinds: int) -> None:
    """best[key] = the most frequent noun under the key; of equals the lower one."""
    pairs, counts = np.unique(keys * kinds + nouns, return_counts=True)
    order = np.lexsort((-pairs, counts, pairs // kinds))  # the last of each key wins
    best[pairs[order] // kinds] = pairs[order] % kinds


def _verb_slots(ontology: Ontology) -> Ints:
    """(K, 6) a number of its own for every role of every verb."""
    used = np.array([[slot < len(frame.roles) for slot in range(MAX_ROLES)] for frame in ontology.frames])
    return np.where(used, np.arange(used.size).reshape(used.shape), -1)


def _role_names(ontology: Ontology) -> Ints:
    """(K, 6) the number of the role's name, whatever the verb."""
    index: Mapping[str, int] = {role: i for i, role in enumerate(ontology.roles)}
    return np.array([[index[r] for r in f.roles] + [-1] * (MAX_ROLES - len(f.roles)) for f in ontology.frames])
