"""The early stopping of MLPerf, against the figures that LoadGen prints."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.bench.stopping import above, claim, fewest


@pytest.mark.parametrize(("percentile", "n"), [(0.9, 64), (0.95, 130), (0.97, 219), (0.99, 662), (0.999, 6636)])
def test_the_first_claim_takes_as_many_queries_as_mlperf_says(percentile, n):
    assert fewest(percentile) == n
    assert (above(n - 1, percentile), above(n, percentile)) == (0, 1)


@pytest.mark.parametrize(("n", "t"), [(64, 1), (81, 2), (374, 24), (386, 25), (398, 26)])
def test_more_queries_let_more_latencies_lie_above(n, t):
    assert (above(n - 1, 0.9), above(n, 0.9)) == (t - 1, t)


def test_of_393_queries_loadgen_discards_24():
    found = claim([float(i) for i in range(393)], 0.9)
    assert (found.discarded, found.estimate, found.holds) == (24, 392.0 - 24, True)


def test_too_few_queries_claim_nothing_and_say_how_many_lack():
    found = claim([1.0] * 600, 0.99)
    assert (found.holds, found.estimate, found.lacking) == (False, None, 62)


def test_a_claim_is_seldom_below_the_true_percentile():
    dice = random.Random(0)
    wrong = sum(claim([dice.random() for _ in range(200)], 0.9).estimate < 0.9 for _ in range(1000))
    assert wrong <= 20  # of a chance of at most 1 %


@given(st.lists(st.floats(0, 1e3), min_size=64, max_size=300))
def test_a_claim_is_one_of_the_latencies_and_not_below_the_plain_percentile(latencies):
    found = claim(latencies, 0.9)
    assert found.estimate in latencies
    assert found.estimate >= sorted(latencies)[int(0.9 * (len(latencies) - 1))]


@pytest.mark.parametrize("percentile", [0.0, 1.0, 90])
def test_what_is_no_percentile_is_refused(percentile):
    with pytest.raises(ValueError, match="wanted one between 0 and 1"):
        above(100, percentile)
