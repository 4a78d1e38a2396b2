from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from edgegsr.boxes import Letterbox
from edgegsr.errors import InputError
from edgegsr.images import PAD_GREY, letterbox, open_image, read_photo, read_size

PACKAGE = Path(__file__).resolve().parents[1]
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


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, kind: str) -> None:
    pixels = scene()
    got = open_image(saved(tmp_path, encoded(pixels, kind), "photo.txt"))
    assert got.shape == (32, 48, 3) and got.dtype == np.uint8 and got.flags.writeable and got.flags.c_contiguous
    assert np.abs(got.astype(int) - pixels).mean() < (3 if kind == "JPEG" else 0.001)


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera writes so that a viewer who follows the orientation sees `upright`."""
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright[:, ::-1].transpose(1, 0, 2),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright[::-1].transpose(1, 0, 2),
    }
    return np.ascontiguousarray(turned[orientation])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = scene(48, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, encoded(stored(upright, orientation), kind, exif=exif))
    assert np.abs(open_image(path).astype(int) - upright).mean() < (3 if kind == "JPEG" else 0.001)
    assert read_size(path) == (48, 32)


def test_the_orientation_of_a_png_may_stand_behind_its_pixels(tmp_path: Path) -> None:
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHH", 1, 0x0112, 3, 1, 6, 0) + bytes(4)
    content = encoded(stored(scene(48, 32), 6), "PNG")
    path = saved(tmp_path, content[:-12] + chunk(b"eXIf", exif) + content[-12:])
    assert np.array_equal(open_image(path), scene(48, 32)) and read_size(path) == (48, 32)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0" + b"\xff" * 200,
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 0xFFFF),
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x0112, 3, 1, 99) + bytes(4),
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x0112, 2, 0xFFFFFFF, 8) + bytes(4),
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x0112, 5, 1, 0) + bytes(8),
        b"Exif\0\0MM\0*\0\0\0\x08\0\0",
        b"Exif\0\0",
    ],
)
@pytest.mark.filterwarnings(
    "ignore:Corrupt EXIF", "ignore:Tag data larger"
)  # pytest sets the filters of images.py aside
def test_absurd_exif_leaves_the_photo_upright(tmp_path: Path, exif: bytes) -> None:
    path = saved(tmp_path, encoded(scene(), "JPEG", exif=exif))
    assert open_image(path).shape == (32, 48, 3) and read_size(path) == (48, 32)


def test_what_a_decoder_minds_is_not_printed(tmp_path: Path) -> None:
    content = encoded(scene(), "PNG")
    saved(tmp_path, content[:33] + chunk(b"acTL", bytes(8)) + content[33:], "no-pictures.png")
    saved(tmp_path, encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 0xFFFF)), "exif.jpg")
    code = "import sys; from edgegsr.images import open_image; print([open_image(name).shape for name in sys.argv[1:]])"
    names = [str(tmp_path / name) for name in ("no-pictures.png", "exif.jpg")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, cwd=PACKAGE)
    assert (done.stdout, done.stderr) == ("[(32, 48, 3), (32, 48, 3)]\n", "")


def rgba(alpha: int) -> np.ndarray:
    return np.dstack([scene(), np.full((32, 48), alpha, np.uint8)])


ramp = np.linspace(0, 0xFFFF, 64, dtype=np.uint16).reshape(8, 8)
ramp_rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in ramp)
PALETTE = chunk(b"PLTE", bytes([0, 0, 0, 200, 10, 20]))
ONE_SEEN_ONE_NOT = b"\0\x40" * 2  # two rows of two pixels, 1 bit each: colours 0 and 1


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (encoded(scene(), "PNG", "L"), np.array(Image.fromarray(scene()).convert("L").convert("RGB"))),
        (encoded(scene(), "PNG", "1"), np.array(Image.fromarray(scene()).convert("1").convert("RGB"))),
        (encoded(rgba(255), "PNG"), scene()),
        (encoded(rgba(0), "PNG"), np.full_like(scene(), 255)),
        (encoded(rgba(0), "WEBP"), np.full_like(scene(), 255)),
        (encoded(rgba(51), "PNG"), np.rint(scene() * 0.2 + 255 * 0.8)),
        (encoded(np.dstack([scene()[..., 0], scene()[..., 0] * 0]), "PNG"), np.full_like(scene(), 255)),
        (png(8, 8, 16, 0, ramp_rows), np.repeat((ramp >> 8)[..., None], 3, axis=2)),
        (png(2, 2, 1, 3, ONE_SEEN_ONE_NOT, PALETTE), np.array([[[0, 0, 0], [200, 10, 20]]] * 2)),
        (
            png(2, 2, 1, 3, ONE_SEEN_ONE_NOT, PALETTE, chunk(b"tRNS", b"\0")),
            np.array([[[255, 255, 255], [200, 10, 20]]] * 2),
        ),
        (
            png(2, 1, 8, 2, b"\0" + bytes([9, 8, 7, 1, 2, 3]), chunk(b"tRNS", bytes([0, 9, 0, 8, 0, 7]))),
            np.array([[[255, 255, 255], [1, 2, 3]]]),
        ),
        (
            png(2, 1, 16, 0, b"\0" + struct.pack(">HH", 500, 0xFFFF), chunk(b"tRNS", struct.pack(">H", 500))),
            np.array([[[255, 255, 255], [255, 255, 255]]]),
        ),
        (png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0, 0x80FF, 0xFFFF, 256, 512, 768)), [[[0, 128, 255], [1, 2, 3]]]),
    ],
)
def test_every_mode_becomes_rgb_on_white(tmp_path: Path, content: bytes, wanted: np.ndarray) -> None:
    got = open_image(saved(tmp_path, content)).astype(int)
    assert np.abs(got - np.asarray(wanted)).max() <= 1


def cmyk_jpeg(c: int, m: int, y: int, k: int) -> bytes:
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16), (c, m, y, k)).save(stream, "JPEG", quality=100)
    return stream.getvalue()


def ycck_jpeg(red: int, green: int, blue: int) -> bytes:
    """Adobe's YCCK: the colour as Y, Cb and Cr of its inverted CMY, and black; the marker says transform 2."""
    y, cb, cr = Image.new("RGB", (1, 1), (255 - red, 255 - green, 255 - blue)).convert("YCbCr").getpixel((0, 0))
    content = bytearray(cmyk_jpeg(255 - y, 255 - cb, 255 - cr, 0))
    content[content.index(b"Adobe") + 11] = 2
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (cmyk_jpeg(0, 0, 0, 0), (255, 255, 255)),
        (cmyk_jpeg(55, 205, 225, 0), (200, 50, 30)),
        (cmyk_jpeg(0, 0, 0, 255), (0, 0, 0)),
        (ycck_jpeg(200, 50, 30), (200, 50, 30)),
    ],
    ids=["white", "red", "black", "ycck-red"],
)
def test_print_colours_become_rgb(tmp_path: Path, content: bytes, wanted: tuple[int, ...]) -> None:
    assert np.abs(open_image(saved(tmp_path, content))[8, 8].astype(int) - wanted).max() <= 3


def test_of_an_animation_the_first_picture_is_read(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (20, 10), "blue")
    for kind in ("WEBP", "PNG"):
        first.save(tmp_path / "moving", kind, save_all=True, append_images=[second], **LOSSLESS[kind])
        assert open_image(tmp_path / "moving")[5, 5].tolist() == [255, 0, 0]


def test_what_cameras_append_after_the_picture_does_no_harm(tmp_path: Path) -> None:
    photo = encoded(scene(), "JPEG")
    alone = open_image(saved(tmp_path, photo))
    assert np.array_equal(open_image(saved(tmp_path, photo + encoded(scene(seed=1), "JPEG") + b"video")), alone)


def test_a_jpeg_has_the_pixels_that_pillow_gives_it(tmp_path: Path) -> None:
    options = ({}, {"progressive": True}, {"restart_marker_blocks": 2}, {"subsampling": 0}, {"quality": 5})
    for number, option in enumerate(options):
        content = encoded(scene(97, 61, number), "JPEG", **option)
        wanted = np.array(Image.open(io.BytesIO(content)))
        assert np.array_equal(open_image(saved(tmp_path, content)), wanted)


# --- reduced decoding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "reduced_wh"),
    [(None, (803, 601)), (803, (803, 601)), (402, (803, 601)), (401, (402, 301)), (200, (201, 151)), (1, (101, 76))],
)
def test_a_jpeg_is_decoded_reduced_but_never_below_the_side(
    tmp_path: Path, side: int | None, reduced_wh: tuple[int, int]
) -> None:
    path = saved(tmp_path, encoded(scene(803, 601), "JPEG"))
    height, width, _ = open_image(path, side).shape
    assert (width, height) == reduced_wh
    assert read_size(path) == (803, 601)


def test_reduced_decoding_keeps_the_picture_and_the_geometry(tmp_path: Path) -> None:
    pixels = scene(1203, 905)
    path = saved(tmp_path, encoded(pixels, "JPEG", quality=95))
    reduced, geometry = letterbox(open_image(path, 224), 224, read_size(path))
    whole, wanted = letterbox(open_image(path), 224)
    assert geometry == wanted == Letterbox((1203, 905), 224)
    assert np.abs(reduced.astype(int) - whole).mean() < 1


def test_an_extreme_shape_can_be_reduced(tmp_path: Path) -> None:
    assert open_image(saved(tmp_path, encoded(scene(4000, 8), "JPEG")), 100).shape == (1, 500, 3)


def test_reading_the_size_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    for kind in FORMATS:
        assert read_size(saved(tmp_path, encoded(scene(), kind))) == (48, 32)


def test_the_size_of_a_large_file_needs_only_its_head(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 900, 3), dtype=np.uint8)
    for kind in FORMATS:
        content = encoded(noise, kind)
        path = saved(tmp_path, content)
        assert len(content) > (1 << 20) or kind == "JPEG"
        assert read_size(path) == (900, 700)
    comment = b"\xff\xfe" + struct.pack(">H", 60_000) + bytes(59_998)
    photo = encoded(scene(), "JPEG")
    assert read_size(saved(tmp_path, photo[:2] + comment * 20 + photo[2:])) == (48, 32)


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_the_bytes_of_a_photo_are_seen_as_its_file_is(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(scene(480, 320), kind, **({} if kind == "BMP" else {"exif": exif}))
    path = saved(tmp_path, content)
    for side in (None, 100):
        assert np.array_equal(open_image(content, side), open_image(path, side))
        pixels, size_wh = read_photo(content, side)
        assert np.array_equal(pixels, open_image(path, side))
        assert size_wh == read_size(content) == read_size(path) == ((480, 320) if kind == "BMP" else (320, 480))


@pytest.mark.parametrize("read", [open_image, read_size])
@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "got an empty file"),
        (b"GIF89a" + bytes(50), "got a GIF file; convert it to PNG or JPEG"),
        (b"\xff\xd8\xff\xd9", "cut off"),
        (b"\xff\xd8" + b"\xff" * 3_000_000, "got one padded with"),
        (b"BM", "does not decode"),
    ],
    ids=["empty", "gif", "cut", "padded", "bmp"],
)
def test_bytes_are_refused_by_what_they_are(read: Callable[[bytes], object], content: bytes, got: str) -> None:
    message = refusal(read, content)
    assert message.startswith("the photo's bytes: wanted ") and got in message


def refusal(read: Callable[[Any], object], path: Path | bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message and "wanted" in message and "got" in message
    return message


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


# --- letterbox ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(640, 480), (333, 500), (7, 1000), (1000, 7), (64, 64), (20, 30)])
@pytest.mark.parametrize("side", [96, 128])
def test_the_letterbox_puts_pixels_where_its_geometry_says(width: int, height: int, side: int) -> None:
    square, geometry = letterbox(np.zeros((height, width, 3), np.uint8), side)
    assert square.shape == (side, side, 3) and square.dtype == np.uint8
    x1, y1, x2, y2 = np.rint(geometry.forward([0, 0, width, height])).astype(int)
    assert (square[y1:y2, x1:x2] == 0).all()
    square[y1:y2, x1:x2] = PAD_GREY
    assert (square == PAD_GREY).all()


@pytest.mark.parametrize(("width", "height"), [(641, 479), (333, 500), (1003, 301), (50, 37)])
def test_a_block_of_pixels_lands_in_its_letterboxed_box(width: int, height: int) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    box = np.array([width // 3, height // 4, 2 * width // 3, 3 * height // 4])
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    square, geometry = letterbox(pixels, 224)
    square[square == PAD_GREY] = 0
    light = square[..., 0].astype(float)
    x1, y1, x2, y2 = geometry.forward(box)
    columns, rows = light.max(axis=0) / 255, light.max(axis=1) / 255
    centre = (columns @ (np.arange(224) + 0.5) / columns.sum(), rows @ (np.arange(224) + 0.5) / rows.sum())
    assert centre == pytest.approx(((x1 + x2) / 2, (y1 + y2) / 2), abs=0.1)
    assert (columns.sum(), rows.sum()) == pytest.approx((x2 - x1, y2 - y1), abs=0.25)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 254
    square, _ = letterbox(stripes, 64)
    assert np.abs(square.astype(int) - 127).max() <= 1


def test_a_photo_of_the_right_size_is_not_touched() -> None:
    pixels = scene(64, 64)
    assert np.array_equal(letterbox(pixels, 64)[0], pixels)


def test_pixels_of_another_kind_are_refused_with_their_shape() -> None:
    with pytest.raises(InputError, match=r"photo: wanted RGB pixels \(H, W, 3\) of uint8, got float64 \(4, 4\)"):
        letterbox(np.zeros((4, 4)), 8)
