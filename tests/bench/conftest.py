"""What the tests of boards share: a server, a job, and one run of it."""

from __future__ import annotations

import os
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


@pytest.fixture(scope="session")
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
