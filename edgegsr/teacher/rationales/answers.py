"""What models answered, kept line by line: whoever was killed or ran out of money asks nothing twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock

from edgegsr.errors import InputError
from edgegsr.files import writing
from edgegsr.scoring.jsonlines import located, read_lines, show
from edgegsr.teacher.rationales.dialogue import Question

FILE = "answers.jsonl"


class Answers:
    """The answers of one model with its settings, in a file of the output folder that only grows; for many threads."""

    def __init__(self, folder: Path, who: str) -> None:
        self.path, self.who, self.lock = folder / FILE, who, Lock()
        with writing(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            _drop_torn_line(self.path)
        self.known = _read(self.path)

    def __len__(self) -> int:
        return len(self.known)

    def get(self, question: Question) -> str | None:
        """The answer to this question, if there was one."""
        return self.known.get(question.key(self.who))

    def add(self, question: Question, answer: str) -> None:
        """Keeps an answer; it is on its way to the disk when this returns."""
        key = question.key(self.who)
        line = {"key": key, "image": question.subject.image, "kind": question.kind, "answer": answer}
        with self.lock, writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            self.known[key] = answer


def _drop_torn_line(path: Path) -> None:
    """Cuts away what a kill has left of a line."""
    if path.is_file() and not (content := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)


def _read(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    if path.is_file() and path.stat().st_size:
        for line, record in read_lines(path, ("key", "answer")):
            with located(path, line):
                key, answer = record["key"], record["answer"]
                if not isinstance(key, str) or not isinstance(answer, str):
                    raise InputError(f"wanted a key and an answer as texts, got {show(key)} and {show(answer)}")
                found[key] = answer
    return found
