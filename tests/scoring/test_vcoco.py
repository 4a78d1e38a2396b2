"""V-COCO's scores: hand-counted cases, and the figures of the official evaluator."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edgegsr.data import vcoco as files
from edgegsr.errors import InputError
from edgegsr.interactions import Acts, Persons
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.scoring.vcoco import REFERENCE, SWITCHES, Rules, score

ACTS = Acts(("hit", "stand", "point"), (("hit", "instr"), ("hit", "obj"), ("point", "instr")))
A, B, C = [0.0, 0.0, 10.0, 20.0], [30.0, 0.0, 40.0, 20.0], [60.0, 0.0, 70.0, 20.0]
BALL = [12.0, 5.0, 16.0, 9.0]
FAR = [90.0, 90.0, 95.0, 95.0]
AGENT = {"hit": 0, "stand": 1, "point": 2}
SLOT = {"hit-instr": 3, "hit-obj": 4, "point-instr": 5}


def truth(*persons):
    """Persons of (image, box, actions or None, {slot: box})."""
    does = np.array([[name in (acts or ()) for name in ACTS.names] for _, _, acts, _ in persons])
    things, there = np.zeros((len(persons), 3, 4)), np.zeros((len(persons), 3), bool)
    for p, (*_, roles) in enumerate(persons):
        for slot, box in roles.items():
            things[p, SLOT[slot] - 3], there[p, SLOT[slot] - 3] = box, True
    return Persons(
        ACTS,
        ("0.jpg", "1.jpg"),
        np.full((2, 2), 100, np.int32),
        np.array([p[0] for p in persons], np.int32),
        np.array([p[1] for p in persons], float),
        np.array([p[2] is not None for p in persons]),
        does,
        things,
        there,
        ("ball",),
        np.where(there, 0, -1),
    )


def said(*acts):
    """Predictions of (image, act, person, object or None, score)."""
    return PredictedPairs(
        np.ones(2, bool),
        np.array([a[0] for a in acts], np.int32),
        np.array([(AGENT | SLOT)[a[1]] for a in acts], np.int32),
        np.array([a[2] for a in acts], float).reshape(-1, 4),
        np.array([a[3] or [0] * 4 for a in acts], float).reshape(-1, 4),
        np.array([a[3] is not None for a in acts], bool),
        np.array([a[4] for a in acts], float),
    )


TWO = truth((0, A, ("hit",), {"hit-obj": BALL}), (0, B, ("stand",), {}), (0, C, None, {}))


def test_a_person_who_acts_is_found_by_the_agent_score():
    scores = score(TWO, said((0, "hit", A, None, 0.9), (0, "stand", A, None, 0.9), (0, "stand", B, None, 0.8)))
    assert scores.agents.tolist() == [1, 0.5, 0]
    assert scores.agent_ap == 0.5


RECALLS = (
    ("all", 3 / 5, 3 / 10),
    ("exact", 7 / 11, 4 / 11),
    ("both_ends", 7 / 11, 3 / 11),
    ("float64", 6 / 11, 3 / 11),
)


@pytest.mark.parametrize(("points", "of_five", "of_ten"), RECALLS)
def test_recall_points_decide_what_three_found_persons_are_worth(points, of_five, of_ten):
    for count, worth in ((5, of_five), (10, of_ten)):
        boxes = [[20.0 * i, 0.0, 20.0 * i + 10, 20.0] for i in range(count)]
        acting = truth(*((0, box, ("hit",), {}) for box in boxes))
        found = said(*((0, "hit", box, None, 0.9) for box in boxes[:3]))
        assert score(acting, found, Rules(recall_points=points)).agents[0] == pytest.approx(worth)


def test_the_object_must_fit_too():
    assert score(TWO, said((0, "hit-obj", A, BALL, 0.9))).roles[0].tolist() == [0, 1, 0]
    assert score(TWO, said((0, "hit-obj", A, FAR, 0.9))).roles[0].tolist() == [0, 0, 0]
    assert score(TWO, said((0, "hit-obj", A, None, 0.9))).roles[1].tolist() == [0, 0, 0]


def test_an_act_without_object_is_right_only_without_one_in_scenario_1_and_always_in_2():
    without, with_one = said((0, "hit-instr", A, None, 0.9)), said((0, "hit-instr", A, BALL, 0.9))
    assert [ap[0] for ap in score(TWO, without).roles] == [1, 1]
    assert [ap[0] for ap in score(TWO, with_one).roles] == [0, 1]
    assert [ap[0] for ap in score(TWO, without, Rules(absent_object="never")).roles] == [0, 1]


def test_predictions_on_a_person_of_whom_nobody_spoke_are_left_out():
    guess = said((0, "hit", C, None, 0.95), (0, "hit", A, None, 0.9))
    assert score(TWO, guess).agents[0] == 1
    assert score(TWO, guess, Rules(unlabelled="wrong")).agents[0] == 0.5


def test_a_prediction_on_nobody_belongs_to_the_first_person():
    first_unlabelled = truth((0, C, None, {}), (0, A, ("hit",), {}))
    guess = said((0, "hit", FAR, None, 0.95), (0, "hit", A, None, 0.9))
    assert score(first_unlabelled, guess).agents[0] == 1
    assert score(first_unlabelled, guess, Rules(nobody="wrong")).agents[0] == 0.5
    assert score(TWO, guess).agents[0] == 0.5


def test_a_prediction_on_an_image_without_persons_is_wrong():
    assert score(TWO, said((1, "hit", A, None, 0.95), (0, "hit", A, None, 0.9))).agents[0] == 0.5


def test_a_person_is_found_once_in_each_role():
    twice = said((0, "hit-obj", A, BALL, 0.9), (0, "hit-obj", A, BALL, 0.8), (0, "hit-instr", A, None, 0.9))
    assert score(TWO, twice).roles[0].tolist() == [1, 1, 0]
    hits = truth((0, A, ("hit",), {}), (0, B, ("hit",), {}))
    again = said((0, "hit", A, None, 0.9), (0, "hit", A, None, 0.8), (0, "hit", B, None, 0.7))
    assert score(hits, again).agents[0] == pytest.approx((1 + 2 / 3) / 2)


def test_each_role_has_as_many_positives_as_persons_who_act():
    pair = truth((0, A, ("hit",), {"hit-obj": BALL}), (0, B, ("hit",), {}))
    guess = said((0, "hit-obj", A, BALL, 0.9))
    assert score(pair, guess).roles[1][1] == 0.5
    assert score(pair, guess, Rules(positives="with_object")).roles[1][1] == 1


def test_the_mean_of_papers_leaves_point_out_and_both_are_told():
    pointing = truth((0, A, ("hit", "point"), {"hit-obj": BALL}))
    told = score(pointing, said((0, "point-instr", A, None, 0.9))).to_json()["role_ap"]
    assert told["scenario1"] == {"mean24": 0, "mean25": pytest.approx(1 / 3)}


def test_predictions_that_say_nothing_of_agents_have_no_agent_ap():
    told = score(TWO, said((0, "hit-obj", A, BALL, 0.9))).to_json()
    assert (told["agent_ap"], told["agents"]) == (None, None)


def test_a_truth_in_which_nobody_acts_is_refused():
    with pytest.raises(InputError, match="wanted persons that do something, got none"):
        score(truth((0, A, None, {})), said())


def test_rules_are_known_by_name():
    with pytest.raises(InputError, match="nobody must be one of first, wrong, got 'x'"):
        Rules(nobody="x")
    assert [Rules().profile, Rules(nobody="wrong").profile] == ["reference", "custom"]


# --- the real truth, and a set of predictions that the official evaluator has scored ---


@pytest.fixture(scope="module")
def probe(hoi):
    real = files.read(hoi / "vcoco_text_test.txt")
    return real, _predictions(hoi, real), json.loads((hoi / "probe_expected.json").read_text())["vcoco"]


def _predictions(hoi, real):
    held = np.load(hoi / "vcoco_probe_predictions.npz")
    row = {int(name[:12]): i for name, i in real.row.items()}
    slots = {}
    for i, (action, _) in enumerate(real.acts.slots):
        slots.setdefault(real.acts.index[action], []).append(i)
    kind = [
        a if slot < 0 else len(real.acts.names) + slots[a][slot] for a, slot in zip(held["action"], held["role_slot"])
    ]
    there = (held["role_tenths"] != -1).any(1)
    edge = np.array([0, 0, 1, 1])
    return PredictedPairs(
        np.ones(len(real), bool),
        np.array([row[int(image)] for image in held["image"]], np.int32),
        np.array(kind, np.int32),
        held["person_tenths"] / 10.0 + edge,
        np.where(there[:, None], held["role_tenths"] / 10.0 + edge, 0),
        there,
        (held["score_rank"] + 1) / len(kind),
    )


VARIANTS = {
    "reference": {},
    "no_plus_one_pixel": {"width": "plain"},
    "persons_without_labels_count_as_false_positives": {"unlabelled": "wrong"},
    "no_overlap_is_false_positive": {"nobody": "wrong"},
    "eleven_point_ap": {"recall_points": "float64"},
    "positives_only_with_role_box": {"positives": "with_object"},
    "s1_null_role_never_correct": {"absent_object": "never"},
}


def _row(scores):
    one, two = scores.role_ap(1), scores.role_ap(2)
    return [100 * value for value in (scores.agent_ap, one.mean24, two.mean24, one.mean25, two.mean25)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_switch_moves_the_probe_as_it_is_known_to(probe, variant):
    real, predictions, expected = probe
    scores = score(real, predictions, replace(REFERENCE, **VARIANTS[variant]))
    assert _row(scores) == pytest.approx(expected["switches"][variant], abs=1e-4)


def test_boxes_as_the_file_writes_them_give_the_known_shift(probe, hoi):
    _, _, expected = probe
    real = files.read(hoi / "vcoco_text_test.txt", boxes="as_written")
    scores = score(real, _predictions(hoi, real))
    assert _row(scores) == pytest.approx(expected["switches"]["text_boxes_used_as_they_are"], abs=1e-4)


def test_the_probe_scores_each_action_as_the_official_evaluator(probe):
    real, predictions, expected = probe
    told = score(real, predictions).to_json()
    assert {name: 100 * ap for name, ap in told["agents"].items()} == pytest.approx(expected["agent_ap"], abs=1e-4)
    for n in (1, 2):
        roles = {name: 100 * ap[f"scenario{n}"] for name, ap in told["roles"].items()}
        assert roles == pytest.approx(expected[f"role_ap_s{n}"], abs=1e-4)


def test_the_truth_as_prediction_earns_everything(hoi):
    real = files.read(hoi / "vcoco_text_test.txt")
    person, action = np.nonzero(real.does)
    who, slot = np.nonzero(real.does[:, real.acts.of_slot])
    rows, kind = np.append(person, who), np.append(action, len(real.acts.names) + slot)
    there = np.append(np.zeros(len(person), bool), real.has_object[who, slot])
    things = np.vstack([np.zeros((len(person), 4)), real.objects_xyxy[who, slot]])
    perfect = PredictedPairs(
        np.ones(len(real), bool), real.image[rows], kind.astype(np.int32), real.persons_xyxy[rows], things, there,
        np.linspace(1, 0.1, len(rows)),
    )  # fmt: skip
    scores = score(real, perfect)
    assert (scores.agents == 1).all()
    assert all((ap == 1).all() for ap in scores.roles)


def test_every_choice_of_every_switch_is_tested():
    tested = {(name, value) for changes in VARIANTS.values() for name, value in changes.items()}
    tested |= {(name, getattr(REFERENCE, name)) for name in SWITCHES}
    tested |= {("recall_points", points) for points, _, _ in RECALLS}
    assert tested == {(name, value) for name, values in SWITCHES.items() for value in values}
