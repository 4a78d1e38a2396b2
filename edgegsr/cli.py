"""The command line: one verb per station. Each parses, calls one function and prints.

Nothing heavy is imported before a command runs, so that `--help` is instant and a board without torch has its verbs.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional  # noqa: UP035

import typer

from edgegsr.errors import InputError

DONE, FAILED, BAD_INPUT, MISSED = 0, 1, 2, 3  # exit codes; 3 is for gates and parity

app = typer.Typer(
    name="edgegsr",
    help="Distill, compress and export grounded situation recognition for the edge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Make and check datasets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Data = Annotated[str, typer.Option("--data", help="A folder in the SWiG layout, 'diorama', or 'diorama:SEED'.")]
Limit = Annotated[Optional[int], typer.Option("--limit", min=1, help="Use only this many images.")]  # noqa: UP045


class Method(str, Enum):
    none = "none"


class SplitName(str, Enum):
    train = "train"
    dev = "dev"
    test = "test"


class Candidates(str, Enum):
    generalised = "generalised"
    restricted = "restricted"


def main() -> None:
    """Runs a command; a user's mistake is one line and exit code 2."""
    try:
        app()
    except InputError as error:
        sys.exit(_complain(error, BAD_INPUT))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR):
            sys.exit(_complain(f"{error.filename or 'output'}: cannot be written or read: {error.strerror}", BAD_INPUT))
        raise
    except BrokenPipeError:
        sys.exit(DONE)
    except KeyboardInterrupt:
        sys.exit(_complain("stopped; the same command goes on from here", FAILED))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Versions, CPU and GPU, boards, and which targets can be built and run here."""
    from edgegsr.doctor import examine

    report = examine()
    for title, headers, rows in report.tables():
        _table(title, headers, rows)
    _last_line(as_json, report.to_json())


@data_app.command("make")
def data_make(
    name: Annotated[str, typer.Argument(help="What to make: 'diorama'.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; a started one is finished.")],
    seed: Annotated[int, typer.Option(help="Another seed is another sample of the same world.")] = 0,
    share: Annotated[float, typer.Option(min=0.001, max=20, help="How much of the full size to make.")] = 1.0,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Processes.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Stage a dataset on disk, in the official SWiG layout."""
    if name != "diorama":
        raise InputError(f"data make: wanted 'diorama', got {name!r}")
    _needs_training_extra("data make")
    from edgegsr.data.diorama.make import make, sizes

    make(out, seed, share, workers)
    counts = sizes(out)
    _table(f"Diorama {seed} in {out}", ("split", "images"), [(k, str(v)) for k, v in counts.items()])
    _last_line(as_json, {"out": str(out), "seed": seed, "images": counts})


@data_app.command("check")
def data_check(
    path: Annotated[Path, typer.Argument(help="A dataset folder, or one annotation file.")],
    images: Annotated[Optional[Path], typer.Option(help="Folder of the images of an annotation file.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """What is there and what is wrong with it; exits with 2 when something is."""
    from edgegsr.data.check import check

    findings = check(path, images)
    for title, headers, rows in findings.tables():
        _table(title, headers, rows)
    _last_line(as_json, findings.to_json())
    if not findings.ok:
        raise typer.Exit(BAD_INPUT)


def _complain(error: object, code: int) -> int:
    print(f"edgegsr: {error}", file=sys.stderr)
    return code


def _last_line(wanted: bool, value: dict[str, Any]) -> None:
    if wanted:
        print(json.dumps(value, ensure_ascii=False))


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for i, header in enumerate(headers):
        table.add_column(header, justify="left" if i == 0 else "right" if _is_figure(header) else "left")
    for row in rows:
        table.add_row(*map(str, row))
    Console(file=sys.stdout).print(table)
