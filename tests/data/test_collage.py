"""Collages hold the part they name, where they name it, and are the same whenever they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from edgegsr.data.collage import LEAST, MOST, Collage, draw_collage, paste
from edgegsr.data.split import Split
from edgegsr.teacher.knowledge import Scenes


def boxes_of(split: Split) -> np.ndarray:
    rows = torch.arange(len(split))
    return Scenes(split).boxes(rows, torch.zeros(len(split), dtype=torch.bool))[0].numpy()


def test_a_collage_is_the_same_whenever_it_is_drawn_and_another_for_another_number(split_train: Split) -> None:
    truth, boxes = split_train.annotations, boxes_of(split_train)
    drawn = [draw_collage(truth, boxes, row, number, 7) for row in range(len(truth)) for number in range(3)]
    again = [draw_collage(truth, boxes, row, number, 7) for row in range(len(truth)) for number in range(3)]
    assert drawn == again and len(set(map(str, drawn))) > len(truth)


def test_parts_lie_inside_their_squares_and_keep_their_shape(split_train: Split) -> None:
    truth, boxes = split_train.annotations, boxes_of(split_train)
    drawn = [draw_collage(truth, boxes, row, number, 0) for row in range(len(truth)) for number in range(8)]
    real = [collage for collage in drawn if collage.row != collage.other]
    assert len(real) > len(drawn) / 2
    for collage in real:
        source, target = ((p[2] - p[0], p[3] - p[1]) for p in (collage.source, collage.target))
        assert min(source) >= LEAST and max(target) <= MOST
        assert min(collage.target) >= -1e-9 and max(collage.target) <= 1 + 1e-9
        assert target[0] / target[1] == pytest.approx(source[0] / source[1], rel=1e-6)


def test_paste_changes_the_target_and_nothing_else() -> None:
    here, there = np.zeros((40, 40, 3), np.uint8), np.zeros((80, 80, 3), np.uint8)
    there[:, 40:] = 200
    collage = Collage(0, 1, (0.25, 0.25, 0.75, 0.5), (0.5, 0.5, 1.0, 0.75), False)
    done = paste(here, there, collage)
    assert (done[20:30, 31:40] == 200).all() and not done[20:30, :29].any()
    assert not done[:20].any() and not done[30:].any() and not here.any()
    mirrored = paste(here, there, Collage(0, 1, collage.source, collage.target, True))
    assert (mirrored[20:30, 20:29] == 200).all() and not mirrored[20:30, 31:].any()


def test_an_image_without_a_fitting_box_stays_as_it_is(split_train: Split) -> None:
    truth = split_train.annotations
    collage = draw_collage(truth, np.zeros((len(truth), 6, 4), np.float32), 2, 0, 0)
    square = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    assert collage.row == collage.other == 2
    assert np.array_equal(paste(square, square, collage), square)
