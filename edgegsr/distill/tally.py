"""Running means between two lines of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Tally:
    """Sums of what the steps said since the last line; it survives a kill inside a checkpoint."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        self.steps: int = saved["steps"] if saved else 0
        self.images: int = saved["images"] if saved else 0
        self.seconds: float = saved["seconds"] if saved else 0.0
        self.sums: dict[str, float] = dict(saved["sums"]) if saved else {}

    def add(self, values: Mapping[str, float], images: int, seconds: float) -> None:
        self.steps += 1
        self.images += images
        self.seconds += seconds
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    @property
    def images_per_s(self) -> float:
        return self.images / max(self.seconds, 1e-9)

    def means(self) -> dict[str, float]:
        return {name: value / max(self.steps, 1) for name, value in self.sums.items()}

    def summary(self) -> dict[str, Any]:
        """Means and speed, as a line of the log holds them."""
        return {**self.means(), "images_per_s": round(self.images_per_s, 2)}

    def to_json(self) -> dict[str, Any]:
        return {"steps": self.steps, "images": self.images, "seconds": self.seconds, "sums": self.sums}
