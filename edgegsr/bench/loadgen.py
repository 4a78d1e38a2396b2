"""The same questions, asked by MLPerf's own LoadGen: a second opinion on x86, where its wheel is."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgegsr.bench.clock import timed
from edgegsr.bench.load import PACES, least_queries
from edgegsr.errors import MissingExtra

SCENARIOS = {"single-stream": "SingleStream", "multi-stream": "MultiStream", "offline": "Offline"}
# as published for MLPerf Inference
SEEDS = {"qsl_rng_seed": 2085463073848966840, "sample_index_rng_seed": 2747215439041700203}
SEEDS |= {"schedule_rng_seed": 16159082839903944936}
NUMBERS = {  # of mlperf_log_summary.txt, in nanoseconds
    "p50_ms": r"^50\.00 percentile latency \(ns\) +: (\d+)",
    "p90_ms": r"^90\.00 percentile latency \(ns\) +: (\d+)",
    "p99_ms": r"^99\.00 percentile latency \(ns\) +: (\d+)",
    "mean_ms": r"^Mean latency \(ns\) +: (\d+)",
}
CLAIM = re.compile(r"^ \* Early stopping ([\d.]+)th percentile estimate: (\d+)", re.MULTILINE)
LATENCY = re.compile(r'"complete_ns":(\d+)')  # of each photo, in the trace
RATE = re.compile(r"^Samples per second: ([\d.]+)", re.MULTILINE)
DISCARDED = re.compile(r"Would discard (\d+) highest latency queries")

WARM_S = 0.3

Look = Callable[[int], object]  # asks about the photo with this number


def ask(look: Look, photos: int, scenario: str = "single-stream", pace: str = "default") -> dict[str, Any]:
    """What LoadGen says of a model, in our words."""
    if importlib.util.find_spec("mlperf_loadgen") is None:
        raise MissingExtra("MLPerf's LoadGen", "loadgen")
    import mlperf_loadgen as lg

    def issue(samples: Any) -> None:
        for sample in samples:
            look(sample.index)
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)])

    least, settings = PACES[pace], lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, SCENARIOS[scenario])
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms, settings.min_query_count = round(1000 * least.seconds), least_queries(scenario, pace)
    for name, seed in SEEDS.items():
        setattr(settings, name, seed)
    if scenario == "offline":  # one query, whose size follows from what is expected
        settings.offline_expected_qps = 1000 / timed(lambda: look(0), WARM_S, WARM_S).p50_ms
    with tempfile.TemporaryDirectory() as folder:
        written = lg.LogOutputSettings()
        written.outdir, written.copy_summary_to_stdout = folder, False
        log = lg.LogSettings()
        log.log_output, log.enable_trace = written, True
        system, library = lg.ConstructSUT(issue, lambda: None), lg.ConstructQSL(photos, photos, _nothing, _nothing)
        try:
            lg.StartTestWithLogSettings(system, library, settings, log)
        finally:
            lg.DestroyQSL(library)
            lg.DestroySUT(system)
        summary, trace = (
            (Path(folder) / f"mlperf_log_{name}").read_text("utf-8") for name in ("summary.txt", "trace.json")
        )
    return {**read_summary(summary), "latencies_s": [int(ns) / 1e9 for ns in LATENCY.findall(trace)]}


def read_summary(text: str) -> dict[str, Any]:
    """The numbers of a summary that LoadGen has written."""
    found: dict[str, Any] = {"valid": "Result is : VALID" in text}
    for name, pattern in NUMBERS.items():
        if told := re.search(pattern, text, re.MULTILINE):
            found[name] = int(told[1]) / 1e6
    if rate := RATE.search(text):
        found["photos_per_s"] = float(rate[1])
    found["claims_ms"] = {float(percentile): int(ns) / 1e6 for percentile, ns in CLAIM.findall(text)}
    if discarded := DISCARDED.search(text):
        found["discarded"] = int(discarded[1])
    return found


def _nothing(_: Any) -> None:
    """Photos are in memory already."""
