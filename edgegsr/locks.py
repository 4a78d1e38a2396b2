"""Locks between processes. Where a system or a place knows none, none is held. stdlib."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Held(Exception):
    """Another process, of which the number is told, has it."""


@contextmanager
def one_maker(path: Path) -> Iterator[None]:
    """Waits until no other process is inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold(path: Path) -> IO[str]:
    """A file that no other process can hold as well until it is closed."""
    lock = path.open("a+")
    try:  # of this process alone: workers that outlive it do not hold it, as they would with flock
        if fcntl:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            lock.seek(0)
            raise Held(lock.read().strip()) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
