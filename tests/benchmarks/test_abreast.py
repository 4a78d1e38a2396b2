"""Trainings side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_one_that_fails_is_told_of_when_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from abreast import measured

    found = []
    with pytest.raises(ValueError, match="lost"):
        for job, came in measured(int, ["1", "lost", "2", "3"], 1):
            found.append((job, came))
    assert sorted(found) == [("1", 1), ("2", 2), ("3", 3)]
