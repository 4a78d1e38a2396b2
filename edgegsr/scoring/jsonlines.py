"""JSON-lines files as checked objects with their line numbers, for the readers of every scoring file.

Whoever hands a bad file over gets its name, the line and the reason; a line is never repaired or skipped.
"""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgegsr.errors import InputError

_NUMBERS = frozenset((int, float))
FARTHEST = sys.float_info.max


def read_lines(path: str | Path, keys: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The object of each line with its line number as an editor counts; blank lines count and hold nothing."""
    line = 0
    try:
        with Path(path).open("rb") as file:
            for line, raw in enumerate(file, 1):
                with located(path, line):
                    text = _decoded(raw, first=line == 1)
                    record = _parse(text, keys) if text else None
                if record is not None:
                    yield line, record
    except OSError as error:
        raise InputError(f"{path}: cannot read the predictions: {error.strerror}") from error
    if not line:
        raise InputError(f"{path}: wanted one JSON object a line, got an empty file")


@contextmanager
def located(path: str | Path, line: int) -> Iterator[None]:
    """Puts file and line number before the reason of any refusal inside."""
    try:
        yield
    except InputError as reason:
        raise InputError(f"{path}, line {line}: {reason}") from None


def show(value: Any) -> str:
    """A value as a message can carry it: a hostile line may hold megabytes."""
    text = _SHORT.repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def is_box(value: Any) -> bool:
    """Whether the value is a list of four finite numbers x1 <= x2, y1 <= y2 that says where something is."""
    if type(value) is not list or len(value) != 4 or not _NUMBERS.issuperset(map(type, value)):
        return False
    if value == [-1, -1, -1, -1]:  # "no box" in annotations; taken as a box it would count as one
        return False
    x1, y1, x2, y2 = value
    return bool(-FARTHEST <= x1 <= x2 <= FARTHEST and -FARTHEST <= y1 <= y2 <= FARTHEST)


def _decoded(raw: bytes, first: bool) -> str:
    if first and raw.startswith(b"\x1f\x8b"):
        raise InputError("wanted plain JSON lines, got a gzip file; unpack it first")
    try:
        return (raw.removeprefix(b"\xef\xbb\xbf") if first else raw).decode("utf-8").rstrip()
    except UnicodeDecodeError as error:
        raise InputError(f"wanted UTF-8 text, got byte {error.object[error.start]:#04x}") from None


def _parse(text: str, keys: Collection[str]) -> dict[str, Any]:
    try:
        record = _DECODER.decode(text)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at column {error.colno}; wanted one object a line") from None
    except RecursionError:
        raise InputError("not readable as JSON: brackets nest too deep") from None
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"not readable as JSON: {error}") from None
    if type(record) is not dict:
        raise InputError(f"wanted an object with {_listed(keys)}, got {show(record)}")
    for key in keys:
        if key not in record:
            raise InputError(f"missing key {key!r}; wanted an object with {_listed(keys)}")
    return record


def _listed(keys: Collection[str]) -> str:
    return " and ".join(", ".join(map(repr, keys)).rsplit(", ", 1))


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise InputError(f"key {show(twin)} stands twice in one object; keep one of them")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_without_twins)
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
