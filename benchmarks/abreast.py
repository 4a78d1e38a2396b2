"""Trainings side by side, each in a process of its own, which ends with the one that began it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import torch

Job = TypeVar("Job")
Found = TypeVar("Found")


def measured(
    measure: Callable[[Job], Found], jobs: Iterable[Job], at_once: int, threads: int = 1
) -> Iterator[tuple[Job, Found]]:
    """Every job with what came of it as it is finished; one that fails is told of when the others are done."""
    with ProcessPoolExecutor(at_once, get_context("spawn"), _begin, (threads,)) as pool:
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


def _begin(threads: int) -> None:
    torch.set_num_threads(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A training takes a signal as a wish to keep its state and stop, and the next one would begin: so it is ended."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
