"""SWiG, imSitu and Ov-SWiG in their official layout, as `Annotations`, and back. numpy and the standard library only.

Records are trusted until something contradicts; then the examiner of `records` looks again and names the first fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from edgegsr.annotations import Annotations
from edgegsr.data.columns import NOT_AS_WRITTEN, Flat, flatten
from edgegsr.data.records import Twice, faults, learn_frames, paused_gc, read_records
from edgegsr.data.space import NOT_NOUNS, OOV_ID, Space, read_nouns, read_ontology, read_space, read_verbs, write_space
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.files import listing, write_whole
from edgegsr.situation import Frame, Noun, Ontology

__all__ = ["FILES", "find", "open_split", "read", "read_nouns", "read_ontology", "read_verbs", "write", "write_space"]

SPACE, CLASSES, IMAGES, JSONS = "imsitu_space.json", "train_classes.csv", "images_512", "SWiG_jsons"
UNSEEN = "unseen.txt"  # verbs that are kept out of training
FILES = {  # split -> its file names, SWiG's and Ov-SWiG's; the first that exists counts
    "train": ("train.json", "train_L10_with_obj_cap_refined.json"),
    "dev": ("dev.json",),
    "test": ("test.json",),
    "train_seen": ("train_L10_with_obj_cap_refined.json",),
    "dev_unseen": ("dev_L10_unseen_with_obj_cap_refined.json",),
    "test_unseen": ("test_L10_unseen_with_obj_cap_refined.json",),
    "dev_rare": ("dev_L20_rare_with_obj_cap_refined.json",),
    "test_rare": ("test_L20_rare_with_obj_cap_refined.json",),
    "dev_ind": ("dev_ind.json",),
    "test_ind": ("test_ind.json",),
}
NO_BOX = [-1, -1, -1, -1]

Roles = dict[str, tuple[str, ...]]  # of each verb, in the order of its frame


def read(
    files: str | Path | Sequence[str | Path], ontology: Ontology | None = None, space: str | Path | None = None
) -> Annotations:
    """Every record of one or more official JSON files, in the order of the files.

    Without an ontology the records make one: their verbs, with the role order and the words of `space`
    (an imsitu_space.json) where given; their nouns, sorted by id. With one, a noun it does not have becomes OOV.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    words = read_space(space) if ontology is None and space is not None else None
    known = ontology or words
    frames = {frame.verb: frame.roles for frame in known.frames} if known is not None else {}
    flats = [_flatten_file(path, frames, learn=known is None) for path in paths]
    if ontology is None:
        ontology = _ontology_of(flats, frames, words)
    parts = [flat.annotations(ontology) for flat in flats]
    _refuse_doubles(paths, parts)
    return _join(parts)


def open_split(root: str | Path, split: str, ontology: Ontology | None = None) -> Split:
    """A split of a dataset folder by its name (see `FILES`), with the folder of its images.

    Without an ontology: the one of `dataset_ontology`. Open train first and hand its ontology on: that is faster.
    """
    root = Path(root)
    path = find(root, split)
    if not (images := root / IMAGES).is_dir():
        raise InputError(f"{root}: wanted the folder {IMAGES} with the images, found {listing(root)}")
    return Split(split, read(path, dataset_ontology(root) if ontology is None else ontology), images)


def find(root: Path, split: str) -> Path:
    """The annotation file of a split, in `root` or `root/SWiG_jsons`."""
    if split not in FILES:
        raise InputError(f"{root}: wanted a split among {', '.join(FILES)}, got {split!r}")
    folder = json_folder(root)
    for name in FILES[split]:
        if (path := folder / name).is_file():
            return path
    raise InputError(f"{folder}: wanted {' or '.join(FILES[split])} for split {split!r}, found {listing(folder)}")


def annotation_files(root: Path) -> dict[str, Path]:
    """The annotation files of a dataset folder by split, each file once."""
    folder = json_folder(root)
    found: dict[str, Path] = {}
    for split, names in FILES.items():
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is not None and path not in found.values():
            found[split] = path
    return found


def json_folder(root: Path) -> Path:
    """Where the annotation files of a dataset lie."""
    if not root.is_dir():
        raise InputError(f"{root}: wanted the folder of a dataset, with {JSONS} and {IMAGES}; no such folder")
    return root / JSONS if (root / JSONS).is_dir() else root


def dataset_ontology(root: Path) -> Ontology:
    """The vocabulary of a dataset folder: the verbs of imsitu_space.json, or else of every annotation file;
    the nouns of train_classes.csv, or else of the training file."""
    folder = json_folder(root)
    if (classes := folder / CLASSES).is_file():
        nouns = read_nouns(classes)
    else:
        nouns = tuple(noun.id for noun in read(find(root, "train")).ontology.nouns)
    if (space := folder / SPACE).is_file():
        return read_ontology(space, nouns)
    return Ontology(read(list(annotation_files(root).values())).ontology.frames, tuple(map(Noun, nouns)))


def _flatten_file(path: Path, frames: Roles, learn: bool) -> Flat:
    """One file at a time: its tree takes many times the memory of its values, and goes when this returns."""
    with paused_gc():
        records = read_records(path)
        if learn:
            learn_frames(records, frames)
        try:
            return flatten(records, frames)
        except NOT_AS_WRITTEN as error:
            raise _first_fault(path, records, frames) or error from error


def _first_fault(path: Path, records: dict[str, Any], frames: Roles) -> InputError | None:
    if isinstance(records, Twice):
        return InputError(f"{path}: image {records.keys_twice[0]!r}: wanted every image once, got it twice")
    found = chain.from_iterable(faults(image, record, frames) for image, record in records.items())
    fault = next(found, None)
    return None if fault is None else InputError(f"{path}: {fault}")


def _ontology_of(flats: Sequence[Flat], frames: Roles, space: Space | None) -> Ontology:
    """The verbs and nouns in use: verbs in the order of the space file or of the alphabet, nouns sorted by id."""
    nouns = sorted(set(chain.from_iterable(flat.nouns for flat in flats)) - set(NOT_NOUNS))
    verbs = set(chain.from_iterable(flat.verbs for flat in flats))
    if space is None:
        return Ontology(tuple(Frame(verb, frames[verb]) for verb in sorted(verbs)), tuple(map(Noun, nouns)))
    return replace(space, frames=tuple(frame for frame in space.frames if frame.verb in verbs)).ontology(nouns)


def _refuse_doubles(paths: Sequence[Path], parts: Sequence[Annotations]) -> None:
    owner: dict[str, Path] = {}
    for path, part in zip(paths, parts, strict=True):
        if twice := owner.keys() & part.row.keys():
            image = min(twice)
            raise InputError(f"{path}: image {image!r}: wanted every image once, got it in {owner[image]} too")
        owner.update(dict.fromkeys(part.images, path))


def _join(parts: Sequence[Annotations]) -> Annotations:
    columns = ("sizes_wh", "verbs", "nouns", "boxes_xyxy", "has_box")
    images = tuple(chain.from_iterable(part.images for part in parts))
    joined = (np.concatenate([getattr(part, column) for part in parts]) for column in columns)
    return Annotations(parts[0].ontology, images, *joined)


def write(annotations: Annotations, path: str | Path) -> None:
    """Writes the annotations as an official JSON file, one image a line; `read` gives them back unchanged."""
    if len(annotations.row) != len(annotations) or not len(annotations):
        raise InputError(f"{path}: wanted at least one image and each once, got {len(annotations)} images")
    lines = [f"{json.dumps(image)}: {json.dumps(record)}" for image, record in _records_of(annotations)]
    write_whole(path, "{\n" + ",\n".join(lines) + "\n}\n")


def _records_of(annotations: Annotations) -> Iterator[tuple[str, dict[str, Any]]]:
    ids = [*(noun.id for noun in annotations.ontology.nouns), OOV_ID]  # OOV = -1 is the last
    frames = annotations.ontology.frames
    columns = (annotations.verbs, annotations.sizes_wh, annotations.boxes_xyxy, annotations.has_box, annotations.nouns)
    for image, verb, (width, height), boxes, there, nouns in zip(
        annotations.images, *(column.tolist() for column in columns), strict=True
    ):
        roles = frames[verb].roles
        yield (
            image,
            {
                "verb": frames[verb].verb,
                "height": height,
                "width": width,
                "bb": {role: _box(image, boxes[r]) if there[r] else NO_BOX for r, role in enumerate(roles)},
                "frames": [{role: ids[answers[r]] for r, role in enumerate(roles)} for answers in nouns],
            },
        )


def _box(image: str, box: list[float]) -> list[float]:
    if box[0] == -1:
        raise InputError(f"image {image!r}: wanted a box that starts elsewhere than x = -1 ('no box' here), got {box}")
    return [int(v) if v.is_integer() else float(str(np.float32(v))) for v in box]
