import json
from dataclasses import replace

import numpy as np
import pytest
from gsrmade import TEN, VERBS, WORDS, annotations, prediction, read, record, world

from edgegsr.data import swig
from edgegsr.errors import InputError
from edgegsr.scoring.gsr import METRICS, PROFILES, SETTINGS, STRICT, Rules, judge, score
from edgegsr.scoring.predictions import UNKNOWN, Predictions
from edgegsr.situation import OOV

# --- one role, as the protocol's table of unit cases ---


def one_role(true_box, box, exists=True, noun="n1"):
    truth = annotations({"a.jpg": record("waving", [true_box], ["n1"])})
    said = Predictions.missing(1)
    said.present[:] = said.answered[:] = True
    said.ranked_verbs[0, 0] = 0
    said.nouns[0, 0] = WORDS.noun_index[noun]
    said.boxes_xyxy[0, 0] = box or np.nan
    said.has_box[0, 0] = exists
    return truth, said


@pytest.mark.parametrize(
    ("true_box", "box", "exists", "noun", "strict", "jsl", "situformer"),
    [
        (TEN, [0, 0, 10, 5], True, "n1", 1, 1, 1),
        (TEN, [0, 0, 10, 4.8], True, "n1", 0, 1, 1),
        (None, [3, 3, 9, 9], True, "n1", 0, 0, 1),
        (None, None, False, "n1", 1, 1, 1),
        (TEN, TEN, False, "n1", 0, 0, 1),
        (TEN, TEN, True, "n2", 0, 0, 0),
    ],
)
def test_the_unit_cases_of_the_protocol(true_box, box, exists, noun, strict, jsl, situformer):
    truth, said = one_role(true_box, box, exists, noun)
    for profile, wanted in {"strict": strict, "jsl": jsl, "situformer": situformer}.items():
        headline = score(truth, said, PROFILES[profile]).headline
        for setting in SETTINGS:
            assert headline[setting]["grounded"] == headline[setting]["grounded_all"] == wanted, (profile, setting)


def test_no_profile_grounds_a_role_for_which_no_box_was_given():
    truth, said = one_role(TEN, None, exists=False)
    assert all(score(truth, said, rules).headline["gt"]["grounded"] == 0 for rules in PROFILES.values())


def test_a_true_box_is_truncated_to_whole_pixels_before_it_is_compared():
    truth, said = one_role([0, 0, 10.9, 10.9], [0, 0, 10, 5])  # 50 / 118.81 without truncation
    assert score(truth, said).headline["gt"]["grounded"] == 1


def test_a_predicted_box_is_clipped_to_the_image_before_it_is_compared():
    truth, said = one_role([0, 0, 40, 30], [-40, -30, 80, 60])  # overlap 1/9 without clipping
    assert score(truth, said).headline["gt"]["grounded"] == 1


def test_a_box_beside_the_image_overlaps_nothing():
    truth, said = one_role([30, 20, 40, 30], [50, 40, 60, 50])
    assert score(truth, said).headline["gt"]["grounded"] == 0


def test_boxes_without_area_never_match():
    truth, said = one_role([5, 5, 5, 5], [5, 5, 5, 5])
    assert score(truth, said).headline["gt"]["grounded"] == 0


# --- hand counts over several images ---

TRUTH = {
    "wave_1.jpg": record("waving", [TEN], ["n1"], ["n2"], [""]),
    "wave_2.jpg": record("waving", [None], ["n1"]),
    "wave_3.jpg": record("waving", [TEN], ["n1"]),
    "kick_1.jpg": record("kicking", [TEN, None], ["n1", "n2"]),
    "cut_1.jpg": record("cutting", [TEN, TEN, None], ["n1", "n2", "n3"]),
}
LINES = [
    prediction("wave_1.jpg", ["waving", "kicking"], {"waving": [("", TEN)]}),  # the third annotator's blank: all right
    prediction("wave_2.jpg", ["kicking", "waving"], {"waving": [("n1", TEN)]}),  # second best verb; a box too many
    # wave_3.jpg is missing
    prediction("kick_1.jpg", ["kicking"], {"kicking": [("n1", [0, 0, 10, 4]), ("n2", None)]}),  # one box too small
    prediction("cut_1.jpg", ["kicking", "waving"], {"cutting": [("n1", TEN), ("n2", TEN), ("n4", None)]}),  # no cutting
]


def test_the_hand_counted_scores_of_five_images(tmp_path):
    truth = annotations(TRUTH)
    scores = score(truth, read(tmp_path, truth, LINES)).to_json()
    assert scores["per_image"] == {
        "top1": {"verb": 0.4, "value": 0.4, "value_all": 0.4, "grounded": pytest.approx(0.3), "grounded_all": 0.2},
        "top5": {"verb": 0.6, "value": 0.6, "value_all": 0.6, "grounded": pytest.approx(0.3), "grounded_all": 0.2},
        "gt": {
            "value": pytest.approx((3 + 2 / 3) / 5),
            "value_all": 0.6,
            "grounded": pytest.approx((1 + 1 / 2 + 2 / 3) / 5),
            "grounded_all": 0.2,
        },
    }
    # waving 1/3, kicking 1, cutting 0, and so on: the mean over three verbs, not over five images
    assert scores["per_verb"] == {
        "top1": {
            "verb": pytest.approx(4 / 9),
            "value": pytest.approx(4 / 9),
            "value_all": pytest.approx(4 / 9),
            "grounded": pytest.approx((1 / 3 + 1 / 2) / 3),
            "grounded_all": pytest.approx(1 / 9),
        },
        "top5": {
            "verb": pytest.approx(5 / 9),
            "value": pytest.approx(5 / 9),
            "value_all": pytest.approx(5 / 9),
            "grounded": pytest.approx((1 / 3 + 1 / 2) / 3),
            "grounded_all": pytest.approx(1 / 9),
        },
        "gt": {
            "value": pytest.approx((2 / 3 + 1 + 2 / 3) / 3),
            "value_all": pytest.approx((2 / 3 + 1) / 3),
            "grounded": pytest.approx((1 / 3 + 1 / 2 + 2 / 3) / 3),
            "grounded_all": pytest.approx(1 / 9),
        },
    }
    assert (scores["images"], scores["missing"], scores["unanswered"]) == (5, 1, 0)
    assert (scores["profile"], scores["average"]) == ("strict", "per_verb")


def test_the_mean_over_roles_counts_every_role_once(tmp_path):
    truth = annotations(TRUTH)
    scores = score(truth, read(tmp_path, truth, LINES), Rules(average="per_role"))
    assert set(scores.averages) == {"per_verb", "per_image", "per_role"}
    assert scores.headline["gt"]["value"] == pytest.approx(6 / 8)  # 1 + 1 + 0 + 2 + 2 of 1 + 1 + 1 + 2 + 3 roles
    assert scores.headline["gt"]["grounded"] == pytest.approx(4 / 8)
    assert scores.headline["gt"]["value_all"] == scores.averages["per_image"]["gt"]["value_all"]


def test_the_printed_object_is_the_contract(tmp_path):
    truth = annotations(TRUTH)
    printed = json.loads(json.dumps(score(truth, read(tmp_path, truth, LINES)).to_json()))
    assert set(printed) == {"per_verb", "per_image", "images", "missing", "unanswered", "profile", "average"}
    for average in ("per_verb", "per_image"):
        assert {setting: tuple(metrics) for setting, metrics in printed[average].items()} == {
            "top1": METRICS,
            "top5": METRICS,
            "gt": METRICS[1:],
        }


def test_an_image_without_a_prediction_is_wrong_in_everything_under_every_profile(tmp_path):
    truth = annotations(TRUTH)
    for rules in PROFILES.values():
        scores = score(truth, Predictions.missing(5), rules)
        assert scores.missing == 5
        assert all(v == 0 for table in scores.averages.values() for row in table.values() for v in row.values())


def test_a_prediction_without_the_frame_of_the_true_verb_earns_only_its_verb(tmp_path):
    truth = annotations({"a.jpg": record("kicking", [None, None], ["n1", "n2"])})
    said = read(tmp_path, truth, [prediction("a.jpg", ["kicking"], {"waving": [("n1", None)]})])
    for rules in PROFILES.values():
        scores = score(truth, said, rules)
        assert scores.unanswered == 1
        assert scores.missing == 0
        assert scores.headline["top1"] == {"verb": 1, "value": 0, "value_all": 0, "grounded": 0, "grounded_all": 0}
        assert set(scores.headline["gt"].values()) == {0}


def test_a_verb_ranked_sixth_does_not_count(tmp_path):
    truth = annotations({"a.jpg": record("sitting", [None, None], ["", ""])})
    line = prediction("a.jpg", [*VERBS[:5], "sitting"], {"sitting": [("", None), ("", None)]})
    headline = score(truth, read(tmp_path, truth, [line])).headline
    assert headline["top5"]["verb"] == 0
    assert headline["gt"]["grounded_all"] == 1


def test_averages_over_verbs_and_images_agree_on_whole_verbs_and_differ_on_a_part(tmp_path):
    records, lines = world(np.random.default_rng(4), 60, verbs=VERBS[1:3], counts=[30, 30], fixed_roles=True)
    truth = annotations(records)
    said = read(tmp_path, truth, lines)
    whole = score(truth, said)
    part = score(truth.take(range(40)), said.take(range(40)))
    for setting, metrics in SETTINGS.items():
        for metric in metrics:
            values = whole.averages["per_verb"][setting][metric], whole.averages["per_image"][setting][metric]
            assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert abs(part.averages["per_verb"]["gt"]["value"] - part.averages["per_image"]["gt"]["value"]) > 1e-3


# --- nouns outside the ontology ---


@pytest.mark.parametrize(("noun", "strict", "coformer"), [("oov", 0, 1), ("n99", 0, 0), ("n77", 0, 0), ("", 0, 0)])
def test_a_true_noun_outside_the_ontology_matches_only_the_answer_oov_and_only_where_rules_say_so(
    tmp_path, noun, strict, coformer
):
    truth = annotations({"a.jpg": record("waving", [None], ["n99"])})
    said = read(tmp_path, truth, [prediction("a.jpg", ["waving"], {"waving": [(noun, None)]})])
    assert score(truth, said).headline["gt"]["value"] == strict
    assert score(truth, said, PROFILES["coformer"]).headline["gt"]["value"] == coformer


def test_an_unknown_noun_never_matches_an_unknown_true_noun():
    truth, said = one_role(None, None, exists=False)
    truth.nouns[0, :, 0], said.nouns[0, 0] = OOV, UNKNOWN
    assert score(truth, said, Rules(oov_match=True)).headline["gt"]["value"] == 0


def test_raw_ids_match_when_the_truth_is_read_with_the_nouns_of_its_own_files(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps({"a.jpg": record("kicking", [TEN, None], ["n99", ""])}))
    line = prediction("a.jpg", ["kicking"], {"kicking": [("n99", TEN), ("", None)]})
    own, listed = swig.read(tmp_path / "test.json"), swig.read(tmp_path / "test.json", ontology=WORDS)
    assert score(own, read(tmp_path, own, [line])).headline["top1"] == dict.fromkeys(METRICS, 1)
    assert score(listed, read(tmp_path, listed, [line])).headline["top1"]["value"] == 0.5


# --- groups ---


def test_groups_score_their_own_verbs_and_name_the_whole_all(tmp_path):
    truth = annotations(TRUTH)
    said = read(tmp_path, truth, LINES)
    groups = {"seen": ("waving",), "rare": ("kicking", "cutting"), "unseen": ("sitting", "flying")}
    printed = score(truth, said, groups=groups).to_json()
    assert list(printed["groups"]) == ["seen", "rare", "unseen", "all"]
    assert (
        printed["groups"]["seen"]["per_image"] == score(truth.take(range(3)), said.take(range(3))).averages["per_image"]
    )
    assert [printed["groups"][name]["images"] for name in groups] == [3, 2, 0]
    assert [printed["groups"][name]["missing"] for name in groups] == [1, 0, 0]
    assert printed["groups"]["rare"]["per_verb"]["top1"]["verb"] == 0.5
    assert printed["groups"]["unseen"]["per_verb"]["top1"] == dict.fromkeys(METRICS)  # no image: no number
    assert printed["groups"]["all"]["per_verb"] == printed["per_verb"]
    assert "profile" not in printed["groups"]["all"]


def test_a_group_without_images_has_no_numbers_in_any_average(tmp_path):
    truth = annotations(TRUTH)
    said = read(tmp_path, truth, LINES)
    empty = score(truth, said, Rules(average="per_role"), {"unseen": ()}).groups["unseen"]
    assert all(v is None for table in empty.averages.values() for row in table.values() for v in row.values())


# --- refusals ---


def test_rules_refuse_a_choice_that_a_switch_does_not_have():
    with pytest.raises(InputError, match="iou_rule must be one of ge_plain, gt_plus1, got 'giou'"):
        Rules(iou_rule="giou")


def test_scoring_refuses_tables_of_different_lengths():
    truth, _ = one_role(TEN, TEN)
    with pytest.raises(InputError, match="wanted predictions for 1 images, got 2"):
        score(truth, Predictions.missing(2))


def test_scoring_refuses_no_images():
    truth, said = one_role(TEN, TEN)
    with pytest.raises(InputError, match="wanted annotated images, got none"):
        score(truth.take([]), said.take([]))


def test_rules_know_the_profile_they_are():
    assert [rules.profile for rules in PROFILES.values()] == list(PROFILES)
    assert replace(STRICT, absent_box="free").profile == "custom"


def test_the_verdict_of_an_image_says_what_it_earned():
    truth, said = one_role(TEN, TEN)
    verdict = judge(truth, said)
    assert verdict.column("top1", "grounded_all").tolist() == [1.0]
    assert verdict.column("gt", "verb").tolist() == [1.0]
