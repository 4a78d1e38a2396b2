"""Our end of the line to a subject: starts its process, asks, and ends it. stdlib."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

from edgegsr.errors import InputError, shown

KINDS = {  # how the process of a subject is started
    "bundle": "edgegsr.bench.subject",
    "student": "edgegsr.student.subject",
    "teacher": "edgegsr.teacher.subject",
}
ROOT = str(Path(__file__).resolve().parents[2])
START = "import runpy, sys; sys.path[0] = sys.argv[1]; runpy.run_module(sys.argv[2], run_name='__main__')"
STARTED = ("interpreter", "import", "load", "first answer")  # what a cold start is spent on


@dataclass(frozen=True)
class Subject:
    """What is measured, and how it is opened."""

    name: str
    kind: str
    place: str  # a folder
    engine: str = ""  # of a bundle; by default its own
    threads: int = 0  # by default the engine's choice
    words: str = ""  # a file with the words of a teacher, an ontology as JSON
    content: str = ""  # a hash of what lies there, so that another one is not taken for it
    at_once: int = 0  # photos that offline looks at; by default as many as there are CPUs for


class Child:
    """A subject that answers: `with Child(subject, photos) as child: child.ask([[0], [1]])`."""

    def __init__(self, subject: Subject, photos: Sequence[str], cpus: Sequence[int] = ()) -> None:
        told = json.dumps({**asdict(subject), "photos": list(photos), "cpus": list(cpus)})
        self.subject = subject
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 closed at exit
        began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, ROOT, KINDS[subject.kind]],  # not -m: it would look into the current folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        try:
            self._write(told)
            ready = self._reply("ready")
        except BaseException as error:
            self.__exit__(type(error))
            raise
        marks = [began, *ready["marks"]]
        self.started_ms = {name: 1000 * (b - a) for name, (a, b) in zip(STARTED, pairwise(marks))}
        self.steps: list[str] = ready["steps"]
        self.versions: Mapping[str, str] = ready["versions"]

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            self._process.communicate()
        else:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def ask(self, queries: Sequence[Sequence[int]]) -> list[list[float]]:
        """The seconds of the steps of each query."""
        took: list[list[float]] = self._asked("ask", "took", queries)
        return took

    def say(self, asked: Sequence[tuple[str, str | None]]) -> list[dict[str, Any]]:
        """Predictions of photos, as `edgegsr score` reads them."""
        said: list[dict[str, Any]] = self._asked("say", "said", asked)
        return said

    def loadgen(self, scenario: str, pace: str) -> dict[str, Any]:
        told: dict[str, Any] = self._asked("loadgen", "loadgen", scenario, pace)
        return told

    def peak_bytes(self) -> int:
        return int(self._asked("peak", "peak_bytes"))

    def _asked(self, verb: str, wanted: str, *given: object) -> Any:
        self._write(json.dumps([verb, *given]))
        return self._reply(wanted)

    def _write(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # why it ended is read next

    def _reply(self, wanted: str) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise InputError(f"{shown(self.subject.name)}: its process ended: {self._last_words()}")
        reply = json.loads(line)
        if "error" in reply:
            raise InputError(reply["error"])
        return reply[wanted]

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        return shown(said[-1][:300]) if said else f"exit code {code}"
