"""A job in a folder, as it lies on a board: `python -m edgegsr.bench.job FOLDER` measures what job.json says."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from edgegsr.bench.child import Subject
from edgegsr.bench.measure import Job, files, measure
from edgegsr.errors import InputError, shown
from edgegsr.files import read_json, reading, write_whole
from edgegsr.machine import examine_machine

FILE = "job.json"
COMPLAINT = "edgegsr bench: "  # how a line begins that says what is wrong
MACHINE = "machine.json"  # what it ran on; who finds it there knows that the job is done


def write_job(job: Job, folder: Path) -> None:
    """Keeps a job in its folder; another one that has measured something there is refused."""
    path = folder / FILE
    told = json.loads(json.dumps(asdict(job)))
    if path.is_file() and any((folder / name).exists() for name in files(job)):
        before = read_json(path)
        if differs := [name for name in told if not isinstance(before, dict) or before.get(name) != told[name]]:
            raise InputError(
                f"{shown(folder)}: another benchmark was begun here ({', '.join(differs)} differ); give another --out, "
                "or delete this one"
            )
    write_whole(path, json.dumps(told, indent=1))


def read_job(folder: Path) -> Job:
    path = folder / FILE
    with reading(path):
        told = read_json(path)
        subjects = [Subject(**each) for each in told.pop("subjects")]
        questions = [(photo, verb) for photo, verb in told.pop("questions")]
        return Job(subjects, questions=questions, **told)


def main() -> None:
    """Measures, and tells what it ran on; what goes wrong is one line, and exit code 2."""
    folder = Path(sys.argv[1])
    try:
        job = read_job(folder)
        measure(job, folder)
        write_whole(folder / MACHINE, json.dumps(asdict(examine_machine(Path(job.root))), indent=1))
    except InputError as error:
        print(f"{COMPLAINT}{error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
