"""How far two students are apart, and on how many draws of photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def hoi_apart(script: Any) -> Any:
    return script("hoi_apart")


def test_a_gain_is_that_of_the_scores_and_lies_where_the_draws_lie(hoi_apart: Any) -> None:
    rng = np.random.default_rng(0)
    kinds, shown = np.array([True, True, True, True, False]), np.array([True, True, True, False, True])
    scores = rng.uniform(0.2, 0.4, (2, 5)) * shown  # a kind that no photo shows has 0
    draws = scores[:, None] + rng.normal(0, 0.05, (2, 4000, 5))
    draws[:, ::3, 1] = np.nan  # a kind that every third draw lacks
    draws[..., 3] = np.nan
    one = [np.concatenate([[score], draw]) for score, draw in zip(scores, draws)]
    other = [rows - 0.1 * kinds for rows in one]
    found = hoi_apart.apart(one, other, kinds, shown)
    assert found["score"] == pytest.approx(scores[:, :4].mean())
    assert found["gain"] == pytest.approx(0.075) and found["interval"] == pytest.approx([0.075, 0.075])
    apart = hoi_apart.apart(one, [rows[rng.permutation(len(rows))] for rows in one], kinds, shown)
    low, high = apart["interval"]
    assert low < 0 < high and apart["seeds"] == 2
