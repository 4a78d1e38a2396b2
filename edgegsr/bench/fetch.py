"""What a job has found out on a board, brought here: files by name, and only what a job of ours writes. numpy.

A shape is a check of one value; `(shape,)` may be null as well, `[shape]` is a list, `[shape] * 3` one of three,
`{check: shape}` has any names that pass the check, and every other dict has just the names that stand there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgegsr.bench.child import STARTED
from edgegsr.bench.job import MACHINE
from edgegsr.bench.load import BARS, PERCENTILES
from edgegsr.bench.measure import Job, files
from edgegsr.bench.ssh import Line
from edgegsr.files import read_json, write_whole

MOST_BYTES = 128 << 20  # of a file
MOST_TEXT = 1000  # characters
LONGEST = 1e15  # what is more is no number of ours
SHORTEST_MS = 1e-4  # of a query, as it is rounded


def number(told: Any) -> bool:
    return type(told) in (int, float) and -LONGEST < told < LONGEST  # which no NaN is


def amount(told: Any) -> bool:
    return number(told) and told >= 0


def latency(told: Any) -> bool:
    return number(told) and told >= SHORTEST_MS


def flag(told: Any) -> bool:
    return type(told) is bool


def text(told: Any) -> bool:
    return type(told) is str and len(told) <= MOST_TEXT and told.isprintable()


def percentile(told: Any) -> bool:
    return bool(re.fullmatch(r"\d{1,3}(\.\d{1,4})?", told, re.ASCII))


COLD_START = {part: {"p50_ms": amount, "max_ms": amount} for part in (*STARTED, "all")} | {"starts": amount}
STATE = {
    "governors": [text],
    "cpu_mhz": [number],
    "gpu_mhz": ([number] * 3,),
    "celsius": {text: number},
    "throttled": {text: number},
    "power_mode": (text,),
    "load": (number,),
}
CLAIM = {"percentile": number, "ms": (latency,), "confidence": number, "queries_lacking": amount}
LOAD = {
    **dict.fromkeys(("scenario", "pace"), text),
    **dict.fromkeys(("queries", "photos", "seconds", "photos_per_s", "cv"), amount),
    **dict.fromkeys(("mean_ms", "min_ms", "max_ms", *PERCENTILES), latency),
    "claim": (CLAIM,),
    "blocks_p50_ms": [latency],
    "histogram": {"edges_ms": [amount] * (BARS + 1), "counts": [amount] * BARS},
}
STEP = {"p50_ms": amount, "p90_ms": amount, "mean_ms": amount}
FASTER = {"times": amount, "p10": amount, "p90": amount}
ENERGY = {"kind": text, "watts": (number,), "joules_per_photo": (number,), "rails_watts": {text: number}}
LOADGEN = {
    "valid": flag,
    **dict.fromkeys(("p50_ms", "p90_ms", "p99_ms", "mean_ms", "photos_per_s", "discarded"), (amount,)),
    "claims_ms": {percentile: amount},
    "queries": amount,
    "turns": [{"ours": amount, "loadgen": amount}],
    "unit": text,
    "apart": number,
}
SPREAD = dict.fromkeys(("min_ms", "max_ms", "mean_ms", "median_ms"), (number,)) | {"percentiles_ms": ({text: number},)}
TIMING = {
    "line": text,
    "tensorrt": (text,),
    **dict.fromkeys(("queries", "queries_per_s", "cv_percent"), (number,)),
    **dict.fromkeys(("latency", "enqueue", "h2d", "compute", "d2h"), (SPREAD,)),
    "flags": {text: (flag,)},
    "warnings": [text],
}
ALONE = {"cuda_graph": TIMING, "no_cuda_graph": TIMING}
CPU = {"model": text, "architecture": text, "cores": number, "threads": number, "features": [text]}
GPU = {"name": text, "memory_mb": (number,), "driver": (text,), "compute_capability": (text,)}
BOARD = {"model": text} | dict.fromkeys(("module", "compute_capability", "l4t", "jetpack"), (text,))
HERE = {
    "system": text,
    "cpu": CPU,
    "memory_bytes": (number,),
    "free_disk_bytes": (number,),
    "gpus": [GPU],
    "board": (BOARD,),
}


def bring(line: Line, name: str, job: Job, folder: Path) -> Mapping[str, Any]:
    """Writes what was found, as it was written there, and tells what the board is."""
    names = [*files(job), MACHINE]
    replies = line.listen("fetch", job=name, names=names, most_bytes=MOST_BYTES)
    for wanted, reply in zip([*names, None], replies):
        if wanted is None:
            break
        if reply.get("name") != wanted:
            raise line.odd(wanted)
        content = line.part(reply, "content", str)
        try:
            _check(wanted, content, job)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise line.odd(wanted) from error
        write_whole(folder / wanted, content)
    else:
        raise line.odd("files")
    machine: Mapping[str, Any] = read_json(folder / MACHINE)
    return machine


def _check(name: str, content: str, job: Job) -> None:
    """Refuses what no job of ours writes."""
    if len(content.encode()) > MOST_BYTES:
        raise ValueError("too much")
    if name.endswith(".jsonl"):
        lines = [json.loads(line) for line in content.splitlines()]
        if [line["image"] for line in lines] != [Path(photo).name for photo, _ in job.questions]:
            raise ValueError("other photos")
        return
    told = json.loads(content)
    if name.startswith("loadgen-"):  # which leaves out what LoadGen has not said
        told = {subject: dict.fromkeys(LOADGEN) | found for subject, found in told.items()}
    if not _is(told, _shape(name, [subject.name for subject in job.subjects])):
        raise ValueError("another shape")


def _shape(name: str, subjects: Sequence[str]) -> Any:
    """That of a file of a job."""
    if name == MACHINE:
        return HERE
    of = {"cold-start.json": COLD_START, "trtexec.json": (ALONE,)}
    if name in of or name.startswith("loadgen-"):
        return dict.fromkeys(subjects, of.get(name, LOADGEN))
    return {
        "seconds": amount,
        "before": STATE,
        "after": STATE,
        "doubts": [text],
        "idle_watts": (number,),
        "timeline": [
            {"s": amount, "subject": subjects.__contains__}
            | dict.fromkeys(("watts", "celsius", "cpu_mhz", "gpu_mhz"), (number,))
        ],
        "subjects": {
            subject: {
                "versions": {text: text},
                **dict.fromkeys(("at_once", "threads"), amount),
                "load": LOAD,
                "steps": {text: STEP},
                "faster_than": {other: FASTER for other in subjects if other != subject},
                "peak_resident_mb": amount,
                "energy": (ENERGY,),
            }
            for subject in subjects
        },
    }


def _is(told: Any, shape: Any) -> bool:
    """Whether a value has a shape."""
    if isinstance(shape, tuple):
        return told is None or _is(told, shape[0])
    if isinstance(shape, list):
        shapes = shape if len(shape) > 1 else shape * len(told)
        return isinstance(told, list) and len(told) == len(shapes) and all(map(_is, told, shapes))
    if not isinstance(shape, dict):
        return bool(shape(told))
    if not isinstance(told, dict):
        return False
    check = next(iter(shape), None)
    if callable(check):
        return all(check(name) and _is(each, shape[check]) for name, each in told.items())
    return told.keys() == shape.keys() and all(_is(told[name], each) for name, each in shape.items())
