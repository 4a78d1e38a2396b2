"""HICO-DET in the four forms it comes in, as `Pairs`. numpy and the standard library; .mat files want scipy.

Every form has its own base and its own order of objects. Here boxes are continuous edges, 0-based, and objects are
known by their names; images without pairs are kept, for what is predicted there is wrong.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgegsr.data.hico_faults import faults
from edgegsr.data.matlab import read_matlab
from edgegsr.data.records import MOST_BYTES, check_images, check_size, paused_gc
from edgegsr.errors import InputError, MissingExtra, shown
from edgegsr.interactions import Bools, Floats, Ints, Kinds, Pairs, mask_of, same_word

IMAGES = {"train": 38118, "test": 9658}  # of which "empty" in hico_words.json have no pair
RULES = ("labels", "boxes", "images")
_COCO_IDS = [i for i in range(1, 91) if i not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
_NAME = re.compile(r"HICO_(train|test)2015_\d{8}\.jpg")


@cache
def words() -> dict[str, Any]:
    """The names of HICO-DET as the package carries them."""
    told: dict[str, Any] = json.loads((files("edgegsr.data") / "hico_words.json").read_text("utf-8"))
    return told


@cache
def kinds() -> Kinds:
    """The 600 kinds of interaction in their official order; objects in the order of COCO."""
    told = words()
    verbs, objects = tuple(told["verbs"]), tuple(told["objects"])
    verb, noun = ({word: i for i, word in enumerate(known)} for known in (verbs, objects))
    pairs = [(verb[v], noun[o]) for o, allowed in told["kinds"].items() for v in allowed]
    unseen = {name: mask_of(ids, len(pairs)) for name, ids in told["unseen"].items()}
    return Kinds(verbs, objects, np.array(pairs, np.int32), mask_of(told["rare"], len(pairs)), unseen)


def read(path: str | Path, split: str | None = None) -> Pairs:
    """All pairs of a file: fredzzhang's or QPIC's JSON, HAKE's JSON or tar.gz, the official anno_bbox.mat.

    `split` says which half of the .mat file is meant, test by default.
    """
    path = Path(path)
    try:
        if path.suffix == ".mat":
            return _from_matlab(path, split or "test")
        with paused_gc():
            tree = _tree(path)
            for fits, form in FORMS:
                if fits(tree):
                    return form(path, tree)
    except MissingExtra:
        raise
    except InputError as error:
        raise error if str(error).startswith(str(path)) else InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path}: does not hold what its form wants ({type(error).__name__}: {shown(error)[:200]})"
        ) from error
    raise InputError(
        f"{path}: wanted HICO-DET's annotations as fredzzhang (annotation, filenames), QPIC (a list with "
        f"hoi_annotation) or HAKE (image -> labels) write them, or anno_bbox.mat; got {shown(tree)[:80]}"
    )


def without(pairs: Pairs, setting: str, rule: str = "labels") -> Pairs:
    """The pairs that training may see in a zero-shot setting; images with nothing left go too.

    labels: without these labels; boxes: without all labels of a human and an object that have one of them, as GEN-VLKT;
    images: without the images that have one.
    """
    if rule not in RULES:
        raise InputError(f"zero-shot rule: wanted one of {', '.join(RULES)}, got {rule!r}")
    if not pairs.kinds.unseen:
        raise InputError(f"zero-shot setting {setting!r}: these annotations have none; leave it out")
    if setting not in pairs.kinds.unseen:
        raise InputError(f"zero-shot setting: wanted one of {', '.join(pairs.kinds.unseen)}, got {setting!r}")
    banned = pairs.kinds.unseen[setting][pairs.kind]
    if rule != "labels":
        whose = np.column_stack([pairs.image, pairs.humans_xyxy, pairs.objects_xyxy])
        _, group = np.unique(whose if rule == "boxes" else whose[:, :1], axis=0, return_inverse=True)
        banned = np.isin(group, group[banned])
    left = pairs.keep(~banned)
    return left.take(~left.empty)


def known_objects(path: str | Path, truth: Pairs) -> Bools:
    """(N, objects): which images show an object, by the image labels of anno.mat or by lists made of them."""
    path = Path(path)
    table = np.zeros((len(truth), len(truth.kinds.objects)), bool)
    if path.suffix == ".mat":
        images, labels = image_labels(path, "test")
        rows = {name: column for column, name in enumerate(images)}
        if missing := next((image for image in truth.images if image not in rows), None):
            raise InputError(f"{path}: wanted a label of every image, has none of {missing}")
        positive = labels[:, [rows[image] for image in truth.images]] == 1  # (K, N)
        kind, image = np.nonzero(positive)
        table[image, truth.kinds.pairs[kind, 1]] = True
        return table
    tree = _tree(path)
    lists = tree.get("images") if isinstance(tree, dict) else None
    if not isinstance(lists, dict):
        raise InputError(f"{path}: wanted anno.mat, or an object 'images' with the positions by object")
    for noun, positions in lists.items():
        if (column := truth.kinds.object_index.get(same_word(noun))) is None:
            raise InputError(f"{path}: unknown object {shown(noun)!r}")
        if not isinstance(positions, list) or not all(type(i) is int and 0 <= i < len(truth) for i in positions):
            raise InputError(
                f"{path}: {noun}: wanted positions from 0 to {len(truth) - 1}, got {shown(positions)[:60]}"
            )
        table[positions, column] = True
    return table


def image_labels(path: Path, split: str) -> tuple[list[str], Floats]:
    """The images of a split of anno.mat, and (kinds, images) what is true of each: 1, else 0, -1 or NaN."""
    told = read_matlab(path, (f"anno_{split}", f"list_{split}"))
    images, labels = [str(name) for name in np.atleast_1d(told[f"list_{split}"])], told[f"anno_{split}"]
    wanted, got = (len(kinds()), len(images)), np.shape(labels)
    if got != wanted:
        raise InputError(f"{path}: wanted anno_{split} of {wanted[0]} x {wanted[1]}, got {' x '.join(map(str, got))}")
    check_images(path, images)
    return images, labels


class Label(NamedTuple):
    """One pair as a file writes it."""

    image: int
    kind: int
    human: Sequence[float]
    thing: Sequence[float]


def table(
    path: Path,
    images: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    labels: Iterable[Label],
    edges: Sequence[int],
    known: Kinds | None = None,
) -> Pairs:
    """The pairs of a file; `edges` is what turns its boxes into edges."""
    rows = list(labels)
    boxes = np.array([[label.human, label.thing] for label in rows], np.float64).reshape(-1, 2, 4)
    if not np.isfinite(boxes).all():
        raise InputError(f"{path}: wanted finite boxes, got NaN or infinity")
    boxes += np.array(edges, np.float64)
    check_images(path, images)
    return Pairs(
        known or kinds(),
        tuple(images),
        np.array(sizes, np.int32).reshape(-1, 2),
        np.array([label.image for label in rows], np.int32),
        np.array([label.kind for label in rows], np.int32),
        boxes[:, 0],
        boxes[:, 1],
    )


_COLUMNS = ("verb", "object", "boxes_h", "boxes_o")
FROM_ONE = (-1, -1, 0, 0)  # 1-based inclusive pixels to edges
FROM_ZERO = (0, 0, 1, 1)  # 0-based inclusive pixels to edges
AS_EDGES = (0, 0, 0, 0)


def _from_fredzzhang(path: Path, tree: dict[str, Any]) -> Pairs:
    try:
        return _columns(path, tree)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        for image, wanted, got in faults(tree):
            raise InputError(f"{path}: {f'image {image!r}: ' * bool(image)}wanted {wanted}, got {got}") from error
        raise


def _columns(path: Path, tree: dict[str, Any]) -> Pairs:
    records = tree["annotation"]
    if len(records) != len(tree["filenames"]):
        images = len(tree["filenames"])
        raise InputError(f"{path}: wanted an annotation for each of {images} images, got {len(records)}")
    columns = {name: [*chain.from_iterable(record[name] for record in records)] for name in ("hoi", "verb", "object")}
    counts = [len(record["hoi"]) for record in records]
    if any(len(record[column]) != count for record, count in zip(records, counts) for column in _COLUMNS):
        raise ValueError("not as many of each column in every record")
    hoi, known = np.array(columns["hoi"], np.int64), _kinds_of(tree)
    if len(hoi) and not (hoi.min() >= 0 and hoi.max() < len(known)):
        raise InputError(f"{path}: wanted hoi from 0 to {len(known) - 1}, got {hoi.min()} to {hoi.max()}")
    _check_words(path, tree, "verb", columns["verb"], known.pairs[hoi, 0], known.verbs)
    _check_words(path, tree, "object", columns["object"], known.pairs[hoi, 1], known.objects)
    image = np.repeat(np.arange(len(records)), counts).tolist()
    humans = chain.from_iterable(record["boxes_h"] for record in records)
    things = chain.from_iterable(record["boxes_o"] for record in records)
    labels = [Label(*label) for label in zip(image, columns["hoi"], humans, things, strict=True)]
    return table(path, tree["filenames"], [tuple(size) for size in tree["size"]], labels, FROM_ONE, known)


def _kinds_of(tree: dict[str, Any]) -> Kinds:
    """HICO-DET's kinds, or those of a file that has other words in the same form."""
    rows = tree.get("correspondence", ())
    if not rows or set(tree["verbs"]) == set(kinds().verbs):
        return kinds()
    pairs = np.array([(verb, noun) for _, noun, verb in sorted(rows)], np.int32)
    unseen = {name: mask_of(ids, len(rows)) for name, ids in tree.get("unseen", {}).items()}
    return Kinds(tuple(tree["verbs"]), tuple(tree["objects"]), pairs, mask_of(tree.get("rare", []), len(rows)), unseen)


def _check_words(path: Path, tree: Any, what: str, said: list[int], wanted: Ints, known: tuple[str, ...]) -> None:
    """Objects are numbered by the alphabet in one copy of this file and as in COCO in others: names decide."""
    orders = [[same_word(word) for word in tree[f"{what}s"]]] if f"{what}s" in tree else []
    right = [known[i] for i in wanted]
    for order in (*orders, list(known)):
        if all(0 <= i < len(order) and order[i] == word for i, word in zip(said, right)):
            return
    raise InputError(f"{path}: '{what}' of the pairs and '{what}s' do not fit to 'hoi': the file mixes two numberings")


def _from_qpic(path: Path, tree: list[Any]) -> Pairs:
    """PPDM's conversion, which QPIC, CDN, GEN-VLKT and others read: pixels from 0, images without pairs left out."""
    place = {coco: i for i, coco in enumerate(_COCO_IDS)}

    def label(row: int, record: Any, hoi: Any) -> Label:
        things = record["annotations"]
        if min(hoi["subject_id"], hoi["object_id"]) < 0:
            raise InputError(f"{path}: image {record['file_name']!r}: wanted a human and an object, got {hoi}")
        human, thing = things[hoi["subject_id"]], things[hoi["object_id"]]
        noun = place.get(int(str(thing["category_id"]).strip()), -1)
        if (kind := kinds().index.get((int(hoi["category_id"]) - 1, noun))) is None:
            raise InputError(
                f"{path}: image {record['file_name']!r}: verb {hoi['category_id']} does not go with an object of "
                f"category {shown(thing['category_id'])}"
            )
        return Label(row, kind, human["bbox"], thing["bbox"])

    labels = [label(row, record, hoi) for row, record in enumerate(tree) for hoi in record["hoi_annotation"]]
    images = _with_empty([record["file_name"] for record in tree])
    return table(path, images, [(0, 0)] * len(images), labels, FROM_ZERO)


def _with_empty(images: list[str]) -> list[str]:
    """With the images that a whole file of this form leaves out."""
    splits = {name[1] if name else "" for name in map(_NAME.fullmatch, images)}
    split = splits.pop() if len(splits) == 1 else ""
    empty = words()["empty"].get(split, [])
    if not empty or len(images) + len(empty) != IMAGES[split]:
        return images
    return images + [f"HICO_{split}2015_{number:08d}.jpg" for number in empty]


def _from_hake(path: Path, tree: dict[str, Any]) -> Pairs:
    labels: list[Label] = []
    sizes: list[tuple[int, int]] = []
    for row, (image, record) in enumerate(tree.items()):
        told = record["labels"]
        sizes.append((told[0]["width"], told[0]["height"]) if told else (0, 0))
        for each in told:
            if not 1 <= (hoi := each["hoi_id"]) <= len(kinds()):
                raise InputError(f"{path}: image {image!r}: wanted hoi_id from 1 to {len(kinds())}, got {hoi}")
            labels.append(Label(row, hoi - 1, each["human_bbox"], each["object_bbox"]))
    return table(path, list(tree), sizes, labels, FROM_ONE)


def _from_matlab(path: Path, split: str) -> Pairs:
    """The official file: visible pairs are those that `connection` names; boxes are x1, x2, y1, y2."""
    if split not in IMAGES:
        raise InputError(f"{path}: wanted a split among {', '.join(IMAGES)}, got {split!r}")
    images: list[str] = []
    sizes: list[tuple[int, int]] = []
    labels: list[Label] = []
    for row, record in enumerate(np.atleast_1d(read_matlab(path, (f"bbox_{split}",))[f"bbox_{split}"])):
        images.append(str(record.filename))
        sizes.append((int(record.size.width), int(record.size.height)))
        for hoi in np.atleast_1d(record.hoi):
            if np.any(hoi.invis):
                continue
            humans, things = np.atleast_1d(hoi.bboxhuman), np.atleast_1d(hoi.bboxobject)
            for human, thing in np.asarray(hoi.connection).reshape(-1, 2):
                if min(human, thing) < 1:
                    raise ValueError(f"connection of {record.filename}: wanted numbers from 1, got {human}, {thing}")
                boxes = (_matlab_box(humans[human - 1]), _matlab_box(things[thing - 1]))
                labels.append(Label(row, int(hoi.id) - 1, *boxes))
    return table(path, images, sizes, labels, FROM_ONE)


def _matlab_box(box: Any) -> tuple[float, float, float, float]:
    return float(box.x1), float(box.y1), float(box.x2), float(box.y2)


FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Path, Any], Pairs]], ...] = (
    (lambda tree: isinstance(tree, dict) and {"annotation", "filenames"} <= tree.keys(), _from_fredzzhang),
    (lambda tree: isinstance(tree, list) and bool(tree) and "hoi_annotation" in tree[0], _from_qpic),
    (lambda tree: isinstance(tree, dict) and bool(tree) and _has_labels(next(iter(tree.values()))), _from_hake),
)


def _has_labels(record: Any) -> bool:
    return isinstance(record, dict) and "labels" in record


def _tree(path: Path) -> Any:
    try:
        check_size(path)
        return json.loads(_unpacked(path) if path.name.endswith((".tar.gz", ".tgz")) else path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: wanted a readable file, got: {error.strerror or error}") from error
    except (ValueError, RecursionError, tarfile.TarError, EOFError) as error:
        raise InputError(f"{path}: wanted JSON, got: {shown(error)[:200]}") from error


def _unpacked(path: Path) -> bytes:
    """The one JSON file of an archive, which is read and never written to disk."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".json") and not Path(member.name).name.startswith("."):
                file = archive.extractfile(member)
                held = (file or io.BytesIO()).read(MOST_BYTES + 1)
                if len(held) > MOST_BYTES:
                    raise InputError(f"{path}: {member.name}: wanted at most {MOST_BYTES >> 20} MB unpacked")
                return held
    raise InputError(f"{path}: wanted an archive with one .json file, got none in it")
