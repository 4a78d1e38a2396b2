from edgegsr.scoring.gsr import METRICS, STRICT, Scores
from edgegsr.scoring.table import HEADERS, rows


def scores(value, images, **groups):
    table = {s: {m: value for m in METRICS if s != "gt" or m != "verb"} for s in ("top1", "top5", "gt")}
    return Scores({"per_verb": table, "per_image": table}, images, 0, 0, STRICT, groups)


def test_a_row_names_its_images_setting_and_average_in_per_cent():
    assert rows(scores(0.12345, 7))[0] == ("all (7)", "top-1 verb", "per verb", *["12.35"] * 5)
    assert [row[2] for row in rows(scores(0.5, 7))] == ["per verb", "per image"] * 3
    assert all(len(row) == len(HEADERS) for row in rows(scores(0.5, 7)))


def test_the_setting_with_the_true_verb_has_no_verb_score():
    assert rows(scores(0.5, 7))[-1] == ("all (7)", "true verb", "per image", "-", *["50.00"] * 4)


def test_groups_follow_one_another_and_an_empty_one_has_no_rows():
    whole = scores(0.5, 7, seen=scores(0.5, 7), rare=scores(None, 0), unseen=scores(0.25, 3))
    assert [row[0] for row in rows(whole)] == ["seen (7)"] * 6 + ["unseen (3)"] * 6
