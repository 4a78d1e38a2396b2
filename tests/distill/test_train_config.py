"""The [train] table of a card: defaults, single values replaced, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgegsr.card import to_toml
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.methods import METHODS
from edgegsr.errors import InputError


def test_card_without_the_table_trains_by_default() -> None:
    assert read_train({"student": {}}) == TrainConfig()


def test_single_values_are_replaced_also_inside_tables() -> None:
    card = {"train": {"epochs": 7, "weights": {"noun": 2.0}}}
    config = read_train(card, {"batch": 8, "weights.giou": 3, "augment.flip": 0})
    assert (config.epochs, config.batch) == (7, 8)
    assert (config.weights.noun, config.weights.giou, config.weights.verb) == (2.0, 3.0, 1.0)
    assert config.augment.flip == 0
    assert card == {"train": {"epochs": 7, "weights": {"noun": 2.0}}}  # the card itself stays as it was


def test_a_method_says_what_card_and_user_leave_open() -> None:
    wanted = METHODS["mipd"].settings
    assert read_train({}, None, wanted).verb_balance == 0.5
    assert read_train({"train": {"verb_balance": 0.7}}, None, wanted).verb_balance == 0.7
    assert read_train({}, {"verb_balance": 0.0}, wanted).verb_balance == 0 == read_train({}).verb_balance


def test_config_survives_a_file(tmp_path: Path) -> None:
    config = read_train({}, {"lr": 3e-4, "amp": "bf16", "augment.crop": 0.25, "weights.l1": 0.5})
    (tmp_path / "card.toml").write_text(to_toml({"train": config}))
    assert read_train(tmp_path / "card.toml") == config


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"epoch": 3}, "train.epoch is not a known key; did you mean 'epochs'?"),
        ({"epochs": 0}, "train.epochs must be 1 or more, got 0"),
        ({"epochs": 2.5}, "train.epochs must be a whole number, got 2.5"),
        ({"batch": "many"}, 'train.batch must be a whole number, got "many"'),
        ({"lr": 0}, "train.lr must be above 0 and at most 10, got 0.0"),
        ({"clip_norm": -1}, "train.clip_norm must be above 0, got -1.0"),
        ({"ema_decay": 1}, "train.ema_decay must be at least 0 and below 1, got 1.0"),
        ({"workers": -2}, "train.workers must be 0 or more, got -2"),
        ({"amp": "int8"}, "train.amp must be one of 'auto', 'no', 'bf16', 'fp16', got \"int8\""),
        ({"weights.verb": -1}, "train.weights.verb must be 0 or more, got -1.0"),
        ({"weights.box": 1}, "train.weights.box is not a known key"),
        ({"augment.flip": 2}, "train.augment.augmentation: flip must be between 0 and 1, got 2.0"),
        ({"epochs.weights": 1}, "train.epochs must be a whole number, got"),
    ],
)
def test_impossible_values_are_refused(overrides: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text("[train]\nepochs = 1\n")
    with pytest.raises(InputError) as error:
        read_train(tmp_path / "card.toml", overrides)
    assert str(error.value).startswith(f"{tmp_path / 'card.toml'}: {said}")


def test_unknown_table_of_a_card_is_refused() -> None:
    with pytest.raises(InputError, match="trian is not a known table; did you mean 'train'"):
        read_train({"trian": {}})
