"""Splits of human-object pairs: the images, who does what with what on them, and what training may see. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgegsr import boxes
from edgegsr.data import hico, vcoco
from edgegsr.data.staged import CROWD, folder_of
from edgegsr.errors import InputError
from edgegsr.files import listing
from edgegsr.images import open_image, read_size
from edgegsr.interactions import Bools, Floats, Ints, Pairs, Persons
from edgegsr.progress import track

SAME = 0.5  # overlap from which two annotations are of one human and one object: people draw boxes anew for each label
NOTHING = np.zeros(0)
DEV_EVERY = 10  # image of train, where a data set has no dev of its own
FILES = {  # split -> annotation files, and the folders of their images; the first that exists counts
    "train": (
        *("hico/instances_train.json", "instances_train2015.json", "annotations/trainval_hico.json", "anno_bbox.mat"),
        *("hico-det-instance-level/hico-det-training-set-instance-level.json", "hico-det-instance-level.tar.gz"),
        *("vcoco_text_train.txt", "vcoco_train.json", "instances_vcoco_train.json"),
    ),
    "dev": (
        "hico/instances_dev.json",
        *("vcoco_text_val.txt", "vcoco_dev.json", "vcoco_val.json", "instances_vcoco_val.json"),
    ),
    "test": (
        *("hico/instances_test.json", "instances_test2015.json", "annotations/test_hico.json", "anno_bbox.mat"),
        *("vcoco_text_test.txt", "vcoco_test.json", "instances_vcoco_test.json"),
    ),
}
FOLDERS = ("images", "images/{split}2015", "hico_20160224_det/images/{split}2015")
COCO_FOLDERS = ("images/{half}2014", "mscoco2014/{half}2014", "{half}2014", "../images")
COCO_HALF = {"train": "train", "dev": "train", "test": "val"}  # of COCO 2014, which V-COCO divides anew


@dataclass(frozen=True)
class Couples:
    """M humans, each with one object and every verb that is true of the two; in the order of the images."""

    image: Ints  # (M,) row of the image
    humans_xyxy: Floats  # (M, 4)
    objects_xyxy: Floats  # (M, 4)
    object: Ints  # (M,) index into the objects of the kinds
    verbs: Bools  # (M, V)

    def take(self, rows: Ints) -> Couples:
        """The couples of these images alone, in this order."""
        mine = [np.flatnonzero(self.image == row) for row in rows.tolist()]
        kept = np.concatenate([*mine, np.empty(0, np.int64)]).astype(np.int64)
        image = np.repeat(np.arange(len(mine)), [len(each) for each in mine])
        return replace(self.only(kept), image=image)

    @property
    def annotated(self) -> Bools:
        """(M,) those of which somebody has said what they do; others a detector has found."""
        return np.asarray(self.verbs.any(1))

    def only(self, which: Ints | Bools) -> Couples:
        """These couples, on the images where they are."""
        return Couples(*(getattr(self, column.name)[which] for column in fields(self)))


@dataclass(frozen=True)
class PairSplit:
    """The images of one split, and the pairs on them."""

    name: str
    pairs: Pairs
    folder: Path  # of the image files
    given: Couples | None = None  # in place of those of the pairs
    persons: Persons | None = None  # of V-COCO, which is judged by them

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def couples(self) -> Couples:
        return couples(self.pairs) if self.given is None else self.given

    @cached_property
    def first(self) -> Ints:
        """(N + 1,) where the couples of each image begin."""
        return np.searchsorted(self.couples.image, np.arange(len(self) + 1))

    def path(self, i: int) -> Path:
        """The image file of row `i`."""
        return self.folder / self.pairs.images[i]

    def pixels(self, i: int, side: int | None = None) -> npt.NDArray[np.uint8]:
        """Row `i` as RGB, (H, W, 3); `side` is the longest side wanted: a large JPEG is then decoded smaller."""
        return open_image(self.path(i), side)

    def take(self, rows: npt.ArrayLike) -> PairSplit:
        """The same split with only these images, in this order."""
        index = np.arange(len(self))[np.asarray(rows)]
        given, persons = self.given and self.given.take(index), self.persons and self.persons.take(index)
        return PairSplit(self.name, self.pairs.take(rows), self.folder, given, persons)


def open_pairs(
    name: str, split: str, limit: int | None = None, setting: str = "", rule: str = hico.RULES[0]
) -> PairSplit:
    """A split of a data name; `limit` keeps so many images, spread over the file.

    `setting` is a zero-shot setting: training does not see its kinds, by one of the rules of `hico.without`.
    """
    root = folder_of(name, CROWD)
    opened = _opened(root, split)
    if setting and split != "test":
        opened = replace(opened, pairs=hico.without(opened.pairs, setting, rule))
    if limit is not None and limit < len(opened):
        opened = opened.take(np.linspace(0, len(opened) - 1, limit).astype(int))
    return _measured(opened)


def couples(pairs: Pairs) -> Couples:
    """The pairs with all labels of one human and one object together."""
    order = np.argsort(pairs.image, kind="stable")
    verb, noun = pairs.kinds.pairs[pairs.kind].T
    found: list[int] = []  # the row of each couple's first label
    home = np.empty(len(order), np.int64)
    start = 0  # the first couple of the image at hand
    for i, row in enumerate(track(order.tolist(), "labels")):
        if i == 0 or pairs.image[row] != pairs.image[order[i - 1]]:
            start = len(found)
        same = [n for n in range(start, len(found)) if noun[found[n]] == noun[row]]
        fit = _fit(pairs, row, [found[n] for n in same]) if same else NOTHING
        if fit.max(initial=0) >= SAME:
            home[row] = same[int(fit.argmax())]
        else:
            home[row] = len(found)
            found.append(row)
    verbs = np.zeros((len(found), len(pairs.kinds.verbs)), bool)
    verbs[home, verb] = True
    return Couples(
        pairs.image[found], pairs.humans_xyxy[found], pairs.objects_xyxy[found], noun[found].astype(np.int64), verbs
    )


def _fit(pairs: Pairs, row: int, others: list[int]) -> Floats:
    """The overlap of one label with others, by the worse of the two boxes."""
    humans = boxes.iou(pairs.humans_xyxy[row], pairs.humans_xyxy[others])
    return np.minimum(humans, boxes.iou(pairs.objects_xyxy[row], pairs.objects_xyxy[others]))


def _opened(root: Path, split: str) -> PairSplit:
    if split not in FILES:
        raise InputError(f"{root}: wanted a split among {', '.join(FILES)}, got {split!r}")
    own = _file(root, split)
    if split == "train" and own and not _file(root, "dev"):
        whole = _read(root, own, "train")
        return whole.take(np.arange(len(whole)) % DEV_EVERY != 0)
    if own:
        return _read(root, own, split)
    if split == "dev" and (train := _file(root, "train")):
        whole = _read(root, train, "train")
        return replace(whole.take(np.arange(len(whole)) % DEV_EVERY == 0), name="dev")
    if not root.is_dir():
        raise InputError(f"{root}: wanted crowd, crowd:SEED or the folder of a dataset of pairs; no such folder")
    raise InputError(f"{root}: wanted {' or '.join(FILES[split])} for split {split!r}, found {listing(root)}")


def _file(root: Path, split: str) -> Path | None:
    return next((root / name for name in FILES[split] if (root / name).is_file()), None)


def _read(root: Path, path: Path, split: str) -> PairSplit:
    pairs, persons = _told(path, split)
    if not pairs.images:
        raise InputError(f"{path}: wanted annotated images, got none")
    half, of_coco = COCO_HALF[split], "vcoco" in path.name
    names = [name.format(split=split, half=half) for name in (*FOLDERS, *(COCO_FOLDERS if of_coco else ()))]
    for name in names:
        for before in ("", f"COCO_{half}2014_") if of_coco else ("",):
            if (root / name / f"{before}{pairs.images[0]}").is_file():
                images = tuple(f"{before}{image}" for image in pairs.images)
                return PairSplit(split, replace(pairs, images=images), root / name, persons=persons)
    raise InputError(f"{root}: wanted {pairs.images[0]} in one of the folders {', '.join(names)}, found it nowhere")


def _told(path: Path, split: str) -> tuple[Pairs, Persons | None]:
    """The pairs of a file, and of V-COCO the persons whose they are."""
    if path.suffix == ".mat":
        return hico.read(path, split), None
    if path.name.startswith("instances_vcoco"):
        return vcoco.read_pairs(path), None
    if not path.name.startswith("vcoco"):
        return hico.read(path), None
    persons = vcoco.read(path if path.suffix == ".txt" else vcoco.with_boxes(path))
    return vcoco.pairs_of(persons), persons


def _measured(split: PairSplit) -> PairSplit:
    """With the sizes of images whose file does not tell them."""
    sizes, unknown = split.pairs.sizes_wh, split.pairs.sizes_wh.min(1, initial=1) == 0
    if not unknown.any():
        return split
    sizes = sizes.copy()
    for i in np.flatnonzero(unknown).tolist():
        sizes[i] = read_size(split.path(i))
    return replace(split, pairs=replace(split.pairs, sizes_wh=sizes))
