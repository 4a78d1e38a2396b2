"""Progress that people see: a bar with the time left on a terminal, sparse lines in a log, nothing for what is quick.

Everything goes to stderr; stdout belongs to results.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

QUIET_S = 2.0  # what ends sooner says nothing
LINE_S = 10.0  # between two lines of a log


def track(iterable: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """The items of `iterable`, with progress shown on stderr under `label` when they take longer than two seconds."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    started, done, display = time.monotonic(), 0, None
    try:
        for item in iterable:
            if display is None and time.monotonic() - started >= QUIET_S:
                display = (_Bar if _is_terminal() else _Lines)(label, total, started)
            if display is not None:
                display.show(done)
            yield item
            done += 1
    finally:
        if display is not None:
            display.end(done)


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Shows on a terminal that something goes on whose parts cannot be counted."""
    if not _is_terminal() or _Bar.shown:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


class _Lines:
    """For logs: a line now and then, and one at the end."""

    def __init__(self, label: str, total: int | None, started: float) -> None:
        self.label, self.total, self.started = label, total, started
        self.next_line = started

    def show(self, done: int) -> None:
        if (now := time.monotonic()) >= self.next_line:
            self.next_line = now + LINE_S
            _print(f"{self.label}: {_progress(done, self.total, now - self.started)}")

    def end(self, done: int) -> None:
        of = f" of {self.total:,}" if self.total is not None and done != self.total else ""
        _print(f"{self.label}: {done:,}{of} in {clock(time.monotonic() - self.started)}")


class _Bar:
    """For terminals: a bar that moves, drawn by rich."""

    shown = 0  # bars at this moment

    def __init__(self, label: str, total: int | None, started: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.started = started
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}", style="dim"),
            console=Console(stderr=True),
        )
        self.task = self.progress.add_task(label, total=total, rest="")
        self.total = total
        self.progress.start()
        _Bar.shown += 1

    def show(self, done: int) -> None:
        rest = _rest(done, self.total, time.monotonic() - self.started)
        self.progress.update(self.task, completed=done, rest=rest)

    def end(self, done: int) -> None:
        self.progress.update(self.task, completed=done, rest=f"in {clock(time.monotonic() - self.started)}")
        self.progress.stop()
        _Bar.shown -= 1


def _progress(done: int, total: int | None, seconds: float) -> str:
    """120 of 1,000 · 3.4/s · 04:20 left"""
    counted = f"{done:,}" if total is None else f"{done:,} of {total:,}"
    rest = _rest(done, total, seconds)
    return f"{counted} · {rest}" if rest else counted


def _rest(done: int, total: int | None, seconds: float) -> str:
    if not done or seconds <= 0:
        return ""
    rate = done / seconds
    pace = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return pace if total is None else f"{pace} · {clock(max(0, total - done) / rate)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where it takes hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _print(line: str) -> None:
    if sys.stderr is not None:  # a windowed program has none
        print(line, file=sys.stderr, flush=True)
