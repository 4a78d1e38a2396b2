"""Records and predictions of situations that a test can write down, and as columns."""

import json

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.scoring.predictions import RANKS, read_predictions
from edgegsr.situation import MAX_ROLES, OOV, Frame, Noun, Ontology

ROLES = ("agent", "item", "tool", "target", "source", "place")
VERBS = ("waving", "kicking", "cutting", "feeding", "pouring", "carrying", "sitting")  # 1, 2, 3, 4, 5, 6, 2 roles
COUNTS = (1, 2, 3, 4, 5, 6, 2)
NOUNS = ("n1", "n2", "n3", "n4")
WORDS = Ontology(
    tuple(Frame(verb, ROLES[:count]) for verb, count in zip(VERBS, COUNTS)), tuple(Noun(noun) for noun in NOUNS)
)
SIZE_WH = (40, 30)
TEN = [0, 0, 10, 10]


# --- records as files hold them, and as columns ---


def annotations(records):
    """Columns of {image: {"verb", "bb", "frames", "width", "height"}}; a noun outside the ontology becomes OOV."""
    n = len(records)
    nouns = np.zeros((n, 3, MAX_ROLES), np.int32)
    boxes = np.zeros((n, MAX_ROLES, 4), np.float32)
    has_box = np.zeros((n, MAX_ROLES), bool)
    for i, record in enumerate(records.values()):
        for r, role in enumerate(WORDS.frame(record["verb"]).roles):
            nouns[i, :, r] = [WORDS.noun_index.get(frame[role], OOV) for frame in record["frames"]]
            if record["bb"][role][0] != -1:
                boxes[i, r], has_box[i, r] = record["bb"][role], True
    sizes = np.array([(r["width"], r["height"]) for r in records.values()], np.int32).reshape(n, 2)
    verbs = np.array([WORDS.verb_index[r["verb"]] for r in records.values()], np.int32)
    return Annotations(WORDS, tuple(records), sizes, verbs, nouns, boxes, has_box)


def record(verb, boxes, *frames, size_wh=SIZE_WH):
    roles = WORDS.frame(verb).roles
    frames = frames if len(frames) == 3 else frames * 3
    return {
        "verb": verb,
        "width": size_wh[0],
        "height": size_wh[1],
        "bb": {role: box or [-1, -1, -1, -1] for role, box in zip(roles, boxes)},
        "frames": [dict(zip(roles, nouns)) for nouns in frames],
    }


def prediction(image, verbs, frames):
    """{verb: [(noun, box), ...]} as a line of a predictions file."""
    return {
        "image": image,
        "verbs": list(verbs),
        "frames": {
            verb: {role: {"noun": noun, "box": box} for role, (noun, box) in zip(WORDS.frame(verb).roles, fillers)}
            for verb, fillers in frames.items()
        },
    }


def read(tmp_path, truth, lines):
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_predictions(path, truth)


# --- at random ---


def world(rng, n, verbs=VERBS, counts=None, fixed_roles=False):
    """Random records and predictions; boxes on a coarse grid, so that overlaps of exactly one half are common."""
    records, lines = {}, []
    chosen = np.repeat(verbs, counts) if counts else rng.choice(verbs, n)
    for i, verb in enumerate(map(str, chosen)):
        count = len(WORDS.frame(verb).roles)
        boxes = [random_box(rng) if rng.random() < 0.7 else None for _ in range(count)]
        frames = [[random_noun(rng) for _ in range(count)] for _ in range(3)]
        records[f"{verb}_{i}.jpg"] = record(verb, boxes, *frames)
        if fixed_roles or rng.random() < 0.9:
            lines.append(random_line(rng, f"{verb}_{i}.jpg", verb, boxes, frames))
    return records, lines


def random_line(rng, image, verb, boxes, frames):
    ranking = [str(v) for v in rng.permutation(VERBS)[: rng.integers(1, RANKS + 1)]]
    fillers = []
    for r, box in enumerate(boxes):
        noun = frames[rng.integers(3)][r] if rng.random() < 0.6 else random_noun(rng)
        said = box and [box[0], box[1], box[2], box[1] + (box[3] - box[1]) * rng.choice([0.5, 0.75, 1, 2])]
        fillers.append((noun, said if rng.random() < 0.7 else random_box(rng)))
    answers = {verb: fillers} if rng.random() < 0.9 else {}
    if ranking[0] != verb:
        answers[ranking[0]] = [("n1", None)] * len(WORDS.frame(ranking[0]).roles)
    return prediction(image, ranking, answers)


def random_box(rng):
    """Inside the image, as true boxes are."""
    x, y = rng.integers(0, (5, 3)) * 5
    w, h = rng.integers(1, 5, 2) * 4
    fraction = float(rng.choice([0.0, 0.6]))
    return [int(x), int(y), float(x + w) + fraction, float(y + h) + fraction]


def random_noun(rng):
    return str(rng.choice(["", "n1", "n2", "n3", "n88", "oov"], p=[0.2, 0.3, 0.2, 0.1, 0.1, 0.1]))
