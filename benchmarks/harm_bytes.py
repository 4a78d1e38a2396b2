"""Bytes and values as nobody would make them by mistake alone, and the dice that choose among them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Dice = np.random.Generator
EXTREMES = (0, 1, 2, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 60_000, 50_000_001)
NUMBERS = (0, -1, 1, 2, 3, 7, 255, 4097, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, "", 0, -1, 1.5, 1e308, 1 << 40, 10**400, float("nan"), float("inf"), "x" * 100_000),
    *("\x1b[2J", "two\nlines", "\u202e", "\0", "../../etc/passwd", "/dev/zero", {"a": {"a": {"a": []}}}, [[]] * 1000),
)


def dice_of(seed: int, number: int) -> Dice:
    return np.random.default_rng([seed, number])


def one_of(dice: Dice, items: Any) -> Any:
    return items[int(dice.integers(len(items)))]


def flipped(content: bytes, dice: Dice) -> bytes:
    out = bytearray(content)
    for at in dice.integers(0, len(out) if dice.random() < 0.5 else min(len(out), 300), int(dice.integers(1, 9))):
        out[at] ^= 1 << int(dice.integers(8))
    return bytes(out)


def cut(content: bytes, dice: Dice) -> bytes:
    return content[: int(dice.integers(0, len(content)))]


def holed(content: bytes, dice: Dice) -> bytes:
    first, last = sorted(dice.integers(0, len(content) + 1, 2).tolist())
    return content[:first] + content[last:]


def zeroed(content: bytes, dice: Dice) -> bytes:
    at, many = int(dice.integers(len(content))), int(dice.integers(1, 200))
    return content[:at] + bytes(len(content[at : at + many])) + content[at + many :]


def repeated(content: bytes, dice: Dice) -> bytes:
    first, many = int(dice.integers(len(content))), int(dice.integers(1, 64))
    part = content[first : first + many]
    return content[:first] + part * int(one_of(dice, (2, 10, 1000, 20_000))) + content[first:]


def extreme(content: bytes, dice: Dice) -> bytes:
    """A number of 1, 2 or 4 bytes near the start that says something else."""
    code = one_of(dice, (">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(code)
    at = int(dice.integers(0, max(1, min(len(content), 200) - size)))
    new = struct.pack(code, one_of(dice, EXTREMES) & ((1 << 8 * size) - 1))
    return content[:at] + new + content[at + size :]


def noisy(content: bytes, dice: Dice) -> bytes:
    at = int(dice.integers(len(content)))
    return content[:at] + dice.bytes(int(dice.integers(1, 60))) + content[at + int(dice.integers(0, 60)) :]


BYTES: dict[str, Callable[[bytes, Dice], bytes]] = {
    "flipped": flipped,
    "cut": cut,
    "holed": holed,
    "zeroed": zeroed,
    "repeated": repeated,
    "extreme": extreme,
    "noisy": noisy,
}
