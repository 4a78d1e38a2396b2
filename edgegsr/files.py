"""Files that are either whole or not there, and one line for the user where they cannot be written."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgegsr.errors import InputError, shown

LISTED = 12  # names in an error


class NotAFile(OSError):
    """A pipe, a device or a socket where a file was wanted."""


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a file, and its folder where that lacks, in one move: a crash leaves the old file or the new one."""
    path = Path(path)
    if not path.name or path.is_dir():
        raise InputError(f"{path}: wanted the name of a file, got a folder")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def read_file(path: Path, most_bytes: int) -> bytes:
    """The first bytes of a regular file; what would be waited for (a pipe, a device) is not even opened."""
    _check_regular(path, path.stat())
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as file:
        status = os.fstat(number)
        _check_regular(path, status)  # it may be another one by now
        return file.read(min(most_bytes, status.st_size))


def _check_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(errno.EINVAL, "is a pipe, a device or a socket", str(path))


def read_json(path: Path) -> Any:
    """What a file of ours holds."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: wanted JSON, got {error}; delete the file and run the same command again") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A file of ours that does not hold what it should, as one line."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: does not hold what was written there ({type(error).__name__}: {error}); delete the file and run "
            "the same command again"
        ) from error


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """What the system says against writing here, as one line."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}; what was there before is as it was. "
            "Make room or name another place, then run the same command again"
        ) from error


def listing(folder: Path) -> str:
    """The names in a folder as an error can show them."""
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    told = ", ".join(map(shown, names[:LISTED])) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    return told or "an empty folder"


def cache_folder() -> Path:
    """Where things that can be made again are kept; EDGEGSR_CACHE names another place."""
    return Path(os.environ.get("EDGEGSR_CACHE") or Path.home() / ".cache" / "edgegsr")
