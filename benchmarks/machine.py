"""What a benchmark ran on, for the results of every script here: no host name, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "torch", "transformers", "onnxruntime", "openvino")


def facts() -> dict[str, object]:
    """The machine, the versions that matter, the time and the commit."""
    installed = {package: found for package in PACKAGES if (found := _version(package))}
    return {
        "cpu": _cpu(),
        "gpu": _gpu(),
        "cores": _cores(),
        "memory_gb": _memory_gb(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **installed},
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        fields = (line.split(":", 1) for line in info.read_text(encoding="utf-8").splitlines() if ":" in line)
        names = [value.strip() for key, value in fields if key.strip() in ("model name", "Model", "Hardware")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def _gpu() -> str | None:
    """The first GPU that PyTorch sees, where a benchmark uses PyTorch."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name(0) if torch and torch.cuda.is_available() else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The short commit, with + where files of the working tree differ from it; without git what EDGEGSR_COMMIT says."""
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("EDGEGSR_COMMIT")
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
