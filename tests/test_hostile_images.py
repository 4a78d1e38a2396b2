"""What is no photo, or is made to harm who reads it, is refused in words."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from photomade import FORMATS, chunk, cmyk_jpeg, encoded, png, ramp_rows, refusal, rgba, saved, scene
from PIL import Image, ImageFile

from edgegsr.errors import InputError
from edgegsr.images import open_image, read_size


@pytest.mark.parametrize("read", [open_image, read_size])
@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "got an empty file"),
        (b"hello, I am a text", "got a file that starts with b'hello, I'"),
        (b"GIF89a" + bytes(50), "got a GIF file; convert it to PNG or JPEG"),
        (b"II*\0" + bytes(50), "got a TIFF file"),
        (b"MM\0*" + bytes(50), "got a TIFF file"),
        (b'<?xml version="1.0"?>\n<!-- drawn --><svg width="1">', "got an SVG file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "got an EPS file"),
        (b"%PDF-1.7", "got a PDF file"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "got a HEIC or AVIF file"),
        (b"<!DOCTYPE html><title>404</title>", "got a web page file"),
        (b"\x89PNG\r\n\x1a\n", "got one that does not decode; save it again"),
        (b"\xff\xd8\xff", "cut off"),
        (b"\xff\xd8\xff\xd9", "cut off"),
        (b"RIFF\x04\0\0\0WEBP", "got 0 x 0"),
        (b"BM", "does not decode"),
        (b"\xff\xd8" + b"\xff" * 3_000_000, "got one padded with"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 9_000, "at most 4000 segments"),
    ],
    ids=lambda value: value[4:24] if isinstance(value, str) else "",
)
def test_other_content_is_refused(tmp_path: Path, read: Callable[[Path], object], content: bytes, got: str) -> None:
    path = saved(tmp_path, content, "holiday.jpg")
    message = refusal(read, path)
    assert message.startswith(f"{path}: wanted ") and got in message


@pytest.mark.parametrize("read", [open_image, read_size])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "got no such file; check the path" in refusal(read, tmp_path / "missing.jpg")
    assert "got a folder; name the files in it" in refusal(read, tmp_path)
    assert "got a pipe, device or socket" in refusal(read, tmp_path / "pipe")
    assert "got a pipe, device or socket" in refusal(read, Path("/dev/zero"))
    assert "symbolic links" in refusal(read, tmp_path / "a")
    assert "null byte" in refusal(read, Path("nul\0.jpg")) or "null character" in refusal(read, Path("nul\0.jpg"))
    assert "too long" in refusal(read, tmp_path / ("n" * 300))
    assert "line\\nbreak" in refusal(read, tmp_path / "line\nbreak.jpg")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, encoded(scene(), "PNG"))
    path.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        message = refusal(open_image, path)
    finally:
        if was_root:
            os.seteuid(0)
    assert "got a file that may not be read; change its permissions" in message


def resized_header(kind: str, width: int, height: int) -> bytes:
    """A small image whose header claims another size."""
    content = bytearray(encoded(scene(), kind))
    if kind == "PNG":
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", width, height)
    elif kind == "WEBP":
        canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
        content[12:12] = extended
        content[4:8] = struct.pack("<I", len(content) - 8)
    else:
        frame = content.index(b"\xff\xc0")
        content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize("read", [open_image, read_size])
@pytest.mark.parametrize("kind", FORMATS)
def test_sixty_thousand_squared_is_refused_from_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object], kind: str
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("pixels were decoded"))
    message = refusal(read, saved(tmp_path, resized_header(kind, 60_000, 60_000)))
    assert "wanted at most 50,000,000 pixels, got 60000 x 60000 = 3,600,000,000; scale it down first" in message


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_an_image_without_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, resized_header(kind, 0, 32))
    assert "got 0 x 32" in (message := refusal(read_size, path)) or "does not decode" in message
    refusal(open_image, path)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_limit_on_pixels_is_an_argument(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, encoded(scene(), kind))
    assert open_image(path, max_pixels=48 * 32).shape == (32, 48, 3)
    assert "wanted at most 1,535 pixels" in refusal(lambda p: open_image(p, max_pixels=48 * 32 - 1), path)
    assert "wanted at most 1,535 pixels" in refusal(lambda p: read_size(p, max_pixels=48 * 32 - 1), path)


def test_more_pixels_than_pillow_likes_are_fine_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for kind in ("JPEG", "PNG", "BMP"):
        assert open_image(saved(tmp_path, encoded(scene(), kind))).shape == (32, 48, 3)


def test_a_file_far_larger_than_its_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.write(encoded(scene(), "PNG"))
        file.truncate(40_000_000)  # takes no room on the disk
    assert "wanted at most 16,793,216 bytes, got more" in refusal(lambda p: open_image(p, max_pixels=2000), path)


@pytest.mark.parametrize("lenient", [False, True], ids=["", "pillow-told-to-pad"])
@pytest.mark.parametrize("kind", [*FORMATS, "progressive", "restarts", "grey", "noise"])
def test_a_file_cut_off_anywhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lenient: bool
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    options = {"progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 3}}.get(kind, {})
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    pixels = pixels if kind == "noise" else scene(96, 64)
    content = encoded(pixels, kind if kind in FORMATS else "JPEG", "L" if kind == "grey" else None, **options)
    for keep in {*range(1, 60, 7), *range(60, len(content) - 12, 1 + len(content) // 40), len(content) - 13}:
        assert refusal(open_image, saved(tmp_path, content[:keep]))


@pytest.mark.parametrize("tail", [b"\xff\xd9", bytes(3000), bytes(3000) + b"\xff\xd9"])
def test_a_jpeg_whose_missing_end_a_decoder_would_paint_grey_is_refused(tmp_path: Path, tail: bytes) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    content = encoded(noise, "JPEG")
    start = content.index(b"\xff\xda")
    patched = saved(tmp_path, content[: (start + len(content)) // 2] + tail)
    if tail.startswith(b"\xff"):  # Pillow alone is content with it
        assert np.array(Image.open(patched)).shape == (96, 96, 3)
        refusal(open_image, patched)
    elif not tail.endswith(b"\xff\xd9"):
        assert "cut off" in refusal(open_image, patched)


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
def test_a_png_with_a_huge_note_costs_little(tmp_path: Path, name: bytes) -> None:
    bomb = zlib.compress(bytes(100_000_000), 9)
    note = {
        b"zTXt": b"k\0\0" + bomb,
        b"iTXt": b"k\0\1\0\0\0" + bomb,
        b"iCCP": b"k\0\0" + bomb,
        b"tEXt": b"k\0" + bytes(9_000_000),
    }
    content = encoded(scene(), "PNG")
    path = saved(tmp_path, content[:33] + chunk(name, note[name]) + content[33:])
    started = time.process_time()
    try:
        assert np.array_equal(open_image(path), scene())
    except InputError as error:
        assert str(error).startswith(f"{path}: wanted an undamaged PNG image, got one that does not decode")
    assert time.process_time() - started < 1


def test_a_png_that_unpacks_to_more_than_its_size_costs_little(tmp_path: Path) -> None:
    path = saved(tmp_path, png(8, 8, 8, 2, bytes(50_000_000)))
    started = time.process_time()
    assert open_image(path).shape == (8, 8, 3)
    assert time.process_time() - started < 1


def outcome(read: Callable[..., object], path: Path) -> str:
    try:
        got = read(path, max_pixels=1_000_000)
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
        return "refused"
    assert got.dtype == np.uint8 and got.shape[2] == 3 if isinstance(got, np.ndarray) else min(got) > 0
    return "read"


def test_mutated_files_are_read_or_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    corpus = [encoded(scene(40, 30), kind) for kind in FORMATS]
    corpus += [encoded(rgba(90), "PNG"), encoded(rgba(90), "WEBP"), encoded(scene(), "PNG", "P"), cmyk_jpeg(1, 2, 3, 4)]
    corpus += [encoded(scene(40, 30), "JPEG", progressive=True), png(8, 8, 16, 0, ramp_rows)]
    refused = 0
    for number in range(1000):
        content = bytearray(corpus[number % len(corpus)])
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(0, len(content) if rng.random() < 0.5 else 64))
            content[at : at + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        path = saved(tmp_path, bytes(content))
        for read in (open_image, read_size):
            refused += outcome(read, path) == "refused"
    assert 300 < refused < 1700  # the corpus takes both ways out
