"""Attention with four linears of its own, and the feed-forward block beside it.

Shapes are read off the tensors and `heads` is a plain attribute, so that pruning may rewrite widths and heads, and the
softmax is spelled out, because every exporter and tracer knows it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.o = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, R, d) after looking at memory (B, N, d); mask (B, 1, 1, N) is added to the scores."""
        q, k, v = (split(part, self.heads) for part in (self.q(x), self.k(memory), self.v(memory)))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (B, heads, R, N)
        if mask is not None:
            scores = scores + mask
        return self.o((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class CrossAttention(nn.Module):
    """Attention of a few queries over many tokens, in which no token is multiplied by a matrix.

    Keys and values are linear in the tokens, so the matrices go to the few: a query is turned into what a token has to
    look like, and what was found is turned into values. Biases of theirs would be wasted: the softmax does not see
    that of the keys, and `o` has one for the values.
    """

    def __init__(self, width: int, heads: int, memory_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(memory_width or width, width, bias=False)
        self.v = nn.Linear(memory_width or width, width, bias=False)
        self.o = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """x (B, R, d) after looking at memory (B, N, d)."""
        q = split(self.q(x), self.heads)  # (B, heads, R, d / heads)
        wanted = (q * q.shape[-1] ** -0.5) @ torch.unflatten(self.k.weight, 0, (self.heads, -1))  # (B, heads, R, d)
        looks = (wanted.flatten(1, 2) @ memory.transpose(-2, -1)).softmax(-1)  # (B, heads * R, N)
        found = torch.unflatten(looks @ memory, 1, (self.heads, -1))
        values = found @ torch.unflatten(self.v.weight, 0, (self.heads, -1)).transpose(-2, -1)
        return self.o(values.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def split(x: Tensor, heads: int) -> Tensor:
    """(B, N, d) as (B, heads, N, d / heads)."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def feedforward(width: int, hidden: int, out: int) -> nn.Sequential:
    """The token-wise block of two linears."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out))
