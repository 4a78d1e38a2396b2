"""Role queries made of text, and the decoder that sends them over the tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgegsr.student.attention import Attention, CrossAttention, feedforward
from edgegsr.student.config import StudentConfig

ABSENT = -1e4  # added to the scores of slots past the frame; finite, so that fp16 and a softmax over nothing survive


class RoleQueries(nn.Module):
    """For a verb, six queries (B, 6, d) from the words of the verb and of its roles, and the mask of its frame."""

    verbs: Tensor  # (K, t)
    roles: Tensor  # (K, 6, t)
    mask: Tensor  # (K, 6): 0 for a role of the frame, ABSENT past it

    def __init__(self, text_width: int, width: int) -> None:
        super().__init__()
        self.verb = nn.Linear(text_width, width)
        self.role = nn.Linear(text_width, width, bias=False)  # with `verb`: one linear of [verb text ; role text]
        self.norm = nn.LayerNorm(width)

    def set_tables(self, verbs: Tensor, roles: Tensor) -> None:
        has_role = roles.abs().sum(-1) > 0
        self.register_buffer("verbs", verbs, persistent=False)
        self.register_buffer("roles", roles, persistent=False)
        self.register_buffer("mask", torch.where(has_role, 0.0, ABSENT).to(roles), persistent=False)

    def forward(self, verbs: Tensor) -> tuple[Tensor, Tensor]:
        verb, roles = self.verbs.index_select(0, verbs), self.roles.index_select(0, verbs)
        queries = self.verb(verb)[:, None] + self.role(roles)
        return self.norm(queries), self.mask.index_select(0, verbs)[:, None, None]


class Decoder(nn.Module):
    """Queries (B, R, d) that have looked at one another and at the tokens (B, N, d)."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, queries: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            queries = layer(queries, tokens, mask)
        return self.norm(queries)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(config.width)
        self.self_attention = Attention(config.width, config.heads)
        self.cross_norm = nn.LayerNorm(config.width)
        self.cross_attention = CrossAttention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = feedforward(config.width, config.mlp_width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, queries: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        normed = self.self_norm(queries)
        queries = queries + self.dropout(self.self_attention(normed, normed, mask))
        queries = queries + self.dropout(self.cross_attention(self.cross_norm(queries), tokens))
        return queries + self.dropout(self.mlp(self.mlp_norm(queries)))  # type: ignore[no-any-return]
