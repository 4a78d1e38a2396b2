"""Who finds people and things on photos that nobody annotated: any detector of transformers, or a run of pairs.

What a detector was trained on is the only supervision behind its boxes, and belongs beside every result.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from edgegsr.boxes import clip, iou
from edgegsr.bundle import PAIRS
from edgegsr.errors import InputError, shown
from edgegsr.hub import loading, locate
from edgegsr.images import letterbox
from edgegsr.interactions import KINDS_FILE, PERSON, Floats, Ints, Kinds, same_word
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.shipped import find_run
from edgegsr.teacher.families import load_processor, processed
from edgegsr.teacher.sight import Known, Pixels
from edgegsr.teacher.vision import device_of, weights_revision

SURE = 0.2  # the score from which a box counts,
LEAST, MOST = 1, 15  # but so many at least, and no more than that: a human who is none would take things from others
SAME = 0.5  # overlap from which two boxes of one word are one
SMALLEST = 1.0  # pixel along a side
RULE = f"from {SURE}, {LEAST} to {MOST}, one within {SAME}"
Scored = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # boxes (n, 4) and scores (n,)
OLD_WORDS = {  # of COCO, as many detectors on the hub have them
    "aeroplane": "airplane",
    "diningtable": "dining_table",
    "motorbike": "motorcycle",
    "pottedplant": "potted_plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


class Detections(NamedTuple):
    """What is on one image, each part best first, in pixels of the image."""

    humans_xyxy: Floats  # (h, 4)
    human_scores: Floats  # (h,)
    objects_xyxy: Floats  # (o, 4)
    objects: Ints  # (o,) index into the objects of the kinds
    object_scores: Floats  # (o,)


class Detector(Known, Protocol):
    """Anything that finds people and things; it needs no gradients and changes nothing."""

    def detect(self, images: Sequence[Pixels]) -> list[Detections]:
        """What is on each image."""


def facts_of(detector: Detector) -> dict[str, str]:
    """What is told of a detector beside what was learned with it."""
    how = {"revision": detector.revision, "preprocessing": detector.preprocessing}
    return {"detector": detector.name, **{f"detector_{name}": value for name, value in how.items()}}


def open_detector(name: str, kinds: Kinds, device: str = "cpu") -> Detector:
    """The detector in a folder or of a hub id, or the run of pairs that ships or is there, for these objects."""
    folder, there = locate(str(find_run(name))), device_of(device)
    for run in (folder, folder / PAIRS):  # or the half of a run of both heads
        if (run / KINDS_FILE).is_file():
            return PairDetector(name, open_pair_run(run), kinds, there)
    return PhotoDetector(name, folder, kinds, there)


class PhotoDetector:
    """A detector of transformers behind the image processor that it was trained with."""

    def __init__(self, name: str, folder: Path, kinds: Kinds, device: torch.device) -> None:
        self.name, self.folder, self.device = name, folder, device
        self.model, self.processor = _load(folder).to(device), load_processor(folder)
        if not hasattr(self.processor, "post_process_object_detection"):
            raise InputError(f"{folder}: wanted the image processor of a detector, got {type(self.processor).__name__}")
        labels = self.model.config.id2label
        self.words = np.array([_word(str(labels.get(i, ""))) for i in range(max(labels) + 1)])
        self.nouns = np.array([kinds.object_index.get(word, -1) for word in self.words])
        if (self.nouns < 0).all() or PERSON not in self.words:
            raise InputError(
                f"{folder}: wanted a detector of {PERSON!r} and of some of the objects {_some(kinds.objects)}, "
                f"got one of {_some(self.words.tolist())}"
            )

    @property
    def preprocessing(self) -> str:
        return json.dumps({**self.processor.to_dict(), "kept": RULE}, sort_keys=True, default=str)

    @cached_property
    def revision(self) -> str:
        return weights_revision(self.folder)

    @torch.no_grad()
    def detect(self, images: Sequence[Pixels]) -> list[Detections]:
        found = []
        for image in images:
            height, width = image.shape[:2]
            given = processed(self.processor, image, self.folder)  # alone: then no padding says where its edges are
            said = self.model(**{name: tensor.to(self.device) for name, tensor in given.items()})
            [one] = self.processor.post_process_object_detection(said, -1.0, target_sizes=[(height, width)])
            boxes, scores, labels = (one[part].cpu().numpy() for part in ("boxes", "scores", "labels"))
            human, nouns = self.words[labels] == PERSON, self.nouns[labels]
            thing = nouns >= 0
            humans, objects = (boxes[human], scores[human]), (boxes[thing], scores[thing])
            found.append(_detections(humans, objects, nouns[thing], (width, height)))
        return found


class PairDetector:
    """A run of pairs whose queries show people and things; what it thinks that they do is never looked at."""

    def __init__(self, name: str, run: PairRun, kinds: Kinds, device: torch.device) -> None:
        self.name, self.device, self.student = name, device, run.student.to(device)
        self.folder, self.side = run.folder, run.student.config.side
        there, wanted = run.kinds.object_index, kinds.object_index
        if there.keys() != wanted.keys():
            lacking, besides = (
                [word for word in one if word not in other] for one, other in ((wanted, there), (there, wanted))
            )
            raise InputError(
                f"{run.folder}: wanted a run of pairs with the objects of the photos, got one that lacks "
                f"{_some(lacking)} and has {_some(besides)} besides"
            )
        self.nouns = np.array([kinds.object_index[same_word(word)] for word in run.kinds.objects])
        self.preprocessing = f"letterbox {self.side}, {RULE}"

    @cached_property
    def revision(self) -> str:
        return weights_revision(self.folder, KINDS_FILE)

    @torch.no_grad()
    def detect(self, images: Sequence[Pixels]) -> list[Detections]:
        squares = [letterbox(image, self.side) for image in images]
        said = self.student(torch.from_numpy(np.stack([square for square, _ in squares])).to(self.device))
        pair, (likely, nouns) = said.presence.sigmoid(), said.object_logits.softmax(-1).max(-1)
        columns = (said.humans_xyxy, said.objects_xyxy, pair, pair * likely, nouns)
        found = []
        for i, (_, geometry) in enumerate(squares):
            humans, things, human_scores, thing_scores, chosen = (column[i].cpu().numpy() for column in columns)
            humans, things = (geometry.inverse(boxes * float(self.side)) for boxes in (humans, things))
            found.append(
                _detections((humans, human_scores), (things, thing_scores), self.nouns[chosen], geometry.size_wh)
            )
        return found


def _detections(humans: Scored, objects: Scored, nouns: Ints, size_wh: tuple[int, int]) -> Detections:
    """Those that count among all boxes with their scores; `nouns` says what the objects are."""
    people, things = (clip(boxes, size_wh).astype(np.float64) for boxes, _ in (humans, objects))
    sure, likely = (scores.astype(np.float64) for _, scores in (humans, objects))
    human, thing = best(people, sure, np.zeros(len(people), int)), best(things, likely, nouns)
    return Detections(people[human], sure[human], things[thing], nouns[thing], likely[thing])


def best(boxes_xyxy: Floats, scores: Floats, words: Ints) -> list[int]:
    """The boxes that count, best first; of several of one word in one place, the best."""
    chosen: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if len(chosen) == MOST or (len(chosen) >= LEAST and scores[i] < SURE):
            break
        same = [other for other in chosen if words[other] == words[i]]
        large = (boxes_xyxy[i, 2:] - boxes_xyxy[i, :2]).min() >= SMALLEST
        if large and (not same or iou(boxes_xyxy[i], boxes_xyxy[same]).max() < SAME):
            chosen.append(i)
    return chosen


def _load(folder: Path) -> Any:
    """The detector in eval mode."""
    import transformers

    with loading(folder, "a run of pairs, or a detector that transformers can read, weights as safetensors"):
        model, report = transformers.AutoModelForObjectDetection.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, dtype=torch.float32,
            output_loading_info=True,
        )  # fmt: skip
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            f"{folder}: the weights lack {len(missing)} tensors of the detector, {missing[0]!r} among them"
        )
    return model.requires_grad_(False).eval()


def _word(label: str) -> str:
    """A label as the kinds compare words."""
    word = same_word(label)
    return OLD_WORDS.get(word, word)


def _some(words: Sequence[str]) -> str:
    return shown(", ".join(words[:5] or ["nothing"]) + (f" and {len(words) - 5} more" if len(words) > 5 else ""))
