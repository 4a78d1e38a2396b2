"""Everything that is wrong or odd in the files of HICO-DET and V-COCO, listed and not stopped at. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgegsr.data import hico, hico_faults, vcoco
from edgegsr.data.findings import Finding, Findings
from edgegsr.data.records import read_json
from edgegsr.errors import InputError, MissingExtra
from edgegsr.interactions import Bools, Floats, Ints, Pairs, Persons
from edgegsr.progress import track

HOMES = ("hico", "vcoco", "annotations")  # folders of annotation files, beside which the images are
EXAMPLES = 20  # findings of one kind in one file
SLACK = 1.0  # pixel that a box may reach beyond its image: annotators' tools round
HEAD = 20_000  # bytes of a file that say what it is

Size = tuple[int, int]
Reader = Callable[[Path], Iterator[tuple[str, Pairs | Persons]]]


class PairCounts(NamedTuple):
    """What one file of interactions holds."""

    file: str
    images: int
    empty: int  # images without a pair
    pairs: int
    kinds: int  # different ones
    persons: int  # of whom somebody said what they do; 0 in a file of pairs alone


def is_file_of_pairs(path: Path) -> bool:
    """Whether a file is one of HICO-DET's or V-COCO's, by its name or by what it begins with."""
    return reader_of(path) is not None


def reader_of(path: Path) -> Reader | None:
    """What reads a file, or None where it is of no such data set or cannot be looked into."""
    if named := next((read for pattern, read in READERS if pattern.fullmatch(path.name)), None):
        return named
    if path.suffix not in (".json", ".txt"):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    return next((read for mark, read in MARKS if mark.search(head)), None)


def files_of_pairs(root: Path) -> list[Path]:
    """The files of HICO-DET and V-COCO in a folder, or in its folders hico and vcoco."""
    folders = filter(Path.is_dir, (root, *(root / name for name in HOMES)))
    return [path for folder in folders for path in sorted(folder.iterdir()) if is_file_of_pairs(path)]


def check_pairs(paths: list[Path]) -> tuple[Findings, dict[str, Size | None]]:
    """What is wrong with files of interactions, and every image that they name with its size, where they tell it."""
    sizes: dict[str, Size | None] = {}
    items: list[Finding] = []
    counts: list[PairCounts] = []
    notes: list[str] = []
    missing: MissingExtra | None = None
    for path in track(paths, "files of interactions"):
        read = reader_of(path)
        assert read
        try:
            for name, table in read(path):
                told = ((w, h) if w else None for w, h in table.sizes_wh.tolist())
                sizes |= dict(zip(table.images, told))
                if isinstance(table, Persons):
                    counts.append(_count_persons(name, table))
                    items += _doubt_persons(path, table)
                else:
                    counts.append(_count(name, table))
                    items += _doubt(path, table)
                    notes += _whole(name, table)
        except LabelsAlone as labels:
            counts += labels.counts
            notes.append(f"{path.name}: boxes not checked: {labels.why}")
        except MissingExtra as error:
            missing = error
            notes.append(f"{path.name}: not read: {error}")
        except InputError as error:
            items += _broken(path, error)
    if missing and not (counts or items):  # nothing was looked at, so nothing can be said of it
        raise missing
    return Findings(tuple(items), tuple(counts), tuple(notes)), sizes


def _broken(path: Path, error: InputError) -> list[Finding]:
    """What is wrong with a file that cannot be read, image by image where its form is known."""
    with suppress(InputError):
        tree = read_json(path) if path.suffix == ".json" else None
        if isinstance(tree, dict) and {"annotation", "filenames"} <= tree.keys():
            found = [Finding("error", str(path), *fault) for fault in islice(hico_faults.faults(tree), EXAMPLES)]
            if found:
                return found
    return [Finding("error", str(path), "", "a file of interactions", str(error).removeprefix(f"{path}: "))]


class LabelsAlone(Exception):
    """A file that has labels and no boxes."""

    def __init__(self, counts: list[PairCounts], why: str) -> None:
        super().__init__()
        self.counts, self.why = counts, why


def _hico(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    yield path.name, hico.read(path)


def _matlab(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    for split in hico.IMAGES:
        yield f"{path.name}, {split}", hico.read(path, split)


def _image_labels(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    counts = []
    for split in hico.IMAGES:
        images, labels = hico.image_labels(path, split)
        true = labels == 1
        name, empty, kinds = f"{path.name}, {split}", int((~true.any(0)).sum()), int(true.any(1).sum())
        counts.append(PairCounts(name, len(images), empty, int(true.sum()), kinds, persons=0))
    yield from ()  # no boxes to look at
    raise LabelsAlone(counts, "it labels images")


def _vcoco_text(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    yield path.name, vcoco.read(path)


def _vcoco_pairs(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    yield path.name, vcoco.read_pairs(path)


def _vcoco_official(path: Path) -> Iterator[tuple[str, Pairs | Persons]]:
    if len(files := vcoco.with_boxes(path)) > 1:
        yield path.name, vcoco.read(files)
    else:
        labels = read_json(path)
        try:
            images, persons = (len(set(labels[0][key])) for key in ("image_id", "ann_id"))
            acts = sum(int(np.sum(each["label"])) for each in labels)
            for each in labels:
                if {len(each[key]) for key in ("image_id", "ann_id", "label")} != {len(labels[0]["ann_id"])}:
                    raise ValueError(f"{each['action_name']!r} has not one label a person")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"{path}: wanted V-COCO's labels, got {type(error).__name__}: {error}") from error
        raise LabelsAlone(
            [PairCounts(path.name, images, 0, acts, len(labels), persons)], f"no {vcoco.INSTANCES} beside it"
        )


READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"instances_(train|dev|test)(2015)?\.json|(trainval|test)_hico\.json"), _hico),
    (re.compile(r"hico-det-.*\.(json|tar\.gz)"), _hico),
    (re.compile(r"anno_bbox\.mat"), _matlab),
    (re.compile(r"anno\.mat"), _image_labels),
    (re.compile(r"instances_vcoco_(train|val|trainval|test)\.json"), _vcoco_pairs),
    (re.compile(r"vcoco_(train|dev|val|trainval|test)\.json"), _vcoco_official),
    (re.compile(r"vcoco_text_.*\.txt"), _vcoco_text),
)

MARKS: tuple[tuple[re.Pattern[bytes], Reader], ...] = (  # what a file begins with
    (re.compile(rb'"boxes_h"(?s:.*)"actions"|"actions"(?s:.*)"boxes_h"'), _vcoco_pairs),
    (re.compile(rb'"(boxes_h|hoi_annotation|hoi_id)"(?s:.*)"(boxes_o|object_id|object_bbox)"'), _hico),
    (re.compile(rb'"role_object_id"|"role_name"'), _vcoco_official),
    (re.compile(rb"^# \d+\s"), _vcoco_text),
)


def _count(name: str, pairs: Pairs) -> PairCounts:
    return PairCounts(
        name, len(pairs), int(pairs.empty.sum()), len(pairs.image), int((pairs.counts > 0).sum()), persons=0
    )


def _count_persons(name: str, persons: Persons) -> PairCounts:
    pairs = vcoco.pairs_of(persons)
    told = _count(name, pairs)
    return told._replace(persons=int(persons.labelled.sum()))


def _whole(name: str, pairs: Pairs) -> list[str]:
    """Whether a file of HICO-DET is all of its split."""
    split = next((split for split in hico.IMAGES if f"HICO_{split}2015" in (pairs.images or ("",))[0]), None)
    if split is None or len(pairs) == hico.IMAGES[split]:
        return []
    return [f"{name}: {len(pairs)} of the {hico.IMAGES[split]} images of HICO-DET's {split}"]


def _doubt(path: Path, pairs: Pairs) -> Iterator[Finding]:
    names = [pairs.images[i] for i in pairs.image]
    for what, boxes in (("human", pairs.humans_xyxy), ("object", pairs.objects_xyxy)):
        yield from _doubt_boxes(path, what, boxes, names, pairs.sizes_wh[pairs.image])
    rows = np.column_stack([pairs.image, pairs.kind, pairs.humans_xyxy, pairs.objects_xyxy])
    _, first = np.unique(rows, axis=0, return_index=True)
    twice = np.setdiff1d(np.arange(len(rows)), first)
    for i in twice[:EXAMPLES]:
        verb, noun = pairs.kinds.names(pairs.kind[i])
        yield Finding("warning", str(path), names[i], "a pair once", f"{verb} {noun} with the same boxes again")


def _doubt_persons(path: Path, persons: Persons) -> Iterator[Finding]:
    names = [persons.images[i] for i in persons.image]
    yield from _doubt_boxes(path, "person", persons.persons_xyxy, names, persons.sizes_wh[persons.image])
    person, slot = np.nonzero(persons.has_object)
    idle = ~persons.does[person, persons.acts.of_slot[slot]]
    for i in person[idle][:EXAMPLES]:
        yield Finding("error", str(path), names[i], "an object of an act alone", "one of an act that nobody does")


def _doubt_boxes(path: Path, what: str, boxes: Floats, names: list[str], sizes_wh: Ints) -> Iterator[Finding]:
    flat = (boxes[:, 2:] <= boxes[:, :2]).any(1)
    for i in np.flatnonzero(flat)[:EXAMPLES]:
        yield Finding("error", str(path), names[i], f"{what}: a box with an area", str(boxes[i].tolist()))
    known: Bools = sizes_wh.min(1, initial=1) > 0
    outside = known & ((boxes[:, :2] < -SLACK).any(1) | (boxes[:, 2:] > sizes_wh + SLACK).any(1))
    for i in islice(np.flatnonzero(outside), EXAMPLES):
        size = " x ".join(map(str, sizes_wh[i]))
        yield Finding("warning", str(path), names[i], f"{what}: a box inside {size}", str(boxes[i].tolist()))
