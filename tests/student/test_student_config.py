from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgegsr.card import to_toml
from edgegsr.errors import InputError
from edgegsr.student.config import StudentConfig, read_student

CARDS = sorted((Path(__file__).resolve().parents[2] / "models").glob("*.toml"))


def card(**student: Any) -> dict[str, Any]:
    return {"student": {"side": 128, "encoder": {"backbone": "hgnet_v2"}} | student}


def message(**student: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_student(card(**student))
    return str(caught.value)


def test_the_cards_that_ship_with_the_project() -> None:
    assert [path.stem for path in CARDS] == ["nano", "pico-pairs", "pico", "small"]


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_resolved_config_reads_back_as_itself(path: Path, tmp_path: Path) -> None:
    config = read_student(path)
    (tmp_path / "config.toml").write_text(to_toml({"student": config}))
    assert read_student(tmp_path / "config.toml") == config


def test_derived_values_follow_the_card() -> None:
    config = read_student(card(strides=[8, 16], width=64, mlp_ratio=3))
    assert (config.fine_grid, config.coarse_grid, config.mlp_width) == (16, 8, 192)


def test_training_table_of_a_card_is_left_to_training() -> None:
    assert read_student(card() | {"train": {"lr": 0.1}}) == read_student(card())


@pytest.mark.parametrize(
    ("student", "text"),
    [
        ({"side": 0}, "card: student.side must be above 0, got 0"),
        ({"side": 100}, "card: student.side must be a multiple of the coarse stride 32, got 100"),
        ({"width": 100, "heads": 3}, "card: student.width must be a multiple of heads=3, got 100"),
        ({"decoder_layers": 0}, "card: student.decoder_layers must be above 0, got 0"),
        ({"mixer_layers": -1}, "card: student.mixer_layers must be 0 or more, got -1"),
        ({"mlp_ratio": 0.0}, "card: student.mlp_ratio must be above 0, got 0.0"),
        ({"dropout": 1.0}, "card: student.dropout must be at least 0 and below 1, got 1.0"),
        ({"strides": [32, 16]}, "card: student.strides must be [fine, coarse] with coarse a multiple of fine"),
        ({"strides": [16]}, "card: student.strides must be a list of 2 values, got [16]"),
        ({"dept": 3}, "card: student.dept is not a known key"),
        ({"encoder": {}}, "card: student.encoder.backbone must be the name of a transformers backbone"),
        (
            {"encoder": {"pretrained": "a/b", "options": {"x": 1}}},
            "card: student.encoder.options describe a `backbone`",
        ),
        ({"encoder": {"backbone": "resnet", "std": [0, 1, 1]}}, "card: student.encoder.std must be above 0"),
    ],
)
def test_impossible_card_is_refused_with_key_and_value(student: dict[str, Any], text: str) -> None:
    assert message(**student).startswith(text)


def test_config_made_in_code_is_checked_as_well() -> None:
    encoder = read_student(card()).encoder
    with pytest.raises(InputError, match="side must be a multiple"):
        StudentConfig(encoder, side=33)
