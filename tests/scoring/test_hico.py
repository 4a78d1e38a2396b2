"""HICO-DET's scores: hand-counted cases, properties, and the figures that three other evaluators agree on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.data import hico as files
from edgegsr.errors import InputError
from edgegsr.interactions import Kinds, Pairs
from edgegsr.scoring.hico import PROFILES, REFERENCE, SWITCHES, Rules, judge, score
from edgegsr.scoring.pair_predictions import PredictedPairs

KINDS = Kinds(
    ("ride", "hold", "no_interaction"),
    ("bicycle", "cup"),
    np.array([[0, 0], [1, 0], [1, 1], [2, 1]], np.int32),
    np.array([False, True, False, False]),
    {"uc": np.array([True, False, False, False])},
)
HUMAN = [0.0, 0.0, 10.0, 20.0]
THING = [10.0, 0.0, 20.0, 10.0]
FAR = [50.0, 50.0, 60.0, 60.0]


def truth(*pairs, images=3):
    """Pairs of (image, kind, human, object)."""
    return Pairs(
        KINDS,
        tuple(f"{i}.jpg" for i in range(images)),
        np.full((images, 2), 100, np.int32),
        np.array([p[0] for p in pairs], np.int32),
        np.array([p[1] for p in pairs], np.int32),
        np.array([p[2] for p in pairs], float).reshape(-1, 4),
        np.array([p[3] for p in pairs], float).reshape(-1, 4),
    )


def said(*pairs, images=3):
    """Predictions of (image, kind, human, object, score)."""
    return PredictedPairs(
        np.ones(images, bool),
        np.array([p[0] for p in pairs], np.int32),
        np.array([p[1] for p in pairs], np.int32),
        np.array([p[2] for p in pairs], float).reshape(-1, 4),
        np.array([p[3] for p in pairs], float).reshape(-1, 4),
        np.ones(len(pairs), bool),
        np.array([p[4] for p in pairs], float),
    )


def as_said(pairs: Pairs) -> PredictedPairs:
    """The truth as its own prediction."""
    m = len(pairs.image)
    return PredictedPairs(
        np.ones(len(pairs), bool), pairs.image, pairs.kind, pairs.humans_xyxy, pairs.objects_xyxy, np.ones(m, bool),
        np.linspace(1, 0.5, m),
    )  # fmt: skip


RIDING = truth((0, 0, HUMAN, THING), (1, 0, HUMAN, THING), (1, 2, HUMAN, THING))


def ap(predictions, kind=0, rules=REFERENCE, of=RIDING):
    return score(of, predictions, rules).curve.ap[kind]


# --- by hand ---


def test_the_truth_as_prediction_earns_everything():
    scores = score(RIDING, as_said(RIDING))
    assert scores.curve.ap.tolist() == [1, 0, 1, 0]  # a kind without a pair has nothing to earn
    assert scores.default == (0.5, 0.0, pytest.approx(2 / 3))


def test_a_pair_is_as_good_as_the_worse_of_its_boxes():
    assert ap(said((0, 0, HUMAN, FAR, 0.9), (1, 0, HUMAN, THING, 0.8))) == pytest.approx(6 / 11 * 0.5)


def test_a_true_pair_is_found_once():
    both = said((0, 0, HUMAN, THING, 0.9), (0, 0, HUMAN, THING, 0.8), (1, 0, HUMAN, THING, 0.7))
    # right, wrong, right of two: recall 1/2 at precision 1 (points 0 .. 0.5), then 2/3
    assert ap(both) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    assert judge(RIDING, both.ranked()).tolist() == [True, False, True]


def test_the_better_score_takes_the_pair_whatever_the_order_of_the_file():
    assert judge(RIDING, said((0, 0, HUMAN, THING, 0.1), (0, 0, HUMAN, THING, 0.8)).ranked()).tolist() == [True, False]


def test_a_wrong_kind_in_the_right_place_is_wrong():
    assert ap(said((0, 1, HUMAN, THING, 0.9), (1, 1, HUMAN, THING, 0.9))) == 0


def test_what_is_predicted_on_an_empty_image_is_wrong_unless_these_are_skipped():
    guess = said((2, 0, HUMAN, THING, 0.9), (0, 0, HUMAN, THING, 0.8), (1, 0, HUMAN, THING, 0.7))
    assert ap(guess) == pytest.approx(2 / 3)
    assert ap(guess, rules=Rules(empty_images="skip")) == 1


def test_exactly_a_half_is_enough_unless_more_is_wanted():
    half = said((0, 0, [0, 0, 10, 10], THING, 0.9), (1, 0, HUMAN, THING, 0.8))
    assert ap(half) == 1
    assert ap(half, rules=Rules(overlap="above")) < 1


def test_no_second_choice_unless_the_best_free_pair_is_asked_for():
    two = truth((0, 0, [0, 0, 10, 20], THING), (0, 0, [0, 2, 10, 22], THING))
    twice = said((0, 0, [0, 0, 10, 20], THING, 0.9), (0, 0, [0, 0.5, 10, 20.5], THING, 0.8))
    assert judge(two, twice.ranked()).tolist() == [True, False]
    assert judge(two, twice.ranked(), Rules(match="best_unused")).tolist() == [True, True]


def test_the_first_pair_that_fits_is_another_rule():
    two = truth((0, 0, [0, 2, 10, 22], THING), (0, 0, [0, 0, 10, 20], THING))
    one = said((0, 0, [0, 0, 10, 20], THING, 0.9), (0, 0, [0, 2, 10, 22], THING, 0.8))
    assert judge(two, one.ranked()).tolist() == [True, True]
    assert judge(two, one.ranked(), Rules(match="first")).tolist() == [True, False]


def test_three_fifths_miss_their_point_in_floating_point_and_not_in_tenths():
    five = truth(*((i, 0, HUMAN, THING) for i in range(5)), images=5)
    three = said(*((i, 0, HUMAN, THING, 0.9) for i in range(3)), images=5)
    assert ap(three, of=five) == pytest.approx(6 / 11)
    assert ap(three, of=five, rules=Rules(recall_points="exact")) == pytest.approx(7 / 11)
    assert ap(three, of=five, rules=Rules(recall_points="both_ends")) == pytest.approx(7 / 11)
    assert ap(three, of=five, rules=Rules(recall_points="all")) == pytest.approx(3 / 5)


def test_known_object_forgives_images_without_the_object():
    guess = said((2, 0, HUMAN, THING, 0.95), (0, 0, HUMAN, THING, 0.9), (1, 0, HUMAN, THING, 0.8))
    scores = score(RIDING, guess)
    assert scores.curve.ap[0] == pytest.approx(2 / 3)
    assert scores.known.ap[0] == 1
    assert scores.known_from == "the pairs of the truth"
    everywhere = np.ones((3, 2), bool)
    assert score(RIDING, guess, known=everywhere).known.ap[0] == pytest.approx(2 / 3)


def test_only_the_best_hundred_of_an_image_count_where_that_is_the_rule():
    many = said(*((0, 0, FAR, FAR, 0.9) for _ in range(100)), (0, 0, HUMAN, THING, 0.5), (1, 0, HUMAN, THING, 0.1))
    assert score(RIDING, many).curve.recall[0] == 1
    assert score(RIDING, many, Rules(top="100")).curve.recall[0] == 0.5


def test_unseen_and_seen_kinds_have_their_own_means():
    group = score(RIDING, said((0, 0, HUMAN, THING, 0.9))).groups["uc"]
    assert group == (pytest.approx(6 / 11), 0, pytest.approx(6 / 44), 0)


def test_no_prediction_at_all_is_worth_nothing_and_no_error():
    assert score(RIDING, said()).default.full == 0


def test_a_truth_without_pairs_is_refused():
    with pytest.raises(InputError, match="wanted annotated pairs, got none"):
        score(truth(), said())


def test_rules_are_known_by_name():
    with pytest.raises(InputError, match="match must be one of best, best_unused, first, got 'any'"):
        Rules(match="any")
    assert [Rules().profile, Rules(top="100", match="first").profile] == ["reference", "custom"]
    assert all(rules.profile in PROFILES for rules in PROFILES.values())


# --- properties ---

BOX = st.tuples(*[st.integers(0, 8)] * 4).map(lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1])  # fmt: skip # noqa: E501
TRUE = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), BOX, BOX), min_size=1, max_size=12)
SAID = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), BOX, BOX, st.floats(0, 1)), max_size=15)


def by_hand(pairs, guesses, kind):
    """The official protocol as a person would do it: one prediction after the other."""
    taken, verdicts = set(), []
    for image, _, human, thing, _ in sorted((g for g in guesses if g[1] == kind), key=lambda g: -g[4]):
        fits = [(min(overlap(human, p[2]), overlap(thing, p[3])), -n) for n, p in enumerate(pairs) if p[:2] == (image, kind)]  # fmt: skip # noqa: E501
        best, n = max(fits, default=(0, 0))
        verdicts.append(best >= 0.5 and n not in taken)
        taken |= {n} if verdicts[-1] else set()
    positives = sum(p[1] == kind for p in pairs)
    points = []
    for t in range(11):
        reached = [
            sum(verdicts[: i + 1]) / (i + 1)
            for i in range(len(verdicts))
            if positives and sum(verdicts[: i + 1]) / positives >= 0.1 * t
        ]
        points.append(max(reached, default=0))
    return sum(points) / 11


def overlap(a, b):
    sides = [max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    both = sides[0] * sides[1]
    return both / (sum(areas) - both)


@given(TRUE, SAID)
@settings(max_examples=200)
def test_columns_say_what_one_prediction_after_the_other_says(pairs, guesses):
    scores = score(truth(*pairs), said(*guesses))
    assert scores.curve.ap == pytest.approx([by_hand(pairs, guesses, kind) for kind in range(4)])


@given(TRUE, SAID, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_the_file_does_not_matter_where_scores_differ(pairs, guesses, random):
    guesses = [(*guess[:4], i / 20) for i, guess in enumerate(guesses)]
    shuffled = random.sample(guesses, len(guesses))
    assert np.array_equal(score(truth(*pairs), said(*guesses)).curve.ap, score(truth(*pairs), said(*shuffled)).curve.ap)


@given(TRUE, SAID)
@settings(max_examples=50)
def test_one_more_right_answer_on_top_never_scores_lower(pairs, guesses):
    known = truth(*pairs)
    before = score(known, said(*guesses)).curve.ap
    first = [(*pairs[0], 2.0)]
    rest = [g for g in guesses if not (g[0] == pairs[0][0] and g[1] == pairs[0][1])]
    kind = pairs[0][1]
    assert score(known, said(*first, *rest)).curve.ap[kind] >= score(known, said(*rest)).curve.ap[kind] - 1e-12
    assert before.max(initial=0) <= 1


# --- the real truth, and a set of predictions that three evaluators have scored ---


@pytest.fixture(scope="module")
def probe(hoi):
    real = files.read(hoi / "instances_test2015.json")
    held = np.load(hoi / "hico_probe_predictions.npz")
    boxes = held["boxes_tenths"] / 10.0 + np.array([0, 0, 1, 1] * 2)
    m = len(boxes)
    predictions = PredictedPairs(
        np.ones(len(real), bool), held["image"].astype(np.int32), held["hoi"].astype(np.int32), boxes[:, :4],
        boxes[:, 4:], np.ones(m, bool), (held["score_rank"] + 1) / m,
    )  # fmt: skip
    return real, predictions, json.loads((hoi / "probe_expected.json").read_text())["hico"]


def test_kinds_without_a_true_pair_are_zeros_or_left_out():
    scores = [score(RIDING, as_said(RIDING), Rules(absent=how)) for how in ("zero", "skip")]
    assert [each.default.full for each in scores] == [0.5, 1.0]
    assert [each.default.rare for each in scores] == [0.0, None]
    assert [each.groups["uc"].seen for each in scores] == [pytest.approx(1 / 3), 1.0]
    assert scores[0].to_json()["kinds_without_pairs"] == 2


VARIANTS = {
    "reference": {},
    "strict_greater_than_half": {"overlap": "above"},
    "no_plus_one_pixel": {"width": "plain"},
    "detections_not_shifted_to_1_based": {"origin": "unshifted"},
    "best_unused_gt": {"match": "best_unused"},
    "first_gt_over_half": {"match": "first"},
    "images_without_pairs_skipped": {"empty_images": "skip"},
    "top_100_per_image": {"top": "100"},
    "recall_points_exact_tenths": {"recall_points": "exact"},
    "recall_points_from_both_ends": {"recall_points": "both_ends"},
    "all_point_ap": {"recall_points": "all"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_switch_moves_the_probe_as_it_is_known_to(probe, variant):
    real, predictions, expected = probe
    means = score(real, predictions, replace(REFERENCE, **VARIANTS[variant])).default
    assert [100 * mean for mean in means] == pytest.approx(expected["switches"][variant], abs=1e-4)


def test_the_probe_scores_each_kind_as_known(probe):
    real, predictions, expected = probe
    scores = score(real, predictions)
    assert 100 * scores.curve.ap == pytest.approx(expected["ap_per_hoi"], abs=1e-4)
    exact = score(real, predictions, PROFILES["exact"])
    assert 100 * exact.curve.ap == pytest.approx(expected["ap_per_hoi_recall_points_exact_tenths"], abs=1e-4)


def test_the_probe_scores_by_known_objects_and_unseen_kinds(probe, hoi):
    real, predictions, expected = probe
    known = files.known_objects(hoi / "hico_known_object.json", real)
    scores = score(real, predictions, known=known)
    assert [100 * m for m in scores.known_object] == pytest.approx(expected["switches"]["known_object"], abs=1e-4)
    for name, wanted in expected["zero_shot"].items():
        group = scores.groups[name.lower().replace("-", "_")]
        assert [100 * value for value in group] == pytest.approx(wanted, abs=1e-4)


def test_every_choice_of_every_switch_is_tested():
    tested = {(name, value) for changes in VARIANTS.values() for name, value in changes.items()}
    defaults = {(name, getattr(REFERENCE, name)) for name in SWITCHES} | {("absent", "skip")}
    assert tested | defaults == {(name, value) for name, values in SWITCHES.items() for value in values}
