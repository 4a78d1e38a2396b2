"""How far a student is from what it is taught, and the teacher's own losses. All vectors are unit vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from edgegsr.distill.mipd.config import Kind


def gap(said: Tensor, taught: Tensor, kind: Kind, words: Tensor, temperature: float) -> Tensor:
    """(...) the distance of each vector (..., t) from the one it is taught, which gets no gradient.

    "l1" is divided by the root of the width, not by the width: about 1.13 for unrelated vectors, whatever the width.
    "kl" compares what both say of the words (K, t).
    """
    taught = taught.detach()
    if kind == "l1":
        return (said - taught).abs().sum(-1) / math.sqrt(said.shape[-1])
    if kind == "cosine":
        return 1 - (said * taught).sum(-1)
    of_student, of_teacher = ((v @ words.T / temperature).log_softmax(-1) for v in (said, taught))
    return F.kl_div(of_student, of_teacher, reduction="none", log_target=True).sum(-1)


def ranking(said: Tensor, taught: Tensor, words: Tensor, temperature: float) -> Tensor:
    """(n,) how differently the student ranks words (K, t) and all that is taught in a batch by nearness; (n, t) both.

    What an image is like and unlike says more than where its own vector lies. Of several processes each ranks its own
    share.
    """
    taught = taught.detach()
    every = torch.cat([taught, words])
    of_student, of_teacher = ((v @ every.T / temperature).log_softmax(-1) for v in (said, taught))
    return F.kl_div(of_student, of_teacher, reduction="none", log_target=True).sum(-1)


def contrast(vector: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The mean over the batch of how much nearer the false text is than the true one; all (B, t)."""
    return F.softplus(((vector * negative).sum(-1) - (vector * positive).sum(-1)) / 0.1).mean()


def repel(vector: Tensor, negative: Tensor) -> Tensor:
    """The mean nearness to the false text, where it is near at all."""
    return F.relu((vector * negative).sum(-1)).mean()


def mean_of_roles(vectors: Tensor, has_role: Tensor) -> Tensor:
    """(B, t) the direction of the mean over real roles (B, 6, t)."""
    return F.normalize((vectors * has_role[..., None].to(vectors)).sum(1), dim=-1)
