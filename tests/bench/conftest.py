"""What the tests of boards share: a server, a job, and one run of it."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overssh import BUNDLE, ODD, ORIN, Sshd
from PIL import Image

from edgegsr.bench.bench import bench
from edgegsr.bench.child import Subject
from edgegsr.bench.measure import Job


def _sshd_is_there() -> bool:
    """With the user that it wants where root starts it: it has none while it is being installed."""
    if not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh"):
        return False
    return os.geteuid() != 0 or any(user.pw_name == "sshd" for user in pwd.getpwall())


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with (tmp_path_factory.getbasetemp().parent / "sshd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and one of them installs
        if not _sshd_is_there() and os.geteuid() == 0 and shutil.which("apt-get"):
            for command in (["apt-get", "update"], ["apt-get", "install", "-y", "openssh-server"]):
                subprocess.run(command, check=False, capture_output=True)
    if not _sshd_is_there():
        pytest.skip("sshd is not installed: apt install openssh-server openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def ran(sshd: Sshd, job: Job, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A job that was done over there, once: where, and what was found out."""
    out, settings = tmp_path_factory.mktemp("ran"), tmp_path_factory.mktemp("client")
    return out, bench(job, out, None, "jetson", sshd.there(settings))
