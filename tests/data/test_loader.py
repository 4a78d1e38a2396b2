import multiprocessing

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from edgegsr.annotations import Annotations
from edgegsr.data import swig
from edgegsr.data.augment import NONE, Augmentation
from edgegsr.data.loader import Batch, loader
from edgegsr.errors import InputError
from edgegsr.images import letterbox, open_image
from edgegsr.situation import Frame, Noun, Ontology

FLIP = Augmentation(flip=1, crop=0, zoom=0, brightness=0, contrast=0, saturation=0, grey=0)


@pytest.fixture
def split(dataset, records):
    """Ten images of three shapes."""
    many = {f"{record['verb']}_{i}.jpg": record for i, record in enumerate([*records.values()] * 4)}
    return swig.open_split(dataset({"train": dict(list(many.items())[:10])}), "train")


def equal(a, b):
    return a.images == b.images and all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in Batch._fields if name != "images"
    )


def test_a_batch_has_the_shapes_that_a_student_takes(split):
    batch = next(iter(loader(split, 32, 4, train=True)))
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in batch._asdict().items() if name != "images"}
    assert shapes == {
        "pixels": ((4, 32, 32, 3), torch.uint8),
        "verbs": ((4,), torch.int64),
        "nouns": ((4, 3, 6), torch.int64),
        "boxes_xyxy": ((4, 6, 4), torch.float32),
        "has_box": ((4, 6), torch.bool),
        "has_role": ((4, 6), torch.bool),
        "flipped": ((4,), torch.bool),
        "rows": ((4,), torch.int64),
        "whole_xyxy": ((4, 4), torch.float32),
    }
    assert batch.images == [split.annotations.images[row] for row in batch.rows]


def test_evaluation_gives_the_letterbox_of_the_device_and_the_boxes_in_it(split):
    batches = list(loader(split, 48, 4, train=False))
    assert [len(batch.rows) for batch in batches] == [4, 4, 2]
    assert torch.cat([batch.rows for batch in batches]).tolist() == list(range(10))
    for batch in batches:
        for b, row in enumerate(batch.rows.tolist()):
            square, box = letterbox(open_image(split.path(row), 48), 48)
            assert np.array_equal(batch.pixels[b].numpy(), square)
            there = split.annotations.has_box[row]
            wanted = box.forward(split.annotations.boxes_xyxy[row]) / 48
            assert np.allclose(batch.boxes_xyxy[b].numpy()[there], wanted[there], atol=1e-6)
            assert not batch.boxes_xyxy[b].numpy()[~there].any()
            assert not batch.flipped[b]
            assert np.array_equal(batch.nouns[b].numpy(), split.annotations.nouns[row])


def test_workers_change_nothing(split):
    def seen(workers):
        batches = loader(split, 32, 3, train=True, seed=7, workers=workers)
        batches.set_position(2)
        return list(batches)

    alone, two = seen(0), seen(2)
    assert len(alone) == len(two) == 4
    assert all(equal(a, b) for a, b in zip(alone, two, strict=True))


def test_going_on_in_the_middle_of_an_epoch_gives_the_batches_that_were_left(split):
    batches = loader(split, 32, 3, train=True, seed=7)
    batches.set_position(1)
    whole = list(batches)
    fresh = loader(split, 32, 3, train=True, seed=7)
    fresh.set_position(1, 2)
    assert all(equal(a, b) for a, b in zip(list(fresh), whole[2:], strict=True))


def test_how_an_image_is_seen_does_not_depend_on_its_batch(split):
    def views(batch_size):
        batches = loader(split, 32, batch_size, train=True, seed=7)
        return {row: pixels for batch in batches for row, pixels in zip(batch.rows.tolist(), batch.pixels, strict=True)}

    two, five = views(2), views(5)
    assert all(torch.equal(two[row], five[row]) for row in range(10))


def test_each_epoch_and_each_seed_sees_an_image_differently(split):
    def row_0(seed, epoch):
        batches = loader(split, 32, 10, train=True, seed=seed)
        batches.set_position(epoch)
        batch = next(iter(batches))
        return batch.pixels[batch.rows.tolist().index(0)]

    assert torch.equal(row_0(1, 1), row_0(1, 1))
    assert not torch.equal(row_0(1, 1), row_0(1, 2))
    assert not torch.equal(row_0(1, 1), row_0(2, 1))


def test_a_flip_mirrors_pixels_and_boxes_and_says_so(split):
    plain = next(iter(loader(split, 48, 10, train=True, seed=1, augmentation=NONE)))
    mirrored = next(iter(loader(split, 48, 10, train=True, seed=1, augmentation=FLIP)))
    assert mirrored.flipped.all() and not plain.flipped.any()
    assert torch.equal(mirrored.pixels, plain.pixels.flip(2))
    x1, y1, x2, y2 = plain.boxes_xyxy[plain.has_box].unbind(1)
    assert torch.allclose(mirrored.boxes_xyxy[plain.has_box], torch.stack([1 - x2, y1, 1 - x1, y2], 1))
    assert torch.equal(mirrored.nouns, plain.nouns) and torch.equal(mirrored.verbs, plain.verbs)


class Painted:
    """A split in memory: one image, its right half white, of somebody who waves with the left hand."""

    annotations = Annotations(
        Ontology(
            (Frame("waving left", ("agent", "lefthand")), Frame("waving right", ("righthand", "agent"))),
            (Noun("n1", ("left glove",)), Noun("n2", ("right glove",)), Noun("n3", ("man",))),
        ),
        ("waving_1.png",),
        np.array([[20, 10]], np.int32),
        np.array([0], np.int32),
        np.array([[[3, 1, 0, 0, 0, 0], [3, -1, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]]], np.int32),
        np.array([[[10, 0, 20, 10], *[[0] * 4] * 5]], np.float32),
        np.array([[True, False, False, False, False, False]]),
    )

    def pixels(self, i, side=None):
        painted = np.zeros((10, 20, 3), np.uint8)
        painted[:, 10:] = 255
        return painted


def test_words_that_name_a_side_follow_the_flip():
    batch = next(iter(loader(Painted(), 20, 1, train=True, augmentation=FLIP)))
    assert batch.verbs.tolist() == [1]
    assert batch.nouns[0, :, :2].tolist() == [[2, 3], [-1, 3], [0, 3]]
    assert batch.has_box[0].tolist() == [False, True, False, False, False, False]
    assert batch.boxes_xyxy[0, 1].tolist() == [0, 0.25, 0.5, 0.75]
    assert (batch.pixels[0, 5:15, :10] == 255).all()


def test_boxes_are_in_the_square_of_an_image_whose_file_is_smaller_than_its_record(dataset, records, save):
    root = dataset({"train": records})
    for record in records.values():
        record |= {"height": 3 * record["height"], "width": 3 * record["width"]}
        record["bb"] = {role: [3 * v if v > 0 else v for v in box] for role, box in record["bb"].items()}
    save(root / "SWiG_jsons" / "train.json", records)
    batch = next(iter(loader(swig.open_split(root, "train"), 50, 3, train=False)))
    assert batch.boxes_xyxy[2, 0].tolist() == pytest.approx([0.1, 0.08, 0.6, 1.0])


def test_a_file_of_another_shape_than_its_record_is_refused(dataset, records, save):
    root = dataset({"train": records})
    records["drinking_1.jpg"] |= {
        "width": 48,
        "height": 64,
        "bb": {role: [-1] * 4 for role in ("agent", "liquid", "place")},
    }
    save(root / "SWiG_jsons" / "train.json", records)
    with pytest.raises(
        InputError, match=r"drinking_1\.jpg': wanted the shape of its annotation, 48 x 64, got pixels of 32 x 24"
    ):
        list(loader(swig.open_split(root, "train"), 32, 3, train=False))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("train", [True, False])
def test_an_unreadable_image_stops_with_its_name_on_one_line(split, workers, train):
    split.path(4).write_text("no image")
    with pytest.raises(InputError) as error:
        list(loader(split, 32, 4, train=train, workers=workers))
    assert str(error.value).startswith(f"{split.path(4)}: wanted a JPEG, PNG, WebP or BMP image, got ")
    assert "\n" not in str(error.value)
    assert not multiprocessing.active_children()


def test_boxes_that_reach_over_the_edge_are_clipped_to_the_image(dataset, records):
    records["drinking_3.jpg"]["bb"]["agent"] = [-9, -9, 99, 25]
    batch = next(iter(loader(swig.open_split(dataset({"train": records}), "train"), 50, 3, train=False)))
    assert batch.boxes_xyxy[2, 0].tolist() == [0, 0, 1, 0.5]


def test_an_epoch_of_two_processes_shows_every_image(split):
    shares = [loader(split, 32, 2, train=True, seed=3, rank=rank, world=2) for rank in range(2)]
    assert [len(share) for share in shares] == [3, 3]
    assert {row for share in shares for batch in share for row in batch.rows.tolist()} == set(range(10))
