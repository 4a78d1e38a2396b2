from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from edgegsr.progress import track, waiting


class Clock:
    """Stands in for the time module: seconds pass when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("edgegsr.progress.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def run(clock: Clock, count: int, seconds_each: float, **options: int) -> list[int]:
    items = []
    for item in track(range(count), "reading", **options):
        clock.now += seconds_each
        items.append(item)
    return items


@pytest.mark.parametrize("terminal", [False, True])
def test_what_ends_within_two_seconds_says_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert run(clock, 19, 0.1) == list(range(19))
    assert stream.getvalue() == ""


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clock, 1536, 1 / 64) == list(range(1536))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "reading: 128 of 1,536 · 64/s · 00:22 left",
        "reading: 768 of 1,536 · 64/s · 00:12 left",
        "reading: 1,408 of 1,536 · 64/s · 00:02 left",
        "reading: 1,536 in 00:24",
    ]


def test_slow_items_are_told_in_seconds_each_and_long_waits_in_hours(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    run(clock, 1000, 12.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reading: 1 of 1,000 · 12.5 s each · 3:28:08 left"
    assert "reading: 950 of 1,000 · 12.5 s each · 10:25 left" in lines


def test_without_a_total_there_is_a_pace_and_no_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    def endless() -> Iterator[int]:
        yield from range(10**9)

    for item in track(endless(), "watching"):
        clock.now += 0.5
        if item == 7:
            break
    assert capsys.readouterr().err.splitlines() == ["watching: 4 · 2.0/s", "watching: 7 in 00:04"]


def test_a_total_can_be_given_for_what_has_no_length(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in track(iter(range(3)), "teaching", total=3):
        clock.now += 3
    assert capsys.readouterr().err.splitlines() == [
        "teaching: 1 of 3 · 3.0 s each · 00:06 left",
        "teaching: 3 in 00:09",
    ]


def test_an_error_in_the_loop_ends_the_display_and_goes_on(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Iterator[int]:
        yield from range(5)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        for _ in track(broken(), "writing", total=9):
            clock.now += 1
    assert capsys.readouterr().err.splitlines()[-1] == "writing: 5 of 9 in 00:05"


def test_a_terminal_gets_a_bar_that_is_cleaned_up(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert run(clock, 50, 1.0) == list(range(50))
    text = stream.getvalue()
    assert "reading" in text and "50/50" in text and "in 00:50" in text
    assert "\x1b[?25h" in text or "\x1b[?25l" not in text  # a cursor that was hidden is shown again


def test_a_dumb_terminal_gets_lines(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    monkeypatch.setenv("TERM", "dumb")
    run(clock, 3, 1.5)
    assert stream.getvalue().splitlines() == ["reading: 2 of 3 · 1.5 s each · 00:02 left", "reading: 3 in 00:04"]


def test_a_program_without_stderr_goes_on(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert run(clock, 5, 30) == list(range(5))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_wait_without_parts_is_told_on_a_terminal_and_not_beside_a_bar(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with waiting("opening"):
        pass
    assert ("opening" in stream.getvalue()) == terminal
    stream.truncate(0)
    monkeypatch.setattr("edgegsr.progress._Bar.shown", 1)
    with waiting("opening"):
        pass
    assert "opening" not in stream.getvalue()
