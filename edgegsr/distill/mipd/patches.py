"""The teacher's patches, laid under the student's own view of an image: what each of its fine tokens is to see."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def under(tokens: Tensor, shown: Tensor, whole_xyxy: Tensor, grid: int) -> tuple[Tensor, Tensor]:
    """Patches (B, grid * grid, d) at the centres of the student's cells, and which of those the teacher saw.

    tokens (B, G * G, d) and shown (B, G * G) of the whole image; `whole_xyxy` (B, 4) tells where its square lies in the
    student's, which may have cropped it or shown it smaller.
    """
    side = math.isqrt(tokens.shape[1])
    centres = (torch.arange(grid, device=tokens.device) + 0.5) / grid
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    low, high = whole_xyxy[:, None, None, :2], whole_xyxy[:, None, None, 2:]
    places = 2 * (torch.stack([columns, rows], -1) - low) / (high - low) - 1  # (B, grid, grid, 2) in [-1, 1] inside
    maps = torch.unflatten(tokens.transpose(1, 2), -1, (side, side))
    seen = torch.unflatten(shown[:, None].to(tokens), -1, (side, side))
    patches = F.grid_sample(maps, places.to(maps), align_corners=False, padding_mode="border")
    inside = F.grid_sample(seen, places.to(seen), align_corners=False, padding_mode="zeros")[:, 0] > 0.5
    return patches.flatten(2).transpose(1, 2), inside.flatten(1)
