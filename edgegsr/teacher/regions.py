"""Boxes on a grid of tokens, as soft masks: no loop over samples, roles or boxes."""

from __future__ import annotations

import torch
from torch import Tensor


def cover(boxes_xyxy: Tensor, grid: int) -> Tensor:
    """How much of each cell a box covers: boxes (..., 4) in [0, 1] of the square to (..., grid * grid) in [0, 1].

    A box without an area covers a sliver of the cell it lies in, so that there is always something to look at.
    """
    edges = torch.arange(grid, device=boxes_xyxy.device, dtype=boxes_xyxy.dtype)
    boxes = boxes_xyxy.clamp(0, 1) * grid
    low, high = boxes[..., :2].clamp(max=grid - LEAST), boxes[..., 2:]
    high = torch.maximum(high, low + LEAST)
    share = torch.minimum(high[..., None], edges + 1) - torch.maximum(low[..., None], edges)  # (..., 2, grid)
    columns, rows = share.clamp(min=0).unbind(-2)
    return (rows[..., :, None] * columns[..., None, :]).flatten(-2)


def pool(patches: Tensor, mask: Tensor) -> Tensor:
    """The mean of patches (B, N, d) under soft masks (B, R, N): (B, R, d)."""
    return normed(mask).to(patches.dtype) @ patches


def normed(mask: Tensor) -> Tensor:
    """The mask (..., N) with the sum 1."""
    return mask / mask.sum(-1, keepdim=True).clamp(min=LEAST**2)


LEAST = 1e-3  # of a cell
