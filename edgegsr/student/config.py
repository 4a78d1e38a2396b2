"""What a student is made of: the [student] table of a card.

[student]                              [student.encoder]
side = 128                             backbone = "hgnet_v2"
strides = [8, 16]                      [student.encoder.options]
width = 96                             stage_out_channels = [48, 96, 192]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgegsr import card
from edgegsr.errors import require

CARD_TABLES = ("student", "train")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TRUNK = ("encoder.", "decoder.")  # what students of one trunk share, by the names of their weights


@dataclass(frozen=True)
class EncoderConfig:
    """Which network looks at the pixels: any transformers backbone, from scratch or from a checkpoint."""

    backbone: str = ""  # model_type of transformers; "" = the one of the checkpoint
    pretrained: str = ""  # hub id or folder of the first weights; "" = from scratch
    options: Mapping[str, Any] = field(default_factory=dict)  # keyword arguments of the transformers config
    mean: tuple[float, float, float] = IMAGENET_MEAN  # of pixels in [0, 1]
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        require(
            bool(self.backbone or self.pretrained),
            'backbone must be the name of a transformers backbone (such as "hgnet_v2") or `pretrained` must be given',
        )
        require(
            not (self.options and not self.backbone),
            "options describe a `backbone`, which this card does not name; a checkpoint brings its own",
        )
        require(min(self.std) > 0, f"std must be above 0, got {list(self.std)}")


@dataclass(frozen=True)
class StudentConfig:
    """The architecture of a student; what the vocabulary decides (text width, table sizes) is not in it."""

    encoder: EncoderConfig
    side: int  # pixels of the square input
    strides: tuple[int, int] = (16, 32)  # of the fine and the coarse tokens
    width: int = 128  # of a token
    heads: int = 4
    mixer_layers: int = 1  # transformer blocks over the coarse tokens
    decoder_layers: int = 2
    pairs: int = 0  # queries for human-object pairs; 0 = it sees situations
    mlp_ratio: float = 2.0
    dropout: float = 0.0  # on the residual branches of mixer and decoder
    folded: bool = False  # its BatchNorms are part of the convolutions before them; see fold.py
    widths: Mapping[str, Any] = field(default_factory=dict)  # of layers that pruning made narrower; see widths.py

    def __post_init__(self) -> None:
        for name in ("side", "width", "heads", "decoder_layers"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("mixer_layers", "pairs"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, got {getattr(self, name)}")
        require(self.width % self.heads == 0, f"width must be a multiple of heads={self.heads}, got {self.width}")
        require(self.mlp_ratio * self.width >= 1, f"mlp_ratio must be above 0, got {self.mlp_ratio}")
        require(0 <= self.dropout < 1, f"dropout must be at least 0 and below 1, got {self.dropout}")
        fine, coarse = self.strides
        require(
            0 < fine < coarse and coarse % fine == 0,
            f"strides must be [fine, coarse] with coarse a multiple of fine, got {list(self.strides)}",
        )
        require(
            self.pairs <= (self.side // fine) ** 2,
            f"pairs must be at most the {(self.side // fine) ** 2} fine tokens that they begin with, got {self.pairs}",
        )
        require(self.side % coarse == 0, f"side must be a multiple of the coarse stride {coarse}, got {self.side}")

    @property
    def fine_grid(self) -> int:
        """Fine tokens along one side."""
        return self.side // self.strides[0]

    @property
    def coarse_grid(self) -> int:
        return self.side // self.strides[1]

    @property
    def mlp_width(self) -> int:
        return int(self.mlp_ratio * self.width)


def read_student(source: str | Path | Mapping[str, Any]) -> StudentConfig:
    """The student of a card."""
    return card.read_card(source, StudentConfig, "student", known=CARD_TABLES)
