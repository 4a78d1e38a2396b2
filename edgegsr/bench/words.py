"""A benchmark in sentences: where and how it was measured, and what it cannot say. `bench.md` is made here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgegsr.bench.load import PACES
from edgegsr.bench.tables import Result, Table, tables
from edgegsr.errors import shown
from edgegsr.files import write_whole

MARKDOWN = "bench.md"
NOT_VERSIONS = ("python", "edgegsr", "numpy")  # of what is no engine
TITLE = "edgegsr bench: accuracy, latency, energy and memory of the same files"


def write_markdown(result: Result, out: Path) -> Path:
    """Writes bench.md into a folder, and says where."""
    parts = [f"# {TITLE}", _plain(lead(result)), *(f"- {_plain(note)}" for note in notes(result))]
    parts += [_markdown(table) for table in tables(result)]
    write_whole(out / MARKDOWN, re.sub(r"\n\n(?=- )", "\n", "\n\n".join(parts)) + "\n")
    return out / MARKDOWN


def lead(result: Result) -> str:
    """What was measured, when and on what."""
    told, named = result["settings"], ", ".join(result["scenarios"])
    parts = [
        f"{result['date']}, {machine(result)}, device {result['device']}",
        f"pace {told['pace']}, {named}, {told['photos']} photos from memory, JPEG decoded"
        + (f", CPUs {', '.join(map(str, told['cpus']))}" if told.get("cpus") else ""),
        ", ".join(f"{name} {version}" for name, version in versions(result).items() if name not in NOT_VERSIONS),
    ]
    if "data" in told:
        parts.append(f"judged on {told['images']:,} photos of {told['data']}, {told['split']}{_by_group(result)}")
    return shown("; ".join(filter(None, parts)))


def _by_group(result: Result) -> str:
    judged = (each["accuracy"]["images"] for each in result["subjects"].values() if each.get("accuracy"))
    counts: Mapping[str, int] = next(judged, {})
    told = ", ".join(f"{images:,} {group}" for group, images in counts.items() if group != "all")
    return f" ({told})" if told else ""


def machine(result: Result) -> str:
    """The machine in a few words."""
    told = result["machine"]
    cpu, board, memory = told["cpu"], told.get("board") or {}, told.get("memory_bytes")
    parts = [board.get("module") or board.get("model"), f"{cpu['model']}, {cpu['cores']} cores"]
    parts += [gpu["name"] for gpu in told.get("gpus") or ()]
    parts += [f"{memory / 1e9:.0f} GB" if memory else None, told["system"]]
    parts.append(f"JetPack {board['jetpack']}" if board.get("jetpack") else None)
    return ", ".join(filter(None, parts))


def versions(result: Result) -> dict[str, str]:
    """Of all packages that some subject has loaded."""
    found: dict[str, dict[str, None]] = {}
    for each in result["subjects"].values():
        for package, version in (each.get("versions") or {}).items():
            found.setdefault(package, {})[version] = None
    return {package: " and ".join(known) for package, known in found.items()}


def notes(result: Result) -> list[str]:
    """What was missed, and what speaks against the numbers."""
    return [
        *map(shown, result.get("missed") or ()),
        *map(shown, held_against(result)),
        *map(shown, of_estimates(result)),
    ]


def held_against(result: Result) -> Iterator[str]:
    """What the numbers cannot say, and what nobody could control."""
    if result["settings"]["pace"] == "quick":
        least = PACES["quick"]
        yield f"quick: {least.seconds:g} s and {least.queries} queries of each at least: a look, not a measurement"
    for scenario in result["scenarios"]:
        lacking = {name: lack for name, each in result["subjects"].items() if (lack := _lacking(each, scenario))}
        if lacking:
            names = ", ".join(f"{name} lacks {queries:,} queries" for name, queries in lacking.items())
            yield f"{scenario}: no claim with 99 % confidence: {names}"
    if not any(each.get("accuracy") for each in result["subjects"].values()):
        yield "accuracy: no annotated photos were looked at, so nothing is said of how right the answers are"
    yield from result.get("doubts") or ()


def of_estimates(result: Result) -> Iterator[str]:
    """What lies outside of what the law was held against, and for whom."""
    about: dict[str, list[str]] = {}
    for name, found in (result.get("estimates") or {}).items():
        for caveat in dict.fromkeys(caveat for each in found["boards"] for caveat in each["caveats"]):
            about.setdefault(caveat, []).append(name)
    for caveat, names in about.items():
        yield f"ESTIMATE of {', '.join(names)}: {caveat}"


def _lacking(found: Mapping[str, Any], scenario: str) -> int:
    claim = found["scenarios"].get(scenario, {}).get("load", {}).get("claim")
    return claim["queries_lacking"] if claim and claim["ms"] is None else 0


def _markdown(table: Table) -> str:
    lines = [table.headers, ["---", *["---:"] * (len(table.headers) - 1)]]
    lines = [[_plain(cell) for cell in lines[0]], lines[1], *([_plain(cell) for cell in row] for row in table.rows)]
    return f"## {_plain(table.title)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text that is neither a mark of Markdown nor HTML, whatever it is."""
    return re.sub(r"([\\`*_\[\]<>|&])", r"\\\1", text)
