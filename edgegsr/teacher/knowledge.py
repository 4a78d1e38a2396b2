"""What a teacher has to tell about a batch of training images."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

GLIMPSE_POS, GLIMPSE_NEG, GAZE_POS, GAZE_NEG = range(4)  # the order of the texts


class Knowledge(NamedTuple):
    """About B images, each seen whole, and mirrored where the student sees it mirrored."""

    tokens: Tensor  # (B, 1 + G * G, d) float32: global token, then the grid over the letterboxed square
    shown: Tensor  # (B, G * G) bool
    boxes_xyxy: Tensor  # (B, 6, 4) in [0, 1] of that square, in the slots of the student's batch; zeros where none
    has_box: Tensor  # (B, 6) bool
    texts: Tensor  # (B, 4, L, t) float32: token vectors of glimpse +, glimpse -, gaze +, gaze -
    text_mask: Tensor  # (B, 4, L) bool: the real tokens


class Source(Protocol):
    """Where knowledge comes from: a cache, or the teacher itself."""

    width: int  # d
    grid: int  # G
    text_width: int  # t

    def about(self, rows: Tensor, flipped: Tensor) -> Knowledge:
        """rows (B,) of the training split, flipped (B,) bool; on the CPU."""
