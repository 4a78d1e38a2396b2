"""What a student of pairs says of persons, as V-COCO judges it: each act with its object, and that a person does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edgegsr.boxes import iou
from edgegsr.data.pairs import SAME, PairSplit
from edgegsr.files import write_whole
from edgegsr.interactions import Floats, Ints, Persons
from edgegsr.scoring.pair_predictions import AGENT, PredictedPairs
from edgegsr.student.pair_answers import PairAnswers


def predictions_of(answers: PairAnswers, persons: Persons) -> PredictedPairs:
    """Every pair as an act with its object, and the likeliest pair of each person and action as that of its agent.

    A student of pairs never says that an act has no object.
    """
    acts = persons.acts
    image, place = np.nonzero(answers.kinds >= 0)
    slots = (answers.kinds[image, place] // len(persons.objects)).astype(np.int32)
    humans, scores = answers.humans_xyxy[image, place], answers.scores[image, place]
    actions = acts.of_slot[slots]
    first = _likeliest(image.astype(np.int32) * len(acts.names) + actions, humans, scores)
    return PredictedPairs(
        np.ones(len(answers), bool),
        np.concatenate([image, image[first]]).astype(np.int32),
        np.concatenate([len(acts.names) + slots, actions[first]]).astype(np.int32),
        np.concatenate([humans, humans[first]]),
        np.concatenate([answers.objects_xyxy[image, place], np.zeros((len(first), 4))]),
        np.arange(len(image) + len(first)) < len(image),
        np.concatenate([scores, scores[first]]),
    )


def _likeliest(groups: Ints, boxes_xyxy: Floats, scores: Floats) -> Ints:
    """The best of each group, and all of it that lie elsewhere than a better one."""
    kept: list[int] = []
    of_group: dict[int, list[int]] = {}
    for i in np.argsort(-scores, kind="stable").tolist():
        better = of_group.setdefault(int(groups[i]), [])
        if not better or iou(boxes_xyxy[i], boxes_xyxy[better]).max() < SAME:
            better.append(i)
            kept.append(i)
    return np.array(kept, np.int64)


def write_person_predictions(path: str | Path, split: PairSplit, said: PredictedPairs, persons: Persons) -> None:
    """Writes them as JSON lines; `edgegsr score --task vcoco` says the same of the file."""
    acts, lines = persons.acts, [{"image": image, "pairs": list[object]()} for image in split.pairs.images]
    columns = (said.image, said.kind, said.humans_xyxy, said.objects_xyxy, said.scores)
    for image, kind, human, thing, score in zip(*(column.tolist() for column in columns)):
        pair = {"human": human, "score": score}
        if kind < len(acts.names):
            pair |= {"verb": acts.names[kind], "role": AGENT, "object": None}
        else:
            action, role = acts.slots[kind - len(acts.names)]
            pair |= {"verb": action, "role": role, "object": thing}
        lines[image]["pairs"].append(pair)
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines))
