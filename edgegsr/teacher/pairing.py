"""Which human a detected object belongs to, where nobody has said so: the nearest one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgegsr.boxes import iou
from edgegsr.interactions import Floats, Ints
from edgegsr.teacher.detectors import SAME, Detections

RULE = "nearest"  # changes with what follows


def paired(found: Detections, person: int | None) -> tuple[Ints, Ints]:
    """(C,) humans and (C,) objects of the couples, in the order of the objects; `person` is a person's object word.

    Of humans that are equally near, the one that overlaps the object most, then the surest. Who is an object
    himself is a couple with another.
    """
    humans, objects = list[int](), list[int]()
    for i, (thing, noun) in enumerate(zip(found.objects_xyxy, found.objects.tolist())):
        overlap = iou(found.humans_xyxy, thing)
        order = np.lexsort((-found.human_scores, -overlap, gap(found.humans_xyxy, thing)))
        others = [human for human in order.tolist() if noun != person or overlap[human] < SAME]
        humans += others[:1]
        objects += [i] * bool(others)
    return np.array(humans, np.int64), np.array(objects, np.int64)


def gap(a_xyxy: Floats, b_xyxy: Floats) -> npt.NDArray[np.float64]:
    """How far boxes are from each other; 0 where they touch."""
    apart = np.maximum(a_xyxy[..., :2] - b_xyxy[..., 2:], b_xyxy[..., :2] - a_xyxy[..., 2:])
    far: npt.NDArray[np.float64] = np.linalg.norm(np.maximum(apart, 0), axis=-1)
    return far
