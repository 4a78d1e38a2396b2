"""What the student says: words by nearness to text, boxes from where a role looks, presence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.student.attention import feedforward

START_SCALE = 1 / 0.07
LARGEST_SCALE = 100.0
EDGE = 1e-3  # boxes and spreads stay this far from 0 and 1, where the logit has no slope


class AttentionPool(nn.Module):
    """Tokens (B, N, d) as one vector (B, d), gathered by a learned query."""

    which: Tensor

    def __init__(self, width: int, attention: nn.Module) -> None:
        super().__init__()
        self.query = nn.Embedding(1, width)  # a module, for tracers that do not follow bare parameters
        self.attention = attention
        self.norm = nn.LayerNorm(width)
        self.register_buffer("which", torch.zeros(1, 1, dtype=torch.long), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(self.attention(self.query(self.which), tokens)[:, 0])  # type: ignore[no-any-return]


class Embed(nn.Module):
    """A vector of the student as a unit vector among the texts."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, text_width)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.project(x), dim=-1)


class Words(nn.Module):
    """Logits over a table of texts: the scaled cosine to each, one matmul whatever the vocabulary."""

    table: Tensor  # (K, t) unit rows
    handicap: Tensor | None  # (K,) taken off the cosines; see calibration.py

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("handicap", None, persistent=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE)))

    @property
    def scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def set_table(self, table: Tensor) -> None:
        self.register_buffer("table", table, persistent=False)

    def forward(self, embedding: Tensor) -> Tensor:
        cosines = F.linear(embedding, self.table)
        return self.scale * (cosines if self.handicap is None else cosines - self.handicap)


class WordsOrBlank(Words):
    """The same, with a learned vector for the first row: an empty role has no text."""

    def __init__(self, text_width: int) -> None:
        super().__init__()
        self.blank = nn.Parameter(F.normalize(torch.randn(text_width), dim=0))

    def forward(self, embedding: Tensor) -> Tensor:
        blank = embedding @ F.normalize(self.blank, dim=0)
        return self.scale * torch.cat([blank[..., None], F.linear(embedding, self.table)], -1)


class BoxHead(nn.Module):
    """Boxes (B, R, 4), xyxy in [0, 1], as corrections of where the role looks on the fine grid."""

    places: Tensor

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.look = nn.Linear(width, width)
        # of the tokens, and as in CrossAttention it goes to the roles
        self.appear = nn.Linear(width, width, bias=False)
        self.correct = feedforward(width + 4, width, 4)
        nn.init.normal_(self.correct[-1].weight, std=1e-3)  # type: ignore[arg-type]  # the first answer is the look itself
        self.register_buffer("places", places(grid), persistent=False)

    def forward(self, roles: Tensor, fine: Tensor) -> Tensor:
        reference = logit(self.glance(roles, fine))
        boxes = corners((reference + self.correct(torch.cat([roles, reference], -1))).sigmoid())
        return boxes if self.training else boxes.clamp(0, 1)  # a clamped corner would teach nothing

    def glance(self, roles: Tensor, fine: Tensor) -> Tensor:
        """(B, R, 4) cx, cy, w, h of the box over which the attention of a role would be spread evenly."""
        heat = (self.look(roles) * roles.shape[-1] ** -0.5) @ self.appear.weight @ fine.transpose(-2, -1)
        heat = heat.float().softmax(-1)[..., None, :]  # and sums, no matmul: 16 bits would lose small boxes
        mean = (heat * self.places).sum(-1)
        variance = (heat * (self.places - mean[..., None]).square()).sum(-1)
        # an even spread over an extent w has the variance w * w / 12; a single cell still has its own extent
        return torch.cat([mean, (12 * variance + 1 / self.grid**2).sqrt()], -1).to(self.places)


def places(grid: int) -> Tensor:
    """(2, grid * grid) x and y of the cells of a square, row by row."""
    along = (torch.arange(grid) + 0.5) / grid
    return torch.cartesian_prod(along, along).T.flip(0)


def logit(x: Tensor) -> Tensor:
    x = x.clamp(EDGE, 1 - EDGE)
    return (x / (1 - x)).log()


def corners(boxes_cxcywh: Tensor) -> Tensor:
    """cx, cy, w, h as x1, y1, x2, y2."""
    centre, size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], -1)
