"""The command line: one verb per station. Each parses, calls one function and prints.

Nothing heavy is imported before a command runs, so that `--help` is instant and a board without torch has its verbs.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence

import typer

from edgegsr.cli.bench import bench
from edgegsr.cli.common import BAD_INPUT, DONE, FAILED, complain
from edgegsr.cli.compress import compress
from edgegsr.cli.data import data_check, data_make
from edgegsr.cli.distill import distill
from edgegsr.cli.evaluate import evaluate
from edgegsr.cli.export import export, text, verify
from edgegsr.cli.machine import demo, doctor
from edgegsr.cli.predict import predict
from edgegsr.cli.score import score
from edgegsr.cli.teach import teach
from edgegsr.errors import InputError, TrainingStopped

BY_CTRL_C = 130  # what Typer makes of it

COMMANDS: dict[str, Callable[..., None]] = {
    "doctor": doctor,
    "demo": demo,
    "teach": teach,
    "distill": distill,
    "compress": compress,
    "export": export,
    "text": text,
    "verify": verify,
    "eval": evaluate,
    "predict": predict,
    "score": score,
    "bench": bench,
}
DATA_COMMANDS: dict[str, Callable[..., None]] = {"make": data_make, "check": data_check}
UNWRITABLE = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}


def _parser(asked: str) -> typer.Typer:
    """What reads a command line. Only the command that is asked has options: those of all take longer than the rest."""
    app = typer.Typer(
        name="edgegsr",
        help="Distill, compress and export grounded situation recognition for the edge.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    data = typer.Typer(help="Make and check datasets.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(data, name="data")
    for name, command in COMMANDS.items():
        app.command(name, help=command.__doc__)(command if name == asked else _listed)
    for name, command in DATA_COMMANDS.items():
        data.command(name, help=command.__doc__)(command if asked == "data" else _listed)
    return app


def _listed() -> None:
    """Stands for a command in a list."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; a user's mistake is one line and exit code 2."""
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        asked = next((word for word in words if not word.startswith("-")), "")
        _parser(asked)(args=_spread(words, "--truth"))
    except SystemExit as end:
        if end.code != BY_CTRL_C:
            raise
        sys.exit(complain("stopped; what is finished is kept", FAILED))
    except InputError as error:
        sys.exit(complain(error, BAD_INPUT))
    except TrainingStopped as error:
        sys.exit(complain(error, FAILED))
    except BrokenPipeError:
        sys.exit(DONE)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        sys.exit(complain(f"{error.filename or 'the output'}: {error.strerror}; nothing finished is lost", BAD_INPUT))


def _spread(arguments: list[str], option: str) -> list[str]:
    """`--truth a b` as `--truth a --truth b`, which is what the parser takes."""
    out: list[str] = []
    inside = False
    for word in arguments:
        if word.startswith("-"):
            inside = word == option
            out.append(word)
        elif inside and out[-1] != option:
            out += [option, word]
        else:
            out.append(word)
    return out
