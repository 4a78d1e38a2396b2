"""What a job has found out on a board, brought here: files by name, and only what a job of ours writes. stdlib."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from edgegsr.bench.job import MACHINE
from edgegsr.bench.measure import Job, files
from edgegsr.bench.ssh import Line
from edgegsr.files import read_json, write_whole
from edgegsr.machine import Board, Cpu, Gpu, Machine

MOST_BYTES = 128 << 20  # of a file


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
    if name != MACHINE:
        if told.get("subjects", told).keys() != {subject.name for subject in job.subjects}:
            raise ValueError("other subjects")
        return
    _like(Machine, told)
    _like(Cpu, told["cpu"])
    for gpu in told["gpus"]:
        _like(Gpu, gpu)
    if told["board"] is not None:
        _like(Board, told["board"])


def _like(kind: Any, told: Any) -> None:
    if told.keys() != {each.name for each in fields(kind)}:
        raise ValueError(kind.__name__)
