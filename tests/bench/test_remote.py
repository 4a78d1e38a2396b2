"""A job over ssh: a real sshd on loopback, and folders that stand in for the board."""

from __future__ import annotations

import ast
import fcntl
import getpass
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgegsr.bench import board, remote, ssh, trtexec
from edgegsr.bench.bench import bench
from edgegsr.bench.child import Child, Subject
from edgegsr.bench.fetch import MOST_TEXT, _check, bring
from edgegsr.bench.loadgen import read_summary
from edgegsr.bench.measure import Job
from edgegsr.bench.parcels import kit, of_bundle, of_photos
from edgegsr.bench.remote import LEAST, There
from edgegsr.bench.ssh import Line, Lost
from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "diorama-nano" / "bundle"
ODD = "-o 'q' $(touch pwned)\n.png"  # a photo's name
LONGEST_S = 60.0  # that a job may take to begin
POWER = "sys/bus/i2c/devices/1-0040/hwmon/hwmon3/"
ORIN = {  # what a Jetson Orin Nano tells of itself
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano\0",
    "proc/device-tree/compatible": "nvidia,p3767-0005\0nvidia,tegra234\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    "var/lib/nvpmodel/status": "pmode:0002\n",
    POWER + "in1_label": "VDD_IN",
    POWER + "in1_input": "5000",
    POWER + "curr1_input": "1200",
}


class Sshd:
    """A server of our own on loopback, whose every file lies in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host", "other", "key", "stranger"):
            subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_text((folder / "key.pub").read_text())
        told = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": folder / "host",
            "AuthorizedKeysFile": folder / "authorized",
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "yes",
            "SetEnv": f"EDGEGSR_CACHE={self.cache}",
        }
        (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in told.items()))
        self.start()

    def start(self) -> None:
        command = ["/usr/sbin/sshd", "-D", "-f", self.folder / "sshd_config", "-E", self.folder / "sshd.log"]
        self.process = subprocess.Popen(command)
        for _ in range(100):
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        """With everybody who is on the line; what they have started goes on."""
        self.process.send_signal(signal.SIGSTOP)  # it takes nobody new
        for session in self._below(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def _below(self, pid: int) -> Iterator[int]:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = stat.read_text().rsplit(") ", 1)
            except OSError:
                continue
            if "(sshd" in name and int(rest.split()[1]) == pid:
                yield from self._below(int(stat.parent.name))
                yield int(stat.parent.name)

    def there(self, folder: Path, key: str = "key", known: str = "host", **given: Any) -> There:
        place = f"[127.0.0.1]:{self.port} {(self.folder / f'{known}.pub').read_text()}" if known else ""
        (folder / "known").write_text(place)
        told = {"IdentityFile": self.folder / key, "IdentitiesOnly": "yes", "UserKnownHostsFile": folder / "known"}
        told |= {"GlobalKnownHostsFile": "/dev/null"}
        (folder / "config").write_text("Host *\n" + "".join(f"{name} {value}\n" for name, value in told.items()))
        given = {"python": sys.executable, "options": ("-F", str(folder / "config"))} | given
        return There(f"{getpass.getuser()}@127.0.0.1:{self.port}", **given)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not Path("/usr/sbin/sshd").exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "openssh-server"]):
            subprocess.run(command, check=False, capture_output=True)
    if not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh"):
        pytest.skip("sshd is not installed: apt install openssh-server openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two subjects of one bundle, two photos that are asked about again and again, and three that are judged."""
    folder = tmp_path_factory.mktemp("photos")
    dice, photos = np.random.default_rng(0), []
    for name in ("a.png", "b.png", ODD):
        photos.append(str(folder / name))
        Image.fromarray(dice.integers(0, 256, (40, 60, 3), np.uint8)).save(photos[-1], "PNG")
    root = tmp_path_factory.mktemp("orin")
    for name, content in ORIN.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return Job(
        [Subject("../nano: $(x)", "bundle", str(BUNDLE), threads=1)],
        photos[:2],
        pace="quick",
        questions=[(photo, "sweeping") for photo in photos],
        root=str(root),
    )


@pytest.fixture(scope="module")
def ran(sshd: Sshd, job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A job that was done over there, once: where, and what was found out."""
    out, settings = tmp_path_factory.mktemp("ran"), tmp_path_factory.mktemp("client")
    return out, bench(job, out, None, "jetson", sshd.there(settings))


def wrapped(folder: Path, line: str, name: str = "python") -> str:
    """A program that does something before it becomes Python."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


PYTHON = f'exec {shlex.quote(sys.executable)} "$@"'


def folders(sshd: Sshd) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (sshd.cache / "bench").iterdir()}


def test_a_board_measures_and_says_what_is_said_here(sshd: Sshd, job: Job, ran: tuple[Path, dict[str, Any]]) -> None:
    out, result = ran
    assert result["machine"]["board"]["module"] == "Jetson Orin Nano 8GB"
    assert result["scenarios"]["single-stream"]["before"]["power_mode"] == "MAXN_SUPER"
    (found,) = result["subjects"].values()
    told = found["scenarios"]["single-stream"]
    assert told["energy"]["kind"] == "module_rail" and told["energy"]["watts"] == pytest.approx(6.0)
    assert told["load"]["queries"] >= 64 and set(told["steps"]) == {"decode", "preprocess", "network", "answer"}
    (said,) = (out / "steps" / "predictions").iterdir()
    with Child(job.subjects[0], job.photos) as child:
        here = child.say(job.questions)
    there = [json.loads(line) for line in said.read_text().splitlines()]
    assert there == json.loads(json.dumps(here)) and there[2]["image"] == ODD
    assert not list(Path.home().glob("pwned")) and not list(sshd.cache.rglob("pwned"))


def test_what_runs_there_is_what_was_copied(sshd: Sshd, ran: object) -> None:
    place = sshd.cache / "bench" / kit().name
    assert list((place / "edgegsr" / "bench").glob("__pycache__/measure.*"))


def test_a_second_run_copies_nothing_and_measures_nothing_again(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path
) -> None:
    out, before = ran[0], folders(sshd)
    stamp = (sshd.cache / "bench").stat().st_mtime_ns
    found = bench(job, out, None, "jetson", sshd.there(tmp_path))
    assert (folders(sshd), (sshd.cache / "bench").stat().st_mtime_ns) == (before, stamp)
    assert found["subjects"] == ran[1]["subjects"]


def test_a_bundle_that_has_changed_since_is_another_benchmark(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path
) -> None:
    other = replace(job, photos=job.photos[::-1])
    with pytest.raises(InputError, match=r"a bundle or photo has changed since this was begun; give another --out"):
        sshd.there(tmp_path)(other, ran[0] / "steps")


def test_a_folder_of_another_board_or_of_this_machine_is_refused(tmp_path: Path) -> None:
    name = remote._begun("orin", tmp_path)
    assert remote._begun("orin", tmp_path) == name
    with pytest.raises(InputError, match=r"was begun on orin; give another --out"):
        remote._begun("thor", tmp_path)
    (tmp_path / "board.json").write_text('{"host": "orin", "job": "../x"}')
    with pytest.raises(InputError, match=r"board\.json: does not hold what was written there"):
        remote._begun("orin", tmp_path)
    (tmp_path / "board.json").rename(tmp_path / "cold-start.json")
    with pytest.raises(InputError, match=r"was begun on this machine; give another --out"):
        remote._begun("orin", tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"known": ""}, r"its host key is not known here; run: ssh -F \S+ -p \d+ \S+@127\.0\.0\.1, compare"),
        ({"known": "other"}, r"its host key is another one than is known here: .*ssh-keygen -R"),
        ({"key": "stranger"}, r"it lets no key of yours in; .*ssh-copy-id"),
    ],
)
def test_who_is_not_known_is_refused_in_one_line(
    sshd: Sshd, job: Job, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        sshd.there(tmp_path, **given)(job, tmp_path / "steps")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:1", r"127\.0\.0\.1:1: no connection: .*refused"),
        ("nowhere.invalid", r"nowhere\.invalid: no connection: .*resolve"),
        ("-oProxyCommand=touch pwned", r"--host: wanted user@board or user@board:2222, got '-oProxy"),
        ("user@-oProxyCommand=x", r"--host: wanted user@board"),
        ("board; touch pwned", r"--host: wanted user@board"),
        ("board:22:22", r"--host: wanted user@board"),
    ],
)
def test_a_board_that_is_not_there_is_one_line(sshd: Sshd, job: Job, tmp_path: Path, host: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(sshd.there(tmp_path), host=host)(job, tmp_path / "steps")


def test_a_port_and_an_address_are_told_to_ssh_in_its_words() -> None:
    assert Line("board").words == ["ssh", "board"]
    assert Line("me@orin-1.local:2222", options=("-F", "x")).words == [
        "ssh",
        "-F",
        "x",
        "-p",
        "2222",
        "me@orin-1.local",
    ]
    assert Line("[fe80::1%eth0]:22").words == ["ssh", "-p", "22", "fe80::1%eth0"]


def test_an_agent_is_not_lent_to_a_board_whatever_the_config_says(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        there = sshd.there(tmp_path, python=wrapped(tmp_path, f'echo "$SSH_AUTH_SOCK" > {tmp_path}/lent; {PYTHON}'))
        with (tmp_path / "config").open("a") as config:
            config.write("ForwardAgent yes\nForwardX11 yes\n")
        while not (tmp_path / "agent").exists():
            assert agent.poll() is None
        Line(there.host, there.python, there.options).ask("probe", imported=[], engines=[])
        assert (tmp_path / "lent").read_text() == "\n"
    finally:
        agent.kill()
        agent.wait()


def test_a_student_is_not_sent_to_a_board(job: Job, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--host: pico needs torch; a board measures bundles: export it"):
        There("board")(replace(job, subjects=[Subject("pico", "student", "run")]), tmp_path)


def environment(folder: Path, *packages: str) -> tuple[str, Path]:
    """A Python with some packages of this one, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in packages:
        for path in Path(np.__file__).parents[1].glob(f"{package}*"):
            (site / path.name).symlink_to(path)
    return str(folder / "bin" / "python"), site


def test_what_python_lacks_is_named_with_the_line_that_installs_it(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    python, site = environment(tmp_path / "env", "numpy")
    there = sshd.there(tmp_path, python=python)
    with pytest.raises(InputError) as error:
        there(job, tmp_path / "steps")
    run = f"{python} -m pip install onnxruntime 'pillow>=10.3'"
    assert str(error.value) == f"{there.host}: {python} lacks onnxruntime, PIL; run there: {run}"
    (site / "PIL").mkdir()
    (site / "PIL" / "__init__.py").write_text("__version__ = '9.0.1'")  # that of apt on JetPack 6
    jetson = replace(job, subjects=[replace(job.subjects[0], engine="tensorrt")], loadgen=True)
    with pytest.raises(InputError) as error:
        there(jetson, tmp_path / "steps")
    assert "lacks mlperf_loadgen, tensorrt, PIL 10.3 or newer (it has 9.0.1); run there:" in str(error.value)
    assert str(error.value).endswith("pip install tensorrt (on a Jetson: sudo apt install python3-libnvinfer)")


def test_a_python_that_is_too_old_or_not_there_is_one_line(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 8, 10); exec(sys.argv[2])"
    python = wrapped(tmp_path, f'exec {shlex.quote(sys.executable)} -c "{old}" "$@"')
    with pytest.raises(InputError, match=r"wanted Python 3\.10 or newer, got 3\.8\.10 as \S+; name another one"):
        sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
    with pytest.raises(InputError, match=r"has no python9 \(.*not found\); name its Python with --python"):
        sshd.there(tmp_path, python="python9")(job, tmp_path / "steps")


def test_a_copy_that_finds_no_room_leaves_nothing(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    python = wrapped(tmp_path, f"export EDGEGSR_CACHE={tmp_path}/cache; ulimit -f 1000; {PYTHON}")
    with pytest.raises(InputError, match=r"wanted [\d,]+ bytes for what is to be copied, found [\d,]+ free; make room"):
        sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
    assert [path.name for path in (tmp_path / "cache" / "bench").iterdir()] == [kit().name]  # which is small


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_too_small_is_said_before_anything_is_copied(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this system mounts nothing")
    try:
        python = wrapped(tmp_path, f"export EDGEGSR_CACHE={disk}; {PYTHON}")
        with pytest.raises(InputError, match=r"found 1,048,576 free; make room there, or let EDGEGSR_CACHE name"):
            sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_copy_that_was_cut_is_not_there_and_its_rest_goes_with_the_next(sshd: Sshd, tmp_path: Path) -> None:
    there = sshd.there(tmp_path, python=wrapped(tmp_path, f"export EDGEGSR_CACHE={tmp_path}/cache; {PYTHON}"))
    line, parcel = Line(there.host, there.python, there.options), kit()
    parts = list(parcel.tar())
    assert len(parts) == parcel.parts + 1  # as the time that is left is told by
    for some in (parts[:3], [*parts[:3], parts[3][:700]]):
        assert line.ask("unpack", stream=some, name=parcel.name, files=len(parcel.files)) == {"whole": False}
    left = tmp_path / "cache" / "bench" / ".abc.999999999"
    left.mkdir()
    assert line.ask("unpack", stream=parts, name=parcel.name, files=len(parcel.files)) == {"whole": True}
    assert [path.name for path in left.parent.iterdir()] == [parcel.name]


def started(sshd: Sshd, known: set[str], file: str) -> Path:
    """The job that is new there, once it has written something."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        for folder in (sshd.cache / "bench").glob("job-*"):
            if folder.name not in known and (folder / file).is_file() and (folder / file).stat().st_size:
                return folder
        time.sleep(0.02)
    raise AssertionError(f"no job has written {file}")


def meanwhile(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return thread


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


def test_ctrl_c_stops_the_board_and_the_same_command_goes_on(
    sshd: Sshd, job: Job, ran: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, main = set(folders(sshd)), threading.main_thread().ident
    found: list[Path] = []
    job = replace(job, root=str(tmp_path), questions=(), scenarios=("single-stream", "multi-stream"))  # long enough

    def interrupt() -> None:
        found.append(started(sshd, known, "cold-start.json"))
        signal.pthread_kill(main, signal.SIGINT)  # type: ignore[arg-type]

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


def test_an_answer_that_is_too_long_is_not_read(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "MOST_LINE", 40)
    there = sshd.there(tmp_path)
    with pytest.raises(InputError, match=r"wanted answers of 40 bytes at most, got more"):
        Line(there.host, there.python, there.options).ask("probe", imported=["json"], engines=[])


def test_no_ssh_is_said(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"--host: ssh is not installed here; install OpenSSH's client"):
        There("board")(job, tmp_path / "steps")


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


def twisted(folder: Path, old: str, new: str) -> str:
    """A board that does all as it should but one thing."""
    path = folder / "twisted.py"
    path.write_text(
        "import re, sys\n"
        "script = sys.stdin.buffer.read(int(re.search(r'read.(\\d+)', sys.argv[2])[1])).decode()\n"
        f"assert {old!r} in script\n"
        f"exec(compile(script.replace({old!r}, {new!r}), 'board', 'exec'))\n"
    )
    return wrapped(folder, f'exec {shlex.quote(sys.executable)} {path} "$@"', "twisted")


SAY = 'sys.stdout.write(told["mark"] + json.dumps(reply)'
CUT = 'sys.stdout.write(told["mark"] + "{"); sys.stdout.flush(); os.kill(os.getppid(), 9); sys.stdout.write(""'
READS = "    told = json.loads("
NAMES, TEXT = 'for name in told["names"]:\n        with', 'content.decode("utf-8")'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"place": str(_place())',
            '"place": "\\x1b[2J"',
            r"does not answer as a board of ours does \(place\); look at",
        ),
        ('"free": _free()', '"free": "much"', r"board of ours does \(free\)"),
        (SAY, 'sys.stdout.write(told["mark"] + "{"', "wanted JSON, got"),
        (SAY, 'sys.stdout.write(told["mark"] + "7"', "wanted an answer"),
        (SAY, CUT, "no connection: "),
        (SAY, 'sys.stdout.write("hello"', "wanted an answer of .*, got none"),
        (SAY, 'sys.stdout.write("x" * (1 << 22)', "says much that is no"),
        (READS, "    raise SystemExit('\\x1b[2J')\n" + READS, r"ended with 1: '\\x1b\[2J'"),
    ],
)
def test_a_board_that_answers_otherwise_is_refused(
    sshd: Sshd, job: Job, tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        sshd.there(tmp_path, python=twisted(tmp_path, old, new))(job, tmp_path / "steps")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"name": name,', '"name": "../../" + name,', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": "{}"', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": "[" * 99999', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": 7', "content"),
        (TEXT, f'{TEXT}.replace("cores", "seeds")', r"machine\.json"),
        (TEXT, f'{TEXT}.replace("a.png", "c.png")', r"predictions/0-nano-x\.jsonl"),
        (NAMES, NAMES.replace('told["names"]', "()"), r"cold-start\.json"),
        (NAMES, NAMES.replace('told["names"]', 'told["names"][:1]'), r"single-stream\.json"),
    ],
)
def test_results_that_no_job_writes_are_refused_and_nothing_is_written_elsewhere(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path, old: str, new: str, said: str
) -> None:
    there = sshd.there(tmp_path, python=twisted(tmp_path, old, new))
    line, steps = Line(there.host, there.python, there.options), tmp_path / "a" / "b"
    name = json.loads((ran[0] / "steps" / "board.json").read_text())["job"]
    with pytest.raises(InputError, match=rf"does not answer as a board of ours does \({said}\)"):
        bring(line, name, job, steps)
    assert not list(tmp_path.glob("*.json")) and not list((tmp_path / "a").glob("*.json"))


@pytest.mark.parametrize(
    ("file", "where", "value"),
    [
        ("cold-start.json", "all.p50_ms", "<b>"),
        ("cold-start.json", "starts", "5\n\x1b[2J"),
        ("cold-start.json", "starts", float("nan")),
        ("cold-start.json", "starts", float("inf")),
        ("cold-start.json", "starts", 10**400),
        ("cold-start.json", "starts", True),
        ("cold-start.json", "starts", None),
        ("cold-start.json", "more", 1),
        ("single-stream.json", "load.p50_ms", "<b>"),
        ("single-stream.json", "load.p50_ms", 0),
        ("single-stream.json", "load.p99_ms", None),
        ("single-stream.json", "load.claim", {}),
        ("single-stream.json", "load.histogram.counts", []),
        ("single-stream.json", "load.blocks_p50_ms", 7),
        ("single-stream.json", "load.scenario", "\x1b[2J"),
        ("single-stream.json", "steps.decode", [[[1]]]),
        ("single-stream.json", "steps.\x1b[2J", {"p50_ms": 1, "p90_ms": 1, "mean_ms": 1}),
        ("single-stream.json", "faster_than", {"another": {"times": 1, "p10": 1, "p90": 1}}),
        ("single-stream.json", "energy.watts", "6"),
        ("single-stream.json", "energy.kind", "x" * (MOST_TEXT + 1)),
        ("single-stream.json", "energy.rails_watts", {"VDD_IN": {"VDD_IN": 6}}),
        ("single-stream.json", "versions.numpy", 2),
    ],
)
def test_a_result_of_another_shape_is_refused(
    job: Job, ran: tuple[Path, Any], file: str, where: str, value: object
) -> None:
    content = (ran[0] / "steps" / file).read_text()
    _check(file, content, job)
    told, (*path, last) = json.loads(content), where.split(".")
    (part,) = told.get("subjects", told).values()
    for name in path:
        part = part[name]
    part[last] = value
    with pytest.raises((ValueError, TypeError)):
        _check(file, json.dumps(told), job)


def test_a_machine_of_another_shape_is_refused(job: Job, ran: tuple[Path, Any]) -> None:
    told = json.loads((ran[0] / "steps" / "machine.json").read_text())
    for twist in ({"memory_bytes": "many"}, {"system": 7}, {"gpus": [{}]}, {"cpu": told["cpu"] | {"cores": [2]}}):
        _check("machine.json", json.dumps(told), job)
        with pytest.raises(ValueError, match="another shape"):
            _check("machine.json", json.dumps(told | twist), job)


def test_what_loadgen_and_trtexec_find_is_what_a_job_writes(job: Job) -> None:
    (name,) = (subject.name for subject in job.subjects)
    turns = {"turns": [{"ours": 3.0, "loadgen": 2.97}], "unit": "p50_ms"}
    theirs = read_summary("Result is : VALID\n * Early stopping 90th percentile estimate: 3300000\n")
    told = {name: {**theirs, "queries": 64, **turns, "apart": -0.01}}
    _check("loadgen-single-stream.json", json.dumps(told), job)
    told[name]["claims_ms"] = {"most": 3.3}
    with pytest.raises(ValueError, match="another shape"):
        _check("loadgen-single-stream.json", json.dumps(told), job)
    times = json.dumps([{"latencyMs": 1.5, "startComputeMs": 0.0, "endComputeMs": 1.0}])
    alone = {"line": "trtexec", **trtexec.read("", times, trtexec.flags()).to_json()}
    told = {name: {"cuda_graph": alone, "no_cuda_graph": alone}}
    _check("trtexec.json", json.dumps({name: None}), job)
    _check("trtexec.json", json.dumps(told), job)
    told[name]["cuda_graph"] = alone | {"compute": {"median_ms": "1"}}
    with pytest.raises(ValueError, match="another shape"):
        _check("trtexec.json", json.dumps(told), job)


def test_the_log_of_a_board_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log = remote._Log()
    for text in ("cold sta", "rts\n\x1b[2Jgone\nedgegsr bench: full", "\n"):
        log.show(text)
    assert capsys.readouterr().err == "cold starts\n'\\x1b[2Jgone'\n" and log.last == "edgegsr bench: full"


def test_what_another_machine_has_built_stays_behind(tmp_path: Path) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    (tmp_path / "bundle" / "engine").mkdir()
    (tmp_path / "bundle" / "engine" / "model.plan").write_bytes(b"of another GPU")
    parcel = of_bundle(open_bundle(tmp_path / "bundle"))
    assert parcel.files.keys() == {path.name for path in BUNDLE.iterdir()}
    assert parcel.name == of_bundle(open_bundle(BUNDLE)).name


TENSORRT = """
import os, sys, stand_in
made = stand_in.tensorrt(os.environ["VERSION"], [])
made.__spec__, sys.modules["tensorrt"] = __spec__, made
"""


def test_a_board_builds_its_own_engine_once_and_again_for_another_tensorrt(
    sshd: Sshd, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(ROOT / "tests" / "export")
    if not shutil.which("gcc"):
        pytest.skip("the stand-in for CUDA needs gcc")
    import handmade
    import stand_in

    bundle = handmade.write(
        tmp_path / "bundle", handmade.graph(handmade.ANSWERS), target={"engine": "tensorrt", "precision": "fp16"}
    )
    (bundle / "engine").mkdir()
    (bundle / "engine" / "model.plan").write_bytes(b"of another GPU")
    stand_in.cudart(tmp_path)
    (tmp_path / "tensorrt.py").write_text(TENSORRT)
    given = f"export LD_LIBRARY_PATH={tmp_path} PYTHONPATH={tmp_path}:{Path(stand_in.__file__).parent}"
    given += f" XDG_CACHE_HOME={tmp_path}"
    old, new = (wrapped(tmp_path, f"{given} VERSION={version}; {PYTHON}", version) for version in ("10.3.0", "10.4.0"))
    subjects = [Subject(engine, "bundle", str(bundle), engine) for engine in ("tensorrt", "tensorrt-graph")]
    of = replace(job, subjects=subjects, questions=(), root=str(tmp_path))
    found = bench(of, tmp_path / "out", None, "jetson", sshd.there(tmp_path, python=old))
    for engine, told in found["subjects"].items():
        assert (told["engine"], told["versions"]["tensorrt"]) == (engine, "10.3.0")
    place = sshd.cache / "bench" / of_bundle(open_bundle(bundle)).name
    plan = place / "engine" / "model.plan"
    assert plan.read_bytes() == (bundle / "model.onnx").read_bytes()  # as the stand-in builds it, and not the one here
    built = plan.stat().st_mtime_ns
    code = f"from edgegsr.runtime import SituationRecognizer; SituationRecognizer({str(place)!r})"
    for python, again in ((old, False), (new, True)):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert ('its tensorrt was "10.3.0", and this is "10.4.0"' in done.stderr) == again
        assert (plan.stat().st_mtime_ns != built) == again


def test_a_photo_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: cannot be read: No such file or directory; it is to be copied"):
        print(of_photos([str(tmp_path / "a.png")]).name)


def test_a_photo_that_changes_while_it_is_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    parcel = of_photos([str(tmp_path / "a.png")])
    assert parcel.name
    (tmp_path / "a.png").write_bytes(b"two")
    with pytest.raises(InputError, match=r"a\.png: has changed while it was copied; run the same command again"):
        list(parcel.tar())


HEAVY = (
    "torch",
    "transformers",
    "onnx",
    "typer",
    "rich",
    "accelerate",
    "safetensors",
    "cv2",
    "onnxruntime",
    "tokenizers",
)
LATER = {  # what is imported where it is needed
    "edgegsr/bench/loadgen.py",
    "edgegsr/bench/clock.py",
    "edgegsr/runtime/plan.py",
    "edgegsr/runtime/cuda_graph.py",
}


def test_the_kit_stands_alone_and_holds_nothing_that_is_not_needed(tmp_path: Path) -> None:
    for name, path in kit().files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / name)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.modules.update(dict.fromkeys({HEAVY}))\n"
    code += "import edgegsr.bench.job, edgegsr.bench.subject; from edgegsr.runtime import SituationRecognizer\n"
    code += "print(*(each.__file__ for name, each in sys.modules.items() if name.split('.')[0] == 'edgegsr'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = {str(Path(each).relative_to(tmp_path)) for each in done.stdout.split()}
    assert kit().files.keys() - loaded == LATER and loaded <= kit().files.keys()


def test_the_script_that_is_sent_is_python_3_6_and_needs_nothing_else() -> None:
    tree = ast.parse(Path(board.__file__).read_text("utf-8"), feature_version=(3, 6))
    froms = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name.split(".")[0] for name in froms | names} <= set(sys.stdlib_module_names) and "__future__" not in froms


def test_what_is_asked_of_a_board_is_what_the_package_asks() -> None:
    told = (ROOT / "pyproject.toml").read_text()
    for name, least in LEAST.items():
        assert f'"{ {"PIL": "pillow"}.get(name, name) }>={".".join(map(str, least))}' in told
