"""The network of the Diorama teacher: pixels to one global token and a grid of patch tokens, all near their texts.

Convolutions see, transformer layers relate, and one projection carries every token among the texts of the frozen
encoder. It takes any side that its stride divides: training goes from small pictures to large ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoBackbone, HGNetV2Config

from edgegsr.student.attention import Attention, feedforward
from edgegsr.student.backbone import complete, spread_evenly
from edgegsr.student.config import IMAGENET_MEAN, IMAGENET_STD
from edgegsr.student.heads import AttentionPool

HALF_TURNS = (1.0, 2.0, 4.0, 8.0)  # of the waves that tell a token its place, across the picture


@dataclass(frozen=True)
class DioramaConfig:
    """The architecture: the [network] table of the card beside the weights."""

    side: int = 256  # pixels of the square it is shown
    stride: int = 16  # of the last stage of the backbone
    width: int = 256  # of a token
    heads: int = 8
    layers: int = 3
    text_width: int = 384
    backbone: dict[str, Any] = field(default_factory=dict)  # options of hgnet_v2

    @property
    def grid(self) -> int:
        return self.side // self.stride


class DioramaNetwork(nn.Module):
    """uint8 pixels (B, S, S, 3) to tokens (B, 1 + G * G, d): the global one first, then the grid row by row."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: DioramaConfig) -> None:
        super().__init__()
        self.config = config
        options = complete("hgnet_v2", config.backbone)
        last = f"stage{len(options['stage_out_channels'])}"
        self.backbone = AutoBackbone.from_config(HGNetV2Config(**options, out_features=[last]))
        self.backbone.apply(spread_evenly)
        self.lift = nn.Conv2d(options["stage_out_channels"][-1], config.width, 1)
        self.place = nn.Linear(4 * len(HALF_TURNS), config.width, bias=False)
        self.layers = nn.ModuleList(Layer(config.width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.pool = AttentionPool(config.width, Attention(config.width, config.heads))
        self.project = nn.Linear(config.width, config.text_width)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN) * 255, persistent=False)
        self.register_buffer("scale", 1 / (torch.tensor(IMAGENET_STD) * 255), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        image = (pixels.to(self.mean.dtype) - self.mean) * self.scale
        grid = self.lift(self.backbone(image.permute(0, 3, 1, 2)).feature_maps[-1])
        tokens = grid.flatten(2).transpose(1, 2) + self.place(waves(grid.shape[-1]).to(image))
        for layer in self.layers:
            tokens = layer(tokens)
        tokens = self.norm(tokens)
        return torch.cat([self.pool(tokens)[:, None], tokens], 1)

    def to_text(self, tokens: Tensor) -> Tensor:
        """Tokens (..., d) as unit vectors among the texts (..., t)."""
        return F.normalize(self.project(tokens).float(), dim=-1)


class Layer(nn.Module):
    """A pre-norm transformer block over all tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.mlp_norm, self.mlp = nn.LayerNorm(width), feedforward(width, 3 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.attention_norm(tokens)
        tokens = tokens + self.attention(normed, normed)
        return tokens + self.mlp(self.mlp_norm(tokens))  # type: ignore[no-any-return]


def waves(grid: int) -> Tensor:
    """(grid * grid, 16) where each cell of a grid lies: the same waves over the picture whatever the grid."""
    centres = (torch.arange(grid) + 0.5) / grid
    angles = centres[:, None] * torch.tensor(HALF_TURNS) * torch.pi
    line = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = line[:, None].expand(-1, grid, -1), line[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)
