"""What a compression is to do."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from edgegsr.errors import InputError, require
from edgegsr.export.target import Target
from edgegsr.student.sparse import share_of

CRITERIA = ("taylor", "magnitude")  # what the lesson would miss least, or the smallest weights


@dataclass(frozen=True)
class PruneConfig:
    """Whether and how much is cut, how it is chosen, and how the student recovers."""

    ratio: float = 0.0  # of the channels and heads of every group
    latency: float = 0.0  # wanted instead of a ratio: a share of the first latency; 0 for none
    criterion: str = "taylor"  # one of CRITERIA
    multiple: int = 8  # of which widths are made, as the target likes it
    rounds: int = 2  # of cutting a part and recovering
    drop_layers: int = 0  # decoder layers, the last ones
    sparse: str = ""  # weights that are set to zero after all cuts: a share, or 2:4
    batches: int = 24  # by which importance is judged
    round_epochs: int = 1  # of recovery after each round but the last
    epochs: int = 4  # of recovery after the last one
    lr_share: float = 0.5  # of the card's learning rate

    def __post_init__(self) -> None:
        require(0 <= self.ratio < 1, f"--prune must be at least 0 and below 1, got {self.ratio:g}")
        require(0 <= self.latency < 1, f"--latency must be below 1x, got {self.latency:g}x")
        require(not (self.ratio and self.latency), "--prune and --latency: wanted one of them, got both")
        known = ", ".join(CRITERIA)
        require(self.criterion in CRITERIA, f"--criterion: wanted one of {known}, got {self.criterion!r}")
        for name in ("multiple", "rounds", "batches", "round_epochs", "epochs"):
            require(getattr(self, name) >= 1, f"{name} must be 1 or more, got {getattr(self, name)}")
        require(self.drop_layers >= 0, f"drop_layers must be 0 or more, got {self.drop_layers}")
        require(0 < self.lr_share <= 1, f"lr_share must be above 0 and at most 1, got {self.lr_share:g}")
        if self.sparse:
            share_of(self.sparse)

    @property
    def cuts(self) -> bool:
        return bool(self.ratio or self.latency)

    @property
    def wanted(self) -> bool:
        return bool(self.cuts or self.drop_layers or self.sparse)

    def epochs_of(self, number: int) -> int:
        """Of recovery after a round, from 1."""
        return self.epochs if number == self.rounds else self.round_epochs


@dataclass(frozen=True)
class QuantizeConfig:
    """Whether and how a student comes to count in 8 bits."""

    ptq: bool = False  # scales by what calibration images make of it
    qat: bool = False  # and then trained with its rounding
    calibration: int = 256  # images, drawn by `seed`
    seed: int = 0
    epochs: int = 3  # of training with rounding
    lr_share: float = 0.05  # of the card's learning rate
    max_drop: float = 0.01  # of a dev score; layers stay in 16 bits until no more is lost
    judged_on: int = 256  # dev images, by which every layer is judged alone

    def __post_init__(self) -> None:
        require(0 <= self.max_drop <= 1, f"--max-drop must be 0 to 1, got {self.max_drop:g}")
        for name in ("calibration", "epochs", "judged_on"):
            require(getattr(self, name) >= 1, f"{name} must be 1 or more, got {getattr(self, name)}")
        require(self.seed >= 0, f"seed must be 0 or more, got {self.seed}")
        require(0 < self.lr_share <= 1, f"lr_share must be above 0 and at most 1, got {self.lr_share:g}")

    @property
    def wanted(self) -> bool:
        return self.ptq or self.qat


@dataclass(frozen=True)
class Wishes:
    """What is to be done, in this order."""

    prune: PruneConfig
    quantize: QuantizeConfig
    target: Target

    def __post_init__(self) -> None:
        if not (self.prune.wanted or self.quantize.wanted):
            raise InputError("nothing to do: give --prune or --latency, --drop-layers, --sparse, --ptq or --qat")

    @property
    def trained(self) -> bool:
        """Whether anything is learned on the way."""
        return self.prune.wanted or self.quantize.qat

    def table(self) -> dict[str, Any]:
        """What of it decides what comes out."""
        target = asdict(self.target)
        found = {"target": {name: target[name] for name in ("engine", "precision", "multiple", "roofline")}}
        if self.prune.wanted:
            found["prune"] = asdict(self.prune)
        if self.quantize.wanted:
            found["quantize"] = asdict(self.quantize)
        return found


def read_share(text: str) -> float:
    """The number of a latency such as "0.6x"."""
    found = re.fullmatch(r"(\d*\.?\d+)x", text.strip())
    if not found or not 0 < float(found[1]) < 1:
        raise InputError(f"--latency: wanted a share of the present latency such as 0.6x, got {text!r}")
    return float(found[1])
