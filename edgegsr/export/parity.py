"""How far a bundle is from the student that it was made from, on photos: its numbers, and what they decode to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.bundle import ASK_OUTPUTS, OUTPUTS, TOKENS
from edgegsr.data.split import Split
from edgegsr.images import letterbox
from edgegsr.progress import track
from edgegsr.runtime.session import BEST, Numbers, Session
from edgegsr.student.model import Student

BATCH = 16  # photos that the student looks at together


@dataclass(frozen=True)
class Parity:
    """Differences over some photos."""

    images: int
    drift: dict[str, float]  # by output: the largest difference, in shares of the output's largest value
    same: dict[str, float]  # share of the photos with the same best verb, and with the same nouns and presence

    @property
    def worst(self) -> float:
        return max(self.drift.values())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def parity(student: Student, session: Session, photos: Split, images: int) -> Parity:
    """Both look at the same photos, spread over the split, and answer about the verb that the student likes best."""
    rows = np.unique(np.linspace(0, len(photos) - 1, min(images, len(photos))).round().astype(int))
    squares = np.stack([letterbox(photos.pixels(row), student.config.side)[0] for row in rows.tolist()])
    drift, largest, same = (dict.fromkeys(OUTPUTS, 0.0) for _ in range(3))
    every = _student(student, squares)  # all of them first: the threads of two engines get in each other's way
    for square, eager in zip(track(squares, "asking the graph", len(squares)), every):
        own, told = session(square, BEST), session(square, int(eager["verb_logits"].argmax()))
        for name in OUTPUTS:
            drift[name] = float(np.maximum(drift[name], np.abs(told[name] - eager[name]).max()))  # which carries a NaN
            largest[name] = max(largest[name], float(np.abs(eager[name]).max()))
            same[name] += _says(own, name) == _says(eager, name) and _says(told, name) == _says(eager, name)
    return Parity(
        len(rows),
        {name: drift[name] / max(largest[name], 1e-12) for name in OUTPUTS},
        {name: same[name] / len(rows) for name in OUTPUTS if name != "boxes_xyxy"},
    )


def drift_of_asking(
    session: Session, ask: Callable[[Any, int], Numbers], photos: Split, side: int, images: int
) -> dict[str, float]:
    """By output: how far an answer from tokens is from that of the whole graph about the same verb, in shares of the
    output's largest value."""
    apart, largest = dict.fromkeys(ASK_OUTPUTS, 0.0), dict.fromkeys(ASK_OUTPUTS, 1e-12)
    verbs = len(photos.annotations.ontology.verbs)
    for i in track(range(min(images, len(photos))), "asking again"):
        square, verb = letterbox(photos.pixels(i), side)[0], i % verbs
        whole, again = session(square, verb), ask(session(square, BEST)[TOKENS], verb)
        for name in ASK_OUTPUTS:
            apart[name] = float(np.maximum(apart[name], np.abs(whole[name] - again[name]).max()))
            largest[name] = max(largest[name], float(np.abs(whole[name]).max()))
    return {name: apart[name] / largest[name] for name in ASK_OUTPUTS}


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
