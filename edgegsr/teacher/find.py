"""Which teacher a name means: the one that comes with the project, a folder, or a hub id."""

from __future__ import annotations

from edgegsr.errors import InputError
from edgegsr.student.cards import CHECKOUT, INSTALLED

SHIPPED = "diorama-teacher"


def find_teacher(name: str | None = None) -> str:
    """The folder or hub id of a teacher; without a name, the folder of the Diorama teacher."""
    if name not in (None, "diorama", SHIPPED):
        return name
    for models in (CHECKOUT, INSTALLED):
        if (models / SHIPPED / "card.toml").is_file():
            return str(models / SHIPPED)
    raise InputError(f"--teacher: {SHIPPED} does not lie in {CHECKOUT} or {INSTALLED}; name a folder or a hub id")
