"""How long a job is going to take, in a line, before it begins. What a photo takes is a guess: nobody knows it yet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from edgegsr.bench.load import PACES
from edgegsr.bench.measure import OPINIONS, Job, said
from edgegsr.bench.turns import BLOCK_S, LEAST_ROUNDS

START_S = {"bundle": 1.0, "student": 7.0, "teacher": 7.0}
PHOTO_S = {"bundle": 0.006, "student": 0.02, "teacher": 0.035}
BETWEEN = 1.1  # blocks, what lies between two of them
TRTEXEC_S = 25.0  # with a CUDA graph, and without


def ahead(job: Job, folder: Path) -> str:
    """ "about 3 minutes: cold starts 10 s, single-stream 66 s, …"; what the folder has already takes no time."""
    parts = {name: seconds for name, seconds in _parts(job, folder) if seconds >= 1}
    if not parts:
        return "about a second: all of it was measured already"
    told = ", ".join(f"{name} {math.ceil(seconds):,} s" for name, seconds in parts.items())
    return f"about {_span(sum(parts.values()))}: {told}; more where a query takes long"


def _parts(job: Job, folder: Path) -> Iterator[tuple[str, float]]:
    least, opened = PACES[job.pace], sum(START_S[each.kind] for each in job.subjects)
    asked_s = BETWEEN * max(least.seconds, LEAST_ROUNDS * BLOCK_S) * len(job.subjects)

    def left(name: str) -> bool:
        return not (folder / f"{name}.json").is_file()

    if left("cold-start"):
        starts = {"bundle": least.cold_starts + 1}
        yield "cold starts", sum(START_S[each.kind] * starts.get(each.kind, 1) for each in job.subjects)
    if job.trtexec and left("trtexec"):
        yield "trtexec", TRTEXEC_S * len({each.place for each in job.subjects if each.engine.startswith("tensorrt")})
    for scenario in job.scenarios:
        if left(scenario):
            yield scenario, opened + asked_s
        if job.loadgen and left(f"loadgen-{scenario}"):
            turns = 1 if job.pace == "quick" else OPINIONS
            yield (
                f"{scenario} by LoadGen",
                opened + (least.seconds + 2 * turns * PACES["quick"].seconds) * len(job.subjects),
            )
    judged = 0.0
    for each, path in zip(job.subjects, said(job)):
        known = (folder / path).read_text("utf-8").count("\n") if (folder / path).is_file() else 0
        if unknown := max(0, len(job.questions) - known):
            judged += START_S[each.kind] + PHOTO_S[each.kind] * unknown
    yield f"{len(job.questions):,} annotated photos", judged


def _span(seconds: float) -> str:
    return f"{math.ceil(seconds / 60):,} minutes" if seconds > 90 else f"{math.ceil(seconds)} seconds"
