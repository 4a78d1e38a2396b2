"""Trainings side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_one_that_fails_is_told_of_when_the_others_are_done(script: Any) -> None:
    measured = script("abreast").measured
    found = []
    with pytest.raises(ValueError, match="lost"):
        for job, came in measured(int, ["1", "lost", "2", "3"], 1):
            found.append((job, came))
    assert sorted(found) == [("1", 1), ("2", 2), ("3", 3)]


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_where_a_benchmark_is_killed_no_training_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "sleeper.py").write_text(
        "import os, signal, time\n"
        "from pathlib import Path\n"
        "def sleep(path):\n"
        "    signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "    Path(path).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    told = tmp_path / "pid"
    script = (
        "from abreast import measured\nfrom sleeper import sleep\n"
        f"if __name__ == '__main__':\n    list(measured(sleep, [{str(told)!r}, {str(told)!r}], 1))\n"
    )
    (tmp_path / "both.py").write_text(script)
    where = {**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS), str(tmp_path)])}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "both.py")], env=where)
    try:
        until = time.monotonic() + 60
        while not (told.is_file() and told.read_text()):
            assert time.monotonic() < until and parent.poll() is None
            time.sleep(0.05)
        worker = int(told.read_text())
        assert alive(worker)
    finally:
        parent.kill()
        parent.wait()
    while alive(worker):
        assert time.monotonic() < until, "the training goes on"
        time.sleep(0.05)
