"""`edgegsr bench`: accuracy, latency, energy and memory of the very same artifacts, in one folder.

bench.json     everything that was found out            bench.md, report.html     the same for people
steps/         what each step has measured, so that a benchmark that was stopped goes on
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgegsr import __version__
from edgegsr.annotations import Annotations
from edgegsr.bench.accuracy import agreement, judged, missed
from edgegsr.bench.child import Subject
from edgegsr.bench.job import write_job
from edgegsr.bench.measure import Job, found, measure, said
from edgegsr.bench.subject import PACKAGES
from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError, shown
from edgegsr.files import read_json, reading, write_whole
from edgegsr.interactions import Pairs
from edgegsr.machine import examine_machine

SCHEMA = 1
RESULT, STEPS = "bench.json", "steps"
BEGUN, HERE = "board.json", "here.json"  # beside a job: which board has it, or what this machine was like

Run = Callable[[Job, Path], Mapping[str, Any]]  # measures a job in a folder, and tells what it ran on


@dataclass(frozen=True)
class Truth:
    """Annotated photos, and what a subject must keep of its student's scores on them."""

    data: str
    split: str
    annotations: Annotations | Pairs
    groups: Mapping[str, Sequence[str]] | None = None
    kept: float = 0.99


def here(job: Job, folder: Path) -> Mapping[str, Any]:
    """On this machine."""
    if (folder / BEGUN).is_file():
        raise InputError(f"{shown(folder)}: was begun on a board; give the same --host, or another --out")
    machine: Mapping[str, Any] = json.loads(json.dumps(asdict(examine_machine())))
    facts = {"machine": {**machine, "free_disk_bytes": None}, "versions": dict(_versions())}
    if (folder / HERE).is_file() and read_json(folder / HERE) != facts:
        raise InputError(f"{shown(folder)}: was begun on another machine or with other packages; give another --out")
    write_whole(folder / HERE, json.dumps(facts))
    measure(job, folder)
    return machine


def _versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield package, version(package)


def bench(
    job: Job,
    out: Path,
    truth: Truth | None,
    device: str = "cpu",
    run: Run = here,
    estimates: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What was found out, which lies in `out` now."""
    steps = out / STEPS
    write_job(job, steps)
    machine = run(job, steps)
    with reading(steps):
        result = _result(job, found(job, steps), truth, device, machine)
    if truth is not None:
        _judge(result, job, steps, truth)
    result["missed"] = [
        f"{name}: {line}" for name, each in result["subjects"].items() for line in each.get("missed", ())
    ]
    if estimates is not None:
        result["estimates"] = estimates
    write_whole(out / RESULT, json.dumps(result, indent=1))
    return result


def _result(
    job: Job, parts: Mapping[str, Any], truth: Truth | None, device: str, machine: Mapping[str, Any]
) -> dict[str, Any]:
    scenarios = {
        name: {what: value for what, value in parts[name].items() if what != "subjects"} for name in job.scenarios
    }
    return {
        "schema": SCHEMA,
        "edgegsr": __version__,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "device": device,
        "machine": machine,
        "settings": _settings(job, truth),
        "scenarios": scenarios,
        "subjects": {subject.name: _subject(subject, job, parts) for subject in job.subjects},
        "doubts": list(dict.fromkeys(doubt for part in scenarios.values() for doubt in part["doubts"])),
    }


def _settings(job: Job, truth: Truth | None) -> dict[str, Any]:
    told: dict[str, Any] = {"pace": job.pace, "cpus": list(job.cpus), "photos": len(job.photos)}
    told["photos_sha256"] = job.content
    if truth is not None:
        told |= {"data": truth.data, "split": truth.split, "images": len(truth.annotations), "kept": truth.kept}
    return told


def _subject(subject: Subject, job: Job, parts: Mapping[str, Any]) -> dict[str, Any]:
    each = {name: parts[name]["subjects"][subject.name] for name in job.scenarios}
    first = each[job.scenarios[0]]
    alone = [told["peak_resident_mb"] for told in each.values() if told["at_once"] == 1]
    told = {
        "kind": subject.kind,
        "threads": subject.threads or None,
        **(_of_bundle(subject) if subject.kind == "bundle" else _in_torch(subject)),
        "versions": first["versions"],
        "cold_start_ms": parts["cold-start"][subject.name],
        "peak_resident_mb": max(alone or [told["peak_resident_mb"] for told in each.values()]),
        "scenarios": {
            name: {what: told[what] for what in ("at_once", "load", "steps", "faster_than", "energy")}
            | {"threads": told["threads"] or None}
            for name, told in each.items()
        },
    }
    if alone := parts.get("trtexec", {}).get(subject.name):
        told["trtexec"] = alone
    if job.loadgen:
        for name in job.scenarios:
            told["scenarios"][name]["loadgen"] = parts[f"loadgen-{name}"][subject.name]
    return told


def _in_torch(subject: Subject) -> dict[str, Any]:
    rounded = (Path(subject.place) / "quantizers.json").is_file()
    return {"engine": "torch", "precision": "int8, simulated" if rounded else "fp32"}


def _of_bundle(subject: Subject) -> dict[str, Any]:
    """What the bundle says of itself; its hash ties the numbers to the file."""
    bundle = open_bundle(subject.place)
    target = bundle.manifest.get("target", {})
    return {
        "engine": subject.engine or target.get("engine", "onnxruntime"),
        "precision": target.get("precision", "fp32"),
        "parameters": bundle.manifest.get("parameters"),
        "gflops": bundle.manifest.get("gflops"),
        "side": bundle.side,
        "graph_bytes": len(bundle.graph),
        "graph_sha256": hashlib.sha256(bundle.graph).hexdigest(),
    }


def _judge(result: dict[str, Any], job: Job, steps: Path, truth: Truth) -> None:
    """Adds how right every subject was, how far they agree, and what a gate holds against them."""
    files = {subject.name: steps / path for subject, path in zip(job.subjects, said(job))}
    for name, path in files.items():
        subject = result["subjects"][name]
        subject["accuracy"] = judged(path, truth.annotations, truth.groups)
        subject["agrees_with"] = {
            other: agreement(path, theirs, truth.annotations) for other, theirs in files.items() if other != name
        }
    students = [subject.name for subject in job.subjects if subject.kind == "student"]
    for subject in job.subjects if students else ():
        if subject.kind == "bundle":
            of = result["subjects"][students[0]]["accuracy"]["groups"]
            told = result["subjects"][subject.name]
            told["missed"] = list(missed(of, told["accuracy"]["groups"], truth.kept))
