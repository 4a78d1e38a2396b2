"""Variables of a MATLAB file as arrays and plain objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgegsr.errors import InputError, MissingExtra, shown


def read_matlab(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """The named variables of a .mat file up to version 7; a struct comes with its fields as attributes."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtra("reading .mat files", "train") from error
    try:
        held = loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=list(names))
    except OSError as error:
        raise InputError(f"{path}: wanted a readable .mat file, got: {error.strerror or shown(error)}") from error
    except Exception as error:  # of a broken file scipy raises nearly anything
        raise InputError(f"{path}: wanted a .mat file up to version 7, got: {shown(error)[:200]}") from error
    if missing := [name for name in names if name not in held]:
        raise InputError(f"{path}: wanted the variables {', '.join(names)}, lacks {', '.join(missing)}")
    return {name: held[name] for name in names}
