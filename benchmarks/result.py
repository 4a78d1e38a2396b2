"""How every benchmark ends: one JSON line on the screen, and with --out a file of the same in results/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import machine

from edgegsr.files import write_whole


def publish(result: dict[str, Any], out: Path | None) -> None:
    """Adds the facts of the machine, writes and prints."""
    result = {**result, "machine": machine.facts()}
    if out:
        write_whole(out, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
