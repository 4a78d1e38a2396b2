"""Cutting: what goes together goes together, nothing else changes, and a narrow student is a student like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from edgegsr.compress.prune import check_ratio, kept_count, kept_units, pruned, without_layers  # noqa: E402
from edgegsr.compress.strands import Strand, strands_of  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.weights import load_weights, save_weights  # noqa: E402


def even(student: Student) -> dict[str, Any]:
    """Every unit as important as its number is small."""
    return {strand.name: -np.arange(strand.units, dtype=float) for strand in strands_of(student)}


def smaller_by(student: Student, ratio: float, multiple: int = 4, only: str | None = None) -> Student:
    strands = [strand for strand in strands_of(student) if only in (None, strand.name)]
    counts = {strand.name: kept_count(strand, ratio, multiple) for strand in strands}
    return pruned(student, counts, even(student)).student


def test_ratio_of_0_is_the_student_to_the_last_bit(student: Student, pixels: torch.Tensor) -> None:
    same = smaller_by(student, 0)
    assert same.config == student.config
    for before, after in zip(student(pixels), same(pixels)):
        assert torch.equal(before, after)


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_pruned_student_answers_learns_and_is_cheaper(student: Student, pixels: torch.Tensor, ratio: float) -> None:
    smaller = smaller_by(student, ratio, 1)
    assert cost(smaller).total_parameters < (1 - ratio) * cost(student).total_parameters
    assert cost(smaller).total_gflops < (1 - ratio) * cost(student).total_gflops
    sum(part.sum() for part in smaller.train()(pixels)).backward()
    lacking = [name for name, weight in smaller.named_parameters() if weight.grad is None]
    assert not [name for name in lacking if not name.startswith("encoder.backbone")], lacking


def test_pruned_student_is_told_by_its_config_and_is_pruned_again(
    student: Student, pixels: torch.Tensor, tmp_path: Path
) -> None:
    from tiny_student import random_tables

    from edgegsr import card

    once = smaller_by(student, 0.25)
    twice = smaller_by(once, 0.25)
    for name, smaller in (("once", once), ("twice", twice)):
        (tmp_path / f"{name}.toml").write_text(card.to_toml({"student": smaller.config}), "utf-8")
        save_weights(smaller, tmp_path / f"{name}.safetensors")
        config = read_student(tmp_path / f"{name}.toml")
        again = load_weights(Student(config, random_tables()), tmp_path / f"{name}.safetensors").eval()
        for before, after in zip(smaller(pixels), again(pixels)):
            assert torch.equal(before, after)
    assert cost(twice).total_parameters < cost(once).total_parameters


def dead_units(student: Student, strand: Strand, units: list[int]) -> None:
    """Makes units put nothing into what reads them."""
    with torch.no_grad():
        if strand.name == "box.look":  # whose two sides read each other
            student.box.appear.weight[units] = 0
        for part in strand.slices:
            module = student.get_submodule(part.layer)
            if part.width == 1 and hasattr(module, "weight"):
                module.weight.index_fill_(1, torch.tensor(part.places[units].ravel()), 0)


def test_units_that_nobody_reads_can_be_cut_without_a_trace(student: Student, pixels: torch.Tensor) -> None:
    """Each strand by itself; but for widths under a LayerNorm, which sees how many there are."""
    for strand in strands_of(student):
        if strand.name in ("tokens", "pool", "queries"):
            continue
        lost = list(range(strand.units // 2, strand.units))
        dead_units(student, strand, lost)
        before = student(pixels)
        smaller = smaller_by(student, 0.5, 1, strand.name)
        for one, other in zip(before, smaller(pixels)):
            assert (one - other).abs().max() < 2e-5, strand.name


def test_strands_cover_every_width_of_the_student(student: Student) -> None:
    """Nothing is left wide by accident: only the words, the boxes and the places have widths of their own."""
    from edgegsr.student.widths import all_widths

    covered = {(part.layer, part.width) for strand in strands_of(student) for part in strand.slices}
    rest = {
        (name, width)
        for name, each in all_widths(student).items()
        for width in range(len(each))
        if (name, width) not in covered
    }
    fixed = {
        ("verb.project", 0),
        ("noun.project", 0),
        ("queries.verb", 1),
        ("queries.role", 1),
        ("box.correct.2", 0),
        ("presence.2", 0),
        ("encoder.fine.place", 1),
        ("encoder.coarse.place", 1),
        ("encoder.backbone.embedder.stem1.convolution", 1),
    }
    depthwise = {(name, 1) for name, module in student.named_modules() if getattr(module, "groups", 1) > 1}
    assert rest == fixed | depthwise


def test_whole_heads_go(student: Student) -> None:
    smaller = smaller_by(student, 0.5, only="decoder.layers.1.cross_attention")
    attention = smaller.decoder.layers[1].cross_attention
    assert (attention.heads, attention.q.out_features, attention.o.in_features) == (1, 16, 16)


def test_decoder_layer_goes(student: Student, pixels: torch.Tensor, tmp_path: Path) -> None:
    from tiny_student import random_tables

    narrow = smaller_by(student, 0.5, only="decoder.layers.0.mlp")
    smaller = without_layers(narrow, 1)
    assert smaller.config.decoder_layers == 1
    assert list(smaller.config.widths) == ["decoder.layers.0.mlp.0", "decoder.layers.0.mlp.2"]
    save_weights(smaller, tmp_path / "weights.safetensors")
    again = load_weights(Student(smaller.config, random_tables()), tmp_path / "weights.safetensors").eval()
    assert torch.equal(again(pixels).noun_logits, smaller(pixels).noun_logits)


def a_strand(units: int, heads: bool = False) -> Strand:
    from edgegsr.compress.strands import Slice

    return Strand("a.layer", (Slice("a.layer", 0, np.arange(units)[:, None]),), heads)


@pytest.mark.parametrize(
    ("units", "ratio", "multiple", "kept"),
    [
        (64, 0.0, 16, 64),
        (64, 0.3, 16, 48),
        (64, 0.3, 8, 48),
        (64, 0.3, 1, 45),
        (24, 0.9, 16, 16),
        (8, 0.5, 16, 8),
        (20, 0.1, 16, 16),
    ],
)
def test_channels_are_rounded_to_what_the_target_likes(units: int, ratio: float, multiple: int, kept: int) -> None:
    assert kept_count(a_strand(units), ratio, multiple) == kept


def test_heads_are_not_rounded() -> None:
    assert kept_count(a_strand(6, heads=True), 0.5, 16) == 3


@pytest.mark.parametrize("ratio", [1.0, 1.5, -0.1, 0.98])
def test_ratio_that_would_empty_a_layer_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match=r"would leave nothing of a.layer, which has 16 channels; give at most 0.97"):
        check_ratio(a_strand(16), ratio)


def test_most_important_units_stay_in_their_order() -> None:
    assert kept_units(np.array([0.1, 3, 2, 2, 5]), 3) == [1, 2, 4]


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"nowhere": [3]}, "student.widths: 'nowhere' is no layer with a width"),
        ({"box": [3]}, "student.widths: 'box' is no layer with a width"),
        ({"presence.0": [3]}, r"student.widths: presence.0 must be 1 to 32 and 1 to 32, got \[3\]"),
        ({"presence.0": [0, 32]}, r"presence.0 must be 1 to 32 and 1 to 32, got \[0, 32\]"),
        ({"presence.0": [33, 32]}, r"presence.0 must be 1 to 32 and 1 to 32, got \[33, 32\]"),
    ],
)
def test_widths_that_do_not_fit_are_refused(widths: dict[str, Any], message: str) -> None:
    from tiny_student import random_tables, tiny_config

    with pytest.raises(InputError, match=message):
        Student(tiny_config(widths=widths), random_tables())
