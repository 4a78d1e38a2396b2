"""The reader of new words on a device, and what it does with files that are none."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tokenizers")

from edgegsr.errors import InputError
from edgegsr.runtime.words import TextEncoder

PANIC = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}  # at which the tokenizers' Rust gives up


@pytest.mark.parametrize("tokenizer", [b"", b"{}", b"\xff", b"[" * 10_000, json.dumps({"normalizer": PANIC}).encode()])
def test_a_tokenizer_that_is_none_is_refused_by_name(tokenizer: bytes) -> None:
    whole = {"version": "1.0", "normalizer": PANIC, "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
    for content in (tokenizer, json.dumps(whole).encode()):
        with pytest.raises(InputError, match="here: wanted a text encoder, got: "):
            TextEncoder(b"", content, 8, "here")
