"""V-COCO in the three forms it comes in: its persons and what they do, or the pairs alone. numpy and stdlib.

Boxes are continuous edges. The official evaluation takes a box x, y, w, h as inclusive pixels x to x + max(0, w - 1)
inside the image, which are the edges x, x + max(1, w), and drops what has no extent then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.data import hico
from edgegsr.data.records import LIMIT, check_images, check_size, paused_gc, read_json
from edgegsr.errors import InputError, shown
from edgegsr.interactions import Acts, Kinds, Pairs, Persons, same_word

BOXES = ("official", "as_written")
INSTANCES = "instances_vcoco_all_2014.json"
_ROLES = {
    "hold": ("obj",), "stand": (), "sit": ("instr",), "ride": ("instr",), "walk": (), "look": ("obj",),
    "hit": ("instr", "obj"), "eat": ("obj", "instr"), "jump": ("instr",), "lay": ("instr",),
    "talk_on_phone": ("instr",), "carry": ("obj",), "throw": ("obj",), "catch": ("obj",), "cut": ("instr", "obj"),
    "run": (), "work_on_computer": ("instr",), "ski": ("instr",), "surf": ("instr",), "skateboard": ("instr",),
    "smile": (), "drink": ("instr",), "kick": ("obj",), "point": ("instr",), "read": ("obj",), "snowboard": ("instr",),
}  # fmt: skip
ACTS = Acts(tuple(_ROLES), tuple((action, role) for action, roles in _ROLES.items() for role in roles))
_SECOND = {27: ("hit", "obj"), 28: ("eat", "instr"), 29: ("cut", "obj")}  # numbers of the text form beyond the 26
_LINES = {
    **{n: (action, roles[0] if roles else "") for n, (action, roles) in enumerate(_ROLES.items(), 1)},
    **_SECOND,
}
SPOKEN = {
    "hold obj": "holding", "sit instr": "sitting on", "ride instr": "riding", "look obj": "looking at",
    "hit instr": "hitting with", "hit obj": "hitting", "eat obj": "eating", "eat instr": "eating with",
    "jump instr": "jumping on", "lay instr": "lying on", "talk_on_phone instr": "talking on", "carry obj": "carrying",
    "throw obj": "throwing", "catch obj": "catching", "cut instr": "cutting with", "cut obj": "cutting",
    "work_on_computer instr": "working on", "ski instr": "skiing on", "surf instr": "surfing on",
    "skateboard instr": "skateboarding on", "drink instr": "drinking from", "kick obj": "kicking",
    "point instr": "pointing at", "read obj": "reading", "snowboard instr": "snowboarding on",
}  # fmt: skip
_NUMBERED = re.compile(r"^COCO_(train|val)2014_(?=\d{12}\.jpg$)")  # two halves, one numbering
_PERSON = 1  # of the categories of the text form

Box = tuple[float, float, float, float]


@cache
def kinds(acts: Acts = ACTS, objects: tuple[str, ...] = ()) -> Kinds:
    """Every action and role with every object, by default of V-COCO, which rules none out."""
    objects = objects or hico.kinds().objects
    verbs = tuple(f"{action} {role}" for action, role in acts.slots)
    grid = np.stack(np.meshgrid(np.arange(len(verbs)), np.arange(len(objects)), indexing="ij"), -1).reshape(-1, 2)
    return Kinds(verbs, objects, grid.astype(np.int32), np.zeros(len(grid), bool))


def read(files: str | Path | Sequence[str | Path], boxes: str = "official") -> Persons:
    """The persons of a split: its text form, or its official JSON and COCO's instances, in either order."""
    if boxes not in BOXES:
        raise InputError(f"boxes: wanted one of {', '.join(BOXES)}, got {boxes!r}")
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if len(paths) == 1 and paths[0].suffix == ".txt":
        return _from_text(paths[0], boxes)
    with paused_gc():
        trees = {path: read_json(path) for path in paths}
    labels = [path for path, tree in trees.items() if isinstance(tree, list)]
    instances = [path for path, tree in trees.items() if isinstance(tree, dict) and "categories" in tree]
    if (len(labels), len(instances), len(paths)) != (1, 1, 2):
        raise InputError(
            f"{', '.join(map(str, paths))}: wanted V-COCO's text form, or vcoco_*.json together with {INSTANCES}"
        )
    return _from_official(labels[0], trees[labels[0]], instances[0], trees[instances[0]], boxes)


def with_boxes(path: Path) -> list[Path]:
    """Official labels, and COCO's boxes where these lie beside them."""
    return [path, beside] if (beside := path.with_name(INSTANCES)).is_file() else [path]


def pairs_of(persons: Persons) -> Pairs:
    """The pairs with an object; without acts that have none."""
    person, slot = np.nonzero(persons.has_object & persons.does[:, persons.acts.of_slot])
    kind = slot * len(persons.objects) + persons.object[person, slot]
    return Pairs(
        kinds(persons.acts, persons.objects),
        persons.images,
        persons.sizes_wh,
        persons.image[person],
        kind.astype(np.int32),
        persons.persons_xyxy[person],
        persons.objects_xyxy[person, slot],
    )


def read_pairs(path: str | Path) -> Pairs:
    """The pairs of fredzzhang's JSON: enough to train, not to score, for it drops acts without an object."""
    path = Path(path)
    tree = read_json(path)
    if not isinstance(tree, dict) or not {"annotations", "classes", "objects"} <= tree.keys():
        raise InputError(f"{path}: wanted an object with annotations, classes and objects, got {shown(tree)[:80]}")
    try:
        slot = [ACTS.slot_index[_slot(name)] for name in tree["classes"]]
        noun = [kinds().object_index.get(same_word(name), -1) for name in tree["objects"]]
        records = tree["annotations"]
        labels = []
        for row, record in enumerate(records):
            columns = (record[name] for name in ("actions", "objects", "boxes_h", "boxes_o"))
            for action, thing, human_xyxy, thing_xyxy in zip(*columns, strict=True):
                if min(action, thing) < 0 or noun[thing] < 0:
                    raise InputError(f"{path}: {record['file_name']}: wanted an object of COCO, got number {thing}")
                kind = slot[action] * len(kinds().objects) + noun[thing]
                labels.append(hico.Label(row, kind, human_xyxy, thing_xyxy))
        images = [record["file_name"] for record in records]
        return hico.table(path, images, [(0, 0)] * len(images), labels, hico.AS_EDGES, kinds())
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: does not hold V-COCO's pairs ({type(error).__name__}: {error})") from error


def _slot(name: str) -> tuple[str, str]:
    """ "hit instr" as action and role; a class of one role has its action's name alone."""
    name = same_word(name)
    action, _, role = name.rpartition("_")
    if (action, role) in ACTS.slot_index:
        return action, role
    return name, _ROLES[name][0]


@dataclass
class _Rows:
    """Persons as they come in."""

    boxes: str
    known: Acts
    objects: tuple[str, ...]
    images: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    persons: list[Box] = field(default_factory=list)
    labelled: list[bool] = field(default_factory=list)
    acts: list[tuple[int, int]] = field(default_factory=list)  # person, action
    things: list[tuple[int, int, Box, int]] = field(default_factory=list)  # person, slot, box, object

    def open(self, name: str, size_wh: tuple[int, int]) -> None:
        if not 0 < min(size_wh) <= max(size_wh) < LIMIT:
            raise ValueError(f"{name}: wanted a size in pixels, got {size_wh}")
        self.images.append(name)
        self.sizes.append(size_wh)

    def edges(self, box: Box) -> Box | None:
        """The edges of a box x1, y1, x2 = x1 + w, y2 = y1 + h in the image at hand; None for one without extent."""
        if self.boxes == "as_written":
            return box[0], box[1], box[2] + 1, box[3] + 1
        width, height = self.sizes[-1]
        x1, x2 = (min(max(x, 0.0), width - 1) for x in (box[0], box[0] + max(0.0, box[2] - box[0] - 1)))
        y1, y2 = (min(max(y, 0.0), height - 1) for y in (box[1], box[1] + max(0.0, box[3] - box[1] - 1)))
        return (x1, y1, x2 + 1, y2 + 1) if x2 > x1 and y2 > y1 else None

    def add(self, box: Box, labelled: bool) -> int | None:
        """The number of a new person, unless its box has no extent."""
        if (edges := self.edges(box)) is None:
            return None
        self.image.append(len(self.images) - 1)
        self.persons.append(edges)
        self.labelled.append(labelled)
        return len(self.persons) - 1

    def act(self, person: int, action: str, role: str, box: Box | None, thing: int) -> None:
        self.acts.append((person, self.known.index[action]))
        if box is not None and (edges := self.edges(box)) is not None:
            self.things.append((person, self.known.slot_index[action, role], edges, thing))

    def table(self, path: Path) -> Persons:
        check_images(path, self.images)
        p, s = len(self.persons), len(self.known.slots)
        does, objects, there = np.zeros((p, len(self.known.names)), bool), np.zeros((p, s, 4)), np.zeros((p, s), bool)
        things = np.full((p, s), -1, np.int32)
        for person, action in self.acts:
            does[person, action] = True
        for person, slot, box, thing in self.things:
            objects[person, slot], there[person, slot], things[person, slot] = box, True, thing
        return Persons(
            self.known,
            tuple(self.images),
            np.array(self.sizes, np.int32).reshape(-1, 2),
            np.array(self.image, np.int32),
            np.array(self.persons, np.float64).reshape(-1, 4),
            np.array(self.labelled, bool),
            does,
            objects,
            there,
            self.objects,
            things,
        )


def _from_text(path: Path, boxes: str) -> Persons:
    """A person whose box is in no action line counts as unlabelled: the form cannot tell such from who does nothing."""
    try:
        check_size(path)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: wanted V-COCO's text form, got: {error}") from error
    lines = iter(enumerate((line.split() for line in text.splitlines()), 1))
    rows, place = _Rows(boxes, ACTS, hico.kinds().objects), 0
    try:
        for line, words in lines:
            if not words:
                continue
            place = line
            if words[0] != "#":
                raise ValueError("wanted '# number' before an image")
            (_, (name,)), (_, (width, height)) = islice(lines, 2)
            rows.open(name, (int(width), int(height)))
            things = [(int(each[0]), _box(each[1:])) for each in _counted(lines)]
            acts = [(int(each[0]), _box(each[2:6]), int(each[6]), _box(each[7:])) for each in _counted(lines)]
            _one_image(rows, things, acts)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise InputError(f"{path}, image after line {place}: not V-COCO's text form: {shown(error)[:120]}") from error
    if not rows.images:
        raise InputError(f"{path}: wanted V-COCO's text form, got no image")
    return rows.table(path)


def _counted(lines: Iterator[tuple[int, list[str]]]) -> list[list[str]]:
    """As many lines as the next one says."""
    _, (count,) = next(lines, (0, ["?"]))
    found = [words for _, words in islice(lines, int(count))]
    if len(found) != int(count):
        raise ValueError(f"wanted {count} lines, the file ends after {len(found)}")
    return found


def _box(words: Sequence[str]) -> Box:
    x1, y1, x2, y2 = map(float, words)
    return _finite(x1, y1, x2, y2)


def _one_image(rows: _Rows, things: list[tuple[int, Box]], acts: list[tuple[int, Box, int, Box]]) -> None:
    for category in (*(each[0] for each in things), *(each[2] for each in acts)):
        if not 0 <= category <= len(rows.objects):
            raise ValueError(f"wanted a category from 0 to {len(rows.objects)}, got {category}")
    acting = {box for _, box, _, _ in acts}
    numbers: dict[Box, int] = {}
    for category, box in things:
        if category == _PERSON and (number := rows.add(box, box in acting)) is not None:
            numbers.setdefault(box, number)
    for number, box, category, thing in acts:
        if box in numbers:
            action, role = _LINES[number]
            rows.act(numbers[box], action, role, thing if category else None, category - 1)


def _from_official(path: Path, labels: list[Any], coco_path: Path, coco: dict[str, Any], boxes: str) -> Persons:
    """Roles stand one after the other in `role_object_id`: first all agents, then all objects of the first role.

    Other words than V-COCO's in the same form are taken as they are; the first category is the person.
    """
    try:
        categories = sorted(coco["categories"], key=lambda each: each["id"])
        category = {each["id"]: i for i, each in enumerate(categories)}
        rows = _Rows(boxes, _acts(labels), tuple(same_word(each["name"]) for each in categories))
        things: dict[int, list[dict[str, Any]]] = {}
        for each in coco["annotations"]:
            things.setdefault(each["image_id"], []).append(each)
        boxes_of = {each["id"]: (_corners(each["bbox"]), category[each["category_id"]]) for each in coco["annotations"]}
        sizes = {each["id"]: (each["width"], each["height"]) for each in coco["images"]}
        names = {each["id"]: each.get("file_name", f"{each['id']:012d}.jpg") for each in coco["images"]}
        labelled = {int(ann) for ann in labels[0]["ann_id"]}
        done = _acts_by_image(labels)
        for image in dict.fromkeys(int(image) for image in labels[0]["image_id"]):
            rows.open(_NUMBERED.sub("", names[image]), sizes[image])
            numbers = {
                each["id"]: rows.add(_corners(each["bbox"]), each["id"] in labelled)
                for each in things[image]
                if category[each["category_id"]] == 0
            }
            for person, action, role, thing in done.get(image, ()):
                if (number := numbers[person]) is not None:
                    rows.act(number, action, role, *(boxes_of[thing] if thing else (None, -1)))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path} with {coco_path}: they do not fit together ({type(error).__name__}: {shown(error)[:120]})"
        ) from error
    return rows.table(path)


def _acts(labels: list[Any]) -> Acts:
    slots = [(each["action_name"], role) for each in labels for role in each["role_name"][1:]]
    found = Acts(tuple(each["action_name"] for each in labels), tuple(slots))
    return ACTS if found == ACTS else found


def _acts_by_image(labels: list[Any]) -> dict[int, list[tuple[int, str, str, int]]]:
    """Person, action, role and object, as numbers of COCO's annotations; 0 where there is no object."""
    done: dict[int, list[tuple[int, str, str, int]]] = {}
    for each in labels:
        action, roles = each["action_name"], each["role_name"][1:]
        things = np.array(each["role_object_id"]).reshape(1 + len(roles), -1)[1:]
        for n, (image, person, does) in enumerate(zip(each["image_id"], each["ann_id"], each["label"], strict=True)):
            if does == 1:
                acts = [(int(person), action, role, int(thing)) for role, thing in zip(roles, things[:, n])]
                done.setdefault(int(image), []).extend(acts or [(int(person), action, "", 0)])
    return done


def _corners(bbox: Sequence[float]) -> Box:
    x, y, width, height = map(float, bbox)
    return _finite(x, y, x + width, y + height)


def _finite(*box: float) -> Box:
    if not all(map(isfinite, box)):
        raise ValueError(f"wanted a finite box, got {box}")
    x1, y1, x2, y2 = box
    return x1, y1, x2, y2
