"""What is measured of several subjects, step by step; every step is a file in a folder, and is not done twice.

    cold-start.json             how long a fresh process waits for its first answer
    single-stream.json …        a scenario: the subjects in turns, with the state of the machine before and after
    loadgen-single-stream.json  the same by MLPerf's own LoadGen, one subject after the other, and in turns with ours
    trtexec.json                engines of TensorRT by themselves
    predictions/NAME.jsonl      what each said of the photos that somebody has annotated

It runs where the subjects do, on a board as well: `python -m edgegsr.bench.job FOLDER` there. numpy.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.bench import trtexec
from edgegsr.bench.askers import asked_in, cpus_of, too_many
from edgegsr.bench.child import STARTED, Child, Subject
from edgegsr.bench.load import PACES, SCENARIOS, Load, order
from edgegsr.bench.power import Meter, Watch, find_meter
from edgegsr.bench.state import doubts, look_at
from edgegsr.bench.turns import Asked, faster, in_turns
from edgegsr.files import read_json, write_whole
from edgegsr.progress import track

IDLE_S = 2.0  # that power is watched with nobody asking
SAID = 64  # photos of a request
OPINIONS = 7  # turns of ours and LoadGen's
REQUEST_S = 0.2  # of queries that are asked in one go

Result = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is asked of whom. Paths are seen from where it runs."""

    subjects: Sequence[Subject]
    photos: Sequence[str]  # files that are looked at again and again
    scenarios: Sequence[str] = ("single-stream",)
    pace: str = "default"
    questions: Sequence[tuple[str, str]] = ()  # annotated photos and their verbs, or NO_VERB
    cpus: Sequence[int] = ()  # that the subjects may run on; by default all
    loadgen: bool = False
    trtexec: bool = False
    content: str = ""  # a hash of the photos, so that others are not taken for them
    root: str = field(default="/", compare=False)  # of the machine's own facts


def measure(job: Job, folder: Path) -> None:
    """Does what is left to be done."""
    busy = look_at(Path(job.root)).load  # before we keep it busy ourselves
    for name, make in _steps(job, busy):
        if not (folder / f"{name}.json").is_file():
            write_whole(folder / f"{name}.json", json.dumps(make(), indent=1))
    for subject, path in zip(job.subjects, said(job)):
        _say(subject, job, folder / path)


def files(job: Job) -> list[str]:
    """What measuring leaves, by name."""
    return [f"{name}.json" for name, _ in _steps(job)] + said(job)


def said(job: Job) -> list[str]:
    """The files of predictions, one a subject."""
    every = enumerate(job.subjects if job.questions else ())
    return [f"predictions/{i}-{slug(subject.name)}.jsonl" for i, subject in every]


def slug(name: str) -> str:
    """A name as that of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:100] or "subject"


def _steps(job: Job, busy: float | None = None) -> Iterator[tuple[str, Callable[[], Result]]]:
    yield "cold-start", partial(_cold_start, job)
    if job.trtexec:
        yield "trtexec", partial(_trtexec, job)
    for scenario in job.scenarios:
        yield scenario, partial(_scenario, job, scenario, busy)
        if job.loadgen:
            yield f"loadgen-{scenario}", partial(_loadgen, job, scenario)


def _trtexec(job: Job) -> Result:
    """The engines of TensorRT by themselves, as a captured CUDA graph and launched one by one."""
    alone = cache(_alone)  # a plan has no other times where it is opened in another way
    return {subject.name: alone(subject.place) if _in_tensorrt(subject) else None for subject in job.subjects}


def _in_tensorrt(subject: Subject) -> bool:
    from edgegsr.runtime.session import package_of

    return package_of(subject.engine) == "tensorrt"


def _alone(place: str) -> Result:
    from edgegsr.runtime.build_engine import FOLDER, NOTE, PLAN

    plan = Path(place) / FOLDER / PLAN
    note = read_json(plan.with_name(NOTE)) if plan.is_file() else {}
    version = str(note.get("tensorrt", "")) if isinstance(note, dict) else ""
    return {
        "cuda_graph": trtexec.ask(plan, version),
        "no_cuda_graph": trtexec.ask(plan, version, cuda_graph=False),
    }


def _cold_start(job: Job) -> Result:
    """Milliseconds of every start, in turns; files lie in the memory of the system already."""
    started: dict[str, list[Mapping[str, float]]] = {subject.name: [] for subject in job.subjects}
    for turn in track(range(PACES[job.pace].cold_starts + 1), "cold starts"):
        for subject in job.subjects:
            if subject.kind != "bundle" and turn != 1:
                continue  # what no device starts is started once
            if not turn and _in_tensorrt(subject):
                print(f"{subject.name}: an engine is built where none fits; this takes minutes", file=sys.stderr)
            with Child(subject, job.photos[:1], job.cpus) as child:
                if turn:  # the first one brings the files into memory, and builds what has to be built
                    started[subject.name].append(child.started_ms)
    return {
        name: {
            part: {
                "p50_ms": round(float(np.median(each)), 1),
                "max_ms": round(max(each), 1),
            }
            for part, each in _columns(found)
        }
        | {"starts": len(found)}
        for name, found in started.items()
    }


def _columns(found: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, list[float]]]:
    for part in STARTED:
        yield part, [each[part] for each in found]
    yield "all", [sum(each.values()) for each in found]


def _scenario(job: Job, scenario: str, busy: float | None) -> Result:
    root, cpus = Path(job.root), cpus_of(job.cpus)
    meter = find_meter(root)
    asked_so = {each.name: asked_in(scenario, each, cpus) for each in job.subjects}
    with _children(job, asked_so.values()) as children:
        idle = _idle_watts(meter)
        before, began = replace(look_at(root), load=busy), time.monotonic()
        log = _Log(meter, root, began)
        asked = in_turns(
            {name: child.ask for name, child in children.items()}, scenario, job.pace, len(job.photos), log
        )
        after = look_at(root)
        peaks = {name: child.peak_bytes() for name, child in children.items()}
        told = {name: (child.steps, child.versions) for name, child in children.items()}
    return {
        "seconds": round(time.monotonic() - began, 1),
        "before": before.to_json(),
        "after": after.to_json(),
        "doubts": [
            *doubts(before, after),
            *([meter] if isinstance(meter, str) else []),
            *too_many(asked_so.values(), cpus),
        ],
        "idle_watts": idle,
        "timeline": log.timeline,
        "subjects": {
            name: {
                "versions": dict(told[name][1]),
                "at_once": asked_so[name].at_once,
                "threads": asked_so[name].threads,
                "load": each.load(scenario, job.pace).to_json(),
                "steps": each.steps(told[name][0], SCENARIOS[scenario].photos),
                "faster_than": {other: faster(each, theirs) for other, theirs in asked.items() if other != name},
                "peak_resident_mb": round(peaks[name] / 1e6, 1),
                "energy": _energy(log, name, each, SCENARIOS[scenario].photos),
            }
            for name, each in asked.items()
        },
    }


def _loadgen(job: Job, scenario: str) -> Result:
    """What LoadGen says of each subject, and how far it is from us in short turns: a machine drifts within seconds."""
    what = "p50_ms" if SCENARIOS[scenario].percentile else "photos_per_s"
    found = {}
    for subject in job.subjects:
        with Child(subject, job.photos, job.cpus) as child:
            told, rows = child.loadgen(scenario, job.pace), order(len(job.photos))
            turns = [_opinions(child, scenario, rows) for _ in range(1 if job.pace == "quick" else OPINIONS)]
            ratios = [theirs[what] / ours[what] for ours, theirs in turns]
            queries = len(told.pop("latencies_s")) // SCENARIOS[scenario].photos
            found[subject.name] = {
                **told,
                "queries": queries,
                "turns": [{"ours": ours[what], "loadgen": theirs[what]} for ours, theirs in turns],
                "unit": what,
                "apart": round(float(np.median(ratios)) - 1, 4),
            }
    return found


def _opinions(child: Child, scenario: str, rows: Iterator[int]) -> tuple[Result, Result]:
    """What we and LoadGen say within the same few seconds."""
    ours = _plainly(child, scenario, rows, PACES["quick"].seconds)
    return Load(scenario, "quick", [ours]).to_json(), child.loadgen(scenario, "quick")


def _plainly(child: Child, scenario: str, rows: Iterator[int], seconds: float) -> list[float]:
    """The latencies of one query after the other."""
    took, size, at_once = list[float](), SCENARIOS[scenario].photos, 1
    while sum(took) < seconds:
        queries = [[next(rows) for _ in range(size)] for _ in range(at_once)]
        took += [sum(steps) for steps in child.ask(queries)]
        at_once = max(1, round(REQUEST_S / took[-1]))
    return took


@contextmanager
def _children(job: Job, subjects: Iterable[Subject]) -> Iterator[dict[str, Child]]:
    with ExitStack() as stack:
        yield {each.name: stack.enter_context(Child(each, job.photos, job.cpus)) for each in subjects}


class _Log:
    """Watches a subject while it is asked: its energy, and what the machine was like after every block."""

    def __init__(self, meter: Meter | str, root: Path, began: float) -> None:
        self.meter, self.root, self.began = meter, root, began
        self.timeline: list[Result] = []
        self.energy: dict[str, list[Any]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        watch = None
        if isinstance(self.meter, str):
            yield
        else:
            with Watch(self.meter) as watch:
                yield
            self.energy.setdefault(name, []).append(watch.energy)
        now = look_at(self.root)
        self.timeline.append(
            {
                "s": round(time.monotonic() - self.began, 2),
                "subject": name,
                "watts": None if watch is None or watch.energy.watts is None else round(watch.energy.watts, 3),
                "celsius": max(now.celsius.values(), default=None),
                "cpu_mhz": max(now.cpu_mhz, default=None),
                "gpu_mhz": now.gpu_mhz and now.gpu_mhz[0],
            }
        )


def _energy(log: _Log, name: str, asked: Asked, photos: int) -> Result | None:
    """What one photo took, of the module or the package; nothing is subtracted from it."""
    blocks = log.energy.get(name)
    if not blocks:
        return None
    totals, seconds = [each.total_joules for each in blocks], sum(each.seconds for each in blocks)
    known = [each for each in totals if each is not None]
    whole = sum(known) if len(known) == len(totals) else None
    rails = {
        rail: sum(each.joules[rail] for each in blocks if rail in each.joules)
        / sum(each.seconds for each in blocks if rail in each.joules)
        for rail in blocks[0].joules
    }
    return {
        "kind": blocks[0].kind,
        "watts": None if whole is None else round(whole / seconds, 3),
        "joules_per_photo": None if whole is None else round(whole / (photos * asked.queries), 6),
        "rails_watts": {rail: round(watts, 3) for rail, watts in rails.items()},
    }


def _idle_watts(meter: Meter | str) -> float | None:
    if isinstance(meter, str):
        return None
    with Watch(meter) as watch:
        time.sleep(IDLE_S)
    return None if watch.energy.watts is None else round(watch.energy.watts, 3)


def _say(subject: Subject, job: Job, path: Path) -> None:
    """Asks about the annotated photos that the file does not have yet."""
    said = _whole_lines(path)
    left = job.questions[len(said) :]
    if not left:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [left[at : at + SAID] for at in range(0, len(left), SAID)]
    with Child(subject, job.photos, job.cpus) as child, path.open("w", encoding="utf-8") as file:
        file.writelines(said)
        for part in track(parts, f"{subject.name} looks at annotated photos"):
            file.writelines(json.dumps(line) + "\n" for line in child.say(part))
            file.flush()


def _whole_lines(path: Path) -> list[str]:
    """What was said before somebody stopped it."""
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.is_file() else []
    return [line for line in lines if line.endswith("}\n")]


def found(job: Job, folder: Path) -> dict[str, Result]:
    """What the steps have found out, by their names."""
    return {name: read_json(folder / f"{name}.json") for name, _ in _steps(job)}
