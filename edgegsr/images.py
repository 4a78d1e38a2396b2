"""Photos as pixels: opened safely, upright, RGB, letterboxed. The one preprocessing for every stage. numpy, pillow."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from edgegsr.boxes import Letterbox
from edgegsr.errors import InputError, shown
from edgegsr.imagefile import Source, check_end, named, read_head, read_whole

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB

MAX_PIXELS = 50_000_000
PAD_GREY = 114
ORIENTATION = 0x0112  # the EXIF tag
SWAPPED = {5, 6, 7, 8}  # orientations that lie on their side

# The classes and not Image.open: the limit on pixels is ours, and no other plugin gets a look at the bytes.
DECODERS: dict[str, Callable[[BinaryIO], ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of broken EXIF, at every open, and the like


def open_image(photo: Source, side: int | None = None, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The upright photo, from a file or from what one holds, as uint8 (H, W, 3) RGB.

    What is transparent shows white; of an animation the first picture. With `side`, the longest side that will be
    looked at, a large JPEG is decoded at 1/2, 1/4 or 1/8, never below `side`: then H and W are those of what came out.
    """
    return read_photo(photo, side, max_pixels)[0]


def read_photo(photo: Source, side: int | None = None, max_pixels: int = MAX_PIXELS) -> tuple[Pixels, tuple[int, int]]:
    """The pixels as `open_image` gives them, and the width and height of the whole upright photo."""
    kind, content = read_whole(photo, _most_bytes(max_pixels))
    with _one_line(photo, kind):
        image = _undecoded(photo, kind, content, max_pixels)
        check_end(photo, kind, content)
        orientation = _orientation(image, content)
        size_wh, turn = _turned(image.size, orientation), UPRIGHT.get(orientation)
        if side is not None and kind == "JPEG":
            image.draft("RGB", _draft_wh(image.size, side))
        rgb = _as_rgb(image)
        return np.array(rgb if turn is None else rgb.transpose(turn)), size_wh


def read_size(photo: Source, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of the upright photo, from the header alone."""
    kind, head = read_head(photo, _most_bytes(max_pixels))
    with _one_line(photo, kind):
        image = _undecoded(photo, kind, head, max_pixels)
        return _turned(image.size, _orientation(image, head))


def letterbox(pixels: Pixels, side: int, size_wh: tuple[int, int] | None = None) -> tuple[Pixels, Letterbox]:
    """The photo centred in a grey square, (side, side, 3), and the geometry that carries boxes there and back.

    Boxes refer to `size_wh`, which is the size of `pixels` unless those were decoded at a reduced size.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise InputError(f"photo: wanted RGB pixels (H, W, 3) of uint8, got {pixels.dtype} {pixels.shape}")
    geometry = Letterbox(size_wh or (pixels.shape[1], pixels.shape[0]), side)
    (width, height), (left, top) = geometry.resized_wh, geometry.pad_xy
    square = np.full((side, side, 3), PAD_GREY, np.uint8)
    square[top : top + height, left : left + width] = _resized(pixels, (width, height))
    return square, geometry


def _resized(pixels: Pixels, size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Antialiased, in whole-number arithmetic: the same bytes on every platform."""
    return np.asarray(Image.fromarray(pixels).resize(size_wh, Image.Resampling.BILINEAR, reducing_gap=3.0))


def _most_bytes(max_pixels: int) -> int:
    return 8 * max_pixels + (1 << 24)  # 16-bit RGBA without compression, and room for what cameras attach


def _turned(size_wh: tuple[int, int], orientation: int) -> tuple[int, int]:
    return size_wh[::-1] if orientation in SWAPPED else size_wh


def _undecoded(photo: Source, kind: str, content: bytes, max_pixels: int) -> ImageFile:
    if kind == "WebP":  # its decoder makes room for the canvas before it can be asked for the size
        _check_size(photo, _webp_wh(content), max_pixels)
    image = DECODERS[kind](io.BytesIO(content))
    _check_size(photo, image.size, max_pixels)
    return image


def _check_size(photo: Source, size_wh: tuple[int, int], max_pixels: int) -> None:
    width, height = size_wh
    if width * height > max_pixels:
        raise InputError(
            f"{named(photo)}: wanted at most {max_pixels:,} pixels, got {width} x {height} = {width * height:,}; "
            "scale it down first"
        )
    if width < 1 or height < 1:
        raise InputError(f"{named(photo)}: wanted an image with pixels, got {width} x {height}; save it again")


def _webp_wh(content: bytes) -> tuple[int, int]:
    """Width and height from the first chunk of a WebP file."""
    fields = content[20:30].ljust(10, b"\0")
    if content[12:16] == b"VP8X":
        return 1 + int.from_bytes(fields[4:7], "little"), 1 + int.from_bytes(fields[7:10], "little")
    if content[12:16] == b"VP8L":
        bits = int.from_bytes(fields[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(fields[6:8], "little") & 0x3FFF, int.from_bytes(fields[8:10], "little") & 0x3FFF


def _orientation(image: ImageFile, content: bytes) -> int:
    """The EXIF orientation 1 to 8; upright where the EXIF makes no sense, as every viewer shows it."""
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
        image.info["exif"] = _late_exif(content)  # Pillow would decode the pixels to look behind them
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # whatever hostile EXIF makes of the parser, the pixels may still be good
        return 1
    return orientation if orientation in UPRIGHT else 1


def _late_exif(content: bytes) -> bytes:
    """The EXIF of a PNG that stands behind its pixels."""
    name = content.rfind(b"eXIf")
    size = int.from_bytes(content[name - 4 : name], "big") if name > 4 else 0
    return b"Exif\0\0" + content[name + 4 : name + 4 + size]


def reduction(size_wh: tuple[int, int], side: int | None) -> int:
    """By how much a JPEG of this size is decoded smaller for a `side`: 1, 2, 4 or 8."""
    if side is None:
        return 1
    times = min(length // wanted for length, wanted in zip(size_wh, _draft_wh(size_wh, side)))
    return next(step for step in (8, 4, 2, 1) if step <= max(times, 1))


def _draft_wh(size_wh: tuple[int, int], side: int) -> tuple[int, int]:
    width, height = (max(1, length * side // max(size_wh)) for length in size_wh)
    return width, height


def _as_rgb(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """16-bit grey by its high byte, as the decoder itself does with 16-bit colour."""
    levels = np.asarray(image).astype(np.int64)
    grey = (levels.clip(0, 0xFFFF) >> 8).astype(np.uint8)
    grey[levels == image.info.get("transparency", -1)] = 255
    return Image.fromarray(grey).convert("RGB")


@contextmanager
def _one_line(photo: Source, kind: str) -> Iterator[None]:
    """Whatever the decoder raises on hostile bytes (there is no list of it) leaves as one line about the file."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{named(photo)}: wanted an image that fits into memory, got none; scale it down") from error
    except Exception as error:
        why = f" ({shown(error)})" if isinstance(error, OSError) else ""  # the others speak of buffers and indices
        raise InputError(
            f"{named(photo)}: wanted an undamaged {kind} image, got one that does not decode{why}; save it again"
        ) from error
