"""What comes with the project, by name: student cards, students, and the Diorama teacher. Paths stay what they are."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from edgegsr.errors import InputError

CHECKOUT = Path(__file__).parents[1] / "models"
INSTALLED = Path(sysconfig.get_path("data")) / "share" / "edgegsr" / "models"
TEACHER = "diorama-teacher"


def find_card(name: str | Path) -> Path:
    """The card file of a student: a bare name such as "pico" means a card that comes with the project."""
    if Path(name).suffix or len(Path(name).parts) > 1:
        return Path(name)
    if found := _shipped(f"{name}.toml"):
        return found
    raise InputError(f"--student: wanted a card file or one of {_names('*.toml')}, got {str(name)!r}")


def find_run(name: str | Path) -> Path:
    """The folder of a run: a bare name where nothing lies means a student that comes with the project."""
    if Path(name).exists() or len(Path(name).parts) > 1:
        return Path(name)
    found = _shipped(f"{name}/student.safetensors")
    return found.parent if found else Path(name)


def find_teacher(name: str | None = None) -> str:
    """The folder or hub id of a teacher; without a name, the folder of the Diorama teacher."""
    if name not in (None, "diorama", TEACHER):
        return name
    if found := _shipped(f"{TEACHER}/card.toml"):
        return str(found.parent)
    raise InputError(f"--teacher: {TEACHER} does not lie in {CHECKOUT} or {INSTALLED}; name a folder or a hub id")


def _shipped(path: str) -> Path | None:
    return next((models / path for models in (CHECKOUT, INSTALLED) if (models / path).is_file()), None)


def _names(pattern: str) -> str:
    return ", ".join(sorted({path.stem for models in (CHECKOUT, INSTALLED) for path in models.glob(pattern)}))
