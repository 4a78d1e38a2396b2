import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.annotations import Annotations
from edgegsr.data import swig
from edgegsr.errors import InputError
from edgegsr.scoring.gsr import METRICS, PROFILES, SETTINGS, STRICT, Rules, Scores, judge, score
from edgegsr.scoring.predictions import RANKS, UNKNOWN, Predictions, read_predictions
from edgegsr.situation import BLANK, MAX_ROLES, OOV, Frame, Noun, Ontology

ROLES = ("agent", "item", "tool", "target", "source", "place")
VERBS = ("waving", "kicking", "cutting", "feeding", "pouring", "carrying", "sitting")  # 1, 2, 3, 4, 5, 6, 2 roles
COUNTS = (1, 2, 3, 4, 5, 6, 2)
NOUNS = ("n1", "n2", "n3", "n4")
WORDS = Ontology(
    tuple(Frame(verb, ROLES[:count]) for verb, count in zip(VERBS, COUNTS)), tuple(Noun(noun) for noun in NOUNS)
)
SIZE_WH = (40, 30)
TEN = [0, 0, 10, 10]


# --- records as files hold them, and as columns ---


def annotations(records):
    """Columns of {image: {"verb", "bb", "frames", "width", "height"}}; a noun outside the ontology becomes OOV."""
    n = len(records)
    nouns = np.zeros((n, 3, MAX_ROLES), np.int32)
    boxes = np.zeros((n, MAX_ROLES, 4), np.float32)
    has_box = np.zeros((n, MAX_ROLES), bool)
    for i, record in enumerate(records.values()):
        for r, role in enumerate(WORDS.frame(record["verb"]).roles):
            nouns[i, :, r] = [WORDS.noun_index.get(frame[role], OOV) for frame in record["frames"]]
            if record["bb"][role][0] != -1:
                boxes[i, r], has_box[i, r] = record["bb"][role], True
    sizes = np.array([(r["width"], r["height"]) for r in records.values()], np.int32).reshape(n, 2)
    verbs = np.array([WORDS.verb_index[r["verb"]] for r in records.values()], np.int32)
    return Annotations(WORDS, tuple(records), sizes, verbs, nouns, boxes, has_box)


def record(verb, boxes, *frames, size_wh=SIZE_WH):
    roles = WORDS.frame(verb).roles
    frames = frames if len(frames) == 3 else frames * 3
    return {
        "verb": verb,
        "width": size_wh[0],
        "height": size_wh[1],
        "bb": {role: box or [-1, -1, -1, -1] for role, box in zip(roles, boxes)},
        "frames": [dict(zip(roles, nouns)) for nouns in frames],
    }


def prediction(image, verbs, frames):
    """{verb: [(noun, box), ...]} as a line of a predictions file."""
    return {
        "image": image,
        "verbs": list(verbs),
        "frames": {
            verb: {role: {"noun": noun, "box": box} for role, (noun, box) in zip(WORDS.frame(verb).roles, fillers)}
            for verb, fillers in frames.items()
        },
    }


def read(tmp_path, truth, lines):
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_predictions(path, truth)


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


# --- an independent judge, slow and plain ---


def world(rng, n, verbs=VERBS, counts=None, fixed_roles=False):
    """Random records and predictions; boxes on a coarse grid, so that overlaps of exactly one half are common."""
    records, lines = {}, []
    chosen = np.repeat(verbs, counts) if counts else rng.choice(verbs, n)
    for i, verb in enumerate(map(str, chosen)):
        count = len(WORDS.frame(verb).roles)
        boxes = [random_box(rng) if rng.random() < 0.7 else None for _ in range(count)]
        frames = [[random_noun(rng) for _ in range(count)] for _ in range(3)]
        records[f"{verb}_{i}.jpg"] = record(verb, boxes, *frames)
        if fixed_roles or rng.random() < 0.9:
            lines.append(random_line(rng, f"{verb}_{i}.jpg", verb, boxes, frames))
    return records, lines


def random_line(rng, image, verb, boxes, frames):
    ranking = [str(v) for v in rng.permutation(VERBS)[: rng.integers(1, RANKS + 1)]]
    fillers = []
    for r, box in enumerate(boxes):
        noun = frames[rng.integers(3)][r] if rng.random() < 0.6 else random_noun(rng)
        said = box and [box[0], box[1], box[2], box[1] + (box[3] - box[1]) * rng.choice([0.5, 0.75, 1, 2])]
        fillers.append((noun, said if rng.random() < 0.7 else random_box(rng)))
    answers = {verb: fillers} if rng.random() < 0.9 else {}
    if ranking[0] != verb:
        answers[ranking[0]] = [("n1", None)] * len(WORDS.frame(ranking[0]).roles)
    return prediction(image, ranking, answers)


def random_box(rng):
    """Inside the image, as true boxes are."""
    x, y = rng.integers(0, (5, 3)) * 5
    w, h = rng.integers(1, 5, 2) * 4
    fraction = float(rng.choice([0.0, 0.6]))
    return [int(x), int(y), float(x + w) + fraction, float(y + h) + fraction]


def random_noun(rng):
    return str(rng.choice(["", "n1", "n2", "n3", "n88", "oov"], p=[0.2, 0.3, 0.2, 0.1, 0.1, 0.1]))


def plain_overlap(a, b, rule):
    more = 1 if rule == "gt_plus1" else 0
    w = max(0, min(a[2], b[2]) - max(a[0], b[0]) + more)
    h = max(0, min(a[3], b[3]) - max(a[1], b[1]) + more)
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (a, b)]
    union = sum(areas) - w * h
    if rule == "gt_plus1":
        return w * h > 0.5 * union
    return union > 0 and w * h >= 0.5 * union


def plain_role(true, answer, role, rules):
    """(noun right, box right, box counted) of one role."""
    nouns = {frame[role] for frame in true["frames"]}
    known = {"", *NOUNS}
    noun = answer[role]["noun"]
    right_noun = noun in nouns & known or (rules.oov_match and noun == "oov" and bool(nouns - known))
    box, true_box = answer[role]["box"], true["bb"][role]
    if true_box[0] == -1:
        return right_noun, rules.absent_box == "free" or box is None, rules.absent_box != "ignore"
    if box is None:
        return right_noun, False, True
    clipped = [min(max(v, 0), side) for v, side in zip(box, (true["width"], true["height"]) * 2)]
    return right_noun, plain_overlap(clipped, [int(v) for v in true_box], rules.iou_rule), True


def plain_image(true, line, rules):
    """Of one image: the gates, and with the true verb given lists of right nouns and right groundings."""
    roles = WORDS.frame(true["verb"]).roles
    answer = line and line["frames"].get(true["verb"])
    if not answer:
        judged = [rules.absent_box != "ignore" or true["bb"][role][0] != -1 for role in roles]
        return line, [False] * len(roles), [False] * sum(judged), False
    judged = [plain_role(true, answer, role, rules) for role in roles]
    joint = rules.grnd_rule == "joint"
    return line, [n for n, _, _ in judged], [b and (n or not joint) for n, b, counted in judged if counted], True


def plain_scores(records, lines, rules):
    """{average: {setting: {metric: fraction}}} by loops over images and roles."""
    by_image = {line["image"]: line for line in lines}
    joint = rules.grnd_rule == "joint"
    cells = {}
    for image, true in records.items():
        line, nouns, grounded, answered = plain_image(true, by_image.get(image), rules)
        ranking = line["verbs"][:5] if line else []
        gates = {"top1": ranking[:1] == [true["verb"]], "top5": true["verb"] in ranking, "gt": True}
        for setting, gate in gates.items():
            open_box = gate or not joint
            share = sum(grounded) / max(len(grounded), 1) if joint else any(grounded)
            earned = {
                "verb": (gate, 1),
                "value": (gate * sum(nouns) / len(nouns), len(nouns)),
                "value_all": (gate and all(nouns), 1),
                "grounded": (open_box * share, len(grounded) if joint else 1),
                "grounded_all": (open_box and answered and all(grounded), 1),
            }
            for metric in SETTINGS[setting]:
                cells.setdefault((setting, metric), []).append((true["verb"], *earned[metric]))
    return {average: averaged(cells, average) for average in ("per_verb", "per_image", "per_role")}


def averaged(cells, average):
    table = {setting: {} for setting in SETTINGS}
    for (setting, metric), earned in cells.items():
        if average == "per_role":
            value = sum(v * weight for _, v, weight in earned) / sum(weight for _, _, weight in earned)
        elif average == "per_image":
            value = sum(v for _, v, _ in earned) / len(earned)
        else:
            verbs = {verb for verb, _, _ in earned}
            means = [np.mean([v for verb, v, _ in earned if verb == one]) for one in verbs]
            value = sum(means) / len(means)
        table[setting][metric] = pytest.approx(value, abs=1e-12)
    return table


@pytest.mark.parametrize("profile", PROFILES)
def test_columns_agree_with_plain_loops_on_random_data(tmp_path, profile):
    rules = PROFILES[profile]
    for seed in range(3):
        records, lines = world(np.random.default_rng(seed), 200)
        truth = annotations(records)
        said = read(tmp_path, truth, lines)
        wanted = plain_scores(records, lines, rules)
        scores = score(truth, said, rules)
        assert scores.averages == {name: wanted[name] for name in scores.averages}
        assert scores.missing == 200 - len(lines)
        assert scores.unanswered == sum(records[line["image"]]["verb"] not in line["frames"] for line in lines)


@pytest.mark.parametrize("switches", [{"absent_box": "ignore"}, {"absent_box": "free", "grnd_rule": "any_box"}])
def test_columns_agree_with_plain_loops_under_switches_that_no_profile_sets(tmp_path, switches):
    rules = Rules(average="per_role", **switches)
    records, lines = world(np.random.default_rng(9), 200)
    truth = annotations(records)
    scores = score(truth, read(tmp_path, truth, lines), rules)
    assert scores.averages == {name: plain_scores(records, lines, rules)[name] for name in scores.averages}


# --- properties ---

SEEDS = st.integers(0, 2**32 - 1)
ANY_RULES = st.sampled_from(sorted(PROFILES)).map(PROFILES.get)


def columns(rng, n=12):
    """A random truth and random predictions of it, as columns."""
    truth = annotations(world(rng, n)[0])
    present = rng.random(n) < 0.9
    said = Predictions(
        present=present,
        answered=present & (rng.random(n) < 0.9),
        ranked_verbs=np.array([rng.permutation(len(VERBS))[:RANKS] for _ in range(n)], np.int32),
        nouns=rng.integers(UNKNOWN, len(WORDS.nouns), (n, MAX_ROLES)).astype(np.int32),
        boxes_xyxy=np.array([[random_box(rng) for _ in range(MAX_ROLES)] for _ in range(n)]),
        has_box=rng.random((n, MAX_ROLES)) < 0.7,
    )
    near = rng.random((n, MAX_ROLES)) < 0.5
    said.boxes_xyxy[near] = truth.boxes_xyxy[near]
    said.ranked_verbs[~present] = -1
    return truth, said


def cells(scores: Scores):
    return {
        (average, setting, metric): value
        for average, table in scores.averages.items()
        for setting, row in table.items()
        for metric, value in row.items()
    }


def improved(rng, truth, said):
    """The same predictions with one thing put right."""
    better = Predictions(**{name: column.copy() for name, column in vars(said).items()})
    answered = np.flatnonzero(said.answered)
    if not len(answered):
        return better
    i = rng.choice(answered)
    r = rng.integers(truth.role_counts[i])
    what = rng.choice(["verb", "noun", "box"])
    if what == "verb":
        rest = [verb for verb in said.ranked_verbs[i] if verb != truth.verbs[i]]
        better.ranked_verbs[i] = [truth.verbs[i], *rest][:RANKS]
    elif what == "noun":
        noun = truth.nouns[i, rng.integers(3), r]
        better.nouns[i, r] = said.nouns[i, r] if noun == OOV else noun
    else:
        better.has_box[i, r] = truth.has_box[i, r]
        better.boxes_xyxy[i, r] = np.trunc(truth.boxes_xyxy[i, r])
    return better


@given(SEEDS, ANY_RULES)
@settings(max_examples=60, deadline=None)
def test_a_better_prediction_never_scores_lower(seed, rules):
    rng = np.random.default_rng(seed)
    truth, said = columns(rng)
    before, after = (cells(score(truth, s, rules)) for s in (said, improved(rng, truth, said)))
    assert all(after[name] >= before[name] - 1e-12 for name in before)


@given(SEEDS, ANY_RULES)
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_images_does_not_matter(seed, rules):
    rng = np.random.default_rng(seed)
    truth, said = columns(rng)
    order = rng.permutation(len(truth))
    assert cells(score(truth.take(order), said.take(order), rules)) == pytest.approx(cells(score(truth, said, rules)))


@given(SEEDS, ANY_RULES)
@settings(max_examples=60, deadline=None)
def test_scores_are_fractions_that_grow_from_top1_over_top5_to_the_true_verb(seed, rules):
    truth, said = columns(np.random.default_rng(seed))
    scores = score(truth, said, rules)
    assert all(0 <= value <= 1 for value in cells(scores).values())
    for table in scores.averages.values():
        assert table["top1"]["verb"] <= table["top5"]["verb"]
        for metric in METRICS[1:]:
            assert table["top1"][metric] <= table["top5"][metric] <= table["gt"][metric]


@given(SEEDS, st.sampled_from(["strict", "coformer", "jsl"]).map(PROFILES.get))
@settings(max_examples=60, deadline=None)
def test_all_roles_are_harder_than_each_and_boxes_harder_than_nouns(seed, rules):
    truth, said = columns(np.random.default_rng(seed))
    for table in score(truth, said, rules).averages.values():
        for row in table.values():
            assert row["value_all"] <= row["value"]
            assert row["grounded_all"] <= row["grounded"] <= row["value"]
            assert row["grounded_all"] <= row["value_all"]


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_truth_itself_scores_one(seed):
    truth, said = columns(np.random.default_rng(seed))
    truth.nouns[truth.nouns == OOV] = BLANK
    said = Predictions(
        present=np.ones(len(truth), bool),
        answered=np.ones(len(truth), bool),
        ranked_verbs=np.column_stack([truth.verbs, np.full((len(truth), RANKS - 1), -1, np.int32)]),
        nouns=truth.nouns[:, 0],
        boxes_xyxy=truth.boxes_xyxy.astype(float),
        has_box=truth.has_box,
    )
    for rules in (STRICT, PROFILES["coformer"], PROFILES["jsl"], PROFILES["situformer"]):
        assert set(cells(score(truth, said, rules)).values()) == {1.0}


def test_the_verdict_of_an_image_says_what_it_earned():
    truth, said = one_role(TEN, TEN)
    verdict = judge(truth, said)
    assert verdict.column("top1", "grounded_all").tolist() == [1.0]
    assert verdict.column("gt", "verb").tolist() == [1.0]
