"""The benchmark of MIPD goes on with what its result has, and refuses what was trained otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("cv2")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import mipd


def cell(seed: int = 0, variant: str = "none", epochs: int = 12) -> mipd.Cell:
    return mipd.Cell("methods", variant, seed, "pico", epochs, "bf16", Path("runs"), Path("cache"))


def scores(top1: float) -> dict[str, Any]:
    return {how: {"seen": {"verb_top1": top1}} for how in mipd.HOW} | {"seen_bias": 0.1}


def test_cells_that_are_there_are_not_trained_again() -> None:
    result: dict[str, Any] = {"tables": {}}
    every = [cell(seed, variant) for seed in (0, 1) for variant in ("none", "mipd")]
    assert list(mipd.lacking(result, every)) == every
    mipd.enter(result, every[0], scores(0.5))
    mipd.enter(result, every[3], scores(0.5))
    assert list(mipd.lacking(result, every)) == every[1:3]


def test_mean_and_spread_are_those_of_the_seeds_that_are_there() -> None:
    result: dict[str, Any] = {"tables": {}}
    mipd.enter(result, cell(0), scores(0.5))
    found = result["tables"]["methods"]["variants"]["none"]
    assert found["mean"]["generalised"]["seen"]["verb_top1"] == 0.5 and found["spread"] is None
    mipd.enter(result, cell(1), scores(0.7))
    assert found["mean"]["calibrated"]["seen"]["verb_top1"] == 0.6
    assert found["spread"]["calibrated"]["seen"]["verb_top1"] == pytest.approx(0.1414)


def test_a_result_of_another_schedule_is_refused() -> None:
    result: dict[str, Any] = {"tables": {}}
    mipd.enter(result, cell(0), scores(0.5))
    with pytest.raises(SystemExit, match="methods: the result has 12 epochs in bf16, wanted 4 in bf16; give another"):
        list(mipd.lacking(result, [cell(1, epochs=4)]))


def test_every_switch_of_the_ablations_exists() -> None:
    from edgegsr.distill.config import read_train
    from edgegsr.distill.methods import find_method

    for variants in mipd.TABLES.values():
        for method, switches in variants.values():
            assert find_method(method) and read_train({}, switches)
