"""Numbers of a network of pairs as interactions, and interactions as a picture."""

import numpy as np
import pytest

from edgegsr.boxes import Letterbox
from edgegsr.interactions import Kinds
from edgegsr.runtime.decode_pairs import decode_pairs, likelihood
from edgegsr.runtime.draw import draw_pairs
from edgegsr.situation import Interaction

KINDS = Kinds(
    ("ride", "hold"), ("bicycle", "cup"), np.array([[0, 0], [1, 0], [1, 1]], np.int32), np.zeros(3, bool)
)  # "ride cup" is no kind
LOW, HIGH = -20.0, 20.0
WIDE = Letterbox((200, 100), 100)  # shown at half its size, with 25 grey rows above and below


def decoded(presence, objects, verbs, **how):
    boxes = np.array([[0.0, 0.25, 0.5, 0.75], [0.5, 0.25, 1.0, 0.75]])[: len(presence)]
    return decode_pairs(np.array(presence), np.array(objects), np.array(verbs), boxes, boxes[::-1], WIDE, KINDS, **how)


def test_one_sure_query_is_one_interaction_in_pixels_of_the_photo():
    (found,) = decoded([HIGH, LOW], [[HIGH, LOW]] * 2, [[HIGH, LOW]] * 2)
    assert (found.verb, found.noun, round(found.score, 3)) == ("ride", "bicycle", 1.0)
    assert found.human_xyxy == pytest.approx((0, 0, 100, 100))
    assert found.object_xyxy == pytest.approx((100, 0, 200, 100))


def test_several_verbs_of_one_pair_are_several_interactions_likeliest_first():
    found = decoded([HIGH], [[HIGH, LOW]], [[0.0, 1.0]])
    assert [each.verb for each in found] == ["hold", "ride"]
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_a_verb_that_does_not_go_with_the_object_is_never_told():
    assert [each.verb for each in decoded([HIGH], [[LOW, HIGH]], [[HIGH, HIGH]], sure=0.0)][:1] == ["hold"]
    likely = likelihood(np.array([HIGH]), np.array([[LOW, HIGH]]), np.array([[HIGH, HIGH]]), KINDS)
    assert likely.shape == (1, len(KINDS))
    every = decoded([HIGH], [[LOW, HIGH]], [[HIGH, HIGH]], sure=0.0)
    assert {(each.verb, each.noun) for each in every} <= {KINDS.names(kind) for kind in range(len(KINDS))}


def test_the_likelihood_is_that_of_pair_object_and_verb():
    likely = likelihood(np.array([0.0]), np.array([[0.0, 0.0]]), np.array([[0.0, LOW]]), KINDS)
    assert likely[0, KINDS.index[0, 0]] == pytest.approx(0.5 * 0.5 * 0.5)


def test_a_pair_is_drawn_with_its_colour_and_without_an_object_too():
    grey = np.full((480, 640, 3), 90, np.uint8)
    pair = Interaction((50, 50, 200, 400), (300, 200, 500, 400), "bicycle", "ride", 0.9)
    alone = Interaction((50, 50, 200, 400), None, "person", "walk", 0.9)
    picture, lonely, nothing = (np.asarray(draw_pairs(grey, found)) for found in ([pair], [alone], []))
    assert picture.shape == grey.shape and (nothing == 90).all()
    changed = (picture != 90).any(-1)
    assert changed[60:390, 50:54].all() and changed[210:390, 300:304].all()  # both boxes
    assert changed[260, 210:290].any()  # the line between them
    assert (lonely != 90).any() and not (lonely[:, 510:] != 90).any()


def test_what_cannot_be_is_told_at_no_likelihood():
    told = decoded([HIGH], [[LOW, HIGH]], [[HIGH, HIGH]], sure=0.0)
    assert ("ride", "cup") not in [(each.verb, each.noun) for each in told] and len(told) == 3
