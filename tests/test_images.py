from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from photomade import FORMATS, LOSSLESS, chunk, cmyk_jpeg, encoded, png, ramp, ramp_rows, refusal, rgba, saved, scene
from PIL import Image, ImageFile

from edgegsr.boxes import Letterbox
from edgegsr.errors import InputError
from edgegsr.images import PAD_GREY, letterbox, open_image, read_photo, read_size

PACKAGE = Path(__file__).resolve().parents[1]


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


# --- bytes in place of a file ---------------------------------------------------------------------------------------


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
