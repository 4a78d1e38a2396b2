"""Networks that take turns in short blocks, each in a process of its own: what slows the machine slows all of them.

Idle threads of one engine take the cores of another, so that no two share a process, and ratios are of blocks that
follow each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np

from edgegsr.progress import track

AWAKE = 5  # calls before those of a block, while its threads wake up


def serve(make: Callable[[], Callable[[], object]], line: Any) -> None:
    """In a process of its own: opens something, and then times as many calls as it is told to, again and again."""
    call = make()
    line.send("ready")
    while calls := line.recv():
        took = []
        for _ in range(min(AWAKE, calls)):
            call()
        for _ in range(calls):
            began = time.perf_counter()
            call()
            took.append(time.perf_counter() - began)
        line.send(took)


@contextmanager
def served(jobs: Mapping[str, Callable[[], Callable[[], object]]]) -> Iterator[dict[str, Any]]:
    """A line to a process for each job, all of which are ready."""
    context = get_context("spawn")
    with ExitStack() as stack:
        lines = {}
        for name, make in jobs.items():
            lines[name], theirs = context.Pipe()
            process = context.Process(target=serve, args=(make, theirs), daemon=True)
            process.start()
            stack.callback(process.kill)
            theirs.close()
        for name, line in lines.items():
            wait_for(name, line)
        yield lines


def wait_for(name: str, line: Any) -> None:
    try:
        line.recv()
    except EOFError:
        raise SystemExit(f"{name}: its process ended before it was ready; what it said stands above") from None


def in_turns(lines: Mapping[str, Any], blocks: int, seconds: float, least: int = 20) -> dict[str, list[list[float]]]:
    """Milliseconds of every call, block by block, each of so many seconds or at least so many calls."""
    calls = {}
    for name, line in lines.items():  # warm, and find out how many calls a block holds
        line.send(least)
        line.recv()
        line.send(least)
        calls[name] = max(least, round(seconds / float(np.median(line.recv()))))
    found: dict[str, list[list[float]]] = {name: [] for name in lines}
    for _ in track(range(blocks), "blocks"):
        for name, line in lines.items():
            line.send(calls[name])
            found[name].append([1000 * each for each in line.recv()])
    return found


def medians(blocks: list[list[float]]) -> np.ndarray:
    return np.array([np.median(block) for block in blocks])


def percentiles(blocks: list[list[float]]) -> dict[str, float]:
    """Of all calls."""
    values = np.percentile(np.concatenate(blocks), (50, 90, 99)).round(3).tolist()
    return dict(zip(("p50_ms", "p90_ms", "p99_ms"), values))


def four_of_five(ratios: np.ndarray) -> list[float]:
    """From where a tenth lies below to where a tenth lies above."""
    return [round(float(value), 3) for value in np.percentile(ratios, (10, 90))]


def times_ours(theirs: list[list[float]], ours: list[list[float]]) -> dict[str, Any]:
    """How many times as long theirs took, in the median of the rounds, and between which four of five of them lie."""
    ratios = medians(theirs) / medians(ours)
    return {"times_ours": round(float(np.median(ratios)), 3), "times_ours_spread": four_of_five(ratios)}
