"""Output as trtexec prints it, of versions 8, 10 and without what a version does not print."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.bench.child import Subject
from edgegsr.bench.measure import Job, _trtexec
from edgegsr.bench.trtexec import (
    Spread,
    ask,
    flags,
    read,
    read_times,
    spread_of,
    timing_line,
)
from edgegsr.errors import InputError

TIME = "[09/07/2024-21:22:23] [I] "
SPREAD = "min = {} ms, max = {} ms, mean = {} ms, median = {} ms, percentile(90%) = {} ms, percentile(99%) = {} ms"
TEN = f"""&&&& RUNNING TensorRT.trtexec [TensorRT v100900] [b34] # trtexec --loadEngine=m.plan
{TIME}=== Inference Options ===
{TIME}Data transfers: Enabled
{TIME}Spin-wait: Disabled
{TIME}CUDA Graph: Disabled
{TIME}Warmup completed 64 queries over 200 ms
{TIME}Timing trace has 2066 queries over 3.00432 s
{TIME}
{TIME}=== Performance summary ===
{TIME}Throughput: 687.676 qps
{TIME}Latency: {SPREAD.format(1.65, 14.9, 1.75, 1.68, 1.7, 3.1)}
{TIME}Enqueue Time: {SPREAD.format(1.2, 9.1, 1.3, 1.25, 1.4, 2)}
{TIME}H2D Latency: {SPREAD.format(0.18, 0.3, 0.2, 0.19, 0.22, 0.24)}
{TIME}GPU Compute Time: {SPREAD.format(1.37114, 10.4899, 1.42454, 1.38147, 1.3855, 2.47192)}
{TIME}D2H Latency: {SPREAD.format(0.11, 4.3, 0.12, 0.11, 0.13, 0.16)}
{TIME}Total Host Walltime: 3.00432 s
{TIME}Total GPU Compute Time: 2.94311 s
[09/07/2024-21:22:23] [W] * GPU compute time is unstable, with coefficient of variance = 26.399%.
{TIME}Latency: the summation of H2D Latency, GPU Compute Time, and D2H Latency. This is the latency to infer a query.
&&&& PASSED TensorRT.trtexec [TensorRT v100900] [b34] # trtexec --loadEngine=m.plan
"""
ONE = "min = {0} ms, max = {0} ms, mean = {0} ms, median = {0} ms, percentile(99%) = {0} ms"
EIGHT = f"""{TIME}Throughput: 1.24304e+03 qps
{TIME}End-to-End Host Latency: {ONE.format(9)}
{TIME}GPU Compute Time: {ONE.format(0.2)}
{TIME}H2D Latency: {ONE.format(0.5)}
&&&& PASSED TensorRT.trtexec [TensorRT v8502] # trtexec --loadEngine=m.plan
"""


def trace(*computes: float) -> str:
    rows = [
        {
            "startEnqMs": 10.0 * i,
            "endEnqMs": 10.0 * i + 0.5,
            "startH2dMs": 10.0 * i,
            "endH2dMs": 10.0 * i + 0.25,
            "startComputeMs": 10.0 * i + 1,
            "endComputeMs": 10.0 * i + 1 + compute,
            "startD2hMs": 10.0 * i + 4,
            "endD2hMs": 10.0 * i + 4.125,
            "h2dMs": 0.25,
            "computeMs": compute,
            "d2hMs": 0.125,
            "latencyMs": compute + 0.375,
        }
        for i, compute in enumerate(computes)
    ]
    return json.dumps(rows)


def test_a_run_of_10_is_read_whole():
    run = read(TEN)
    assert (run.tensorrt, run.queries, run.queries_per_s, run.cv_percent) == ("10.9.0", 2066, 687.676, 26.399)
    assert run.compute == Spread(1.37114, 10.4899, 1.42454, 1.38147, {"90": 1.3855, "99": 2.47192})
    assert run.latency and run.latency.median_ms == 1.68  # and not the words that explain what a latency is
    assert run.enqueue and run.h2d and run.d2h and run.d2h.percentiles_ms == {"90": 0.13, "99": 0.16}
    assert run.flags == {"cuda_graph": False, "spin_wait": False, "transfers": True}


def test_what_a_version_does_not_print_is_none():
    run = read(EIGHT)
    assert (run.tensorrt, run.queries_per_s, run.queries, run.latency, run.cv_percent) == (
        "8.5.2",
        1243.04,
        None,
        None,
        None,
    )
    assert run.flags == {"cuda_graph": None, "spin_wait": None, "transfers": None}
    assert read(EIGHT, asked=flags()).flags == {"cuda_graph": True, "spin_wait": True, "transfers": False}
    nothing = read("").to_json()
    assert nothing.pop("warnings") == [] and set(nothing.pop("flags").values()) == {None}
    assert set(nothing.values()) == {None}


def test_the_last_of_two_runs_counts():
    run = read(EIGHT + TEN)
    assert (run.tensorrt, run.queries_per_s) == ("10.9.0", 687.676)


def test_what_is_not_the_speed_of_the_network_is_said():
    assert read(TEN).warnings == [
        "launch-bound: handing a photo over takes 1.25 ms of 1.38147 ms on the GPU",
        "unstable: the time on the GPU varies by 26.4 %; lock its clocks",
    ]
    assert read(EIGHT).warnings == ["transfer-bound: 0.5 ms to the GPU, 0.2 ms on it"]
    assert read(TEN.replace("median = 1.25", "median = 1.1").replace("26.399%", "2.5%")).warnings == []


def test_times_of_every_query_stand_in_for_what_was_not_printed():
    times = trace(1.0, 3.0, 2.0)
    assert read_times(times) == {
        "latency": [1.375, 3.375, 2.375],
        "enqueue": [0.5] * 3,
        "h2d": [0.25] * 3,
        "compute": [1.0, 3.0, 2.0],
        "d2h": [0.125] * 3,
    }
    run = read("", times)
    assert run.queries == 3 and run.compute == spread_of([1.0, 2.0, 3.0])
    assert run.cv_percent == pytest.approx(100 * (2 / 3) ** 0.5 / 2)
    assert read(TEN, times).compute == read(TEN).compute


def test_a_percentile_of_times_leaves_out_the_longest():
    found = spread_of([float(n) for n in range(1, 101)])
    assert found == Spread(1, 100, 50.5, 50.5, {"50": 50, "90": 90, "95": 95, "99": 99})
    assert spread_of([7.0]) == Spread(7, 7, 7, 7, {"50": 7, "90": 7, "95": 7, "99": 7}) and spread_of([]) is None


@pytest.mark.parametrize(
    ("version", "transfers", "own"),
    [
        ("8.5.2", False, ["--useCudaGraph", "--useSpinWait", "--noDataTransfers"]),
        ("10.16.1", True, ["--useCudaGraph", "--useSpinWait"]),
        ("11.0.0", False, []),
        ("11.2", True, ["--includeDataTransfers"]),
    ],
)
def test_every_version_is_run_the_same_way(version, transfers, own):
    words = timing_line(version, "m.plan", "t.json", transfers)
    shared = ["--warmUp=500", "--duration=10", "--iterations=200", "--avgRuns=1", "--percentile=50,90,95,99"]
    assert words == ["trtexec", "--loadEngine=m.plan", *shared, "--exportTimes=t.json", *own]
    assert flags(transfers) == {"cuda_graph": True, "spin_wait": True, "transfers": transfers}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program of that name which writes down how it was called and prints what trtexec prints."""
    (tmp_path / "said").write_text(TEN, "utf-8")
    (tmp_path / "model.plan").write_bytes(b"plan")
    script = tmp_path / "trtexec"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\ncat {tmp_path}/said\n', "utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return script


def test_an_engine_is_timed_as_a_cuda_graph_and_without(program):
    plan = program.with_name("model.plan")
    with_graph, without = ask(plan, "10.3.0"), ask(plan, "10.3.0", cuda_graph=False)
    assert with_graph["compute"]["median_ms"] == 1.38147 and without["warnings"][0].startswith("launch-bound")
    first, second = program.with_name("called").read_text("utf-8").splitlines()
    assert f"--loadEngine={plan}" in first and "--noDataTransfers" not in first
    assert "--useCudaGraph" in first and "--useCudaGraph" not in second
    assert "--noCudaGraph" in timing_line("11.0", "m.plan", "t.json", cuda_graph=False)


def test_a_plan_is_timed_once_however_it_is_opened(program):
    place = program.parent / "engine"
    place.mkdir()
    program.with_name("model.plan").rename(place / "model.plan")
    (place / "model.json").write_text('{"tensorrt": "10.3.0"}')
    engines = ("tensorrt", "tensorrt-graph", "onnxruntime")
    job = Job([Subject(engine, "bundle", str(program.parent), engine) for engine in engines], ["a.jpg"], trtexec=True)
    told = _trtexec(job)
    assert told["tensorrt"] == told["tensorrt-graph"] and told["onnxruntime"] is None
    assert len(program.with_name("called").read_text("utf-8").splitlines()) == 2  # with a CUDA graph, and without


def test_what_trtexec_complains_of_is_one_line(program, monkeypatch):
    plan = program.with_name("model.plan")
    program.write_text("#!/bin/sh\necho first\necho 'Engine could not be loaded' >&2\nexit 1\n", "utf-8")
    with pytest.raises(InputError, match="--trtexec: it failed: Engine could not be loaded"):
        ask(plan, "10.3.0")
    with pytest.raises(InputError, match=r"wanted an engine in .*, found none; run build_engine\.py first"):
        ask(plan.with_name("none"), "10.3.0")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="wanted trtexec in PATH or /usr/src/tensorrt/bin, found none; leave it out"):
        ask(plan, "10.3.0")


def test_a_thousand_broken_outputs_are_read_as_far_as_they_go():
    dice = random.Random(0)
    sources = (TEN, EIGHT, trace(1.0, 3.0, 2.0), '[{"count": 3}, {"name": "conv", "averageMs": 0.1, "percentage": 4}]')
    for _ in range(1000):
        text = list(dice.choice(sources))
        for _ in range(dice.randint(1, 12)):
            at = dice.randrange(len(text))
            text[at : at + dice.randint(0, 8)] = dice.choices(
                '0123456789.e-+%[]{}":, msNaInf\0é\n', k=dice.randint(0, 8)
            )
        broken = "".join(text)
        run = read(broken, broken, flags())
        json.dumps(run.to_json(), allow_nan=False)
        assert run.queries is None or run.queries >= 0


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-1e300", "Infinity", "NaN", "null", "true", "[]", "9" * 400])
def test_a_time_that_is_none_is_left_out(number):
    text = f'[{{"latencyMs": {number}, "startEnqMs": {number}, "endEnqMs": 1}}, {{"latencyMs": 2}}]'
    assert read_times(text) in ({"latency": [2]}, {})
    assert read_times(f'[{{"latencyMs": 2}}, {number}]') in ({"latency": [2]}, {})
    assert read(f"Throughput: {number} qps\nLatency: min = {number} ms").latency is None


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "3", '{"a": [1]}', "[[1], null]"])
def test_a_file_of_something_else_has_no_times_and_no_layers(text):
    assert read_times(text) == {}


@given(st.text())
def test_no_text_is_too_strange(text):
    assert read(f"{text}\nThroughput: 12 qps", text).queries_per_s == 12
