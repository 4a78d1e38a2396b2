"""The bytes of an image file: a regular file, of a kind that is read here, all of it there. Nothing is decoded. stdlib.

Files come from strangers. What a decoder would wait for, pad, or spin on is found out here, from the bytes.
"""

from __future__ import annotations

import os
import re
import struct
from os import PathLike
from pathlib import Path

from edgegsr.errors import InputError, shown
from edgegsr.files import NotAFile, read_file

Source = str | PathLike[str] | bytes  # a file, or what one holds

WANTED = "a JPEG, PNG, WebP or BMP image"
HEAD_BYTES = 1 << 20  # holds the header of nearly every file, and most files whole
MAX_SEGMENTS = 4_000  # before the pixels of a JPEG; decoders walk them one by one
MAX_FILL_BYTES = 1 << 16  # between those segments
SPARE_BYTES = 16  # as many as a JPEG decoder looks ahead, twice

KINDS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WebP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
}
OTHERS = {
    "a GIF": re.compile(rb"GIF8"),
    "a TIFF": re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    "an SVG": re.compile(rb"(?s)(\xef\xbb\xbf)?\s*<(.{0,900}<)?svg"),
    "an EPS": re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"),
    "a PDF": re.compile(rb"%PDF"),
    "a HEIC or AVIF": re.compile(rb"(?s)....ftyp(heic|heix|mif1|msf1|avif|avis)"),
    "a JPEG 2000": re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "a JPEG XL": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "a web page": re.compile(rb"(?is)\s*<(!doctype )?html"),
}
MARKER = re.compile(rb"\xff[\x01-\xfe]")
SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # a marker that is neither a stuffed 0xff nor a restart
START_OF_SCAN, END_OF_IMAGE, SEGMENTLESS = 0xDA, 0xD9, {0x01, *range(0xD0, 0xD9)}


def named(photo: Source) -> str:
    """What an error calls a photo."""
    return "the photo's bytes" if isinstance(photo, bytes) else shown(photo)


def read_whole(photo: Source, most_bytes: int) -> tuple[str, bytes]:
    """The kind and the bytes of an image file of at most `most_bytes`; a JPEG is known to be whole then."""
    content = _read(photo, most_bytes + 1)
    kind = _kind(photo, content)
    if len(content) > most_bytes:
        raise InputError(f"{named(photo)}: wanted at most {most_bytes:,} bytes, got more; save the image smaller")
    return kind, _whole_jpeg(photo, content) if kind == "JPEG" else content


def read_head(photo: Source, most_bytes: int) -> tuple[str, bytes]:
    """The kind and enough bytes to know the size and the orientation, often far fewer than the file has."""
    content = _read(photo, HEAD_BYTES)
    kind = _kind(photo, content)
    if len(content) == HEAD_BYTES and not _has_header(photo, kind, content):
        content = _read(photo, most_bytes)
    if kind == "JPEG" and _first_scan(photo, content) is None:
        raise _cut_off(photo, kind)
    return kind, content


def check_end(photo: Source, kind: str, content: bytes) -> None:
    """Refuses a PNG, WebP or BMP that ends before it should by its own account."""
    wanted = {"BMP": _bmp_bytes, "WebP": _webp_bytes}.get(kind, len)(content)
    if len(content) < wanted or (kind == "PNG" and b"IEND" not in content):
        raise _cut_off(photo, kind)


def _read(photo: Source, most_bytes: int) -> bytes:
    if isinstance(photo, bytes):
        content = photo[:most_bytes]
    else:
        try:
            content = read_file(Path(photo), most_bytes)
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
            raise _refused(photo, _trouble(error)) from error
    if not content:
        raise _refused(photo, "an empty file; copy or download it again")
    return content


def _refused(photo: Source, got: str) -> InputError:
    return InputError(f"{named(photo)}: wanted {WANTED}, got {got}")


def _trouble(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "a folder; name the files in it"
    if isinstance(error, NotAFile):
        return "a pipe, device or socket; save its content to a file first"
    if isinstance(error, PermissionError):
        return "a file that may not be read; change its permissions"
    return f"{os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error}; check the path"


def _kind(photo: Source, content: bytes) -> str:
    if kind := next((kind for kind, start in KINDS.items() if start.match(content)), None):
        return kind
    other = next((other for other, start in OTHERS.items() if start.match(content[:1024])), None)
    got = f"{other} file" if other else f"a file that starts with {content[:8]!r}"
    raise _refused(photo, f"{got}; convert it to PNG or JPEG")


def _has_header(photo: Source, kind: str, content: bytes) -> bool:
    """Whether these first bytes say it all; a PNG or a WebP may keep its orientation at the end."""
    return kind == "BMP" or (kind == "JPEG" and _first_scan(photo, content) is not None)


def _first_scan(photo: Source, content: bytes) -> int | None:
    """Where the compressed pixels of a JPEG start, or None where that has not been read."""
    position, fill = 2, 0
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(content, position)
        fill += (found.end() if found else len(content)) - position
        if fill > MAX_FILL_BYTES or found is None:
            break
        marker, position = found[0][1], found.end()
        if marker == END_OF_IMAGE:
            break
        if marker not in SEGMENTLESS:
            position += max(2, int.from_bytes(content[position : position + 2], "big"))
        if marker == START_OF_SCAN:
            return position if position < len(content) else None
    else:
        raise InputError(
            f"{named(photo)}: wanted at most {MAX_SEGMENTS} segments before the pixels, got more; save it again"
        )
    if fill > MAX_FILL_BYTES:
        raise _refused(photo, f"one padded with {fill:,} bytes; save it again")
    return None


def _whole_jpeg(photo: Source, content: bytes) -> bytes:
    """The same picture, in bytes on which a decoder fails if pixels are missing.

    At the end mark a decoder fills what is missing with grey and says nothing. Without the mark it asks for more bytes
    and fails, so an image of one scan goes to the decoder with a few spare zeros in place of the mark. An image of many
    scans (progressive) needs its mark: there, all that can be asked is that the mark is there.
    """
    scan = _first_scan(photo, content)
    end = SCAN_END.search(content, scan) if scan is not None else None
    if end is None or content.find(bytes([0xFF, END_OF_IMAGE]), end.start()) < 0:
        raise _cut_off(photo, "JPEG")
    one_scan = end[0][1] == END_OF_IMAGE
    return content[: end.start()] + bytes(SPARE_BYTES) if one_scan else content


def _bmp_bytes(content: bytes) -> int:
    """Where the pixels of an uncompressed BMP end by its header; 0 for the kinds that say it otherwise."""
    start, header, width, height, _, depth, compression = struct.unpack_from("<IIiiHHI", content.ljust(34, b"\0"), 10)
    return start + (width * depth + 31) // 32 * 4 * abs(height) if header >= 40 and compression in (0, 3) else 0


def _webp_bytes(content: bytes) -> int:
    return 8 + int.from_bytes(content[4:8], "little")


def _cut_off(photo: Source, kind: str) -> InputError:
    return InputError(
        f"{named(photo)}: wanted a whole {kind} image, got one that is cut off; copy or download it again"
    )
