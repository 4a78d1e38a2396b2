"""The losses of a student, one small function each: tensors and masks in, a mean over the batch out.

Every loss here is averaged inside an image first and over the batch then, and an image that has nothing to say to a
loss counts with 0. So the loss of a batch is the mean of the losses of its parts, on however many machines those lie.
Absence is always a mask: what it hides may hold any finite number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from edgegsr.situation import OOV


def verb_cross_entropy(logits: Tensor, verbs: Tensor, prior: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy over the verbs that training may know of: logits (B, K), verbs (B,), prior (K,) of `log_prior`."""
    log_p, known = (logits + prior).log_softmax(-1), prior.isfinite()
    right = log_p.gather(-1, verbs[:, None])[:, 0]
    even = log_p.masked_fill(~known, 0).sum(-1) / known.sum()
    return -((1 - smoothing) * right + smoothing * even).mean()


def log_prior(counts: Tensor, balance: float) -> Tensor:
    """What is added to the logits of verbs with so many training images (K,): -inf where there are none.

    With balance 1 it is the log of how common a verb is. What the prior explains the student need not learn, and
    without it, on the device, a rare verb is as likely as a common one (logit adjustment, arXiv 2007.07314).
    """
    share = counts.float() / counts.max().clamp(min=1)
    return torch.where(counts > 0, balance * share.clamp(min=torch.finfo(share.dtype).tiny).log(), float("-inf"))


def noun_cross_entropy(logits: Tensor, nouns: Tensor, has_role: Tensor, smoothing: float) -> Tensor:
    """Summed over the annotators: logits (B, 6, J), nouns (B, 3, 6), has_role (B, 6). An answer OOV is left out."""
    log_p = logits.log_softmax(-1)
    right = log_p.gather(-1, nouns.clamp(min=0).transpose(1, 2)).transpose(1, 2)  # (B, 3, 6)
    gap = -((1 - smoothing) * right + smoothing * log_p.mean(-1)[:, None])
    told = (nouns != OOV) & has_role[:, None]
    return mean_where(gap.masked_fill(~told, 0).sum(1), has_role)


def box_l1(boxes_xyxy: Tensor, true_xyxy: Tensor, has_box: Tensor) -> Tensor:
    """Distance of the four edges, summed: boxes (B, 6, 4), has_box (B, 6)."""
    return mean_where((boxes_xyxy - true_xyxy).abs().sum(-1), has_box)


def box_giou(boxes_xyxy: Tensor, true_xyxy: Tensor, has_box: Tensor) -> Tensor:
    """1 - GIoU, between 0 for the same box and 2 for boxes far apart."""
    return mean_where(1 - giou(boxes_xyxy, true_xyxy), has_box)


def presence_cross_entropy(logits: Tensor, has_box: Tensor, has_role: Tensor) -> Tensor:
    """Whether a filler is visible: logits (B, 6), judged on the roles of the frame."""
    return mean_where(F.binary_cross_entropy_with_logits(logits, has_box.to(logits), reduction="none"), has_role)


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Kullback-Leibler divergence of what is said from what is wanted, both as logits (..., K), to (...)."""
    p, log_q = wanted.float().log_softmax(-1), logits.float().log_softmax(-1)
    return (p.exp() * (p - log_q)).sum(-1)


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the slots that `mask` (B, 6) marks, 0 for an image without any, then the mean over the batch."""
    return (values.masked_fill(~mask, 0).sum(-1) / mask.sum(-1).clamp(min=1)).mean()


def giou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Overlap minus the share of their common hull that neither covers: boxes (..., 4) to (...) in [-1, 1]."""
    overlap = _area(torch.maximum(a_xyxy[..., :2], b_xyxy[..., :2]), torch.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:]))
    hull = _area(torch.minimum(a_xyxy[..., :2], b_xyxy[..., :2]), torch.maximum(a_xyxy[..., 2:], b_xyxy[..., 2:]))
    union = _area(a_xyxy[..., :2], a_xyxy[..., 2:]) + _area(b_xyxy[..., :2], b_xyxy[..., 2:]) - overlap
    tiny = torch.finfo(union.dtype).eps  # two boxes without an area share nothing
    return overlap / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)


def _area(low: Tensor, high: Tensor) -> Tensor:
    size = (high - low).clamp(min=0)
    return size[..., 0] * size[..., 1]
