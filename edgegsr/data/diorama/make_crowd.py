"""Crowds on disk, in the layouts of HICO-DET and V-COCO: the same loaders and scorers read them and the real thing.

    images/crowd_train_00000001.jpg …
    hico/instances_{train,dev,test}.json        as fredzzhang writes HICO-DET, with words and zero-shot kinds of its own
    vcoco/vcoco_{train,dev,test}.json           as V-COCO: every person, each action, the objects of its roles
    vcoco/instances_vcoco_all_2014.json         as COCO: the boxes that those name
    graphs_{train,dev,test}.json                everybody and everything, with boxes and what is true of them

Work is done by the hundred; each finished hundred is one file under `parts/`, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgegsr.data.diorama import crowd, figures, script
from edgegsr.data.diorama.make import JPEG_QUALITY, WORLD, in_processes, start
from edgegsr.data.staged import STAGED
from edgegsr.files import cache_folder, write_whole, writing
from edgegsr.interactions import PERSON, Kinds, mask_of, same_word
from edgegsr.locks import one_maker

SPLITS = {"train": 6000, "dev": 600, "test": 1500}
PART = 100
RARE = 10  # fewer training pairs make a kind rare, as in HICO-DET
AGENT, OBJECT = "agent", "obj"

Graphs = dict[str, dict[str, Any]]  # image -> its scene graph


def make(out: Path, seed: object = 0, share: float = 1.0, workers: int | None = None) -> Path:
    """Stages train, dev and test into `out`; goes on where an earlier call stopped."""
    wanted = {"crowd": WORLD, "seed": str(seed), "share": share}
    if start(out, wanted, "images"):
        return out
    jobs = [(out, str(seed), *part) for part in _parts(share)]
    todo = [job for job in jobs if not _part(out, job[2], job[3].start).exists()]
    in_processes(_stage, todo, f"staging crowds {seed}, by the hundred", workers)
    graphs = {split: _joined(out, split, share) for split in SPLITS}
    _write_hico(out / "hico", graphs)
    _write_vcoco(out / "vcoco", graphs)
    for split, told in graphs.items():
        write_whole(out / f"graphs_{split}.json", json.dumps(told))
    write_whole(out / STAGED, json.dumps(wanted))
    shutil.rmtree(out / "parts")
    return out


def staged(seed: object = 0) -> Path:
    """The folder of `crowd:SEED` in the cache, made if it is not there; one process makes it, others wait."""
    folder = cache_folder() / f"crowd-{WORLD}-{seed}"
    if (folder / STAGED).exists():
        return folder
    with writing(folder), one_maker(folder.with_suffix(".lock")):
        return make(folder, seed)


def sizes(folder: Path) -> dict[str, int]:
    """How many images each split of a finished folder has."""
    return {split: len(json.loads((folder / f"graphs_{split}.json").read_text())) for split in SPLITS}


def _parts(share: float) -> Iterator[tuple[str, range]]:
    for split, whole in SPLITS.items():
        images = max(1, round(whole * share))
        yield from ((split, range(first, min(first + PART, images + 1))) for first in range(1, images + 1, PART))


def _part(out: Path, split: str, first: int) -> Path:
    return out / "parts" / f"{split}-{first:08d}.json"


def _stage(job: tuple[Path, str, str, range]) -> None:
    out, seed, split, numbers = job
    graphs = {}
    for number in numbers:
        name = f"crowd_{split}_{number:08d}.jpg"
        shot = crowd.crowd(f"{seed}/{split}", number)
        Image.fromarray(shot.pixels).save(out / "images" / name, quality=JPEG_QUALITY)
        graphs[name] = graph(shot)
    write_whole(_part(out, split, numbers.start), json.dumps(graphs))


def graph(shot: crowd.Crowd) -> dict[str, Any]:
    """Everybody and everything with box, and the pairs by their places in that list."""
    return {
        "place": shot.place,
        "size": [shot.pixels.shape[1], shot.pixels.shape[0]],
        "entities": [{**vars(each.entity), "box": each.box_xyxy} for each in shot.seen],
        "pairs": [{"human": pair.human, "thing": pair.thing, "verbs": list(pair.verbs)} for pair in shot.pairs],
    }


def _joined(out: Path, split: str, share: float) -> Graphs:
    found: Graphs = {}
    for part, numbers in _parts(share):
        if part == split:
            found |= json.loads(_part(out, split, numbers.start).read_text())
    return found


# --- as fredzzhang writes HICO-DET ---


@cache
def kinds() -> Kinds:
    """The words and kinds as every reader of a crowd gets them, but for which are rare: that, the train file tells.

    All kinds of an object stand together, as in HICO-DET.
    """
    named = sorted(crowd.kinds(), key=lambda kind: kind[::-1])
    verbs, objects = (sorted({kind[side] for kind in named}) for side in (0, 1))
    pairs = np.array([(verbs.index(verb), objects.index(noun)) for verb, noun in named], np.int32)
    unseen = {name: mask_of([named.index(kind) for kind in out], len(pairs)) for name, out in crowd.unseen().items()}
    return Kinds(tuple(verbs), tuple(objects), pairs, np.zeros(len(pairs), bool), unseen)


def _write_hico(folder: Path, graphs: dict[str, Graphs]) -> None:
    known = kinds()
    told = {split: [_hico_record(graph) for graph in each.values()] for split, each in graphs.items()}
    counts = np.bincount([hoi for record in told["train"] for hoi in record["hoi"]], minlength=len(known))
    about: dict[str, Any] = {
        "objects": known.objects,
        "verbs": known.verbs,
        "correspondence": [[i, noun, verb] for i, (verb, noun) in enumerate(known.pairs.tolist())],
        "unseen": {name: np.flatnonzero(mask).tolist() for name, mask in known.unseen.items()},
        "rare": np.flatnonzero(counts < RARE).tolist(),
        "non_rare": np.flatnonzero(counts >= RARE).tolist(),
    }
    for split, records in told.items():
        images = {
            "filenames": list(graphs[split]),
            "size": [graph["size"] for graph in graphs[split].values()],
            "empty": [i for i, record in enumerate(records) if not record["hoi"]],
        }
        write_whole(folder / f"instances_{split}.json", json.dumps({"annotation": records, **images, **about}))


def _hico_record(graph: dict[str, Any]) -> dict[str, Any]:
    known = kinds()
    record: dict[str, list[Any]] = {name: [] for name in ("boxes_h", "boxes_o", "hoi", "object", "verb")}
    for pair in graph["pairs"]:
        human, thing = graph["entities"][pair["human"]], graph["entities"][pair["thing"]]
        noun = known.object_index[same_word(crowd.noun_of(thing["noun"]))]
        for verb in (known.verb_index[same_word(verb)] for verb in pair["verbs"]):
            record["boxes_h"].append(_from_one(human["box"]))
            record["boxes_o"].append(_from_one(thing["box"]))
            record["hoi"].append(known.index[verb, noun])
            record["object"].append(noun)
            record["verb"].append(verb)
    return record


def _from_one(box: list[float]) -> list[float]:
    """Edges as inclusive pixels that start with 1."""
    return [box[0] + 1, box[1] + 1, box[2], box[3]]


# --- as V-COCO ---


def _write_vcoco(folder: Path, graphs: dict[str, Graphs]) -> None:
    categories = [PERSON, *(noun for noun in script.nouns() if noun != PERSON and noun not in figures.PEOPLE)]
    coco: dict[str, list[Any]] = {
        "categories": [{"id": i, "name": noun} for i, noun in enumerate(categories, 1)],
        "images": [],
        "annotations": [],
    }
    number = {noun: i for i, noun in enumerate(categories, 1)}
    for split, told in graphs.items():
        persons: list[tuple[int, int, dict[str, int]]] = []  # image, annotation, action -> annotation of its object
        for name, graph in told.items():
            image = len(coco["images"]) + 1
            coco["images"].append(
                {"id": image, "file_name": name, "width": graph["size"][0], "height": graph["size"][1]}
            )
            ids = {i: _add(coco, image, each, number) for i, each in enumerate(graph["entities"]) if each["box"]}
            for i, each in enumerate(graph["entities"]):
                if each["noun"] in figures.PEOPLE and i in ids:
                    mine = [pair for pair in graph["pairs"] if pair["human"] == i]
                    things = {verb: ids[pair["thing"]] for pair in reversed(mine) for verb in pair["verbs"]}
                    persons.append((image, ids[i], things))
        write_whole(folder / f"vcoco_{split}.json", json.dumps([_action(verb, persons) for verb in kinds().verbs]))
    write_whole(folder / "instances_vcoco_all_2014.json", json.dumps(coco))


def _add(coco: dict[str, list[Any]], image: int, entity: dict[str, Any], number: dict[str, int]) -> int:
    x1, y1, x2, y2 = entity["box"]
    number_of = len(coco["annotations"]) + 1
    found = {
        "id": number_of,
        "image_id": image,
        "category_id": number[crowd.noun_of(entity["noun"])],
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "iscrowd": 0,
    }
    coco["annotations"].append(found)
    return number_of


def _action(verb: str, persons: list[tuple[int, int, dict[str, int]]]) -> dict[str, Any]:
    things = [acts.get(verb, 0) for _, _, acts in persons]
    return {
        "action_name": verb,
        "role_name": [AGENT, OBJECT],
        "include": [[], []],
        "image_id": [image for image, _, _ in persons],
        "ann_id": [person for _, person, _ in persons],
        "label": [int(thing > 0) for thing in things],
        "role_object_id": [person for _, person, _ in persons] + things,
    }
