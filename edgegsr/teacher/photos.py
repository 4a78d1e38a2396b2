"""What image files hold, as hashes: read once, then known by name, size and time of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.progress import track

FILE = "photos.json"
THREADS = 8


def digests(paths: Sequence[Path], folder: Path, keep: bool = False) -> list[str]:
    """sha256 of each file; `folder` holds those that are known by now, and the new ones too if they are to be kept."""
    known = _known(folder / FILE)
    marks = [_mark(path) for path in paths]
    new = {mark: path for mark, path in zip(marks, paths) if mark not in known}
    if new:
        with ThreadPoolExecutor(THREADS) as threads:
            found = track(threads.map(_digest, new.values()), "reading image files", len(new))
            known |= {mark: digest for digest, mark in zip(found, new)}
        if keep:
            write_whole(folder / FILE, json.dumps(known, indent=0))
    return [known[mark] for mark in marks]


def _known(path: Path) -> dict[str, str]:
    """What is remembered; nothing is lost with it but time."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; `edgegsr data check` lists all such images") from error
    return f"{path.name} {found.st_size} {found.st_mtime_ns}"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; `edgegsr data check` lists all such images") from error
