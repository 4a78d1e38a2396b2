"""Asking a model as MLPerf does, with calls whose length is known."""

import importlib.util
import time

import pytest

from edgegsr.bench import loadgen
from edgegsr.bench.load import PACES, Load, Pace, ask
from edgegsr.bench.stopping import claim
from edgegsr.errors import MissingExtra

SUMMARY = """Scenario : SingleStream
90.0th percentile latency (ns) : 2008450
Result is : VALID
Early Stopping Result:
 * Processed at least 64 queries (879).
 * Would discard 66 highest latency queries.
 * Early stopping 90.0th percentile estimate: 2058621
 * Early stopping 99.0th percentile estimate: 6024003
Mean latency (ns)               : 2274772
50.00 percentile latency (ns)   : 2003420
90.00 percentile latency (ns)   : 2008450
99.00 percentile latency (ns)   : 5954085
"""


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setitem(PACES, "quick", Pace(0.05, 70, 0.01))


def spin(_, seconds=0.0005):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_single_stream_asks_one_photo_after_the_other():
    asked = []
    found = ask(lambda i: (asked.append(i), spin(i)), 5, "single-stream", "quick")
    told = found.to_json()
    assert told["queries"] == told["photos"] >= 70 and set(asked) == set(range(5))
    assert 0.5 <= told["p50_ms"] <= told["p90_ms"] <= told["p99_9_ms"] <= told["max_ms"]
    assert told["claim"]["percentile"] == 0.9 and told["claim"]["ms"] >= told["p50_ms"]


def test_a_multi_stream_asks_eight_at_once_and_says_how_many_queries_lack():
    told = ask(spin, 5, "multi-stream", "quick").to_json()
    assert told["photos"] == 8 * told["queries"] and told["min_ms"] >= 8 * 0.5
    assert told["claim"]["ms"] is None and told["claim"]["queries_lacking"] == 662 - told["queries"]


def test_offline_is_one_query_whose_speed_is_photos_a_second():
    told = ask(spin, 100, "offline", "quick").to_json()
    assert (told["queries"], told["claim"]) == (1, None) and told["photos"] >= 100
    assert (
        told["photos_per_s"] == pytest.approx(told["photos"] / told["seconds"], rel=0.01)
        and told["photos_per_s"] < 2000
    )


def test_the_same_seed_asks_the_same_photos_every_one_as_often():
    def order(seed):
        asked = []
        ask(asked.append, 7, "offline", "quick", seed)
        return asked[:700]

    assert order(1)[:70] == order(1)[:70] != order(2)[:70]
    assert all(order(1)[:70].count(i) == 10 for i in range(7))


def test_a_load_of_few_latencies_tells_their_percentiles():
    told = Load("single-stream", "quick", [0.001 * i for i in range(1, 101)], 5.05, 100).to_json()
    assert (told["p50_ms"], told["min_ms"], told["max_ms"]) == (50.5, 1.0, 100.0)
    assert told["photos_per_s"] == pytest.approx(19.802)


def test_what_loadgen_writes_is_read():
    assert loadgen.read_summary(SUMMARY) == {
        "valid": True,
        "p50_ms": 2.00342,
        "p90_ms": 2.00845,
        "p99_ms": 5.954085,
        "mean_ms": 2.274772,
        "claims_ms": {90.0: 2.058621, 99.0: 6.024003},
        "discarded": 66,
    }


def test_without_loadgen_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"edgegsr\[loadgen\]"):
        loadgen.ask(spin, 5)


@pytest.mark.skipif(not importlib.util.find_spec("mlperf_loadgen"), reason="mlcommons-loadgen has no wheel here")
def test_loadgen_and_our_own_arithmetic_say_the_same_of_the_same_latencies():
    told = loadgen.ask(spin, 20, "single-stream", "quick")
    took = told["latencies_s"]
    own, load = claim(took, 0.9), Load("single-stream", "quick", took, sum(took), len(took)).to_json()
    assert told["valid"] and len(took) >= 70
    assert told["claims_ms"][90.0] == pytest.approx(1000 * own.estimate, rel=1e-6)
    assert abs(told["discarded"] - own.discarded) <= 1
    assert told["mean_ms"] == pytest.approx(load["mean_ms"], rel=0.001)
    below = sum(each < told["p50_ms"] / 1000 for each in took)
    assert abs(below - len(took) / 2) <= 1 and load["p50_ms"] == pytest.approx(told["p50_ms"], rel=0.02)
