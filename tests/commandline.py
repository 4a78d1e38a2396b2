"""The command line, called as a program would call it."""

from __future__ import annotations

from edgegsr import cli


def run(*arguments: object) -> int:
    """The exit code of a command."""
    try:
        cli.main([str(word) for word in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0
