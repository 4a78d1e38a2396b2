"""Scores of HICO-DET on drawn photos: as the protocol scores them where every photo stands there so many times."""

from dataclasses import replace

import numpy as np
import pytest

from edgegsr.interactions import Kinds, Pairs
from edgegsr.scoring.hico import Rules, score
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.scoring.resampled import around, resampled

PHOTOS, NUMBER = 12, 5
KINDS = Kinds(
    ("ride", "hold", "wash"), ("bicycle", "cup"), np.array([[0, 0], [1, 0], [1, 1], [2, 0], [2, 1]]), np.zeros(5, bool)
)


def boxes_of(rng, count):
    low = rng.uniform(0, 30, (count, 2))
    return np.concatenate([low, low + rng.uniform(20, 40, (count, 2))], 1)


@pytest.fixture
def world():
    """Photos with pairs of four kinds of five, and predictions that are often near one."""
    rng = np.random.default_rng(3)
    true = 40
    image, kind = np.sort(rng.integers(PHOTOS - 1, size=true)), rng.integers(NUMBER - 1, size=true)
    humans, objects = boxes_of(rng, true), boxes_of(rng, true)
    names = tuple(f"{i}.jpg" for i in range(PHOTOS))
    pairs = Pairs(KINDS, names, np.full((PHOTOS, 2), 100), image, kind, humans, objects)
    near = rng.integers(true, size=160)
    noise = rng.normal(0, 3, (2, len(near), 4))
    said = PredictedPairs(
        np.ones(PHOTOS, bool),
        np.concatenate([image[near], rng.integers(PHOTOS, size=40)]),
        np.concatenate([kind[near], rng.integers(NUMBER, size=40)]),
        np.concatenate([humans[near] + noise[0], boxes_of(rng, 40)]),
        np.concatenate([objects[near] + noise[1], boxes_of(rng, 40)]),
        np.ones(200, bool),
        rng.permutation(200) / 200,
    )
    return pairs, said


def drawn(world, rows):
    """The photos of these rows, a photo as often as it was drawn, judged by the protocol itself."""
    pairs, said = world
    true, told = ([np.flatnonzero(each.image == row) for row in rows.tolist()] for each in (pairs, said))

    def take(each, parts):
        index = np.concatenate(parts)
        image = np.repeat(np.arange(len(rows)), [len(part) for part in parts])
        return {"image": image, "kind": each.kind[index]} | {
            name: getattr(each, name)[index] for name in ("humans_xyxy", "objects_xyxy")
        }

    of_true, of_told = take(pairs, true), take(said, told)
    copies = replace(pairs, images=tuple(f"{i}.jpg" for i in range(len(rows))), **of_true)
    scores = said.scores[np.concatenate(told)]
    return copies, PredictedPairs(
        np.ones(len(rows), bool), has_object=np.ones(len(scores), bool), scores=scores, **of_told
    )


@pytest.mark.parametrize("points", ["float64", "exact", "both_ends"])
def test_a_draw_is_scored_as_the_protocol_scores_its_photos(world, points):
    found = resampled(*world, draws=40, seed=7, points=points)
    dice = np.random.default_rng(7)
    without = 0
    for ap in found:
        copies, said = drawn(world, dice.integers(PHOTOS, size=PHOTOS))
        there = copies.counts > 0
        assert ap[there] == pytest.approx(score(copies, said, Rules(recall_points=points)).curve.ap[there], abs=1e-9)
        assert np.isnan(ap[~there]).all()
        without += (~there).sum() > 1
    assert without and found.shape == (40, NUMBER) and np.isnan(found[:, NUMBER - 1]).all()


def test_draws_spread_around_the_score_itself(world):
    found = resampled(*world, draws=400, seed=0)
    told = score(*world).curve.ap[: NUMBER - 1].mean()
    means = np.nanmean(found, axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    assert low < told < high and 0.02 < high - low < 0.5
    assert np.array_equal(found, resampled(*world, draws=400, seed=0), equal_nan=True)


def test_rare_kinds_lift_every_draw_and_not_the_interval():
    rng = np.random.default_rng(1)
    images, kinds = 300, 100
    many = Kinds(
        ("ride",), tuple(map(str, range(kinds))), np.array([[0, k] for k in range(kinds)]), np.zeros(kinds, bool)
    )
    image, box = rng.permutation(images)[: 2 * kinds], np.array([[0.0, 0.0, 9.0, 9.0]])
    kind = np.arange(2 * kinds) % kinds  # of each kind two photos
    names = tuple(f"{i}.jpg" for i in range(images))
    boxes = np.repeat(box, 2 * kinds, 0)
    truth = Pairs(many, names, np.full((images, 2), 64), image, kind, boxes, boxes)
    said_kind = np.concatenate([kind, rng.integers(kinds, size=2000)])
    count = len(said_kind)
    said = PredictedPairs(
        np.ones(images, bool),
        np.concatenate([image, rng.integers(images, size=2000)]),
        said_kind,
        np.repeat(box, count, 0),
        np.repeat(box, count, 0),
        np.ones(count, bool),
        rng.permutation(count) / count,
    )
    told, means = score(truth, said).default.full, np.nanmean(resampled(truth, said, draws=200, seed=0), axis=1)
    assert means.mean() > told + 2 * means.std()
    low, high = around(told, means, 0.95)
    assert low < told < high and 3.5 < (high - low) / means.std() < 4.3


def test_without_predictions_every_draw_has_0(world):
    pairs, said = world
    found = resampled(pairs, said.take(np.zeros(0, np.int64)), draws=3, seed=0)
    assert np.nanmax(found) == 0
