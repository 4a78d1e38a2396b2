"""The choice of cuts against all choices, one by one."""

from __future__ import annotations

from itertools import product

import pytest

pytest.importorskip("torch")

from hypothesis import given
from hypothesis import strategies as st

from edgegsr.compress.config import read_share
from edgegsr.compress.search import PARTS, Option, Plan, best
from edgegsr.errors import InputError

thousandths = st.integers(-20, 400).map(lambda parts: parts / PARTS)
an_option = st.builds(Option, st.just(0.5), thousandths, st.floats(-0.1, 2))
blocks = st.lists(st.lists(an_option, max_size=3), max_size=4)


@given(blocks, st.integers(0, 900))
def test_best_choice_is_the_best_of_all(each: list[list[Option]], needed: int) -> None:
    options = {str(i): block for i, block in enumerate(each)}
    found = best(options, needed / PARTS)
    all_choices = [
        (sum(max(int(o.saved * PARTS), 0) for o in choice if o), sum(max(o.missed, 0) for o in choice if o))
        for choice in product(*([None, *block] for block in each))
    ]
    good = [missed for saved, missed in all_choices if saved >= needed]
    if found is None:
        assert not good
    else:
        assert sum(max(option.missed, 0) for option in found.values()) == pytest.approx(min(good))
        assert sum(max(int(option.saved * PARTS), 0) for option in found.values()) >= needed


def test_curve_never_promises_more_for_less() -> None:
    options = {"a": [Option(0.2, 0.1, 0.1), Option(0.4, 0.2, 0.5)], "b": [Option(0.2, 0.15, 0.3)]}
    curve = Plan({}, 1.0, 0.9, options).curve()
    assert curve[0] == (0.9, 0) and curve == sorted(curve, key=lambda point: point[1])
    assert curve[-1] == pytest.approx((0.55, 0.8))


@pytest.mark.parametrize("text", ["0.6", "x", "60%", "-0.5x", "nanx", "", "0x", "1x", "1.5x"])
def test_latency_is_a_share(text: str) -> None:
    assert read_share("0.6x") == 0.6
    with pytest.raises(InputError, match=r"--latency: wanted a share of the present latency such as 0.6x, got"):
        read_share(text)
