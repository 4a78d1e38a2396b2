"""How every benchmark ends: one JSON line on the screen, and with --out a file of the same in results/."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import machine

from edgegsr.files import write_whole


def told_of(run: str) -> dict[str, str | None]:
    """Which one a run is; of a model of the hub its name alone."""
    from edgegsr.run import WEIGHTS
    from edgegsr.shipped import find_run

    weights = find_run(run) / WEIGHTS
    return {"run": Path(run).name, "weights": sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None}


def resumed(about: dict[str, Any], rows: str, out: Path | None) -> dict[str, Any]:
    """What `out` has already of the same, or nothing yet under `rows`; what is of something else is refused."""
    if not (out and out.is_file()):
        return {**about, rows: {}}
    result: dict[str, Any] = json.loads(out.read_text("utf-8"))
    if other := next((name for name, value in about.items() if result.get(name) != value), None):
        sys.exit(f"{out}: is of another {other}, {str(result.get(other))[:80]}; give another --out")
    return result


def publish(result: dict[str, Any], out: Path | None) -> None:
    """Adds the facts of the machine, writes and prints."""
    result = {**result, "machine": machine.facts()}
    if out:
        write_whole(out, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
