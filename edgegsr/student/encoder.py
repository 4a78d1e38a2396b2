"""Pixels to tokens: a backbone, a light mixer over the coarse tokens, and its context handed to the fine ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgegsr.student.attention import Attention, feedforward
from edgegsr.student.config import StudentConfig
from edgegsr.student.fold import fold

PLACE_WIDTH = 32  # sines and cosines that tell where a token is


class Encoder(nn.Module):
    """uint8 pixels (B, S, S, 3) to tokens (B, N, d): the fine grid row by row, then the coarse one."""

    mean: Tensor
    scale: Tensor
    above: Tensor  # for every fine token, the coarse one that it lies in

    def __init__(self, config: StudentConfig, backbone: nn.Module, channels: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.fine = Projection(channels[0], config.width, config.fine_grid)
        self.coarse = Projection(channels[1], config.width, config.coarse_grid)
        self.mixer = nn.Sequential(*(MixerLayer(config) for _ in range(config.mixer_layers)))
        self.fine_norm = nn.LayerNorm(config.width)
        self.coarse_norm = nn.LayerNorm(config.width)
        self.register_buffer("above", inside(config.fine_grid, config.coarse_grid), persistent=False)
        self.register_buffer("mean", torch.tensor(config.encoder.mean)[:, None, None] * 255, persistent=False)
        self.register_buffer("scale", 1 / (torch.tensor(config.encoder.std)[:, None, None] * 255), persistent=False)

    def fold(self, side: int) -> None:
        """Folds the BatchNorms of the backbone into the convolutions before them; photos are squares of `side`."""
        fold(self.backbone, torch.zeros(1, 3, side, side).to(self.mean))

    def forward(self, pixels: Tensor) -> Tensor:
        # turned while they are bytes, and scaled by channel afterwards: engines like it ten times better
        image = pixels.permute(0, 3, 1, 2)
        image = (image.to(self.mean.dtype) - self.mean) * self.scale
        fine_map, coarse_map = self.backbone(image).feature_maps
        coarse = self.mixer(self.coarse(coarse_map))
        fine = self.fine(fine_map) + coarse.index_select(1, self.above)
        return torch.cat([self.fine_norm(fine), self.coarse_norm(coarse)], 1)


class Projection(nn.Module):
    """A feature map (B, C, G, G) as tokens (B, G * G, d) that know their place."""

    basis: Tensor

    def __init__(self, channels: int, width: int, grid: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, 1)
        # fixed sines through a linear of the token width: a buffer of that width could not be pruned
        self.place = nn.Linear(PLACE_WIDTH, width, bias=False)
        self.register_buffer("basis", place_basis(grid, PLACE_WIDTH), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return self.project(features).flatten(2).transpose(1, 2) + self.place(self.basis)  # type: ignore[no-any-return]


class MixerLayer(nn.Module):
    """A pre-norm transformer block over the coarse tokens."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = feedforward(config.width, config.mlp_width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.attention_norm(tokens)
        tokens = tokens + self.dropout(self.attention(normed, normed))
        return tokens + self.dropout(self.mlp(self.mlp_norm(tokens)))  # type: ignore[no-any-return]


def inside(fine: int, coarse: int) -> Tensor:
    """(fine * fine,) of a grid row by row: the place in a coarser grid."""
    along = torch.arange(fine) * coarse // fine
    return (along[:, None] * coarse + along).flatten()


def place_basis(grid: int, width: int) -> Tensor:
    """(grid * grid, width) sines and cosines of the cell centres, row by row: half a turn to grid / 4."""
    centres = (torch.arange(grid) + 0.5) / grid
    half_turns = max(grid / 2, 1) ** torch.linspace(0, 1, width // 4)  # (w / 4,)
    angles = centres[:, None] * half_turns * torch.pi
    waves = torch.cat([angles.sin(), angles.cos()], 1)  # (grid, w / 2)
    rows, columns = waves[:, None].expand(-1, grid, -1), waves[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], -1).flatten(0, 1)
