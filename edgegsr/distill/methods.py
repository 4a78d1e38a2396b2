"""The ways to train a student."""

from __future__ import annotations

from edgegsr.distill.plain import Plain
from edgegsr.errors import InputError

METHODS = {"none": Plain}


def find_method(name: str) -> type[Plain]:
    """The method of that name."""
    if name not in METHODS:
        raise InputError(f"--method: wanted one of {', '.join(METHODS)}, got {name!r}")
    return METHODS[name]
