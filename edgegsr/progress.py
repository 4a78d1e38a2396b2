"""How far it is: a bar with an ETA on a terminal, a line now and then elsewhere, nothing for what is over at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 2.0  # what ends sooner shows nothing
LINE_EVERY_S = 10.0  # where no bar can be drawn


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items one by one, with the progress on stderr."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    return _bar(items, label, total) if sys.stderr.isatty() else _lines(items, label, total)


def _lines(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    started = last = time.monotonic()
    shown = False
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= (LINE_EVERY_S if shown else PATIENCE_S):
            print(line(label, done, total, now - started), file=sys.stderr, flush=True)
            last, shown = now, True
    if shown:
        print(f"{label}: {done} done in {clock(time.monotonic() - started)}", file=sys.stderr, flush=True)


def _bar(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    started = time.monotonic()
    task = bar.add_task(label, total=total)
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not bar.live.is_started and time.monotonic() - started >= PATIENCE_S:
                bar.start()
    finally:
        bar.stop()


def line(label: str, done: int, total: int | None, seconds: float) -> str:
    """One line of progress: "staging: 120 of 400, 00:31 left"."""
    if not total:
        return f"{label}: {done}, {clock(seconds)} so far"
    return f"{label}: {done} of {total}, {clock(seconds / max(done, 1) * (total - done))} left"


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where it takes hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
