"""The facts of this machine that decide what runs well on it: CPU, memory, GPU, board. stdlib.

Everything is read below `root`, so that a folder can stand in for a board; what is not there is told as unknown.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FEATURES = {  # what people call them: any of these flags of the kernel
    "AVX2": {"avx2"},
    "AVX-512": {"avx512f"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "AMX": {"amx_int8"},
    "NEON": {"asimd", "neon"},
    "dot product": {"asimddp"},
    "I8MM": {"i8mm"},
    "SVE": {"sve"},
    "FP16": {"avx512_fp16", "asimdhp"},
    "BF16": {"avx512_bf16", "amx_bf16", "bf16"},
}
INT8_FEATURES = {"VNNI", "AMX", "dot product", "I8MM"}
ARM_CORES = {  # implementer, part
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse N1",
    ("0x41", "0xd40"): "Neoverse V1",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd49"): "Neoverse N2",
    ("0x41", "0xd4f"): "Neoverse V2",
    ("0x41", "0xd83"): "Neoverse V3AE",
    ("0x4e", "0x003"): "Denver 2",
    ("0x4e", "0x004"): "Carmel",
}
MAC_FLAGS = {"FEAT_DotProd": "asimddp", "FEAT_I8MM": "i8mm", "FEAT_BF16": "bf16", "FEAT_FP16": "asimdhp"}
TEGRA = {"tegra210": "5.3", "tegra186": "6.2", "tegra194": "7.2", "tegra234": "8.7", "tegra264": "11.0"}
MODULES = {
    "p3834-0008": "Jetson Thor T5000",
    "p3701-0005": "Jetson AGX Orin 64GB",
    "p3701-0004": "Jetson AGX Orin 32GB",
    "p3701-0000": "Jetson AGX Orin",
    "p3767-0005": "Jetson Orin Nano 8GB",
    "p3767-0003": "Jetson Orin Nano 8GB",
    "p3767-0004": "Jetson Orin Nano 4GB",
    "p3767-0000": "Jetson Orin NX 16GB",
    "p3767-0001": "Jetson Orin NX 8GB",
    "p3668": "Jetson Xavier NX",
    "p2888": "Jetson AGX Xavier",
    "p3448": "Jetson Nano",
    "p3310": "Jetson TX2",
}
JETPACKS = {  # by the longest beginning of the L4T version
    "39.2": "7.2",
    "38.4": "7.1",
    "38.2": "7.0",
    "36.5": "6.2.2",
    "36.4.7": "6.2.1",
    "36.4.4": "6.2.1",
    "36.4.3": "6.2",
    "36.4": "6.1",
    "36.3": "6.0",
    "35.6": "5.1.4 or newer",
    "35.5": "5.1.3",
    "35.4": "5.1.2",
    "35.3": "5.1.1",
    "35.1": "5.0.2",
    "32.7": "4.6.1 or newer",
}
GPU_FIELDS = ("name", "memory.total", "driver_version", "compute_cap")


@dataclass(frozen=True)
class Cpu:
    model: str
    architecture: str
    cores: int  # physical
    threads: int
    features: tuple[str, ...]

    @property
    def has_int8(self) -> bool:
        """Whether it multiplies and adds int8 in one instruction; without that, int8 gains little."""
        return bool(INT8_FEATURES & set(self.features))


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_mb: int | None
    driver: str | None
    compute_capability: str | None


@dataclass(frozen=True)
class Board:
    """A single-board computer, by its device tree; the last four only for a Jetson."""

    model: str
    module: str | None = None
    compute_capability: str | None = None
    l4t: str | None = None
    jetpack: str | None = None

    @property
    def is_jetson(self) -> bool:
        return self.compute_capability is not None


@dataclass(frozen=True)
class Machine:
    system: str
    cpu: Cpu
    memory_bytes: int | None
    free_disk_bytes: int | None  # where the command was started
    gpus: tuple[Gpu, ...]
    board: Board | None


def examine_machine(root: Path = Path("/")) -> Machine:
    """The facts of the machine whose file system starts at `root`."""
    return Machine(_system(root), _cpu(root), _memory_bytes(root), _free_disk_bytes(), _gpus(root), _board(root))


def _system(root: Path) -> str:
    name = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text(root / "etc/os-release"), re.MULTILINE)
    return name[1] if name else f"{platform.system()} {platform.release()}"


def _cpu(root: Path) -> Cpu:
    processors = [_fields(block) for block in _text(root / "proc/cpuinfo").split("\n\n") if "processor" in block]
    if not processors:
        return _mac_cpu() if platform.system() == "Darwin" else _unknown_cpu()
    flags = set(" ".join(p.get("flags", p.get("Features", "")) for p in processors[:1]).split())
    cores = {(p.get("physical id"), p["core id"]) for p in processors if "core id" in p}
    architecture = "x86_64" if "flags" in processors[0] else "aarch64"
    return Cpu(_cpu_model(processors), architecture, len(cores) or len(processors), len(processors), _features(flags))


def _cpu_model(processors: Sequence[dict[str, str]]) -> str:
    if "model name" in processors[0]:
        return processors[0]["model name"]
    ids = dict.fromkeys((p.get("CPU implementer", "?"), p.get("CPU part", "?")) for p in processors)
    return " + ".join(ARM_CORES.get(pair, f"ARM core {pair[0]}/{pair[1]}") for pair in ids)


def _mac_cpu() -> Cpu:
    def sysctl(name: str) -> str:
        return _output(["sysctl", "-n", name]).strip()

    flags = {flag for name, flag in MAC_FLAGS.items() if sysctl(f"hw.optional.arm.{name}") == "1"}
    flags |= {"asimd"} if platform.machine() == "arm64" else set()
    flags |= set(sysctl("machdep.cpu.leaf7_features").lower().split())
    threads = os.cpu_count() or 1
    cores = int(sysctl("hw.physicalcpu") or threads)
    model = sysctl("machdep.cpu.brand_string") or "unknown"
    return Cpu(model, platform.machine(), cores, threads, _features(flags))


def _unknown_cpu() -> Cpu:
    threads = os.cpu_count() or 1
    return Cpu(platform.processor() or "unknown", platform.machine(), threads, threads, ())


def _features(flags: set[str]) -> tuple[str, ...]:
    return tuple(name for name, any_of in FEATURES.items() if any_of & flags)


def _memory_bytes(root: Path) -> int | None:
    if found := re.search(r"^MemTotal:\s*(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE):
        return int(found[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has none of it
        return None


def _free_disk_bytes() -> int | None:
    try:
        return shutil.disk_usage(Path.cwd()).free
    except OSError:
        return None


def _gpus(root: Path) -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that the driver sees."""
    program = shutil.which("nvidia-smi", path=None if root == Path("/") else str(root / "usr/bin"))
    if program is None:
        return ()
    listing = ""
    for fields in (GPU_FIELDS, GPU_FIELDS[:3]):  # old drivers do not know the compute capability
        listing = listing or _output([program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"])
    return tuple(_gpu(line) for line in listing.splitlines() if line.count(",") >= 2)


def _gpu(line: str) -> Gpu:
    values = [None if "N/A" in value else value.strip() for value in line.split(",")]
    name, memory_mb, driver, compute_capability, *_ = [*values, None]
    memory = int(memory_mb) if memory_mb and memory_mb.isdigit() else None
    return Gpu(name or "NVIDIA GPU", memory, driver, compute_capability)


def _board(root: Path) -> Board | None:
    tree = root / "proc/device-tree"
    model, compatible = _text(tree / "model").strip("\0\n "), _text(tree / "compatible")
    compute_capability = next((sm for name, sm in TEGRA.items() if name in compatible), None)
    if compute_capability is None:
        return Board(model) if model else None
    module = next((module for part, module in MODULES.items() if part in compatible), None)
    l4t = _l4t(root)
    return Board(model or "NVIDIA Jetson", module, compute_capability, l4t, _jetpack(l4t) if l4t else None)


def _l4t(root: Path) -> str | None:
    """The version of Jetson Linux, "36.4.3"."""
    if found := re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", _text(root / "etc/nv_tegra_release")):
        return f"{found[1]}.{found[2]}"
    package = r"^Package: nvidia-l4t-core\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)"
    found = re.search(package, _text(root / "var/lib/dpkg/status"), re.MULTILINE)
    return found[1] if found else None


def _jetpack(l4t: str) -> str | None:
    parts = l4t.split(".")
    return next((JETPACKS[start] for n in (3, 2) if (start := ".".join(parts[:n])) in JETPACKS), None)


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _text(path: Path) -> str:
    """What the file says, or nothing where it cannot be read: facts that are missing are no error here."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
