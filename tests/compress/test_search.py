"""The choice of cuts against all choices, one by one."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given
from hypothesis import strategies as st

from edgegsr.compress.config import read_share
from edgegsr.compress.figures import read_steps
from edgegsr.compress.importance import magnitude
from edgegsr.compress.prune import Pruned
from edgegsr.compress.search import PARTS, Option, Plan, Search, best, read_plan, smoothed
from edgegsr.compress.sensitivity import read_sensitivity
from edgegsr.compress.strands import strands_of
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


def test_what_a_block_saves_is_a_line_through_noise() -> None:
    noisy = [Option(r, r / 10 + noise, r) for r, noise in ((0.2, 0.02), (0.4, -0.02))]
    found = smoothed({"a": noisy, "b": [Option(0.2, -0.01, 1.0)]})
    assert [option.saved for option in found["a"]] == pytest.approx([0.016, 0.032])
    assert found["b"] == [Option(0.2, 0.0, 1.0)]


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_plan_is_the_least_cut_that_is_enough(student: Any, tmp_path: Path, noise: float) -> None:
    """Latency is half fixed and half in the weights, and cuts of several blocks save less than their sum."""
    whole, rng = size(student), np.random.default_rng(0)

    def clock(made: Any) -> float:
        return 0.5 + 0.5 * (size(made) / whole) ** 0.8 + noise * rng.uniform(-1, 1)

    def loss(made: Pruned) -> float:
        return 1 - size(made.student) / whole

    search = Search(student, magnitude(student, strands_of(student)), 1, clock, loss, tmp_path)
    plan = search.plan(0.75)
    made = search._made(plan.ratios).student
    assert 0.70 < 0.5 + 0.5 * (size(made) / whole) ** 0.8 <= 0.75 + noise
    assert read_plan(tmp_path) == plan


def size(student: Any) -> int:
    return sum(weight.numel() for weight in student.parameters())


NOT_JSON = ("{", "[" * 200_000)
PLANS = ('{"ratios": {"a": "x"}, "share": 1, "before": 1, "options": {}}', '{"ratios": {}, "share": NaN, "before": 1}')
TRIED = ('{"options": {"a": [{"ratio": 1}]}}', '{"options": {"nose": []}}', '{"options": {}, "before": "fast"}')


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("plan.json", text) for text in ("[]", "null", "{}", *NOT_JSON, *PLANS)),
        *(("search.json", text) for text in ("[]", "null", "{}", *NOT_JSON, *TRIED)),
        *(("metrics.json", text) for text in ("[]", "null", '{"as it came": {}}', *NOT_JSON)),
    ],
)
def test_damaged_state_of_a_compression_is_one_line(student: Any, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    search = Search(student, {}, 1, lambda _: 1.0, lambda _: 0.0, tmp_path)
    read = {"plan.json": read_plan, "search.json": lambda _: search.plan(0.5), "metrics.json": read_steps}[name]
    with pytest.raises(InputError, match=f"{name}: (wanted JSON|does not hold what was written there)"):
        read(tmp_path)


@pytest.mark.parametrize("felt", ['{"noise": "x", "lost": 0, "parameters": 1}', '{"noise": NaN, "lost": 0}', "3"])
def test_damaged_sensitivity_is_one_line(tmp_path: Path, felt: str) -> None:
    (tmp_path / "sensitivity.json").write_text(f'{{"layers": {{"a": {felt}}}, "sixteen": []}}')
    with pytest.raises(InputError, match=r"sensitivity\.json: does not hold what was written there"):
        read_sensitivity(tmp_path)
