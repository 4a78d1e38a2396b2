"""Chance with a key: the same key throws the same numbers on every platform and every Python."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from `random.Random.random` only, whose stream Python keeps stable across versions."""

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
        self.throw = random.Random(int.from_bytes(digest[:8], "big")).random

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.throw()

    def integer(self, n: int) -> int:
        """One of 0 .. n-1."""
        return int(self.throw() * n)

    def chance(self, probability: float) -> bool:
        return self.throw() < probability

    def sign(self) -> int:
        return 1 if self.throw() < 0.5 else -1

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.throw() * len(items))]

    def weigh(self, weights: Mapping[T, float]) -> T:
        """One of the keys, as often as its weight says."""
        left = self.throw() * sum(weights.values())
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        return item

    def shuffle(self, items: Sequence[T]) -> list[T]:
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.integer(i + 1)
            out[i], out[j] = out[j], out[i]
        return out
