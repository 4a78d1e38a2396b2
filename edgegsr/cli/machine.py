"""`edgegsr doctor` and `edgegsr demo`: what this machine can do, and the whole line on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgegsr.cli.common import (
    Json,
    last_line,
    need_training,
    program,
    table,
)


def doctor(as_json: Json = False) -> None:
    """Versions, CPU and GPU, boards, and which targets can be built and run here."""
    from edgegsr.doctor import examine

    report = examine()
    for title, headers, rows in report.tables():
        table(title, headers, rows)
    last_line(as_json, report.to_json())


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo"),
    as_json: Json = False,
) -> None:
    """Stage a small world, train a pico student alone and with a teacher, draw what it sees: minutes on two cores."""
    need_training("demo")
    from edgegsr.demo import run

    result = run(out)
    rows = [
        (name, group, *(f"{100 * part[key]:.0f}" for key in ("verb_top1", "verb_top5", "grounded")))
        for name, scores in {**result["dev"], "diorama-nano, shipped": result["shipped"]["dev"]}.items()
        for group, part in scores.items()
        if group != "all"
    ]
    table("dev, %, mean over verbs", ("student", "verbs", "verb top1", "verb top5", "grounded, true verb"), rows)
    shipped = result["shipped"]
    print(f"\nThe bundle that ships, trained on all of it and pruned, takes {shipped['p50_ms']:.1f} ms a photo here.")
    print(f"Look at   {result['report']}, {result['bench']} and {shipped['picture']}")
    print(f"Go on     {program()} predict diorama-nano {result['image']} --draw")
    last_line(as_json, result)
