"""How a student is trained: the [train] table of a card.

[train]                         [train.weights]
epochs = 40                     giou = 2.0
batch = 64
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgegsr import card
from edgegsr.data.augment import Augmentation
from edgegsr.distill.mipd.config import OF_PAIRS, MipdConfig
from edgegsr.distill.pairs.config import ClConfig, GplConfig
from edgegsr.errors import InputError, require
from edgegsr.student.config import CARD_TABLES

OF_METHODS = ("mipd", "gplhoi", "clhoi")  # tables of [train] that only the method of that name reads
OF_BOTH = "situation_weights"  # and one that only a training of both heads reads


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts in the sum."""

    verb: float = 1.0
    noun: float = 1.0
    l1: float = 5.0
    giou: float = 2.0
    presence: float = 1.0
    seed: float = 2.0  # of pairs: where their objects are
    feature: float = 2.0  # of --method feature and caption
    watched: float = 1.0  # of keeping to what the student before it says, where there is one: `compress --qat`

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            require(weight >= 0, f"{name} must be 0 or more, got {weight}")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training besides the student, the data and the method."""

    epochs: int = 30
    batch: int = 64  # images per step, over all processes together
    lr: float = 1e-3
    scale_lr_factor: float = 0.1  # of `lr`, for the scales of quantizers
    backbone_lr_factor: float = 1.0  # of `lr`, for the encoder's backbone; 0.1 suits a pretrained one
    weight_decay: float = 0.02  # of matrices and filters; norms, biases and temperatures have none
    warmup_epochs: float = 1.0
    clip_norm: float = 1.0
    ema_decay: float = 0.998  # of the averaged weights, per step; smaller in the first steps
    verb_smoothing: float = 0.1
    noun_smoothing: float = 0.1
    verb_balance: float = 0.0  # 0 to 1: how far rare verbs are to be as likely as common ones; --method mipd takes 0.5
    weights: LossWeights = field(default_factory=LossWeights)
    situation_weights: LossWeights = field(default_factory=LossWeights)  # of a student of pairs that learns those too
    augment: Augmentation = field(default_factory=Augmentation)
    mipd: MipdConfig = field(default_factory=MipdConfig)
    gplhoi: GplConfig = field(default_factory=GplConfig)
    clhoi: ClConfig = field(default_factory=ClConfig)
    seed: int = 0
    amp: Literal["auto", "no", "bf16", "fp16"] = "auto"
    workers: int = 0  # processes that prepare images; 0 = the training process itself
    checkpoint_every: int = 200  # steps
    log_every: int = 20  # steps
    eval_every: int = 1  # epochs

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "checkpoint_every", "log_every", "eval_every"):
            require(getattr(self, name) >= 1, f"{name} must be 1 or more, got {getattr(self, name)}")
        require(0 < self.lr <= 10, f"lr must be above 0 and at most 10, got {self.lr}")
        require(self.clip_norm > 0, f"clip_norm must be above 0, got {self.clip_norm}")
        for name in ("backbone_lr_factor", "scale_lr_factor", "weight_decay", "warmup_epochs", "workers", "seed"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, got {getattr(self, name)}")
        require(self.seed < 2**63, f"seed must be below 2 to the 63rd, got {self.seed}")
        require(0 <= self.verb_balance <= 1, f"verb_balance must be between 0 and 1, got {self.verb_balance}")
        for name in ("ema_decay", "verb_smoothing", "noun_smoothing"):
            require(0 <= getattr(self, name) < 1, f"{name} must be at least 0 and below 1, got {getattr(self, name)}")


def settings_table(method: str, settings: TrainConfig) -> dict[str, Any]:
    """The [train] table without the tables of other methods."""
    foreign = {*OF_METHODS, OF_BOTH} - {method}
    return {name: value for name, value in card.as_table(settings).items() if name not in foreign}


def check_method_of(keys: Iterable[str], method: str, of_pairs: bool = False) -> None:
    """Refuses values that another method reads, or the same one for students of situations alone."""
    for key in keys:
        of, _, name = key.partition(".")
        if of in OF_METHODS and of != method:
            raise InputError(f"--set {key}: is read by --method {of} alone, and this one is {method}; leave it out")
        if of_pairs and of == "mipd" and name in vars(MipdConfig()) and name not in OF_PAIRS:
            known = ", ".join(sorted(OF_PAIRS))
            raise InputError(f"--set {key}: is for students of situations; of pairs mipd has {known}")


def read_train(
    source: str | Path | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> TrainConfig:
    """The training of a card, or of a card without that table the default one, with single values replaced.

    `overrides` are keys of the table, those of its inner tables with a dot: {"epochs": 5, "weights.noun": 2.0};
    `defaults` are values for keys that the card does not name.
    """
    raw = dict(source) if isinstance(source, Mapping) else card.read_toml(source)
    where = "card" if isinstance(source, Mapping) else str(source)
    table = raw.get("train", {})
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: wanted a table [train], got {table!r}")
    table = {**(defaults or {}), **table}
    for key, value in (overrides or {}).items():
        table = card.with_value(table, key, value)
    try:
        return card.read_card({**raw, "train": table}, TrainConfig, "train", known=CARD_TABLES)
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix('card: ')}") from error
