"""What is brought back from a board: only what a job of ours writes, number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from overssh import Sshd, twisted

from edgegsr.bench import trtexec
from edgegsr.bench.fetch import MOST_TEXT, _check, bring
from edgegsr.bench.loadgen import read_summary
from edgegsr.bench.measure import Job
from edgegsr.bench.ssh import Line
from edgegsr.errors import InputError

NAMES, TEXT = 'for name in told["names"]:\n        with', 'content.decode("utf-8")'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"name": name,', '"name": "../../" + name,', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": "{}"', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": "[" * 99999', r"cold-start\.json"),
        (f'"content": {TEXT}', '"content": 7', "content"),
        (TEXT, f'{TEXT}.replace("cores", "seeds")', r"machine\.json"),
        (TEXT, f'{TEXT}.replace("a.png", "c.png")', r"predictions/0-nano-x\.jsonl"),
        (NAMES, NAMES.replace('told["names"]', "()"), r"cold-start\.json"),
        (NAMES, NAMES.replace('told["names"]', 'told["names"][:1]'), r"single-stream\.json"),
    ],
)
def test_results_that_no_job_writes_are_refused_and_nothing_is_written_elsewhere(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path, old: str, new: str, said: str
) -> None:
    there = sshd.there(tmp_path, python=twisted(tmp_path, old, new))
    line, steps = Line(there.host, there.python, there.options), tmp_path / "a" / "b"
    name = json.loads((ran[0] / "steps" / "board.json").read_text())["job"]
    with pytest.raises(InputError, match=rf"does not answer as a board of ours does \({said}\)"):
        bring(line, name, job, steps)
    assert not list(tmp_path.glob("*.json")) and not list((tmp_path / "a").glob("*.json"))


@pytest.mark.parametrize(
    ("file", "where", "value"),
    [
        ("cold-start.json", "all.p50_ms", "<b>"),
        ("cold-start.json", "starts", "5\n\x1b[2J"),
        ("cold-start.json", "starts", float("nan")),
        ("cold-start.json", "starts", float("inf")),
        ("cold-start.json", "starts", 10**400),
        ("cold-start.json", "starts", True),
        ("cold-start.json", "starts", None),
        ("cold-start.json", "more", 1),
        ("single-stream.json", "at_once", None),
        ("single-stream.json", "threads", "1"),
        ("single-stream.json", "load.p50_ms", "<b>"),
        ("single-stream.json", "load.p50_ms", 0),
        ("single-stream.json", "load.p99_ms", None),
        ("single-stream.json", "load.claim", {}),
        ("single-stream.json", "load.histogram.counts", []),
        ("single-stream.json", "load.blocks_p50_ms", 7),
        ("single-stream.json", "load.scenario", "\x1b[2J"),
        ("single-stream.json", "steps.decode", [[[1]]]),
        ("single-stream.json", "steps.\x1b[2J", {"p50_ms": 1, "p90_ms": 1, "mean_ms": 1}),
        ("single-stream.json", "faster_than", {"another": {"times": 1, "p10": 1, "p90": 1}}),
        ("single-stream.json", "energy.watts", "6"),
        ("single-stream.json", "energy.kind", "x" * (MOST_TEXT + 1)),
        ("single-stream.json", "energy.rails_watts", {"VDD_IN": {"VDD_IN": 6}}),
        ("single-stream.json", "versions.numpy", 2),
    ],
)
def test_a_result_of_another_shape_is_refused(
    job: Job, ran: tuple[Path, Any], file: str, where: str, value: object
) -> None:
    content = (ran[0] / "steps" / file).read_text()
    _check(file, content, job)
    told, (*path, last) = json.loads(content), where.split(".")
    (part,) = told.get("subjects", told).values()
    for name in path:
        part = part[name]
    part[last] = value
    with pytest.raises((ValueError, TypeError)):
        _check(file, json.dumps(told), job)


def test_a_machine_of_another_shape_is_refused(job: Job, ran: tuple[Path, Any]) -> None:
    told = json.loads((ran[0] / "steps" / "machine.json").read_text())
    for twist in ({"memory_bytes": "many"}, {"system": 7}, {"gpus": [{}]}, {"cpu": told["cpu"] | {"cores": [2]}}):
        _check("machine.json", json.dumps(told), job)
        with pytest.raises(ValueError, match="another shape"):
            _check("machine.json", json.dumps(told | twist), job)


def test_what_loadgen_and_trtexec_find_is_what_a_job_writes(job: Job) -> None:
    (name,) = (subject.name for subject in job.subjects)
    turns = {"turns": [{"ours": 3.0, "loadgen": 2.97}], "unit": "p50_ms"}
    theirs = read_summary("Result is : VALID\n * Early stopping 90th percentile estimate: 3300000\n")
    told = {name: {**theirs, "queries": 64, **turns, "apart": -0.01}}
    _check("loadgen-single-stream.json", json.dumps(told), job)
    told[name]["claims_ms"] = {"most": 3.3}
    with pytest.raises(ValueError, match="another shape"):
        _check("loadgen-single-stream.json", json.dumps(told), job)
    times = json.dumps([{"latencyMs": 1.5, "startComputeMs": 0.0, "endComputeMs": 1.0}])
    alone = {"line": "trtexec", **trtexec.read("", times, trtexec.flags()).to_json()}
    told = {name: {"cuda_graph": alone, "no_cuda_graph": alone}}
    _check("trtexec.json", json.dumps({name: None}), job)
    _check("trtexec.json", json.dumps(told), job)
    told[name]["cuda_graph"] = alone | {"compute": {"median_ms": "1"}}
    with pytest.raises(ValueError, match="another shape"):
        _check("trtexec.json", json.dumps(told), job)
