"""What is told of latencies that are known, and what LoadGen tells of calls whose length is known."""

import importlib.util
import time
from itertools import islice

import pytest

from edgegsr.bench import loadgen
from edgegsr.bench.load import PACES, Load, Pace, least_queries, order
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
    monkeypatch.setitem(PACES, "quick", Pace(0.05, 70, 1, claims=False))


def spin(_, seconds=0.0005):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_load_of_few_latencies_tells_their_percentiles():
    told = Load("single-stream", "quick", [[0.001 * i for i in range(1, 51)], [0.001 * i for i in range(51, 101)]])
    told = told.to_json()
    assert (told["p50_ms"], told["min_ms"], told["max_ms"], told["queries"]) == (50.5, 1.0, 100.0, 100)
    assert told["photos_per_s"] == pytest.approx(19.802) and told["blocks_p50_ms"] == [25.5, 75.5]
    assert told["claim"] == {"percentile": 0.9, "ms": 98.0, "confidence": 0.99, "queries_lacking": 0}
    assert sum(told["histogram"]["counts"]) == 100 and told["histogram"]["edges_ms"][0] == 1.0


def test_a_multi_stream_counts_eight_photos_a_query_and_says_how_many_queries_lack():
    told = Load("multi-stream", "quick", [[0.008] * 100]).to_json()
    assert (told["photos"], told["photos_per_s"]) == (800, 1000)
    assert told["claim"]["ms"] is None and told["claim"]["queries_lacking"] == 562


def test_offline_claims_nothing_but_photos_a_second():
    told = Load("offline", "quick", [[0.064] * 3]).to_json()
    assert (told["claim"], told["photos_per_s"]) == (None, 1000)


@pytest.mark.parametrize(
    ("scenario", "pace", "queries"),
    [
        ("single-stream", "default", 256),
        ("multi-stream", "default", 662),
        ("multi-stream", "quick", 70),
        ("offline", "default", 4),
    ],
)
def test_a_pace_lasts_until_a_claim_can_be_made_unless_it_is_quick(scenario, pace, queries):
    assert least_queries(scenario, pace) == queries


def test_the_same_seed_asks_the_same_photos_every_one_as_often():
    def first(seed):
        return list(islice(order(7, seed), 70))

    assert first(1) == first(1) != first(2)
    assert all(first(1).count(i) == 10 for i in range(7))


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
    own, load = claim(took, 0.9), Load("single-stream", "quick", [took]).to_json()
    assert told["valid"] and len(took) >= 70
    assert told["claims_ms"][90.0] == pytest.approx(1000 * own.estimate, rel=1e-6)
    assert abs(told["discarded"] - own.discarded) <= 1
    assert told["mean_ms"] == pytest.approx(load["mean_ms"], rel=0.001)
    below = sum(each < told["p50_ms"] / 1000 for each in took)
    assert abs(below - len(took) / 2) <= 1 and load["p50_ms"] == pytest.approx(told["p50_ms"], rel=0.02)
