"""The command line, called as a program would call it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgegsr import cli

READ = ("--text", "all-MiniLM-L6-v2")  # of words whose vectors ship with the package


def run(*arguments: object) -> int:
    """The exit code of a command."""
    try:
        cli.main([str(word) for word in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def last_json(capsys: pytest.CaptureFixture[str]) -> Any:
    """What a program reads: the last line."""
    return json.loads(capsys.readouterr().out.splitlines()[-1])
