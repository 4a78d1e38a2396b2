"""The interval of a score: of few photos it is wide, of many narrow, and it is of the mean over verbs."""

import math
import warnings

import numpy as np
import pytest
from handmade import ONTOLOGY

from edgegsr.annotations import Annotations
from edgegsr.bench.interval import intervals, pair_intervals
from edgegsr.interactions import Kinds, Pairs
from edgegsr.scoring.gsr import Verdict
from edgegsr.scoring.pair_predictions import PredictedPairs

BOTH = {"seen": ["sweeping"], "unseen": ["sitting"], "rare": []}


def photos(sweeping, sitting):
    """Annotated photos of two verbs, of which only the verb counts."""
    verbs = np.array([0] * sweeping + [1] * sitting, np.int32)
    n = len(verbs)
    sizes, nouns = np.full((n, 2), 64, np.int32), np.zeros((n, 3, 6), np.int32)
    boxes, has_box = np.zeros((n, 6, 4), np.float32), np.zeros((n, 6), bool)
    return Annotations(ONTOLOGY, tuple(f"{i}.jpg" for i in range(n)), sizes, verbs, nouns, boxes, has_box)


def earned(top1, value=None):
    """A verdict in which verbs and values are as given, and the rest is right."""
    top1, ones = np.asarray(top1, bool), np.ones(len(top1))
    value = ones if value is None else np.asarray(value, float)
    return Verdict(top1, ones > 0, value, ones > 0, ones, ones > 0, ones.astype(int), ones.astype(int), True)


def test_of_one_verb_it_is_that_of_a_share():
    found = intervals(photos(400, 0), earned([True] * 320 + [False] * 80), None, ("verb_top1",))
    low, high = found["all"]["verb_top1"]
    wanted = 1.96 * math.sqrt(0.8 * 0.2 / 400)
    assert low == pytest.approx(0.8 - wanted, abs=0.006) and high == pytest.approx(0.8 + wanted, abs=0.006)


def test_of_two_verbs_the_one_with_few_photos_makes_it_wide():
    few = earned([True, False] * 200 + [True, False] * 4)
    found = intervals(photos(400, 8), few, BOTH, ("verb_top1", "value"))
    width = {group: found[group]["verb_top1"][1] - found[group]["verb_top1"][0] for group in found}
    assert set(width) == {"seen", "unseen", "all", "harmonic"}, "there are no photos of rare verbs"
    assert width["seen"] < 0.11 and width["unseen"] > 0.5
    assert width["all"] == pytest.approx(math.hypot(width["seen"], width["unseen"]) / 2, rel=0.1)
    assert found["all"]["value"] == [1.0, 1.0]


def test_the_interval_of_a_harmonic_mean_lies_between_those_of_its_groups():
    found = intervals(
        photos(100, 100), earned([True] * 90 + [False] * 10 + [True] * 40 + [False] * 60), BOTH, ["value"]
    )
    assert found["harmonic"] == {"value": [1.0, 1.0]} and set(found["all"]) == {"value"}
    said = intervals(
        photos(100, 100), earned([True] * 90 + [False] * 10 + [True] * 40 + [False] * 60), BOTH, ["verb_top1"]
    )
    low, high = said["harmonic"]["verb_top1"]
    both = 2 * 0.9 * 0.4 / 1.3
    assert said["unseen"]["verb_top1"][0] < low < both < high < said["seen"]["verb_top1"][1]


def test_the_same_photos_have_the_same_interval():
    given = photos(30, 30), earned([True, False, False] * 20), BOTH, ("verb_top1",)
    assert intervals(*given) == intervals(*given)


def test_of_pairs_photos_without_one_count_and_a_draw_of_them_alone_does_not():
    kinds = Kinds(("ride",), ("bicycle",), np.array([[0, 0]]), np.zeros(1, bool))
    box = np.array([[0.0, 0.0, 9.0, 9.0]])
    sizes = np.full((3, 2), 64)
    truth = Pairs(kinds, ("a.jpg", "b.jpg", "c.jpg"), sizes, np.array([0]), np.array([0]), box, box)
    boxes = np.tile(box, (2, 1))
    rows, scores, ones = np.array([0, 1]), np.array([0.5, 0.9]), np.ones(2, bool)
    said = PredictedPairs(np.ones(3, bool), rows, np.zeros(2, int), boxes, boxes, ones, scores)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = pair_intervals(truth, said, mean_ap=0.5)["all"]["mean_ap"]
    mean = 13 / 19  # of the draws with a pair, by hand: from 1/3, the wrong one drawn twice, to 1
    assert (low, high) == (pytest.approx(0.5 + 1 / 3 - mean, abs=0.05), pytest.approx(0.5 + 1 - mean, abs=0.05))
