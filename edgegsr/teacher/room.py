"""Whether what is to be written fits on the disk: told before anything is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from edgegsr.errors import InputError
from edgegsr.teacher.cache import Facts

OVERHEAD = 80  # bytes of a row in the header of its shard


def check_room(out: Path, facts: Facts, views: int, text_tokens: int) -> None:
    """Says how much so many views and tokens of texts take, and refuses what the disk does not hold."""
    cells = facts.grid**2
    view_bytes = 2 * (1 + cells) * facts.width + cells + OVERHEAD
    text_bytes = 2 * text_tokens * facts.text_width
    if not (wanted := views * view_bytes + text_bytes):
        return
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    shares = f"{views:,} views x {size(view_bytes)}, texts about {size(text_bytes)}"
    if wanted > free:
        raise InputError(
            f"{out}: wanted room for {size(wanted)} ({shares}), got {size(free)} free; take a smaller --grid than "
            f"{facts.grid}, only --views plain, a --limit, or an --out on another disk"
        )
    print(f"{out}: will take about {size(wanted)} more ({shares}); {size(free)} are free", file=sys.stderr)


def size(count: float) -> str:
    """Bytes as people say them: 1.3 GB."""
    units = iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while count >= 999.5 and unit != "TB":
        count, unit = count / 1000, next(units)
    return f"{count:.0f} {unit}" if count >= 9.95 or unit == "B" else f"{count:.1f} {unit}"
