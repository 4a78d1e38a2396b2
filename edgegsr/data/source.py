"""What `--data` names: a folder in the SWiG layout, `diorama`, or `diorama:SEED`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgegsr.data import swig
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups, groups, without
from edgegsr.data.staged import DIORAMA, folder_of
from edgegsr.situation import Ontology


def open_data(name: str, split: str, limit: int | None = None, ontology: Ontology | None = None) -> Split:
    """A split of a data name, train without unseen verbs; `limit` keeps so many images, spread over the file."""
    root = folder_of(name, DIORAMA)
    opened = swig.open_split(root, split, ontology)
    if split == "train" and (unseen := _unseen(root, opened.annotations.ontology)):
        opened = without(opened, unseen)
    if limit is None or limit >= len(opened):
        return opened
    return opened.take(np.linspace(0, len(opened) - 1, limit).astype(int))


def groups_of(name: str, ontology: Ontology | None = None) -> Groups:
    """Seen, rare and unseen verbs of a data name, by its training file."""
    root = folder_of(name, DIORAMA)
    train = swig.open_split(root, "train", ontology).annotations
    return groups(train, _unseen(root, train.ontology))


def _unseen(root: Path, ontology: Ontology) -> tuple[str, ...]:
    """The verbs that the data set keeps out of training."""
    listed = swig.json_folder(root) / swig.UNSEEN
    return swig.read_verbs(listed, ontology.verb_index) if listed.is_file() else ()
