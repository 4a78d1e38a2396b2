"""The writer behind a server: many images at a time, each answer kept, the template where no answer can be used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from edgegsr.errors import InputError
from edgegsr.teacher.rationales.dialogue import Manner, Outcome, converse, talk
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.server import BUDGET, EndpointOptions, Server
from edgegsr.teacher.rationales.subject import Subject

AHEAD = 4  # images that are under way or wait, for each thread
GIVE_UP = 20  # images in a row that a server leaves unanswered


def write_with_endpoint(
    todo: Sequence[Subject], manner: Manner, options: EndpointOptions, folder: Path, report: Report
) -> Iterator[Rationale]:
    """The rationales in the order of the subjects; what the server cannot do, the template does."""
    server = Server(options, manner.prompts.prompt_id, folder, report)
    ahead: deque[Future[Outcome]] = deque()
    waiting, silent = iter(todo), 0
    with ThreadPoolExecutor(options.concurrency) as threads:
        try:
            while True:
                for subject in islice(waiting, AHEAD * options.concurrency - len(ahead)):
                    ahead.append(threads.submit(converse, talk(subject, manner), server.answer))
                if not ahead:
                    return
                outcome = ahead.popleft().result()
                report.count(outcome)
                silent = silent + 1 if outcome.silent and outcome.fallback != BUDGET else 0
                if silent == GIVE_UP:
                    raise InputError(
                        f"{server.shown}: {silent} images in a row got no answer, the last for this reason: "
                        f"{outcome.fallback} {outcome.detail}; what was answered is kept: run the same command again "
                        "when the server is well"
                    )
                yield outcome.rationale
        finally:  # requests under way end and are kept, nothing new begins
            server.stop.set()
            for future in ahead:
                future.cancel()
