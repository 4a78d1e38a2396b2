"""How far a bundle is from the student that it was made from, on photos: its numbers, and what they decode to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.boxes import Letterbox
from edgegsr.bundle import ASK_OUTPUTS, OUTPUTS, TOKENS
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.images import Pixels, letterbox
from edgegsr.progress import track
from edgegsr.runtime.session import BEST, Numbers, Session
from edgegsr.student.model import Student

BATCH = 16  # photos that the student looks at together


@dataclass(frozen=True)
class Parity:
    """Differences over some photos."""

    images: int
    drift: dict[str, float]  # by output: the largest difference, in shares of the output's largest value
    same: dict[str, float]  # share of the photos with the same best verb, and with the same nouns and presence; or
    # with pairs that begin in the same cells, and with the same interactions

    @property
    def worst(self) -> float:
        return max(self.drift.values())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Apart:
    """How far some outputs of two come apart, photo by photo."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self.largest, self.difference = dict.fromkeys(self.names, 1e-12), dict.fromkeys(self.names, 0.0)

    def add(self, wanted: Numbers, got: Numbers) -> None:
        for name in self.names:
            apart = np.abs(got[name] - wanted[name]).max()
            self.difference[name] = float(np.maximum(self.difference[name], apart))  # which carries a NaN
            self.largest[name] = max(self.largest[name], float(np.abs(wanted[name]).max()))

    def shares(self) -> dict[str, float]:
        """By output: the largest difference, in shares of the largest value that was wanted."""
        return {name: self.difference[name] / self.largest[name] for name in self.names}


def spread(photos: Split | PairSplit, images: int, side: int) -> list[tuple[Pixels, Letterbox]]:
    """So many photos over all of a split, as the graph takes them, and where they lie in their squares."""
    rows = np.unique(np.linspace(0, len(photos) - 1, min(images, len(photos))).round().astype(int))
    return [letterbox(photos.pixels(row), side) for row in rows.tolist()]


def parity(student: Student, session: Session, photos: Split, images: int) -> Parity:
    """Both look at the same photos, spread over the split, and answer about the verb that the student likes best."""
    squares = np.stack([square for square, _ in spread(photos, images, student.config.side)])
    apart, same = Apart(OUTPUTS), dict.fromkeys(OUTPUTS, 0.0)
    every = _student(student, squares)  # all of them first: the threads of two engines get in each other's way
    for square, eager in zip(track(squares, "asking the graph", len(squares)), every):
        own, told = session(square, BEST), session(square, int(eager["verb_logits"].argmax()))
        apart.add(eager, told)
        for name in OUTPUTS:
            same[name] += _says(own, name) == _says(eager, name) and _says(told, name) == _says(eager, name)
    shares = {name: same[name] / len(squares) for name in OUTPUTS if name != "boxes_xyxy"}
    return Parity(len(squares), apart.shares(), shares)


def drift_of_asking(
    session: Session, ask: Callable[[Any, int], Numbers], photos: Split, side: int, images: int
) -> dict[str, float]:
    """By output: how far an answer from tokens is from that of the whole graph about the same verb, in shares of the
    output's largest value."""
    apart, verbs = Apart(ASK_OUTPUTS), len(photos.annotations.ontology.verbs)
    for i in track(range(min(images, len(photos))), "asking again"):
        square, verb = letterbox(photos.pixels(i), side)[0], i % verbs
        apart.add(session(square, verb), ask(session(square, BEST)[TOKENS], verb))
    return apart.shares()


@torch.no_grad()
def _student(student: Student, squares: npt.NDArray[np.uint8]) -> list[Numbers]:
    found: list[Numbers] = []
    for begin in track(range(0, len(squares), BATCH), "asking the student"):
        said = student.eval()(torch.from_numpy(squares[begin : begin + BATCH]))
        parts = {name: getattr(said, name).numpy() for name in OUTPUTS}
        found += ({name: values[i] for name, values in parts.items()} for i in range(len(parts["presence"])))
    return found


def _says(numbers: Numbers, name: str) -> Any:
    """What an output decodes to."""
    values = numbers[name]
    return (values >= 0).tolist() if name == "presence" else values.argmax(-1).tolist()
