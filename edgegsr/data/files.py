"""What the files of a dataset share: written whole or not at all, and the content of a folder in one line."""

from __future__ import annotations

from pathlib import Path

from edgegsr.errors import InputError
from edgegsr.files import write_atomically


def write_text(path: Path, text: str) -> None:
    """Writes the file, and its folder where that is missing; a place that cannot be written is the user's mistake."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise InputError(f"{path}: wanted a file that can be written, got: {error.strerror or error}") from error


def listing(folder: Path, limit: int = 12) -> str:
    """The names in a folder as an error can show them."""
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    shown = ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
    return shown or "an empty folder"
