"""A real sshd on loopback, and what stands in for a board behind it."""

from __future__ import annotations

import getpass
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgegsr.bench.remote import There

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


def wrapped(folder: Path, line: str, name: str = "python") -> str:
    """A program that does something before it becomes Python."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


PYTHON = f'exec {shlex.quote(sys.executable)} "$@"'


def folders(sshd: Sshd) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (sshd.cache / "bench").iterdir()}


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
