"""Photos of which something is wrong; a seed and a number always give the same one."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from harm_bytes import BYTES, EXTREMES, Dice, dice_of, one_of
from PIL import Image


def photos() -> dict[str, bytes]:
    """Whole photos of every kind and mode that is read."""
    dice = np.random.default_rng(0)
    coarse = Image.fromarray(dice.integers(0, 255, (5, 6, 3), np.uint8)).resize((61, 47), Image.Resampling.BILINEAR)
    alpha, turned = coarse.convert("RGBA"), Image.Exif()
    alpha.putalpha(coarse.convert("L"))
    turned[0x0112] = 6
    deep = Image.fromarray(np.linspace(0, 0xFFFF, 47 * 61, dtype=np.uint16).reshape(47, 61))
    moving: dict[str, Any] = {"save_all": True, "append_images": [coarse.transpose(Image.Transpose.ROTATE_180)]}
    return {
        "jpeg": saved(coarse, "JPEG", exif=turned),
        "jpeg-large": saved(coarse.resize((610, 470)), "JPEG", quality=40),
        "jpeg-progressive": saved(coarse, "JPEG", progressive=True),
        "jpeg-cmyk": saved(coarse.convert("CMYK"), "JPEG"),
        "jpeg-grey": saved(coarse.convert("L"), "JPEG", restart_marker_blocks=3),
        "png": saved(coarse, "PNG", exif=turned),
        "png-alpha": saved(alpha, "PNG"),
        "png-palette": saved(coarse.quantize(16), "PNG", transparency=3),
        "png-16": saved(deep, "PNG"),
        "png-1": saved(coarse.convert("1"), "PNG"),
        "png-moving": saved(coarse, "PNG", **moving),
        "webp": saved(coarse, "WEBP", exif=turned),
        "webp-lossless": saved(alpha, "WEBP", lossless=True),
        "webp-moving": saved(alpha, "WEBP", **moving),
        "bmp": saved(coarse, "BMP"),
        "bmp-palette": saved(coarse.quantize(16), "BMP"),
        "bmp-1": saved(coarse.convert("1"), "BMP"),
    }


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


PHOTOS = photos()


def harmed_photo(seed: int, number: int) -> tuple[str, bytes]:
    """What was done, and the photo that came of it."""
    dice = dice_of(seed, number)
    name = one_of(dice, list(PHOTOS))
    content, done = PHOTOS[name], [name]
    for _ in range(int(one_of(dice, (1, 1, 1, 2, 3)))):
        how = one_of(dice, [*BYTES, "claimed", "spliced"])
        if how == "claimed":
            content = claimed(content, dice)
        elif how == "spliced":
            other = PHOTOS[one_of(dice, list(PHOTOS))]
            content = content[: int(dice.integers(len(content)))] + other[int(dice.integers(len(other))) :]
        else:
            content = BYTES[how](content, dice)
        done.append(how)
        if not content:
            break
    if content.startswith(b"\x89PNG") and dice.random() < 0.7:
        content = checksummed(content)
    return " ".join(done), content


def claimed(content: bytes, dice: Dice) -> bytes:
    """The same photo that says of itself that it has another size."""
    width, height = (int(one_of(dice, EXTREMES)) for _ in range(2))
    if content.startswith(b"\x89PNG"):
        return checksummed(content[:16] + struct.pack(">II", width, height) + content[24:])
    if content.startswith(b"BM"):
        return content[:18] + struct.pack("<II", width, height) + content[26:]
    if content.startswith(b"RIFF"):
        return content[:24] + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3] + content[30:]
    frame = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    size = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return content[: frame + 5] + size + content[frame + 9 :] if frame > 0 else content


def checksummed(content: bytes) -> bytes:
    """A PNG whose chunks have the checksums that its decoder asks for."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + size]
        out += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return bytes(out + content[at:])
