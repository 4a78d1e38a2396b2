"""What a student says about every image of a split, as columns: to be scored, written down and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgegsr.annotations import Annotations
from edgegsr.boxes import Letterbox, clip
from edgegsr.data.loader import Pictures, loader
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.progress import track
from edgegsr.scoring.predictions import RANKS, Predictions
from edgegsr.situation import MAX_ROLES
from edgegsr.student.model import Answer, Student

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Fillers:
    """The six slots of one verb an image; those past its frame hold numbers without a meaning."""

    nouns: npt.NDArray[np.int32]  # (N, 6)
    boxes_xyxy: npt.NDArray[np.float64]  # (N, 6, 4) pixels of the original image
    has_box: npt.NDArray[np.bool_]  # (N, 6)

    @classmethod
    def none(cls, n: int) -> Fillers:
        slots = (n, MAX_ROLES)
        return cls(np.zeros(slots, np.int32), np.zeros((*slots, 4)), np.zeros(slots, bool))

    def put(self, row: int, nouns: Array, presence: Array, boxes: Array, geometry: Letterbox) -> None:
        """What is said about one image; boxes in shares of the square."""
        self.nouns[row], self.has_box[row] = nouns, presence >= 0
        within = geometry.inverse(boxes.astype(np.float64) * geometry.side)  # as runtime.decode does
        self.boxes_xyxy[row] = clip(within, geometry.size_wh)


@dataclass(frozen=True)
class Answers:
    """N images, row by row those of the truth."""

    verb_logits: npt.NDArray[np.float32]  # (N, K)
    true: Fillers  # for the annotated verb
    best: Fillers  # for the verb that the student takes for the best

    def __len__(self) -> int:
        return len(self.verb_logits)

    def ranked_verbs(self, candidates: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int32]:
        """(N, 5) best first, of the `candidates` (N, K) or (K,) where given; of equals the lower index; -1 for none."""
        logits = self.verb_logits if candidates is None else np.where(candidates, self.verb_logits, -np.inf)
        order = np.argsort(-logits, axis=1, kind="stable")[:, :RANKS]
        order = np.where(np.isfinite(np.take_along_axis(logits, order, 1)), order, -1)
        return np.pad(order, ((0, 0), (0, RANKS - order.shape[1])), constant_values=-1).astype(np.int32)

    def predictions(self, candidates: npt.NDArray[np.bool_] | None = None) -> Predictions:
        """The same as a scorer wants it."""
        every = np.ones(len(self), bool)
        return Predictions(
            present=every,
            answered=every,
            ranked_verbs=self.ranked_verbs(candidates),
            nouns=self.true.nouns,
            boxes_xyxy=np.where(self.true.has_box[..., None], self.true.boxes_xyxy, np.nan),
            has_box=self.true.has_box,
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Every array by its name; the same arrays, not copies."""
        parts = {
            f"{which}.{name}": column
            for which in ("true", "best")
            for name, column in vars(getattr(self, which)).items()
        }
        return {"verb_logits": self.verb_logits, **parts}


@torch.no_grad()
def answer(
    student: Student,
    split: Pictures,
    batch: int = 64,
    *,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    label: str = "",
) -> Answers:
    """The answers of a student, in eval mode, about a split. Of `world` processes each fills its rows, others are 0."""
    truth = split.annotations
    found = Answers(
        np.zeros((len(truth), len(truth.ontology.verbs)), np.float32),
        Fillers.none(len(truth)),
        Fillers.none(len(truth)),
    )
    device, was_training = next(student.parameters()).device, student.training
    student.eval()
    batches = loader(split, student.config.side, batch, train=False, workers=workers, rank=rank, world=world)
    for part in track(batches, label, len(batches.order)) if label else batches:
        view = student.encode(part.pixels.to(device))
        logits, rows = student.verb_logits(view), part.rows.numpy()
        found.verb_logits[rows] = logits.float().cpu().numpy()
        for fillers, verbs in ((found.true, part.verbs.to(device)), (found.best, logits.argmax(-1))):
            _fill(fillers, rows, student.ask(view, verbs), truth.sizes_wh[rows], student.config.side)
    student.train(was_training)
    return found


def _fill(
    fillers: Fillers, rows: npt.NDArray[np.int64], said: Answer, sizes_wh: npt.NDArray[np.int32], side: int
) -> None:
    parts = map(_numpy, (said.noun_logits.argmax(-1), said.presence.float(), said.boxes_xyxy.float()))
    for row, (width, height), nouns, presence, boxes in zip(rows.tolist(), sizes_wh.tolist(), *parts):
        fillers.put(row, nouns, presence, boxes, Letterbox((width, height), side))


def _numpy(values: Tensor) -> npt.NDArray[Any]:
    return values.cpu().numpy()  # type: ignore[no-any-return]


def write_predictions(path: str | Path, split: Pictures, answers: Answers) -> None:
    """Writes the answers as JSON lines; `edgegsr score` says the same of the file as of the answers."""
    truth = split.annotations
    if len(answers) != len(truth):
        raise InputError(f"{path}: wanted answers about {len(truth)} images, got {len(answers)}")
    write_whole(path, "".join(json.dumps(line) + "\n" for line in _lines(truth, answers)))


def _lines(truth: Annotations, answers: Answers) -> Iterator[dict[str, Any]]:
    words = truth.ontology.verbs
    ranked, best = answers.ranked_verbs(), answers.verb_logits.argmax(1)
    for i, image in enumerate(truth.images):
        frames = {words[best[i]]: _frame(truth, best[i], answers.best, i)}
        frames |= {words[truth.verbs[i]]: _frame(truth, truth.verbs[i], answers.true, i)}
        yield {"image": image, "verbs": [words[verb] for verb in ranked[i] if verb >= 0], "frames": frames}


def _frame(truth: Annotations, verb: int, fillers: Fillers, i: int) -> dict[str, Any]:
    """role -> noun and box of image `i`."""
    boxes = fillers.boxes_xyxy[i].tolist()
    return {
        role: {
            "noun": truth.ontology.nouns[fillers.nouns[i, slot]].id,
            "box": boxes[slot] if fillers.has_box[i, slot] else None,
        }
        for slot, role in enumerate(truth.ontology.frames[verb].roles)
    }
