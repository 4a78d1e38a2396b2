"""What comes with the project, by name: cards, students, the Diorama teacher, profiles. Paths stay what they are."""

from __future__ import annotations

import sysconfig
from os import PathLike
from pathlib import Path

from edgegsr.errors import InputError

CHECKOUT = Path(__file__).parents[1]
INSTALLED = Path(sysconfig.get_path("data")) / "share" / "edgegsr"
TEACHER = "diorama-teacher"
LICENCE = "Apache-2.0"  # of all of it


def find_card(name: str | Path) -> Path:
    """The card file of a student: a bare name such as "pico" means a card that comes with the project."""
    if Path(name).suffix or len(Path(name).parts) > 1:
        return Path(name)
    if found := _shipped(f"models/{name}.toml"):
        return found
    raise InputError(f"--student: wanted a card file or one of {_names('models/*.toml')}, got {str(name)!r}")


def find_run(name: str | Path) -> Path:
    """The folder of a run: a bare name where nothing lies means a student that comes with the project."""
    if Path(name).exists() or len(Path(name).parts) > 1:
        return Path(name)
    if found := _shipped(f"models/{name}/student.safetensors"):
        return found.parent
    half = _shipped(f"models/{name}/pairs/student.safetensors")  # of one that has both heads
    return half.parents[1] if half else Path(name)


def find_bundle(name: str | PathLike[str]) -> Path:
    """The folder of a bundle: a bare name where nothing lies means that of a student that comes with the project."""
    if Path(name).exists() or len(Path(name).parts) > 1:
        return Path(name)
    found = _shipped(f"models/{name}/bundle/manifest.json")
    return found.parent if found else Path(name)


def find_teacher(name: str | None = None) -> str:
    """The folder or hub id of a teacher; without a name, the folder of the Diorama teacher."""
    if name not in (None, "diorama", TEACHER):
        return name
    if found := _shipped(f"models/{TEACHER}/card.toml"):
        return str(found.parent)
    places = f"{CHECKOUT / 'models'} or {INSTALLED / 'models'}"
    raise InputError(f"--teacher: {TEACHER} does not lie in {places}; name a folder or a hub id")


def find_profile(name: str | Path) -> Path:
    """The profile of a target, by the same rule as a card."""
    if Path(name).suffix or len(Path(name).parts) > 1:
        return Path(name)
    if found := _shipped(f"export/{name}.toml"):
        return found
    raise InputError(f"--target: wanted a profile or one of {_names('export/*.toml')}, got {str(name)!r}")


def _shipped(path: str) -> Path | None:
    return next((place / path for place in (CHECKOUT, INSTALLED) if (place / path).is_file()), None)


def _names(pattern: str) -> str:
    return ", ".join(sorted({path.stem for place in (CHECKOUT, INSTALLED) for path in place.glob(pattern)}))
