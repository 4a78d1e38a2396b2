"""The ways to train a student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgegsr.distill.mipd.lesson import Mipd
from edgegsr.distill.mipd.release import MipdRelease
from edgegsr.distill.plain import Plain
from edgegsr.distill.simple import Caption, Feature, Pseudo
from edgegsr.errors import InputError


class Method(NamedTuple):
    """How a lesson is made of a student, and whether it needs a teacher."""

    lesson: type[Plain]
    taught: bool = True
    collages: bool = False  # it learns from those too, where the settings have some
    settings: Mapping[str, Any] = {}  # values of [train] that it is made for, unless card or user say otherwise


METHODS: dict[str, Method] = {
    "none": Method(Plain, taught=False),
    "feature": Method(Feature),
    "caption": Method(Caption),
    "pseudo": Method(Pseudo),
    "mipd": Method(Mipd, collages=True, settings={"verb_balance": 0.5}),
    "mipd-release": Method(MipdRelease),
}


def find_method(name: str) -> Method:
    """The method of that name."""
    if name not in METHODS:
        raise InputError(f"--method: wanted one of {', '.join(METHODS)}, got {name!r}")
    return METHODS[name]
