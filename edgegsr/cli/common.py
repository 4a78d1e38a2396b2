"""What the commands share: options, exit codes, tables, and the last line for programs."""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.errors import InputError, MissingExtra, shown

if TYPE_CHECKING:
    from edgegsr.interactions import Kinds

DONE, FAILED, BAD_INPUT, MISSED = 0, 1, 2, 3  # exit codes; 3 is for gates and parity

NEVER_FOLDED = 10  # characters of a column


class Head(str, Enum):
    """Half of what says both."""

    situations = "situations"
    pairs = "pairs"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Data = Annotated[str, typer.Option(help="A folder in the SWiG layout, 'diorama', or 'diorama:SEED'.")]
AnyData = Annotated[
    Optional[str],
    typer.Option(
        help="A folder in the SWiG layout, 'diorama', or 'diorama:SEED'; pairs: HICO-DET's, or 'crowd'; "
        "compress and export of both heads: 'diorama,crowd'."
    ),
]
Limit = Annotated[
    Optional[int], typer.Option(min=1, help="Use only this many images, spread evenly; another number takes others.")
]
Workers = Annotated[int, typer.Option(min=0, help="Processes that prepare images.")]
RunFolder = Annotated[
    Path, typer.Argument(help="The folder that `distill` wrote, or the name of a student that comes along.")
]


def program() -> str:
    """How this program was called."""
    name = Path(sys.argv[0]).name
    return "python -m edgegsr" if name == "__main__.py" else name


def need_training(command: str, *more: str, opens: bool = True) -> None:
    """Refuses where something lacks; opens PyTorch, which takes seconds, where the command wants it here."""
    if sys.version_info < (3, 11):
        raise InputError(f"{command} needs Python 3.11 or newer, this is {platform.python_version()}")
    needed = ("torch", "transformers", "accelerate", "safetensors", "cv2", *more)
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise MissingExtra(f"{command} ({', '.join(missing)})", "train")
    if not opens:
        return
    from edgegsr.progress import waiting

    with waiting("opening PyTorch"):
        import torch  # noqa: F401


def settings_of(pairs: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE with the value as JSON, or else as a text."""
    out: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise InputError(f"--set: wanted KEY=VALUE, got {pair!r}")
        try:
            out[key] = json.loads(value)
        except json.JSONDecodeError:
            out[key] = value
        except (ValueError, RecursionError) as error:
            raise InputError(f"--set {key}: wanted a number, a text, true or false: {error}") from error
    return out


def complain(error: object, code: int) -> int:
    print(f"edgegsr: {error}", file=sys.stderr)
    return code


def of_pairs(folder: Path) -> bool:
    """Whether a run or a bundle is one of pairs: its folder tells, before anything heavy is loaded."""
    from edgegsr.bundle import KINDS
    from edgegsr.shipped import find_run

    return (find_run(folder) / KINDS).is_file()


def leave_out(given: Mapping[str, object], why: str) -> None:
    """Refuses options that make no sense here; `given` by how they are written."""
    if named := [name for name, value in given.items() if value]:
        be, them = ("is", "it") if len(named) == 1 else ("are", "them")
        raise InputError(f"{', '.join(named)}: {be} {why}; leave {them} out")


def need_same_kinds(subject: object, ours: Kinds, data: str, theirs: Kinds) -> None:
    """Refuses data of other interactions than those that a subject speaks of."""
    if not ours.same_as(theirs):
        raise InputError(f"{subject}: speaks of other interactions than {data}; evaluate it on data of its own words")


def of_both(run: Path) -> bool:
    """Whether a folder is one of both heads, each with a run in a folder of its own."""
    from edgegsr.bundle import HEADS
    from edgegsr.shipped import find_run

    return all((find_run(run) / head).is_dir() for head in HEADS)


def both_data(data: str | None) -> tuple[str, str]:
    """The data of situations and of pairs that a run of both heads wants."""
    parts = [part.strip() for part in (data or "diorama,crowd").split(",")]
    if len(parts) != 2 or not all(parts):
        raise InputError(f"--data: both heads want data of situations and of pairs, as in diorama,crowd; got {data!r}")
    if names_pairs(parts[0]):
        raise InputError(f"--data: situations come first, as in diorama,crowd; got {data!r}, which begins with pairs")
    return parts[0], parts[1]


def names_pairs(data: str) -> bool:
    """Whether this is data of interactions, as far as its name or its folder tells."""
    if data.partition(":")[0] == "crowd":
        return True
    from edgegsr.data.pairs import FILES

    return any((Path(data) / name).is_file() for names in FILES.values() for name in names)


def last_line(wanted: bool, value: Mapping[str, Any]) -> None:
    if wanted:
        text = json.dumps(value, ensure_ascii=False)
        print(text if text.isprintable() else json.dumps(value))


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    print(f"\n{shown(title)}")
    cells, console = [tuple(map(shown, row)) for row in rows], Console(markup=False)
    widest = [max(map(len, column)) for column in zip(headers, *cells)]
    table = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.collapse_padding = sum(widest) + 3 * len(widest) > console.width
    for header, width in zip(headers, widest):  # names and sentences fold before numbers do
        table.add_column(header, overflow="fold", no_wrap=width <= NEVER_FOLDED)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def show_brief(
    title: str,
    scores: Mapping[str, Mapping[str, float | None]],
    chance: Mapping[str, Mapping[str, float]],
    counts: Mapping[str, int],
) -> None:
    names = list(next(iter(scores.values())))
    cells = [
        (label, *("-" if (value := part.get(name)) is None else f"{100 * value:.1f}" for name in names))
        for group, part in scores.items()
        for label, part in ((_counted(group, counts), part), ("  chance", chance.get(group, {})))
        if part
    ]
    table(f"{title}, %, mean over verbs", ("verbs (images)", *(name.replace("_", " ") for name in names)), cells)
    print("top1: with the student's verb. value and grounded alone: with the true verb.")


def show_teacher(name: str, found: Mapping[str, Any]) -> None:
    """A teacher beside its student; one without a text space has no zero-shot verbs."""
    if groups := dict(found.get("groups", {})):
        groups |= {"harmonic mean of seen and unseen": found["harmonic"]} if "harmonic" in found else {}
        rows = [(group, *(f"{100 * value:.1f}" for value in part.values())) for group, part in groups.items()]
        title = f"{name}, zero-shot, {found['candidates']}, %, mean over verbs"
        table(title, ("verbs", "verb top1", "verb top5"), rows)
    else:
        print(f"\n{name}: has no texts of its own, and so no zero-shot verbs")
    print(f"{found['gflops']:.2f} GFLOPs and {found['latency_ms']:.1f} ms an image, here, one by one")


def _counted(group: str, counts: Mapping[str, int]) -> str:
    return f"{group} ({counts[group]})" if group in counts else f"{group} mean of seen and unseen"
