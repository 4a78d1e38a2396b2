"""Training views of an image: cropped, zoomed out, mirrored, recoloured. One resampling, boxes carried along exactly.

A view is drawn first, from sizes and boxes alone, then rendered: the file can be decoded at the size the view needs.
The resampling is that of `images.letterbox`; the view that changes nothing gives the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgegsr.boxes import Letterbox
from edgegsr.errors import InputError
from edgegsr.images import PAD_GREY

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Augmentation:
    """How often and how far training views differ from the image; every number is in [0, 1]."""

    flip: float = 0.5  # how often
    crop: float = 0.5  # how often
    crop_least: float = 0.6  # the share of width and height that always stays
    zoom: float = 0.3  # how often the image is shown smaller than the square allows, anywhere in it
    zoom_least: float = 0.5
    brightness: float = 0.3  # factors are drawn from 1 - x to 1 + x
    contrast: float = 0.3
    saturation: float = 0.3
    grey: float = 0.1  # how often without any colour

    def __post_init__(self) -> None:
        for name, value in ((field.name, getattr(self, field.name)) for field in fields(self)):
            low = 0.05 if name.endswith("_least") else 0.0
            if not isinstance(value, int | float) or not low <= value <= 1:
                raise InputError(f"augmentation: {name} must be between {low:g} and 1, got {value!r}")


NONE = Augmentation(flip=0, crop=0, zoom=0, brightness=0, contrast=0, saturation=0, grey=0)


@dataclass(frozen=True)
class View:
    """Which part of an image stands where in a square of `side`, and whether the square is then mirrored."""

    side: int
    crop_xyxy: tuple[int, int, int, int]  # in pixels of the size that the boxes refer to
    inner_side: int  # of the square that the crop is fitted into
    offset_xy: tuple[int, int]  # where its content starts
    flipped: bool = False

    @cached_property
    def inner(self) -> Letterbox:
        x1, y1, x2, y2 = self.crop_xyxy
        return Letterbox((x2 - x1, y2 - y1), self.inner_side)

    def wanted_side(self, size_wh: tuple[int, int]) -> int:
        """The longest side that the whole image must have for this view to stay sharp."""
        return math.ceil(max(size_wh) * max(self.inner.scale_xy))

    def forward(self, boxes_xyxy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Boxes in pixels of the square, from boxes in pixels of the image."""
        origin, scale, offset = (
            np.array(pair * 2) for pair in (self.crop_xyxy[:2], self.inner.scale_xy, self.offset_xy)
        )
        boxes: npt.NDArray[np.float64] = (np.asarray(boxes_xyxy, np.float64) - origin) * scale + offset
        if self.flipped:
            boxes[..., [0, 2]] = self.side - boxes[..., [2, 0]]
        return boxes

    def whole(self, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Where the letterboxed square of the whole image lies, in units of the square; it may stick out."""
        width, height = size_wh
        side = max(size_wh)
        left, top = (width - side) / 2, (height - side) / 2
        return self.forward([left, top, left + side, top + side]) / self.side


def plain_view(size_wh: tuple[int, int], side: int) -> View:
    """The view of `images.letterbox`: the whole image, centred."""
    return View(side, (0, 0, *size_wh), side, Letterbox(size_wh, side).pad_xy)


def draw_view(
    dice: np.random.Generator,
    how: Augmentation,
    size_wh: tuple[int, int],
    side: int,
    boxes_xyxy: npt.ArrayLike,
    may_flip: bool = True,
) -> View:
    """A random view that keeps every box whole. `boxes_xyxy`: the boxes that are there, (B, 4), inside the image."""
    crop = (0, 0, *size_wh)
    if dice.random() < how.crop:
        crop = _draw_crop(dice, how.crop_least, size_wh, np.reshape(boxes_xyxy, (-1, 4)))
    crop_wh, flipped = (crop[2] - crop[0], crop[3] - crop[1]), bool(dice.random() < how.flip) and may_flip
    if dice.random() >= how.zoom:
        return View(side, crop, side, Letterbox(crop_wh, side).pad_xy, flipped)
    inner_side = max(1, round(side * dice.uniform(how.zoom_least, 1)))
    width, height = Letterbox(crop_wh, inner_side).resized_wh
    offset_xy = int(dice.integers(side - width + 1)), int(dice.integers(side - height + 1))
    return View(side, crop, inner_side, offset_xy, flipped)


def _draw_crop(
    dice: np.random.Generator, least: float, size_wh: tuple[int, int], boxes: npt.NDArray[np.float64]
) -> tuple[int, int, int, int]:
    low, high = [0, 0], list(size_wh)
    for axis, length in enumerate(size_wh):
        cut, share = dice.uniform(0, (1 - least) * length), dice.random()
        low[axis], high[axis] = math.floor(cut * share), math.ceil(length - cut * (1 - share))
        if len(boxes):
            low[axis] = min(low[axis], math.floor(boxes[:, axis].min()))
            high[axis] = max(high[axis], math.ceil(boxes[:, axis + 2].max()))
    return low[0], low[1], high[0], high[1]


@dataclass(frozen=True)
class Colours:
    """Factors of light and colour; 1, 1, 1 changes nothing, saturation 0 is grey."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


def draw_colours(dice: np.random.Generator, how: Augmentation) -> Colours:
    """Random factors; every draw is made whatever the settings are, so that one setting never moves another."""
    strengths = (how.brightness, how.contrast, how.saturation)
    brightness, contrast, saturation = (1 + strength * dice.uniform(-1, 1) for strength in strengths)
    return Colours(brightness, contrast, 0.0 if dice.random() < how.grey else saturation)


def render(pixels: Pixels, size_wh: tuple[int, int], view: View, colours: Colours = Colours()) -> Pixels:
    """The view as (side, side, 3). `pixels` may be the image at any scale; `size_wh` is what boxes refer to."""
    scale = pixels.shape[1] / size_wh[0], pixels.shape[0] / size_wh[1]
    part = tuple(edge * scale[i % 2] for i, edge in enumerate(view.crop_xyxy))
    size = view.inner.resized_wh
    content = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box=part, reducing_gap=3.0)
    content, (left, top) = _recolour(content, colours), view.offset_xy
    if view.flipped:
        content, left = content.transpose(Image.Transpose.FLIP_LEFT_RIGHT), view.side - left - size[0]
    square = np.full((view.side, view.side, 3), PAD_GREY, np.uint8)
    square[top : top + size[1], left : left + size[0]] = np.asarray(content)
    return square


def _recolour(content: Image.Image, colours: Colours) -> Image.Image:
    """Saturation, then contrast about the mean light, then brightness: one matrix, applied once."""
    if colours == Colours():
        return content
    mean = float(np.asarray(content.reduce(8)).mean(axis=(0, 1)) @ LUMA)
    hue = colours.saturation * np.eye(3) + (1 - colours.saturation) * LUMA
    matrix = np.empty((3, 4))
    matrix[:, :3] = colours.brightness * colours.contrast * hue
    matrix[:, 3] = colours.brightness * (1 - colours.contrast) * mean
    return content.convert("RGB", tuple(matrix.ravel().tolist()))
