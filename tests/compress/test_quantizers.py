"""Quantizers: where they sit, the grid that they round to, and a student with them is one like any other."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")

from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.fold import fold  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.quantizers import FakeQuant, QuantizedStudent, placed, places, read_places  # noqa: E402


@pytest.fixture(scope="module")
def batches() -> list[Any]:
    rng = torch.Generator().manual_seed(3)
    return [torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8, generator=rng) for _ in range(4)]


@pytest.fixture
def folded(student: Student, pixels: torch.Tensor) -> Student:
    fold(student, pixels[:1])
    return student


@pytest.fixture(scope="module")
def made() -> list[QuantizedStudent]:
    """What calibration has made of the folded student, which is the same every time."""
    return []


@pytest.fixture
def rounded(folded: Student, batches: list[Any], made: list[QuantizedStudent]) -> QuantizedStudent:
    if not made:
        made.append(calibrated(folded, batches))
    return copy.deepcopy(made[0])


def test_folding_changes_nothing_but_the_layers(student: Student, pixels: torch.Tensor) -> None:
    before = student(pixels)
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in student.modules())
    assert fold(student, pixels[:1]) == norms > 10
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in student.modules())
    for one, other in zip(before, student(pixels)):
        assert (one - other).abs().max() < 2e-5


def test_a_value_is_a_multiple_of_its_scale_and_gradients_reach_it() -> None:
    quant = FakeQuant(torch.tensor([0.5]), None)
    x = torch.tensor([-100.0, -0.26, 0.24, 0.3, 63.4, 90.0], requires_grad=True)
    found = quant(x)
    assert found.tolist() == [-64.0, -0.5, 0.0, 0.5, 63.5, 63.5]
    found.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 0.0] and quant.scale.grad != 0


def test_weights_have_a_scale_for_each_channel_and_never_the_lowest_step() -> None:
    quant = FakeQuant(torch.tensor([1.0, 2.0]), 0)
    found = quant(torch.tensor([[-200.0, 0.6], [3.1, -500.0]]))
    assert found.tolist() == [[-127.0, 1.0], [4.0, -254.0]]


def test_convolutions_and_linears_are_rounded_and_nothing_else(folded: Student, rounded: QuantizedStudent) -> None:
    where = places(rounded)
    weights = [place.operator for place in where if place.axis is not None]
    assert all(operator.rpartition("/")[0].endswith(("conv2d", "linear")) for operator in weights)
    layers = [name for name, m in folded.named_modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    fixed = {"queries.verb", "queries.role", "encoder.fine.place", "encoder.coarse.place", "box.appear"}
    fixed |= {name for name in layers if re.fullmatch(r".*(pool\.|cross_)attention\.[kv]", name)}  # of few queries
    assert len(weights) == len(set(layers) - fixed)
    inputs = [place.operator for place in where if place.axis is None]
    assert not [op for op in inputs if any(word in op for word in ("softmax", "words", "queries", "sigmoid"))]


def test_student_with_quantizers_is_near_the_one_without(
    folded: Student, rounded: QuantizedStudent, pixels: torch.Tensor
) -> None:
    for one, other in zip(folded(pixels)[:1], rounded(pixels)[:1]):
        assert 0 < (one - other).abs().max() < 0.1 * one.abs().max()


def test_entered_in_parts_it_says_the_same_as_at_once(rounded: QuantizedStudent, pixels: torch.Tensor) -> None:
    whole = rounded(pixels)
    view = rounded.encode(pixels)
    answer = rounded.ask(view, rounded.verb_logits(view).argmax(-1))
    assert torch.equal(rounded.verb_logits(view), whole.verb_logits)
    assert torch.equal(answer.noun_logits, whole.noun_logits) and torch.equal(answer.boxes_xyxy, whole.boxes_xyxy)


def test_student_is_rebuilt_from_places_and_weights(
    folded: Student, rounded: QuantizedStudent, made: list[QuantizedStudent], pixels: torch.Tensor
) -> None:
    again = placed(copy.deepcopy(folded), places(rounded))
    again.load_state_dict(rounded.state_dict())
    assert torch.equal(again(pixels).noun_logits, rounded(pixels).noun_logits)
    assert torch.equal(made[0](pixels).noun_logits, rounded(pixels).noun_logits), "a copy says the same"


def test_scales_are_learned_with_the_weights(rounded: QuantizedStudent, pixels: torch.Tensor) -> None:
    view = rounded.train().encode(pixels)
    (rounded.verb_logits(view).sum() + rounded.ask(view, torch.zeros(3, dtype=torch.long)).noun_logits.sum()).backward()
    scales = {name: p for name, p in rounded.named_parameters() if name.endswith(".scale")}
    assert len(scales) == len({place.quantizer for place in places(rounded)})
    lacking = [name for name, scale in scales.items() if scale.grad is None]
    assert all("box" in name or "presence" in name for name in lacking), lacking


def test_nncf_reports_nothing_to_anybody() -> None:
    code = (
        "import edgegsr.compress.calibrate, nncf.telemetry.wrapper as w; from unittest.mock import MagicMock; "
        "print(isinstance(w.telemetry, MagicMock))"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("NNCF_CI", "NNCF_DEV")}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert told.stdout.split() == ["True"]


def test_places_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "quantizers.json").write_text('[{"where": "here"}]')
    with pytest.raises(InputError, match=r"quantizers.json: place.where is not a known key"):
        read_places(tmp_path / "quantizers.json")


def test_rounding_costs_no_arithmetic_that_counts(folded: Student, rounded: QuantizedStudent) -> None:
    assert cost(rounded).total_gflops == cost(folded).total_gflops > 0
