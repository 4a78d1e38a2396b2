"""Variables of a MATLAB file as arrays and plain objects."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgegsr.data.records import MOST_BYTES, check_size
from edgegsr.errors import InputError, MissingExtra, shown

HEAD, ORDERS, COMPRESSED = 128, {b"IM": "<", b"MI": ">"}, 15  # of a file of version 5 to 7
AT_ONCE = 1 << 20  # bytes


def read_matlab(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """The named variables of a .mat file up to version 7; a struct comes with its fields as attributes."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtra("reading .mat files", "train") from error
    try:
        check_size(path)
        _check_unpacked(path)
        held = loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=list(names))
    except OSError as error:
        raise InputError(f"{path}: wanted a readable .mat file, got: {error.strerror or shown(error)}") from error
    except InputError:
        raise
    except Exception as error:  # of a broken file scipy raises nearly anything
        raise InputError(f"{path}: wanted a .mat file up to version 7, got: {shown(error)[:200]}") from error
    if missing := [name for name in names if name not in held]:
        raise InputError(f"{path}: wanted the variables {', '.join(names)}, lacks {', '.join(missing)}")
    return {name: held[name] for name in names}


def _check_unpacked(path: Path) -> None:
    """Refuses a file whose parts are small packed and huge unpacked, before anything of it is built."""
    with path.open("rb") as file:
        order, total = ORDERS.get(file.read(HEAD)[-2:]), 0
        while order and len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}2I", tag)
            if kind != COMPRESSED:
                file.seek(size, 1)
                continue
            unpack, left = zlib.decompressobj(), size
            while left > 0 and (packed := file.read(min(left, AT_ONCE))):
                left -= len(packed)
                while packed:
                    total += len(unpack.decompress(packed, AT_ONCE))
                    packed = unpack.unconsumed_tail
                    if total > MOST_BYTES:
                        raise InputError(f"{path}: wanted at most {MOST_BYTES >> 20} MB unpacked")
