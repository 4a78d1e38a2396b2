"""Trained prompts on the tokens of a frozen teacher: for the scene at its border, for an instance in its box."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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

    Only means over cells are ever asked for, so the map is never spread over the grid: how much each of its vectors
    counts in a mean follows from the boxes alone, and one product with the map does the rest. Next to nothing at first,
    and a parameter from the start: made on the first forward pass, no optimizer knew it.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.map = nn.Parameter(1e-5 * torch.randn(MAP * MAP, width))
        self.grid = grid

    def forward(self, masks: Tensor, boxes_xyxy: Tensor, has_box: Tensor) -> Tensor:
        """(B, Q, d) what is added to the means under masks (B, Q, N); boxes (B, R, 4) in [0, 1], has_box (B, R)."""
        with torch.no_grad():
            counts = self._counts(masks, boxes_xyxy, has_box)
        return counts.to(self.map.dtype) @ self.map

    def _counts(self, masks: Tensor, boxes_xyxy: Tensor, has_box: Tensor) -> Tensor:
        """(B, Q, MAP * MAP) how much every vector of the map counts."""
        share = cover(boxes_xyxy, self.grid) * has_box[..., None]  # (B, R, N)
        left = torch.cat([torch.ones_like(share[:, :1]), (1 - share).cumprod(1)[:, :-1]], 1)
        weight = masks[:, :, None] * (share * left)[:, None]  # (B, Q, R, N)
        weight = torch.unflatten(weight, -1, (self.grid, self.grid))
        columns, rows = self._fitted(boxes_xyxy).unbind(2)  # (B, R, G, MAP)
        half = torch.einsum("bqrij,brjx->bqrix", weight, columns)
        return torch.einsum("bqrix,briy->bqyx", half, rows).flatten(2)

    def _fitted(self, boxes_xyxy: Tensor) -> Tensor:
        """(B, R, 2, G, MAP) how the cells along each axis lie between the vectors of the map."""
        centres = (torch.arange(self.grid, device=boxes_xyxy.device) + 0.5) / self.grid
        low, size = (
            boxes_xyxy[..., :2, None],
            (boxes_xyxy[..., 2:, None] - boxes_xyxy[..., :2, None]).clamp(min=1 / MAP),
        )
        places = ((centres - low) / size * MAP - 0.5).clamp(0, MAP - 1)  # (B, R, 2, G)
        return (1 - (places[..., None] - torch.arange(MAP, device=places.device)).abs()).clamp(min=0)
