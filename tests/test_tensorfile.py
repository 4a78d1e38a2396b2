"""Safetensors read from bytes alone: what is in them, and what must not be."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.errors import InputError
from edgegsr.tensorfile import read_tensors

VERBS = np.arange(6, dtype=np.float16).reshape(2, 3)
NOUNS = np.array([0.5, -1], np.float32)


def whole(header: Any = None, data: bytes = VERBS.tobytes() + NOUNS.tobytes(), **changes: Any) -> bytes:
    """A file with two tensors, and what a test wants otherwise."""
    told = {"__metadata__": {"format": "ours"}, "verbs": tensor("F16", [2, 3], [0, 12])}
    told |= {"nouns": tensor("F32", [2], [12, 20])} | changes
    text = header if isinstance(header, bytes) else json.dumps(told if header is None else header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: Any, shape: Any, data_offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": data_offsets}


def test_arrays_come_back_in_float32_with_the_facts_beside_them() -> None:
    found, facts = read_tensors(whole(), "here")
    assert facts == {"format": "ours"} and found.keys() == {"verbs", "nouns"}
    for name, wanted in (("verbs", VERBS), ("nouns", NOUNS)):
        assert found[name].dtype == np.float32 and np.array_equal(found[name], wanted)


def test_what_safetensors_writes_is_read() -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {"b": VERBS, "a": NOUNS, "empty": np.zeros((0, 3), np.float32)}
    found, facts = read_tensors(safetensors.save(arrays, {"who": "we"}), "here")
    assert facts == {"who": "we"} and all(np.array_equal(found[name], values) for name, values in arrays.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "wanted safetensors, got 0 bytes"),
        (b"\0" * 7, "wanted safetensors, got 7 bytes"),
        (struct.pack("<Q", 1 << 62) + b"{}", "begin with a header of 4611686018427387904"),
        (struct.pack("<Q", 3) + b"{}", "begin with a header of 3"),
        (struct.pack("<Q", 1 << 21) + b" " * (1 << 21), "begin with a header of 2097152"),
        (whole(b"{"), "wanted a header in JSON"),
        (whole(b"\xff\xff"), "wanted a header in JSON"),
        (whole(b"[" * 100_000), "wanted a header in JSON"),
        (whole(b'{"a": 1, "a": 2}'), "wanted a header in JSON, got a name that stands twice"),
        (whole([1]), "wanted a header that names tensors, got list"),
        (whole(__metadata__=[]), "wanted facts that are texts"),
        (whole(__metadata__={"format": 3}), "wanted facts that are texts"),
        (whole(verbs=3), "'verbs': wanted dtype, shape and data_offsets"),
        (whole(verbs={"dtype": "F16"}), "'verbs': wanted dtype, shape and data_offsets"),
        (whole(verbs=tensor("BF16", [2, 3], [0, 12])), "'verbs': wanted one of F16, F32, got 'BF16'"),
        (whole(verbs=tensor(["F16"], [2, 3], [0, 12])), "'verbs': wanted one of F16, F32"),
        (whole(verbs=tensor("F16", [2, 4], [0, 12])), r"'verbs': wanted 16 bytes of the shape \(2, 4\), got 12"),
        (whole(verbs=tensor("F16", [-2, -3], [0, 12])), "'verbs': wanted whole numbers"),
        (whole(verbs=tensor("F16", [2.0, 3], [0, 12])), "'verbs': wanted whole numbers"),
        (whole(verbs=tensor("F16", [True] * 6, [0, 12])), "'verbs': wanted whole numbers"),
        (whole(verbs=tensor("F16", [1] * 9, [0, 2])), "'verbs': wanted whole numbers"),
        (whole(verbs=tensor("F16", "23", [0, 12])), "'verbs': wanted whole numbers"),
        (whole(verbs=tensor("F16", [2, 3], [0])), "'verbs': wanted two offsets in 20 bytes"),
        (whole(verbs=tensor("F16", [2, 3], [12, 0])), "'verbs': wanted two offsets in 20 bytes"),
        (whole(nouns=tensor("F32", [2], [16, 24])), "'nouns': wanted two offsets in 20 bytes"),
        (whole(nouns=tensor("F32", [2], [8, 16])), "'nouns' begins at 8, wanted 12"),
        (whole(verbs=tensor("F16", [1, 3], [6, 12])), "'verbs' begins at 6, wanted 0"),
        (whole(data=bytes(24)), "4 bytes after the last tensor belong to none"),
    ],
)
def test_what_a_file_of_ours_does_not_hold_is_refused_by_name(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"here: .*{message}"):
        read_tensors(content, "here")


@settings(max_examples=300)
@given(st.data())
def test_mutated_files_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = read_tensors(bytes(content), "here")
        assert sum(each.size for each in found.values()) <= 10
    except InputError as error:
        assert str(error).startswith("here: ")


@pytest.mark.parametrize("shape", [[0, 1 << 70], [0, 1 << 40, 1 << 40], [1 << 63, 0]])
def test_a_shape_without_numbers_that_no_array_has_is_refused(shape: list[int]) -> None:
    with pytest.raises(InputError, match="here: 'verbs': wanted a shape of 8 bytes at most"):
        read_tensors(
            whole(data=NOUNS.tobytes(), verbs=tensor("F16", shape, [0, 0]), nouns=tensor("F32", [2], [0, 8])), "here"
        )
