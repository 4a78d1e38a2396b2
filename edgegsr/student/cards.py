"""The student cards that come with the project, by name."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from edgegsr.errors import InputError

CHECKOUT = Path(__file__).parents[2] / "models"
INSTALLED = Path(sysconfig.get_path("data")) / "share" / "edgegsr" / "models"


def find_card(name: str | Path) -> Path:
    """The card file: a path as it is, a bare name such as "pico" among the shipped cards."""
    if Path(name).suffix or len(Path(name).parts) > 1:
        return Path(name)
    for folder in (CHECKOUT, INSTALLED):
        if (path := folder / f"{name}.toml").is_file():
            return path
    shipped = sorted({path.stem for folder in (CHECKOUT, INSTALLED) for path in folder.glob("*.toml")})
    raise InputError(f"--student: wanted a card file or one of {', '.join(shipped)}, got {str(name)!r}")
