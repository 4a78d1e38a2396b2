"""Subjects that take turns, with askers whose time is known."""

from contextlib import contextmanager

import pytest

from edgegsr.bench.load import PACES, Pace
from edgegsr.bench.turns import Asked, faster, in_turns


class Clockwork:
    """Takes the same time for every photo, in two steps, and remembers what it was asked."""

    def __init__(self, name, seconds, diary):
        self.name, self.seconds, self.diary = name, seconds, diary

    def __call__(self, queries):
        self.diary.append((self.name, [list(query) for query in queries]))
        return [[0.25 * self.seconds * len(query), 0.75 * self.seconds * len(query)] for query in queries]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setitem(PACES, "quick", Pace(2.0, 64, 1, claims=False))


def asked(scenario="single-stream", **seconds):
    diary, watched = [], []

    @contextmanager
    def around(name):
        watched.append(name)
        yield

    subjects = {name: Clockwork(name, each, diary) for name, each in seconds.items()}
    return in_turns(subjects, scenario, "quick", 5, around), diary, watched


def test_the_order_moves_on_every_round_and_the_subjects_see_the_same_photos():
    found, diary, watched = asked(a=0.1, b=0.05, c=0.05)
    assert watched[:9] == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    first = [queries for _, queries in diary if queries != [[0]] * 3 and len(queries) > 1][:3]
    assert all(each[: len(first[0])] == first[0][: len(each)] for each in first)
    assert all(each.queries >= 64 and each.seconds >= 2 for each in found.values())


def test_a_block_lasts_half_a_second_however_fast_the_subject():
    found, *_ = asked(a=0.02, b=0.01)
    assert {len(block) for block in found["a"].steps_s} == {25}
    assert {len(block) for block in found["b"].steps_s} == {50}


def test_a_slow_subject_has_longer_blocks_and_makes_nobody_wait_for_more_of_them():
    found, *_ = asked(a=1.0, b=0.01)
    assert [len(block) for block in found["a"].steps_s] == [11] * 6
    assert [len(block) for block in found["b"].steps_s] == [50] * 6


def test_eight_photos_are_one_query_of_a_multi_stream():
    found, diary, _ = asked("multi-stream", a=0.01)
    assert {len(query) for _, queries in diary if queries != [[0]] * 3 for query in queries} == {8}
    assert found["a"].load("multi-stream", "quick").to_json()["p50_ms"] == pytest.approx(80)
    assert found["a"].steps(("x", "y"), 8)["x"]["p50_ms"] == pytest.approx(2.5)


def test_how_much_faster_one_is_comes_from_the_blocks_of_a_round():
    slow, quick = Asked([[[0.2]], [[0.4]]]), Asked([[[0.1]], [[0.2]]])
    assert faster(quick, slow) == {"times": 2.0, "p10": 2.0, "p90": 2.0}


def test_the_steps_of_a_photo_add_up_to_it():
    found, *_ = asked(a=0.02)
    steps = found["a"].steps(("decode", "network"), 1)
    assert steps["decode"]["p50_ms"] + steps["network"]["p50_ms"] == pytest.approx(20)
