"""A job on a board, over ssh: `bench(job, out, truth, run=There("user@board"))`.

The same code measures there as here. What was copied stays there and is not sent again; a line that is cut stops
nothing. Of the board only its cache is changed: no sudo, no power mode, no clocks.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from edgegsr.bench.bench import BEGUN
from edgegsr.bench.fetch import bring
from edgegsr.bench.job import COMPLAINT, FILE
from edgegsr.bench.measure import Job
from edgegsr.bench.parcels import Parcel, kit, of_bundle, of_photos
from edgegsr.bench.ssh import Line, Lost
from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.files import read_json, reading, write_whole
from edgegsr.progress import track
from edgegsr.runtime.session import INSTALL, package_of

OLDEST = (3, 10)
LEAST = {"numpy": (1, 26), "PIL": (10, 3)}  # as pyproject.toml asks; apt of Ubuntu 22.04 has older ones
PIP = {"numpy": "'numpy>=1.26'", "PIL": "'pillow>=10.3'", "mlperf_loadgen": "mlcommons-loadgen"}
PROBED = (("python", list), ("versions", dict), ("engines", dict))
MOST_REST = 1 << 12  # characters of a line that does not end
PAUSES_S = (1.0, 30.0)  # before the line is tried again: at first, and at most
PATIENCE_S = 600.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class There:
    """Runs a job on `user@board`, or goes on with it; `options` are those of ssh."""

    host: str
    python: str = "python3"
    options: Sequence[str] = ()
    patience_s: float = PATIENCE_S  # that the line may be cut

    def __call__(self, job: Job, folder: Path) -> Mapping[str, Any]:
        """Measures there, brings what was found into the folder, and tells what the board is."""
        line, load = Line(self.host, self.python, self.options), _Load(job)
        place = _look(line, job, load.engines)
        name = _begun(self.host, folder)
        there = set[str]()
        self._patiently(lambda: _copy(line, load.parcels, there), lambda: len(there))
        content, log = json.dumps(asdict(load.moved(place))), _Log()
        try:
            self._patiently(lambda: _run(line, name, load.kit.name, content, log), lambda: log.at or 0)
        except KeyboardInterrupt:
            _stop(line, name)
            raise
        return self._patiently(lambda: bring(line, name, job, folder), lambda: len(list(folder.rglob("*.json*"))))

    def _patiently(self, do: Callable[[], Result], far: Callable[[], int]) -> Result:
        """Does it again where the line was cut: all that is asked of a board may be asked twice. Patience begins anew
        where it has come farther meanwhile."""
        lost, pause, reached = None, PAUSES_S[0], far()
        while True:
            try:
                return do()
            except Lost as error:  # noqa: PERF203 that is what it is for
                now = time.monotonic()
                if lost is None or far() > reached:
                    lost, pause, reached = now, PAUSES_S[0], far()
                if now - lost >= self.patience_s:
                    raise InputError(
                        f"{error}; tried for {self.patience_s:.0f} s. What runs there goes on, and the same command "
                        "comes back to it"
                    ) from error
                _tell(f"{error}; trying again")
                time.sleep(pause)
                pause = min(2 * pause, PAUSES_S[1])


class _Load:
    """What a job needs on a board."""

    def __init__(self, job: Job) -> None:
        if other := [subject.name for subject in job.subjects if subject.kind != "bundle"]:
            raise InputError(f"--host: {shown(other[0])} needs torch; a board measures bundles: export it")
        self.job, self.kit = job, kit()
        bundles = {subject.place: open_bundle(subject.place) for subject in job.subjects}
        self.bundles = {place: of_bundle(bundle) for place, bundle in bundles.items()}
        self.engines = {package_of(subject.engine or bundles[subject.place].engine) for subject in job.subjects}
        self.photos = of_photos([*job.photos, *(photo for photo, _ in job.questions)])

    @property
    def parcels(self) -> list[Parcel]:
        return [self.kit, *self.bundles.values(), self.photos]

    def moved(self, place: str) -> Job:
        """The job as it is seen from a board that keeps parcels at this place."""
        at = {photo: f"{place}/{self.photos.name}/{name}" for name, photo in self.photos.files.items()}
        return replace(
            self.job,
            subjects=[replace(each, place=f"{place}/{self.bundles[each.place].name}") for each in self.job.subjects],
            photos=[at[Path(photo)] for photo in self.job.photos],
            questions=[(at[Path(photo)], verb) for photo, verb in self.job.questions],
        )


@dataclass
class _Log:
    """How far the log of a job was read."""

    at: int | None = None
    rest: str = ""  # of a line that is not whole yet
    last: str = ""

    def show(self, text: str) -> None:
        *lines, rest = (self.rest + text).split("\n")
        self.rest = rest[-MOST_REST:]
        for line in filter(str.strip, lines):
            self.last = shown(line)[:300]
            if not self.last.startswith(COMPLAINT):  # which becomes the error
                _tell(self.last)


def _look(line: Line, job: Job, engines: set[str]) -> str:
    """Where the board keeps what is copied; one that lacks something is told what."""
    wanted = {*engines, *(("mlperf_loadgen",) if job.loadgen else ())}
    reply = line.ask("probe", imported=sorted(LEAST), engines=sorted(wanted))
    python, versions, found = (line.part(reply, *each) for each in PROBED)
    if not all(type(each) is int for each in python):
        raise line.odd("python")
    if tuple(python) < OLDEST:
        raise InputError(
            f"{line.host}: wanted Python {_dotted(OLDEST)} or newer, got {_dotted(python)} as {line.python}; "
            "name another one with --python"
        )
    lacks = {name: name for name in sorted(wanted) if not found.get(name)}
    for name, least in LEAST.items():
        version = versions.get(name)
        if not version:
            lacks[name] = name
        elif tuple(map(int, re.findall(r"\d+", str(version)[:20])[:2])) < least:
            lacks[name] = f"{name} {_dotted(least)} or newer (it has {shown(version)[:20]})"
    if lacks:
        pip = [PIP.get(name, name) for name in lacks if name not in INSTALL]
        run = [f"{line.python} -m pip install {' '.join(pip)}"] * bool(pip)
        run += [INSTALL[name] for name in lacks if name in INSTALL]
        raise InputError(f"{line.host}: {line.python} lacks {', '.join(lacks.values())}; run there: {'; '.join(run)}")
    place = line.part(reply, "place", str)
    if not place.startswith("/") or not place.isprintable():
        raise line.odd("place")
    return str(place)


def _begun(host: str, folder: Path) -> str:
    """The name of this job on the board, which is new for a new folder."""
    path = folder / BEGUN
    if path.is_file():
        with reading(path):
            told = read_json(path)
            if told["host"] != host:
                raise InputError(f"{shown(folder)}: was begun on {shown(told['host'])}; give another --out")
            if not re.fullmatch(r"[0-9a-f]{32}", told["job"]):
                raise ValueError("job")
            return str(told["job"])
    if any(each.name != FILE for each in folder.glob("*.json")):
        raise InputError(f"{shown(folder)}: was begun on this machine; give another --out")
    name = secrets.token_hex(16)
    write_whole(path, json.dumps({"host": host, "job": name}))
    return name


def _copy(line: Line, parcels: Sequence[Parcel], there: set[str]) -> None:
    """Sends what is not there yet, and notes what is."""
    known = {parcel.name: parcel for parcel in parcels}
    reply = line.ask("lacking", names=list(known))
    missing = [known[name] for name in known if name in line.part(reply, "lacking", list)]
    wanted = sum(parcel.disk_bytes for parcel in missing)
    if wanted > (free := line.part(reply, "free", int)):
        raise _full(line, wanted, free)
    for parcel in missing:
        parts = track(parcel.tar(), f"copying {parcel.what} to {line.host}, MB", parcel.parts + 1)
        reply = line.ask("unpack", stream=parts, name=parcel.name, files=len(parcel.files))
        if "full" in reply:
            raise _full(line, parcel.disk_bytes, line.part(reply, "full", int))
        if not reply.get("whole"):
            raise Lost(f"{line.host}: a copy has not arrived whole")
        there.add(parcel.name)


def _run(line: Line, name: str, kit: str, content: str, log: _Log) -> None:
    """Starts the job where it does not run, and shows what it says until it is done."""
    reply = line.ask("start", job=name, kit=kit, content=content)
    if "busy" in reply:
        pid = line.part(reply, "busy", int)
        end = f", or end it there: kill {pid}" if pid > 1 else ""
        raise InputError(f"{line.host}: another benchmark runs there; wait until it is done{end}")
    if reply.get("other"):
        raise InputError(f"{line.host}: a bundle or photo has changed since this was begun; give another --out")
    if log.at is None:
        log.at = line.part(reply, "at", int)
        if reply.get("runs"):
            _tell(f"{line.host}: it runs there already")
    for reply in line.listen("follow", job=name, at=log.at):
        log.at = line.part(reply, "at", int) if "at" in reply else log.at
        log.show(str(reply.get("log", "")))
    log.show("\n")
    if reply.get("done"):
        return
    if log.last.startswith(COMPLAINT):
        raise InputError(f"{line.host}: {log.last.removeprefix(COMPLAINT)}")
    raise InputError(
        f"{line.host}: its job ended before it was done (the last it said: {log.last or 'nothing'}); the same command "
        "goes on where it was"
    )


def _stop(line: Line, name: str) -> None:
    try:
        stopped = line.ask("stop", job=name).get("stopped")
    except InputError:
        stopped = False
    _tell(f"{line.host}: stopped there" if stopped else f"{line.host}: not reached; it goes on there")
    _tell("the same command goes on where it was")


def _full(line: Line, wanted: int, free: int) -> InputError:
    return InputError(
        f"{line.host}: wanted {wanted:,} bytes for what is to be copied, found {free:,} free; make room there, or let "
        "EDGEGSR_CACHE name another place there"
    )


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))[:20]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
