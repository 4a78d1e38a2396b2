"""What `--data` names: a folder in the SWiG layout, `diorama`, or `diorama:SEED`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgegsr.data import swig
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups, groups
from edgegsr.errors import InputError, MissingExtra
from edgegsr.situation import Ontology

DIORAMA = "diorama"


def folder_of(name: str) -> Path:
    """The folder of a data name; a Diorama that was never staged is staged into the cache first."""
    world, _, seed = name.partition(":")
    if world != DIORAMA or Path(name).is_dir():
        return Path(name)
    if ":" in name and not seed.isdecimal():
        raise InputError(f"--data {name}: wanted diorama:SEED with a whole number, got {seed!r}")
    try:
        from edgegsr.data.diorama.make import staged
    except ImportError as error:
        raise MissingExtra("staging Diorama", "train") from error
    return staged(int(seed or 0))


def open_data(name: str, split: str, limit: int | None = None, ontology: Ontology | None = None) -> Split:
    """A split of a data name; `limit` keeps so many images, spread over the file."""
    opened = swig.open_split(folder_of(name), split, ontology)
    if limit is None or limit >= len(opened):
        return opened
    return opened.take(np.linspace(0, len(opened) - 1, limit).astype(int))


def groups_of(name: str, ontology: Ontology | None = None) -> Groups:
    """Seen, rare and unseen verbs of a data name, by its training file."""
    root = folder_of(name)
    train = swig.open_split(root, "train", ontology).annotations
    listed = swig.json_folder(root) / "unseen.txt"
    return groups(train, swig.read_verbs(listed, train.ontology) if listed.is_file() else ())
