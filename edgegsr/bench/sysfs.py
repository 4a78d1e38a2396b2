"""What the kernel says in a file, where it says anything. stdlib."""

from __future__ import annotations

from pathlib import Path

OFFLINE = -256.0  # degrees of a sensor that is switched off


def text(path: Path) -> str:
    """The words of a file; none where it cannot be read."""
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except (OSError, ValueError):
        return ""


def number(path: Path) -> float | None:
    try:
        return float(text(path)[:40])
    except ValueError:
        return None
