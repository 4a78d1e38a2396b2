"""What a student sees in the boxes of couples: means of its fine tokens, for modules that only training has."""

from __future__ import annotations

import torch
from torch import Tensor

from edgegsr.teacher.regions import cover, pool

PARTS = 3  # of a human, down and across
LEAST = 1e-4  # of a share of the square, or of anything before its logarithm, so that 16 bits survive


def union(humans_xyxy: Tensor, objects_xyxy: Tensor) -> Tensor:
    """The boxes (..., 4) around both."""
    low = torch.minimum(humans_xyxy[..., :2], objects_xyxy[..., :2])
    return torch.cat([low, torch.maximum(humans_xyxy[..., 2:], objects_xyxy[..., 2:])], -1)


def looks(fine: Tensor, humans_xyxy: Tensor, objects_xyxy: Tensor, grid: int) -> Tensor:
    """(B, P, 3 d) human, object and both, of fine tokens (B, n, d); boxes (B, P, 4) in [0, 1]."""
    boxes = torch.stack([humans_xyxy, objects_xyxy, union(humans_xyxy, objects_xyxy)], 2)
    return _means(fine, boxes, grid)


def parts(fine: Tensor, humans_xyxy: Tensor, grid: int) -> Tensor:
    """(B, P, 9 d) what lies where in the box of a human, cell by cell of a grid over it: a body has its head on top."""
    steps = torch.linspace(0, 1, PARTS + 1, device=fine.device)
    low, size = humans_xyxy[..., None, :2], (humans_xyxy[..., 2:] - humans_xyxy[..., :2])[..., None, :]
    corners = torch.cartesian_prod(steps[:-1], steps[:-1]).flip(-1)  # (9, 2) x, y, row by row
    boxes = torch.cat([low + corners * size, low + (corners + 1 / PARTS) * size], -1)
    return _means(fine, boxes, grid)


def where(humans_xyxy: Tensor, objects_xyxy: Tensor) -> Tensor:
    """(..., 36) how two boxes lie to each other: the 18 numbers of UPT (arXiv 2112.01838), and their logarithms."""
    both = humans_xyxy, objects_xyxy
    sizes = [(each[..., 2:] - each[..., :2]).clamp(min=LEAST) for each in both]
    centres = [(each[..., 2:] + each[..., :2]) / 2 for each in both]
    areas = [each.prod(-1, keepdim=True) for each in sizes]
    forms = [each[..., :1] / each[..., 1:] for each in sizes]
    shared = humans_xyxy.minimum(objects_xyxy)[..., 2:] - humans_xyxy.maximum(objects_xyxy)[..., :2]
    overlap = shared.clamp(min=0).prod(-1, keepdim=True)
    iou = overlap / (areas[0] + areas[1] - overlap)
    away = (centres[1] - centres[0]) / sizes[0]
    ways = torch.stack([away, -away], -1).flatten(-2).relu()  # to the right, left, down and up
    told = torch.cat([*centres, *sizes, *areas, areas[1] / areas[0], *forms, iou, ways], -1)
    return torch.cat([told, told.clamp(min=LEAST).log()], -1)


def _means(fine: Tensor, boxes_xyxy: Tensor, grid: int) -> Tensor:
    """(B, P, k d) means of tokens under boxes (B, P, k, 4)."""
    batch, couples, k = boxes_xyxy.shape[:3]
    means = pool(fine, cover(boxes_xyxy.detach().flatten(1, 2).float(), grid))
    return means.view(batch, couples, k * fine.shape[-1])
