"""Folders of pairs as users have them: every form of annotations that trains, and where its photos are looked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_hico_files import hake, matlab, packed, qpic
from test_vcoco_files import ACTED, given_pairs, official, text

from edgegsr.data.pairs import open_pairs
from edgegsr.errors import InputError
from edgegsr.interactions import Pairs

TEST, TRAIN = "HICO_test2015_00000001.jpg", "HICO_train2015_00000001.jpg"


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((150, 100, 3), 90, np.uint8)).save(path)


def opened(root: Path, split: str) -> Pairs:
    found = open_pairs(str(root), split)
    assert all(found.path(i).is_file() for i in range(len(found)))
    return found.pairs


def renamed(tree: dict[str, object]) -> dict[str, object]:
    """Photos of train in place of those of test; ten of them, for each tenth is dev."""
    record = tree[TEST]
    return {f"HICO_train2015_{i:08d}.jpg": record for i in range(1, 11)}


@pytest.mark.parametrize(
    "name", ["hico-det-instance-level.tar.gz", "hico-det-instance-level/hico-det-training-set-instance-level.json"]
)
def test_hake_trains(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if name.endswith("json"):
        (tmp_path / name).write_text(json.dumps(renamed(hake())))
    else:
        packed(tmp_path / name, renamed(hake()))
    for image in renamed(hake()):
        photo(tmp_path / "images" / "train2015" / image)
    train, dev = (opened(tmp_path, split) for split in ("train", "dev"))
    assert (len(train), len(dev)) == (9, 1) and not set(train.images) & set(dev.images)


def test_the_official_file_has_both_halves(tmp_path: Path) -> None:
    matlab(tmp_path / "anno_bbox.mat")
    photo(tmp_path / "images" / "test2015" / TEST)
    assert opened(tmp_path, "test").images == (TEST,)
    photo(tmp_path / "images" / "train2015" / TRAIN)
    assert opened(tmp_path, "dev").images == (TRAIN,)


def test_qpic_is_found_among_annotations(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "test_hico.json").write_text(json.dumps(qpic()))
    photo(tmp_path / "images" / "test2015" / TEST)
    assert opened(tmp_path, "test").sizes_wh.tolist() == [[100, 150]]


@pytest.mark.parametrize(("split", "half"), [("train", "train"), ("val", "train"), ("test", "val")])
@pytest.mark.parametrize("folder", ["images/{half}2014", "mscoco2014/{half}2014", "{half}2014"])
def test_persons_of_v_coco_are_found_among_the_photos_of_coco(
    split: str, half: str, folder: str, tmp_path: Path
) -> None:
    for name in {split, "val"}:  # a train without a val of its own gives a tenth of its images away
        (tmp_path / f"vcoco_text_{name}.txt").write_text(text(ACTED), newline="")
    image = f"COCO_{half}2014_000000000042.jpg"
    photo(tmp_path / folder.format(half=half) / image)
    found = open_pairs(str(tmp_path), "dev" if split == "val" else split)
    assert found.pairs.images == (image,) and found.path(0).is_file() and found.persons is not None
    assert [found.pairs.kinds.names(kind) for kind in found.pairs.kind] == [("hit obj", "sports_ball")]


def test_the_official_labels_want_the_boxes_beside_them(tmp_path: Path) -> None:
    labels, coco = official()
    (tmp_path / "vcoco_test.json").write_text(json.dumps(labels))
    photo(tmp_path / "images" / "000000000042.jpg")
    with pytest.raises(InputError, match=r"together with instances_vcoco_all_2014\.json"):
        open_pairs(str(tmp_path), "test")
    (tmp_path / "instances_vcoco_all_2014.json").write_text(json.dumps(coco))
    assert len(opened(tmp_path, "test").kind) == 1


def test_pairs_of_v_coco_alone_train_and_have_no_persons(tmp_path: Path) -> None:
    (tmp_path / "instances_vcoco_test.json").write_text(json.dumps(given_pairs()))
    photo(tmp_path / "images" / "val2014" / "COCO_val2014_000000000042.jpg")
    found = open_pairs(str(tmp_path), "test")
    assert len(found.pairs.kind) == 2 and found.persons is None
    (tmp_path / "instances_vcoco_test.json").rename(tmp_path / "instances_vcoco_val.json")
    (tmp_path / "images" / "val2014").rename(tmp_path / "images" / "train2014")
    with pytest.raises(InputError, match="zero-shot setting 'uv': these annotations have none"):
        open_pairs(str(tmp_path), "dev", setting="uv")


def test_persons_go_with_the_images_that_are_taken(tmp_path: Path) -> None:
    two = text(ACTED) + text([(7, (10.0, 20.0, 60.0, 120.0), 0, (0, 0, 0, 0))]).replace("042.jpg", "043.jpg")
    (tmp_path / "vcoco_text_test.txt").write_text(two, newline="")
    for number in (42, 43):
        photo(tmp_path / "val2014" / f"COCO_val2014_{number:012d}.jpg")
    both = open_pairs(str(tmp_path), "test")
    assert both.persons is not None
    second = both.take([1]).persons
    assert second is not None and second.images == ("000000000043.jpg",)
    assert set(second.image.tolist()) == {0} and len(second.image) == (both.persons.image == 1).sum()
    assert np.array_equal(second.does, both.persons.does[both.persons.image == 1])
    turned = both.take([1, 0]).persons
    assert turned is not None and turned.images[1] == "000000000042.jpg"
    assert (turned.does[turned.image == 1].sum(), turned.has_object.sum()) == (2, both.persons.has_object.sum())
