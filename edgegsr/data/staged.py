"""The names that `--data` knows without a folder: worlds that come along and are staged when they are first asked for.

`diorama` and `crowd` are those of seed 0, `diorama:SEED` and `crowd:SEED` others.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from edgegsr.errors import InputError, MissingExtra

DIORAMA, CROWD = "diorama", "crowd"
STAGED = "diorama.json"  # lies in the folder of a world that was staged
MAKERS = {DIORAMA: "edgegsr.data.diorama.make", CROWD: "edgegsr.data.diorama.make_crowd"}


def is_staged(folder: Path) -> bool:
    """Whether what lies there are staged scenes."""
    return (folder / STAGED).is_file()


def folder_of(name: str, world: str) -> Path:
    """The folder of a data name; a world that was never staged is staged into the cache first.

    A folder that is called like the world is named ./diorama or ./crowd.
    """
    named, _, seed = name.partition(":")
    if named != world:
        return Path(name)
    if ":" in name and not (seed.isdecimal() and len(seed) <= 18):
        raise InputError(f"--data {name}: wanted {world}:SEED with a whole number, got {seed[:40]!r}")
    if Path(name).is_dir():
        print(f"--data {name}: is the {world} that comes along; the folder here is called ./{name}", file=sys.stderr)
    try:
        maker = import_module(MAKERS[world])
    except ImportError as error:
        raise MissingExtra(f"staging {world}", "train") from error
    folder: Path = maker.staged(int(seed or 0))
    return folder
