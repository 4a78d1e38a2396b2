"""The light and the camera's sensor: what makes two pictures of one scene differ without changing what it shows.

Everything is integer arithmetic, so the same scene has the same bytes on every platform.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from edgegsr.data.diorama.dice import Dice

Pixels = npt.NDArray[np.uint8]

NEUTRAL = 128  # a gain of 1 in shadow maps and in the mix of a tone curve
BLUR_SHARE = 0.2
SHIFT = 64  # noise tiles are this much larger than the picture, so that each scene sees another part
NOISE_BYTES = 4  # this many uniform bytes are summed into one nearly normal grain
GRAINS = (0, 1, 2, 3, 4)  # typical noise in grey levels

# Gain and contrast in 1/128, warmth in grey levels: (gain low, gain high, warmth low, warmth high)
MOODS = {
    (120, 136, -6, 6): 6.0,  # day
    (132, 144, -2, 10): 2.0,  # sun
    (92, 114, -4, 4): 1.5,  # overcast or a dim room
    (78, 98, 6, 20): 1.0,  # lamp light
    (74, 94, -18, -6): 1.0,  # dusk
}


def light(pixels: Pixels, dice: Dice) -> Pixels:
    """The picture (H, W, 3) as one camera saw it: tone, fall-off of light, a little blur sometimes, grain."""
    low, high, cool, warm = dice.weigh(MOODS)
    gain, warmth, contrast = dice.uniform(low, high), dice.uniform(cool, warm), dice.uniform(112, 140)
    lit = cv2.LUT(pixels, tone(int(gain), int(contrast), int(warmth)))
    lit = fall_off(lit, shadow(pixels.shape[:2], dice.integer(SHADOWS)))
    if dice.chance(BLUR_SHARE):
        lit = soften(lit)
    return grain(lit, dice.pick(GRAINS), dice.integer(SHIFT), dice.integer(SHIFT))


def tone(gain: int, contrast: int, warmth: int) -> Pixels:
    """The tone curve of each channel as a table (1, 256, 3)."""
    levels = ((np.arange(256)[:, None] - 128) * contrast // NEUTRAL + 128) * gain // NEUTRAL
    table: Pixels = np.clip(levels + np.array([warmth, 0, -warmth]), 0, 255).astype(np.uint8)[None]
    return table


# Where light falls off: (dx, dy) in 1/128 of gain per half picture, and how much darker the corners are.
FALLS = [(0, 0, 0), (26, 0, 0), (-26, 0, 0), (0, 22, 0), (0, -18, 0), (0, 0, 30)]
FALLS += [(x, y, corner) for x in (-14, 14) for y, corner in ((10, 8), (-8, 16))]
SHADOWS = len(FALLS)


@lru_cache(maxsize=64)
def shadow(shape: tuple[int, int], kind: int) -> npt.NDArray[np.uint16]:
    """Gain of each pixel in 1/128, as (H, W, 3) so that it multiplies without broadcasting."""
    h, w = shape
    dx, dy, corner = FALLS[kind]
    x = (2 * np.arange(w) + 1 - w) * 128 // w  # -128 .. 128 across the picture
    y = ((2 * np.arange(h) + 1 - h) * 128 // h)[:, None]
    gain = NEUTRAL - (abs(dx) + abs(dy)) // 2 + (dx * x + dy * y) // 128 - corner * (x * x + y * y) // (2 * 128 * 128)
    return np.repeat(gain.astype(np.uint16)[..., None], 3, axis=2)


def fall_off(pixels: Pixels, gain: npt.NDArray[np.uint16]) -> Pixels:
    product = np.multiply(pixels, gain, dtype=np.uint16)
    product >>= 7
    np.minimum(product, 255, out=product)
    return product.astype(np.uint8)


def soften(pixels: Pixels) -> Pixels:
    """The mean of each pixel and its three neighbours to the right and below."""
    out = pixels.astype(np.uint16)
    out[:, :-1] += out[:, 1:]
    out[:, -1] *= 2
    out[:-1] += out[1:]
    out[-1] *= 2
    out >>= 2
    return out.astype(np.uint8)


@lru_cache(maxsize=16)
def grain_tiles(shape: tuple[int, int], level: int) -> tuple[Pixels, Pixels]:
    """What grain adds and what it takes away, as (H + SHIFT, W + SHIFT, 3): bytes saturate, so signs are apart."""
    h, w = shape[0] + SHIFT, shape[1] + SHIFT
    stream = hashlib.shake_256(b"grain").digest(h * w * 3 * NOISE_BYTES)
    total = np.frombuffer(stream, np.uint8).reshape(h, w, 3, NOISE_BYTES).sum(-1, dtype=np.int32)
    deviation = 148  # of four uniform bytes
    grey = ((total - 510) * level + deviation // 2) // deviation
    return np.maximum(grey, 0).astype(np.uint8), np.maximum(-grey, 0).astype(np.uint8)


def grain(pixels: Pixels, level: int, x: int, y: int) -> Pixels:
    """The picture with sensor noise of `level` grey levels, seen at offset (x, y) of the tile."""
    if level == 0:
        return pixels
    h, w = pixels.shape[:2]
    more, less = (tile[y : y + h, x : x + w] for tile in grain_tiles((h, w), level))
    out: Pixels = cv2.subtract(cv2.add(pixels, more), less)
    return out
