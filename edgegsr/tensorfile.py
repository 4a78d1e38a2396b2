"""The arrays of a safetensors file, read from its bytes without trusting them. numpy.

Eight bytes say how long the header is; the header is JSON and says of each tensor its type, its shape and where its
bytes lie in what follows. The tensors lie one after the other and cover all of it: nothing overlaps, nothing is hidden.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.errors import InputError

Array = npt.NDArray[np.float32]
TYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
MOST_HEADER = 1 << 20  # bytes
MOST_DIMENSIONS = 8


def read_tensors(content: bytes, where: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays in float32 by name, and the facts beside them."""
    try:
        return _tensors(content)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _tensors(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    header, data = _split(content)
    facts = header.pop("__metadata__", {})
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        raise InputError("wanted facts that are texts")
    places = {name: _place(name, told, len(data)) for name, told in header.items()}
    at = 0
    for name, (_, _, begin, end) in sorted(places.items(), key=lambda each: each[1][2:]):
        if begin != at:
            raise InputError(f"{name[:40]!r} begins at {begin}, wanted {at}: tensors lie one after the other")
        at = end
    if at != len(data):
        raise InputError(f"{len(data) - at} bytes after the last tensor belong to none")
    found = {
        name: np.frombuffer(data[begin:end], kind).reshape(shape).astype(np.float32)
        for name, (kind, shape, begin, end) in places.items()
    }
    return found, facts


def _split(content: bytes) -> tuple[dict[str, Any], memoryview]:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(MOST_HEADER, len(content) - 8):
        raise InputError(f"wanted safetensors, got {len(content)} bytes that begin with a header of {size}")
    try:
        header = json.loads(content[8 : 8 + size].decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"wanted a header in JSON, got {error}") from error
    if not isinstance(header, dict):
        raise InputError(f"wanted a header that names tensors, got {type(header).__name__}")
    return header, memoryview(content)[8 + size :]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that stands twice")
    return found


def _place(name: str, told: Any, size: int) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Type, shape, and where the bytes of a tensor begin and end."""
    if not isinstance(told, dict) or told.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{name[:40]!r}: wanted dtype, shape and data_offsets")
    kind = TYPES.get(told["dtype"]) if isinstance(told["dtype"], str) else None
    if kind is None:
        raise InputError(f"{name[:40]!r}: wanted one of {', '.join(TYPES)}, got {str(told['dtype'])[:20]!r}")
    shape, offsets = _counts(name, told["shape"]), _counts(name, told["data_offsets"])
    if len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
        raise InputError(f"{name[:40]!r}: wanted two offsets in {size} bytes, got {list(offsets)}")
    if max(shape, default=0) > size:
        raise InputError(f"{name[:40]!r}: wanted a shape of {size} bytes at most, got {str(list(shape))[:60]}")
    if (wanted := math.prod(shape) * kind.itemsize) != offsets[1] - offsets[0]:
        raise InputError(f"{name[:40]!r}: wanted {wanted} bytes of the shape {shape}, got {offsets[1] - offsets[0]}")
    return kind, shape, *offsets


def _counts(name: str, values: Any) -> tuple[int, ...]:
    if (
        not isinstance(values, list)
        or len(values) > MOST_DIMENSIONS
        or not all(type(value) is int and value >= 0 for value in values)
    ):
        raise InputError(f"{name[:40]!r}: wanted whole numbers, got {str(values)[:60]}")
    return tuple(values)
