"""Files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes beside the target, flushes to the disk, and renames: a crash leaves the old file or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def cache_folder() -> Path:
    """Where things that can be made again are kept; EDGEGSR_CACHE names another place."""
    folder = Path(os.environ.get("EDGEGSR_CACHE") or Path.home() / ".cache" / "edgegsr")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
