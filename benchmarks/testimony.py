"""How much of what people annotated a detector finds, and how right a teacher is about what it finds.

    python benchmarks/testimony.py --detector diorama-detector-256 --out benchmarks/results/testimony.json

Couples that were put together without annotations, on the dev split of `crowd`, are held against the annotated ones:
the same object, and human and object that overlap by a half. Of those that are found, the likeliest verb is right if
the two do it. Only this script looks at both; a training without annotations never does.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from result import publish, told_of

from edgegsr.boxes import iou
from edgegsr.data.pairs import SAME, Couples, open_pairs
from edgegsr.shipped import find_teacher
from edgegsr.teacher.detectors import LEAST, open_detector
from edgegsr.teacher.speakers import open_speaker
from edgegsr.teacher.testimony import SCOPES, Testimony
from edgegsr.text.shipped import ENCODER


def measure(detector: str, teacher: str, scope: str, images: int) -> dict[str, Any]:
    split = open_pairs("crowd", "dev", images)
    kinds, speaker = split.pairs.kinds, open_speaker(find_teacher(teacher), ENCODER)
    with tempfile.TemporaryDirectory() as folder:
        heard = Testimony(speaker, open_detector(detector, kinds), split, kinds, Path(folder), scope)
    true, found = split.couples, heard.split.couples
    which = np.array([best_match(true, i, found) for i in range(len(true.image))])
    hit = which >= 0
    said = heard.couple_logprob.argmax(-1).numpy()[which[hit]]
    return {
        "couples": len(hit),
        "put_together": len(found.image),
        "recall": float(hit.mean()),
        "precision": len(set(which[hit])) / max(len(found.image), 1),
        "objects_found": float(np.mean([finds_object(true, i, found) for i in range(len(hit))])),
        "named_right": float(true.verbs[hit][np.arange(hit.sum()), said].mean()),
        "at_least": LEAST,
    }


def best_match(true: Couples, i: int, found: Couples) -> int:
    """The couple that was put together like an annotated one; -1 for none."""
    among = _of_object(true, i, found)
    humans, objects = (
        iou(getattr(found, part)[among], getattr(true, part)[i]) for part in ("humans_xyxy", "objects_xyxy")
    )
    fit = np.minimum(humans, objects)
    return int(among[fit.argmax()]) if fit.max(initial=0) >= SAME else -1


def finds_object(true: Couples, i: int, found: Couples) -> bool:
    """Whether the object alone is there."""
    among = _of_object(true, i, found)
    return bool(iou(found.objects_xyxy[among], true.objects_xyxy[i]).max(initial=0) >= SAME)


def _of_object(true: Couples, i: int, found: Couples) -> np.ndarray:
    return np.flatnonzero((found.image == true.image[i]) & (found.object == true.object[i]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", required=True, help="a run of pairs, or a model of transformers")
    parser.add_argument("--teacher", default="diorama")
    parser.add_argument("--scope", default=SCOPES[0], choices=SCOPES)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    about = {"benchmark": "testimony", "images": given.images, "teacher": given.teacher, "scope": given.scope}
    about |= {"detector": told_of(given.detector)}
    publish({**about, **measure(given.detector, given.teacher, given.scope, given.images)}, given.out)


if __name__ == "__main__":
    main()
