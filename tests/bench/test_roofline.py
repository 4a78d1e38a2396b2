"""The law of boards that are not here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.bench.roofline import Point, Roofline, boards, errors, fit, law, published, without_a_board
from edgegsr.errors import InputError


def test_the_law_is_within_a_tenth_of_what_is_published():
    found = errors(law(), published(family="orin"))
    assert found.points == 30
    assert found.mean <= 0.10 and found.largest <= 0.15


def test_the_law_holds_for_latencies_that_it_was_not_fitted_to():
    assert errors(law(), published(held_out=True)).mean <= 0.10
    blind = without_a_board(published(family="orin"))
    assert blind.points == 30 and law().shares["orin", "int8"] < law().shares["orin", "fp16"] < 0.5
    assert (
        errors(law(), published(family="orin")).mean < blind.mean < 0.2
    )  # a board without a known start is a harder question


def test_points_that_obey_a_law_give_it_back():
    points = [
        Point(board, "int8", gflops, 0, 2.5 + gflops / (0.25 * boards()[board].tops["int8"]))
        for board in ("orin-nano-super", "agx-orin-64")
        for gflops in (1.0, 10.0, 100.0)
    ]
    found = fit(points)
    assert found.shares == pytest.approx({("orin", "int8"): 0.25})
    assert list(found.starts_ms.values()) == pytest.approx([2.5, 2.5])


def test_a_board_that_nobody_has_measured_starts_as_late_as_the_slowest():
    orins = ("orin-nano-super", "orin-nx-16", "agx-orin-64")
    assert law().start_ms("orin-nano-15w", "int8") == max(law().starts_ms[board, "int8"] for board in orins)
    assert law().predict_ms("orin-nano-15w", "int8", 6.5, 2.6e6) > law().predict_ms(
        "orin-nano-super", "int8", 6.5, 2.6e6
    )


@given(st.sampled_from(sorted(boards())), st.sampled_from(["fp16", "int8"]), st.floats(0, 500), st.floats(0, 1e9))
def test_more_arithmetic_and_more_weights_take_longer(board, precision, gflops, weights):
    at = law().predict_ms(board, precision, gflops, weights)
    assert law().predict_ms(board, precision, gflops + 1, weights) > at
    assert law().predict_ms(board, precision, gflops, weights + 1e6) > at > 0


def test_a_family_of_its_own_has_shares_of_its_own():
    found = errors(law(), published(family="thor"))
    assert found.points == 10 and found.mean <= 0.10
    assert law().shares["thor", "int8"] < law().shares["orin", "int8"]


def test_a_roofline_adds_start_arithmetic_and_weights():
    assert Roofline(1.0, 2.0, 50.0, 4).predict_ms(6.0, 25_000_000) == pytest.approx(1 + 3 + 2)


def test_a_board_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match=r"board must be one of orin-nano-super, .*, got 'toaster'"):
        law().roofline("toaster", "int8")
