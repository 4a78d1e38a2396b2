"""How many photos a scenario asks a subject about at once, with how many threads for each. stdlib."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edgegsr.bench.child import Subject


def asked_in(scenario: str, subject: Subject, cpus: int) -> Subject:
    """A subject as a scenario opens it: offline, a bundle looks at as many photos at once as there are CPUs for.

    Where nobody said how many threads an engine may use, each of several has its share of the CPUs.
    """
    if scenario != "offline" or subject.kind != "bundle":
        return replace(subject, at_once=1)
    at_once = subject.at_once or max(1, cpus // (subject.threads or 1))
    return replace(subject, at_once=at_once, threads=subject.threads or max(1, cpus // at_once))


def too_many(subjects: Iterable[Subject], cpus: int) -> Iterator[str]:
    """Who was given more threads than there are CPUs."""
    for each in subjects:
        if (wanted := each.threads * each.at_once) > cpus:
            yield f"threads: {each.name} was given {wanted}, and there are {cpus} CPUs: they wait for each other"


def cpus_of(named: Sequence[int]) -> int:
    """The number of CPUs that subjects may run on here, all where none are named."""
    if named:
        return len(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
