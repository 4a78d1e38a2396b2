"""NVIDIA's trtexec, which times an engine by itself: the lines that run it, and what it prints in our words. stdlib.

What it does not say is None. Version 11 has other defaults: it captures a CUDA graph, spins while it waits and moves no
data. Here every version is run the same way, and what way that was stands beside the numbers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from edgegsr.errors import InputError, shown

PLACES = ("/usr/src/tensorrt/bin",)  # of a Jetson, where PATH does not name it
LONGEST_S = 120.0
NEW_DEFAULTS_SINCE = 11
TIMED = ("--warmUp=500", "--duration=10", "--iterations=200", "--avgRuns=1", "--percentile=50,90,95,99")
LAUNCH_BOUND = 0.8  # of the time on the GPU spent on handing it over
LONGEST_MS = 1e12  # what is longer is no time
UNSTABLE = 2.5  # per cent; trtexec warns above 1 or 2.5 by its version

START = r"^[ \t]*(?:\[[^\]\n]{1,40}\] \[[A-Z]\] )?"  # of a line, with the time and the kind of message or without
NUMBER = r"(\d{1,12}(?:\.\d{1,12})?(?:e[+-]?\d{1,2})?)"
LINES = {  # by our word for it
    word: re.compile(rf"{START}{name}: (m\w+ = .{{1,2000}})", re.MULTILINE)
    for word, name in {
        "latency": "Latency",
        "enqueue": "Enqueue Time",
        "h2d": "H2D Latency",
        "compute": "GPU Compute Time",
        "d2h": "D2H Latency",
    }.items()
}
OPTIONS = {
    word: re.compile(rf"{START}{name}: (Enabled|Disabled)", re.MULTILINE)
    for word, name in {"cuda_graph": "CUDA Graph", "spin_wait": "Spin-wait", "transfers": "Data transfers"}.items()
}
FIELD = re.compile(rf"(min|max|mean|median) = {NUMBER} ms")
PERCENTILE = re.compile(rf"percentile\((\d{{1,3}}(?:\.\d{{1,6}})?)%\) = {NUMBER} ms")
RATE = re.compile(rf"{START}Throughput: {NUMBER} qps", re.MULTILINE)
QUERIES = re.compile(rf"{START}Timing trace has (\d{{1,12}}) queries over", re.MULTILINE)
VARIANCE = re.compile(rf"GPU compute time is unstable, with coefficient of variance = {NUMBER}%")
VERSION = re.compile(r"\[TensorRT v(\d{4,6})\]")
ENDS = {"enqueue": "Enq", "h2d": "H2d", "compute": "Compute", "d2h": "D2h"}  # in the keys of --exportTimes


@dataclass(frozen=True)
class Spread:
    """A time of many queries, in milliseconds."""

    min_ms: float | None = None
    max_ms: float | None = None
    mean_ms: float | None = None
    median_ms: float | None = None
    percentiles_ms: Mapping[str, float] | None = None  # "99": …


@dataclass(frozen=True)
class Timing:
    """What trtexec has said about an engine."""

    tensorrt: str | None
    queries: int | None
    queries_per_s: float | None
    latency: Spread | None  # of the host: both transfers and what lies between them
    enqueue: Spread | None
    h2d: Spread | None
    compute: Spread | None  # on the GPU
    d2h: Spread | None
    cv_percent: float | None  # of the time on the GPU
    flags: Mapping[str, bool | None]  # how it was run; numbers with other flags are other numbers

    @property
    def warnings(self) -> list[str]:
        """What makes these numbers something else than the speed of a network."""
        enqueue, h2d, compute, d2h = (
            each.median_ms if each else None for each in (self.enqueue, self.h2d, self.compute, self.d2h)
        )
        found = []
        if enqueue is not None and compute is not None and enqueue > LAUNCH_BOUND * compute:
            found.append(f"launch-bound: handing a photo over takes {enqueue:g} ms of {compute:g} ms on the GPU")
        for way, ms in (("to", h2d), ("from", d2h)):
            if ms is not None and compute is not None and ms >= compute > 0:
                found.append(f"transfer-bound: {ms:g} ms {way} the GPU, {compute:g} ms on it")
        if self.cv_percent is not None and self.cv_percent > UNSTABLE:
            found.append(f"unstable: the time on the GPU varies by {self.cv_percent:.1f} %; lock its clocks")
        return found

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "warnings": self.warnings}


def ask(plan: Path, version: str, cuda_graph: bool = True) -> dict[str, Any]:
    """What trtexec says of an engine, with both transfers; it is run for some ten seconds."""
    program = shutil.which("trtexec", path=os.pathsep.join((os.environ.get("PATH", ""), *PLACES)))
    if program is None:
        raise InputError(f"--trtexec: wanted trtexec in PATH or {PLACES[0]}, found none; leave it out")
    if not plan.is_file():
        raise InputError(f"--trtexec: wanted an engine in {shown(plan)}, found none; run build_engine.py first")
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        line = timing_line(version, str(plan), str(times), True, cuda_graph)
        try:
            done = subprocess.run(
                [program, *line[1:]], capture_output=True, text=True, errors="replace", timeout=LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"--trtexec: {shown(error)}") from error
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise InputError(f"--trtexec: it failed: {shown(said[-1][:300]) if said else done.returncode}")
        told = times.read_text("utf-8", errors="replace") if times.is_file() else ""
    return {"line": " ".join(line[:1] + line[2:]), **read(done.stdout, told, flags(True, cuda_graph)).to_json()}


def timing_line(version: str, plan: str, times: str, transfers: bool = False, cuda_graph: bool = True) -> list[str]:
    """The words that time an engine with this version of TensorRT; host latencies need transfers."""
    return ["trtexec", f"--loadEngine={plan}", *TIMED, f"--exportTimes={times}", *_way(version, transfers, cuda_graph)]


def flags(transfers: bool = False, cuda_graph: bool = True) -> dict[str, bool | None]:
    """What `timing_line` asks for, in every version."""
    return {"cuda_graph": cuda_graph, "spin_wait": True, "transfers": transfers}


def read(text: str, times: str = "", asked: Mapping[str, bool | None] | None = None) -> Timing:
    """What trtexec has printed, last if more than once; what it did not, from the file of --exportTimes.

    `asked` are the flags that it was run with, for versions that do not print them.
    """
    traces = read_times(times)
    spreads = {word: _printed(_last(line, text)) or spread_of(traces.get(word, [])) for word, line in LINES.items()}
    printed = {word: _last(option, text) for word, option in OPTIONS.items()}
    queries, rate, variance = (_last(pattern, text) for pattern in (QUERIES, RATE, VARIANCE))
    return Timing(
        tensorrt=_version(_last(VERSION, text)),
        queries=int(queries) if queries else len(traces.get("latency", [])) or None,
        queries_per_s=float(rate) if rate else None,
        **spreads,
        cv_percent=float(variance) if variance else _variance(traces.get("compute", [])),
        flags={word: told == "Enabled" if told else (asked or {}).get(word) for word, told in printed.items()},
    )


def read_times(text: str) -> dict[str, list[float]]:
    """The milliseconds of every query, in the file that --exportTimes has written; nothing where there are none.

    Old releases write the queries of the warm-up too.
    """
    rows = _rows(text)
    found = {"latency": [row.get("latencyMs") for row in rows]}
    for word, name in ENDS.items():
        ends = [(row.get(f"start{name}Ms"), row.get(f"end{name}Ms")) for row in rows]
        found[word] = [end - start if _is_time(start) and _is_time(end) else None for start, end in ends]
    return {word: kept for word, values in found.items() if (kept := list(filter(_is_time, values)))}


def spread_of(values: Sequence[float]) -> Spread | None:
    """What trtexec works out of times; a percentile leaves out the longest, a whole number of them."""
    if not values:
        return None
    ordered, n = sorted(values), len(values)
    at = {f"{p}": ordered[n - 1 - (100 - p) * n // 100] for p in (50, 90, 95, 99)}
    return Spread(ordered[0], ordered[-1], statistics.fmean(ordered), statistics.median(ordered), at)


def _printed(line: str | None) -> Spread | None:
    if line is None:
        return None
    told = {f"{name}_ms": float(ms) for name, ms in FIELD.findall(line)}
    percentiles = {name: float(ms) for name, ms in PERCENTILE.findall(line)}
    return Spread(**told, percentiles_ms=percentiles or None) if told or percentiles else None


def _variance(values: Sequence[float]) -> float | None:
    mean = statistics.fmean(values) if values else 0.0
    return 100 * statistics.pstdev(values) / mean if mean > 0 else None


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    found: list[str] = pattern.findall(text)
    return found[-1] if found else None


def _version(digits: str | None) -> str | None:
    """8.5.2 of 8502, 10.9.0 of 100900."""
    if digits is None:
        return None
    number, wide = int(digits), len(digits) > 4
    major, rest = divmod(number, 10000 if wide else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def _rows(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _time(value: object) -> float | None:
    return float(value) if _is_time(value) else None


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LONGEST_MS < value < LONGEST_MS


def _way(version: str, transfers: bool, cuda_graph: bool = True) -> list[str]:
    major = version.split(".")[0]
    if major.isdigit() and int(major) >= NEW_DEFAULTS_SINCE:
        return [*["--noCudaGraph"] * (not cuda_graph), *["--includeDataTransfers"] * transfers]
    return [*["--useCudaGraph"] * cuda_graph, "--useSpinWait", *["--noDataTransfers"] * (not transfers)]
