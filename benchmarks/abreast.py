"""Trainings side by side, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

import torch

Job = TypeVar("Job")
Found = TypeVar("Found")


def measured(
    measure: Callable[[Job], Found], jobs: Iterable[Job], at_once: int, threads: int = 1
) -> Iterator[tuple[Job, Found]]:
    """Every job with what came of it as it is finished; one that fails is told of when the others are done."""
    with ProcessPoolExecutor(at_once, get_context("spawn"), torch.set_num_threads, (threads,)) as pool:
        waiting = {pool.submit(measure, job): job for job in jobs}
        try:
            for finished in as_completed(waiting):
                if error := finished.exception():
                    print(f"{waiting[finished]}: {error}", file=sys.stderr, flush=True)
                else:
                    yield waiting[finished], finished.result()
            for finished in waiting:
                finished.result()
        finally:  # where this is stopped, nothing begins any more
            pool.shutdown(cancel_futures=True)
