"""Trained prompts on the tokens of a frozen teacher: for the scene at its border, for an instance in its box."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.teacher.regions import cover

MAP = 32  # cells along a side of the instance prompt, before it is fitted into a box


class ScenePrompt(nn.Module):
    """One vector for each edge of the grid, added to the cells along it; a corner gets two. Nothing at first."""

    marks: Tensor

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.edges = nn.Parameter(torch.zeros(4, width))  # top, bottom, left, right
        line = torch.arange(grid)
        top, left = (line == 0).expand(grid, -1).T, (line == 0).expand(grid, -1)
        bottom, right = top.flip(0), left.flip(1)
        marks = torch.stack([top, bottom, left, right]).flatten(1).T.float()  # (N, 4)
        self.register_buffer("marks", marks, persistent=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (B, N, d)."""
        return patches + self.marks @ self.edges


class InstancePrompt(nn.Module):
    """One map of vectors, fitted into every box and added to the cells under it; where boxes overlap the first wins.

    Next to nothing at first, and a parameter from the start: made on the first forward pass, no optimizer knew it.
    """

    centres: Tensor

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.map = nn.Parameter(1e-5 * torch.randn(1, width, MAP, MAP))
        centres = (torch.arange(grid) + 0.5) / grid
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        self.register_buffer("centres", torch.stack([columns, rows], -1).flatten(0, 1), persistent=False)  # (N, 2)
        self.grid = grid

    def forward(self, patches: Tensor, boxes_xyxy: Tensor, has_box: Tensor) -> Tensor:
        """Patches (B, N, d), boxes (B, R, 4) in [0, 1] of the square, has_box (B, R)."""
        share = cover(boxes_xyxy, self.grid) * has_box[..., None]  # (B, R, N)
        left = torch.cat([torch.ones_like(share[:, :1]), (1 - share).cumprod(1)[:, :-1]], 1)
        size = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=1 / MAP)
        inside = (self.centres - boxes_xyxy[..., None, :2]) / size[..., None, :]  # (B, R, N, 2) in [0, 1] of the box
        fitted = F.grid_sample(
            self.map.expand(len(patches), -1, -1, -1), 2 * inside - 1, padding_mode="border", align_corners=False
        )  # (B, d, R, N)
        return patches + torch.einsum("brn,bdrn->bnd", (share * left).to(fitted), fitted)
