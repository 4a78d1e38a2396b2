"""The columns of the scorer against a judge that is slow and plain, and properties, on random data."""

import numpy as np
import pytest
from gsrmade import NOUNS, VERBS, WORDS, annotations, random_box, read, world
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.scoring.gsr import METRICS, PROFILES, SETTINGS, STRICT, Rules, Scores, score
from edgegsr.scoring.predictions import RANKS, UNKNOWN, Predictions
from edgegsr.situation import BLANK, MAX_ROLES, OOV

# --- an independent judge, slow and plain ---


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
@settings(max_examples=60)
def test_a_better_prediction_never_scores_lower(seed, rules):
    rng = np.random.default_rng(seed)
    truth, said = columns(rng)
    before, after = (cells(score(truth, s, rules)) for s in (said, improved(rng, truth, said)))
    assert all(after[name] >= before[name] - 1e-12 for name in before)


@given(SEEDS, ANY_RULES)
@settings(max_examples=40)
def test_the_order_of_the_images_does_not_matter(seed, rules):
    rng = np.random.default_rng(seed)
    truth, said = columns(rng)
    order = rng.permutation(len(truth))
    assert cells(score(truth.take(order), said.take(order), rules)) == pytest.approx(cells(score(truth, said, rules)))


@given(SEEDS, ANY_RULES)
@settings(max_examples=60)
def test_scores_are_fractions_that_grow_from_top1_over_top5_to_the_true_verb(seed, rules):
    truth, said = columns(np.random.default_rng(seed))
    scores = score(truth, said, rules)
    assert all(0 <= value <= 1 for value in cells(scores).values())
    for table in scores.averages.values():
        assert table["top1"]["verb"] <= table["top5"]["verb"]
        for metric in METRICS[1:]:
            assert table["top1"][metric] <= table["top5"][metric] <= table["gt"][metric]


@given(SEEDS, st.sampled_from(["strict", "coformer", "jsl"]).map(PROFILES.get))
@settings(max_examples=60)
def test_all_roles_are_harder_than_each_and_boxes_harder_than_nouns(seed, rules):
    truth, said = columns(np.random.default_rng(seed))
    for table in score(truth, said, rules).averages.values():
        for row in table.values():
            assert row["value_all"] <= row["value"]
            assert row["grounded_all"] <= row["grounded"] <= row["value"]
            assert row["grounded_all"] <= row["value_all"]


@given(SEEDS)
@settings(max_examples=30)
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
