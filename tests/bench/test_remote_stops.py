"""What stops on the way to a board: a line that is cut, Ctrl-C, a job that runs already or is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from overssh import LONGEST_S, PYTHON, Sshd, folders, meanwhile, started, twisted, wrapped

from edgegsr.bench import board, remote
from edgegsr.bench.measure import Job
from edgegsr.bench.remote import There
from edgegsr.bench.ssh import Line, Lost
from edgegsr.errors import InputError


def test_a_line_that_is_cut_does_not_stop_the_board(
    sshd: Sshd, job: Job, ran: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, pids, job = set(folders(sshd)), [], replace(job, root=str(tmp_path))

    def cut() -> None:
        folder = started(sshd, known, "lock")
        sshd.stop()
        pids.append((folder / "lock").read_text())
        time.sleep(2)
        sshd.start()

    thread = meanwhile(cut)
    machine = sshd.there(tmp_path)(job, tmp_path / "steps")
    thread.join(LONGEST_S)
    assert not thread.is_alive()
    assert "no connection: " in (said := capsys.readouterr().err) and "; trying again\n" in said
    assert machine["board"] is None
    (folder,) = set(folders(sshd)) - known
    assert (sshd.cache / "bench" / folder / "lock").read_text() == pids[0]  # it was not started again
    assert (tmp_path / "steps" / "single-stream.json").is_file()


def test_who_waits_in_vain_is_told_that_the_board_goes_on(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path
) -> None:
    python = wrapped(tmp_path, f"test -e {tmp_path}/probed && kill -9 $PPID; touch {tmp_path}/probed; {PYTHON}")
    there = sshd.there(tmp_path, python=python, patience_s=0.0)
    with pytest.raises(InputError, match=r"no connection: .*; tried for 0 s\. What runs there goes on, and the same"):
        there(job, tmp_path / "steps")


def test_a_board_that_answers_and_is_cut_every_time_wears_patience_out(
    sshd: Sshd, job: Job, ran: object, tmp_path: Path
) -> None:
    answers = '_say(told, does[told["do"]](told))'
    cut = f'{answers}; told["do"] == "lacking" and os.kill(os.getppid(), 9) or time.sleep(0.5)'
    there = sshd.there(tmp_path, python=twisted(tmp_path, answers, cut), patience_s=1.0)
    said: list[str] = []

    def ask() -> None:
        with pytest.raises(InputError) as error:
            there(job, tmp_path / "steps")
        said.append(str(error.value))

    meanwhile(ask).join(LONGEST_S)
    assert said and "no connection: " in said[0] and "; tried for 1 s. What runs there goes on" in said[0]


def test_patience_begins_anew_where_it_has_come_farther() -> None:
    tries: list[int] = []

    def do() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise Lost("cut")
        return 7

    there = There("board", patience_s=0.5)
    assert there._patiently(do, lambda: len(tries)) == 7
    tries.clear()
    with pytest.raises(InputError, match=r"cut; tried for 0 s"):
        there._patiently(do, lambda: 0)


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C, also where this was started in the background: a shell has its jobs there ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_the_board_and_the_same_command_goes_on(
    sshd: Sshd, job: Job, ran: object, heard: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, main = set(folders(sshd)), threading.main_thread().ident
    found: list[Path] = []
    job = replace(job, root=str(tmp_path), questions=())
    system = tmp_path / "etc" / "os-release"  # what a job reads last: this one waits there until it is stopped
    system.parent.mkdir()
    os.mkfifo(system)

    def interrupt() -> None:
        assert main is not None
        try:
            found.append(started(sshd, known, "cold-start.json"))
        finally:
            signal.pthread_kill(main, signal.SIGINT)

    thread = meanwhile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        sshd.there(tmp_path)(job, tmp_path / "steps")
    thread.join(LONGEST_S)
    assert not thread.is_alive()
    assert capsys.readouterr().err.endswith(": stopped there\nthe same command goes on where it was\n")
    (folder,) = found
    pid = int((folder / "lock").read_text())
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    cold = (folder / "cold-start.json").stat().st_mtime_ns
    system.unlink()
    sshd.there(tmp_path)(job, tmp_path / "steps")
    assert (folder / "cold-start.json").stat().st_mtime_ns == cold
    assert [each for each in set(folders(sshd)) - known if each.startswith("job-")] == [folder.name]


def test_a_job_that_runs_is_not_started_twice(
    sshd: Sshd, ran: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sshd.there(tmp_path)
    line, name = Line(there.host, there.python, there.options), "0" * 32
    slow = tmp_path / "kit" / "edgegsr" / "bench"
    slow.mkdir(parents=True)
    for folder in (slow, slow.parent):
        (folder / "__init__.py").touch()
    (slow / "job.py").write_text("import time; time.sleep(60)")
    (sshd.cache / "bench" / "slow").symlink_to(tmp_path / "kit")
    first = line.ask("start", job=name, kit="slow", content="{}")
    pid = (sshd.cache / "bench" / f"job-{name}" / "lock").read_text()
    second = line.ask("start", job=name, kit="slow", content="{}")
    assert (first["runs"], second["runs"]) == (False, True)
    assert (sshd.cache / "bench" / f"job-{name}" / "lock").read_text() == pid
    with pytest.raises(InputError, match=rf"another benchmark runs there; wait .* or end it there: kill {pid}"):
        remote._run(line, "1" * 32, "slow", "{}", remote._Log())
    log = remote._Log()

    def stop() -> None:
        until = time.monotonic() + LONGEST_S
        while log.at is None and time.monotonic() < until:
            time.sleep(0.02)
        remote._stop(line, name)

    thread = meanwhile(stop)
    with pytest.raises(InputError, match=r"its job ended before it was done \(the last it said: nothing\)"):
        remote._run(line, name, "slow", "{}", log)
    thread.join(LONGEST_S)
    assert not thread.is_alive()
    assert f"{there.host}: it runs there already\n" in capsys.readouterr().err


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a board keeps its jobs, here."""
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path))
    for name in ("0", "1"):
        (tmp_path / "bench" / f"job-{name}").mkdir(parents=True)
        (tmp_path / "bench" / f"job-{name}" / "lock").touch()
    return tmp_path / "bench"


def asked_to_start(job: str) -> dict[str, str]:
    return {"job": job, "kit": "none", "content": "{}"}


def test_who_only_looks_at_a_job_does_not_make_it_one_that_runs(place: Path) -> None:
    (place / "job-0" / "machine.json").touch()  # it is done, so that nothing is started
    with (place / "job-0" / "lock").open() as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        thread = meanwhile(lambda: (time.sleep(0.05), fcntl.flock(looks, fcntl.LOCK_UN))[0])
        assert board.start(asked_to_start("0")) == {"runs": False, "at": 0}
        thread.join(LONGEST_S)
        fcntl.flock(looks, fcntl.LOCK_SH)
        assert board.start(asked_to_start("0")) == {"runs": True, "at": 0}


def test_a_job_that_has_not_told_its_number_is_busy_and_is_not_ended_by_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "GRACE_S", 0.0)
    with (place / "job-1" / "lock").open() as runs:
        fcntl.flock(runs, fcntl.LOCK_EX)
        assert board.start(asked_to_start("0")) == {"busy": 0}
        assert board.stop({"job": "1"}) == {"stopped": False}
    assert board.stop({"job": "1"}) == {"stopped": True}


def test_of_two_jobs_that_are_started_at_once_one_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "none" / "edgegsr" / "bench").mkdir(parents=True)
    (place / "none" / "edgegsr" / "__init__.py").touch()
    (place / "none" / "edgegsr" / "bench" / "job.py").write_text("import time; time.sleep(60)")
    start, told = subprocess.Popen, dict[str, Any]()

    def late(*given: Any, **named: Any) -> Any:
        time.sleep(0.5)  # with its lock, and without a number
        return start(*given, **named)

    monkeypatch.setattr(board.subprocess, "Popen", late)
    threads = [meanwhile(lambda job=job: told.update({job: board.start(asked_to_start(job))})) for job in ("0", "1")]
    for thread in threads:
        thread.join(LONGEST_S)
    (ran,) = (job for job, reply in told.items() if reply == {"runs": False, "at": 0})
    try:
        (busy,) = (reply["busy"] for job, reply in told.items() if job != ran)
        assert busy == int((place / f"job-{ran}" / "lock").read_text())
    finally:
        assert board.stop({"job": ran}) == {"stopped": True}


def test_what_goes_wrong_on_the_board_is_the_error_here(
    sshd: Sshd, job: Job, ran: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1:\d+: \.\./nano: \$\(x\): its process ended: .*Invalid"):
        sshd.there(tmp_path)(replace(job, cpus=[4000]), tmp_path / "steps")


def test_a_board_that_cannot_be_stopped_is_told_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    remote._stop(Line("127.0.0.1:1"), "0" * 32)
    said = "127.0.0.1:1: not reached; it goes on there\nthe same command goes on where it was\n"
    assert capsys.readouterr().err == said


def test_a_job_that_somebody_kills_is_told_and_may_go_on(
    sshd: Sshd, job: Job, ran: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = set(folders(sshd))
    thread = meanwhile(lambda: os.kill(int((started(sshd, known, "lock") / "lock").read_text()), signal.SIGKILL))
    with pytest.raises(
        InputError, match=r"its job ended before it was done \(the last it said: .*\); the same command"
    ):
        sshd.there(tmp_path)(job, tmp_path / "steps")
    thread.join(LONGEST_S)
    assert not thread.is_alive()
