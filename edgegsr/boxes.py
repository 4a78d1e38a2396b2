"""Boxes: formats, overlap, and the letterbox that carries them into the network's square and back. numpy only.

Edges are continuous: a box [x1, y1, x2, y2] covers (x2 - x1) * (y2 - y1) pixels. Arithmetic is float64 inside; boxes
come back as float32 where float32 came in, as float64 otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.errors import InputError

Boxes = npt.NDArray[np.floating[Any]]  # (..., 4)


def iou(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The overlap of each pair in [0, 1], broadcast over the leading axes; 0 where neither box has an area."""
    a, b = _float64(a_xyxy), _float64(b_xyxy)
    overlap = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def iou_matrix(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The overlap of every box of `a` (..., N, 4) with every box of `b` (..., M, 4): (..., N, M)."""
    return iou(_float64(a_xyxy)[..., :, None, :], _float64(b_xyxy)[..., None, :, :])


def clip(boxes_xyxy: npt.ArrayLike, size_wh: npt.ArrayLike) -> Boxes:
    """The part of each box inside an image of `size_wh`: one size, or one for each box (..., 2)."""
    size = np.asarray(size_wh, np.float64)
    return _as_given(np.clip(_float64(boxes_xyxy), 0, np.concatenate([size, size], axis=-1)), boxes_xyxy)


@dataclass(frozen=True)
class Letterbox:
    """How an image of `size_wh` stands in a square of `side`: whole pixels, longest side filled, content centred."""

    size_wh: tuple[int, int]
    side: int

    def __post_init__(self) -> None:
        if len(self.size_wh) != 2 or min(self.size_wh) < 1 or self.side < 1:
            raise InputError(
                f"letterbox: wanted a size and a side of at least 1 pixel, got size_wh={self.size_wh}, side={self.side}"
            )

    @property
    def scale(self) -> float:
        """The wanted scale, before the resized size is rounded to whole pixels."""
        return self.side / max(self.size_wh)

    @property
    def resized_wh(self) -> tuple[int, int]:
        width, height = (max(1, round(length * self.side / max(self.size_wh))) for length in self.size_wh)
        return width, height

    @property
    def scale_xy(self) -> tuple[float, float]:
        """The scale of each axis after rounding: what really happens to the pixels."""
        return self.resized_wh[0] / self.size_wh[0], self.resized_wh[1] / self.size_wh[1]

    @property
    def pad_xy(self) -> tuple[int, int]:
        """Where the content starts in the square."""
        return (self.side - self.resized_wh[0]) // 2, (self.side - self.resized_wh[1]) // 2

    def forward(self, boxes_xyxy: npt.ArrayLike) -> Boxes:
        """Boxes in pixels of the square, from boxes in pixels of the image."""
        return _as_given(_float64(boxes_xyxy) * (self.scale_xy * 2) + self.pad_xy * 2, boxes_xyxy)

    def inverse(self, boxes_xyxy: npt.ArrayLike) -> Boxes:
        """Boxes in pixels of the image, from boxes in pixels of the square. Not clipped."""
        return _as_given((_float64(boxes_xyxy) - self.pad_xy * 2) / (self.scale_xy * 2), boxes_xyxy)


def _area(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = np.maximum(high - low, 0)
    area: npt.NDArray[np.float64] = size[..., 0] * size[..., 1]
    return area


def _float64(boxes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(boxes, np.float64)
    if array.ndim == 0 or array.shape[-1] != 4:
        raise ValueError(f"boxes: wanted the shape (..., 4), got {array.shape}")
    return array


def _as_given(boxes: npt.NDArray[np.float64], given: npt.ArrayLike) -> Boxes:
    return boxes.astype(np.result_type(np.asarray(given).dtype, np.float32), copy=False)
