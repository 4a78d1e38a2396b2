"""Photos that a test encodes by itself."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgegsr.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}, "BMP": {}}


def scene(width: int = 48, height: int = 32, seed: int = 0) -> np.ndarray:
    """Smooth colours with a white block in the upper left: not symmetric in any way."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 200, (4, 5, 3), dtype=np.uint8))
    pixels = np.array(coarse.resize((width, height), Image.Resampling.BILINEAR))
    pixels[: height // 4, : width // 4] = 255
    return pixels


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, kind, **(LOSSLESS.get(kind, {}) | options))
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(before) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def saved(folder: Path, content: bytes, name: str = "photo.jpg") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def rgba(alpha: int) -> np.ndarray:
    return np.dstack([scene(), np.full((32, 48), alpha, np.uint8)])


ramp = np.linspace(0, 0xFFFF, 64, dtype=np.uint16).reshape(8, 8)
ramp_rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)


def cmyk_jpeg(c: int, m: int, y: int, k: int) -> bytes:
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16), (c, m, y, k)).save(stream, "JPEG", quality=100)
    return stream.getvalue()


def refusal(read: Callable[[Any], object], path: Path | bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message and "wanted" in message and "got" in message
    return message
