"""V-COCO in its forms: the same persons from the text and the official files; and the counts of the real files."""

import json

import numpy as np
import pytest

from edgegsr.data import vcoco
from edgegsr.data.hico import kinds
from edgegsr.data.vcoco import ACTS
from edgegsr.errors import InputError

PERSON, OTHER, IDLE = (10.0, 20.0, 60.0, 120.0), (70.0, 20.0, 99.5, 120.0), (1.0, 1.0, 9.0, 9.0)
BALL = (12.0, 30.0, 22.0, 40.0)
SPORTS_BALL = 33  # of COCO's 80, from 1


def text(acts, things=((1, PERSON), (1, OTHER), (1, IDLE), (SPORTS_BALL, BALL)), size="100 150"):
    """One image in the text form; acts of (number, person, category, box)."""
    lines = ["# 0", "000000000042.jpg", size, str(len(things))]
    lines += [" ".join(map(str, (category, *box))) + "  " for category, box in things]
    lines += [str(len(acts))]
    lines += [" ".join(map(str, (number, 1, *person, category, *box))) + "  " for number, person, category, box in acts]
    return "\r\n".join([*lines, " ", ""])


NONE = (0, 0, 0, 0)
ACTED = [(7, PERSON, 0, NONE), (27, PERSON, SPORTS_BALL, BALL), (2, OTHER, 0, NONE)]


def official():
    """The same as labels and COCO's instances."""
    ann = {"person": 1, "other": 2, "idle": 3, "ball": 4}
    labels = []
    for action in ACTS.names:
        roles = ["agent", *(role for name, role in ACTS.slots if name == action)]
        does = [int(action == "hit"), int(action == "stand")]
        columns = [[ann["person"], ann["other"]], *([0, 0] for _ in roles[1:])]
        if action == "hit":
            columns[2][0] = ann["ball"]
        labels.append(
            {
                "image_id": [42, 42],
                "ann_id": [1, 2],
                "label": does,
                "action_name": action,
                "role_name": roles,
                "role_object_id": [value for column in columns for value in column],
            }
        )
    boxes = {"person": PERSON, "other": OTHER, "idle": IDLE, "ball": BALL}
    coco = {
        "categories": [{"id": i, "name": name} for i, name in enumerate(kinds().objects, 1)],
        "images": [{"id": 42, "width": 100, "height": 150}],
        "annotations": [
            {
                "id": ann[name],
                "image_id": 42,
                "category_id": SPORTS_BALL if name == "ball" else 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
            for name, (x1, y1, x2, y2) in boxes.items()
        ],
    }
    return labels, coco


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), newline="")
    return path


def from_text(tmp_path, *args, **how):
    return vcoco.read(write(tmp_path / "a.txt", text(*args, **how)))


def from_official(tmp_path):
    labels, coco = official()
    return vcoco.read([write(tmp_path / "vcoco_test.json", labels), write(tmp_path / "instances.json", coco)])


@pytest.mark.parametrize("form", ["text", "official"])
def test_both_forms_tell_of_the_same_persons(form, tmp_path):
    persons = from_text(tmp_path, ACTED) if form == "text" else from_official(tmp_path)
    assert persons.images == ("000000000042.jpg",)
    assert persons.persons_xyxy[0].tolist() == [10, 20, 60, 120]
    assert persons.labelled.tolist() == [True, True, False]
    assert [ACTS.names[i] for i in np.flatnonzero(persons.does[0])] == ["hit"]
    assert [ACTS.names[i] for i in np.flatnonzero(persons.does[1])] == ["stand"]
    assert [ACTS.slots[i] for i in np.flatnonzero(persons.has_object[0])] == [("hit", "obj")]
    assert persons.objects_xyxy[0, ACTS.slot_index["hit", "obj"]].tolist() == list(BALL)


def test_other_actions_in_the_official_form_are_taken_as_they_are(tmp_path):
    labels, coco = official()
    hit = next(each for each in labels if each["action_name"] == "hit")
    hit |= {"action_name": "whack", "role_name": ["agent", "with", "what"]}
    coco["categories"] = [{"id": 1, "name": "person"}, {"id": SPORTS_BALL, "name": "old drum"}]
    pairs = vcoco.pairs_of(
        vcoco.read([write(tmp_path / "vcoco_test.json", [hit]), write(tmp_path / "instances.json", coco)])
    )
    assert [pairs.kinds.names(kind) for kind in pairs.kind] == [("whack what", "old_drum")]
    assert pairs.kinds.verbs == ("whack with", "whack what")


def test_the_pairs_of_persons_are_those_with_an_object(tmp_path):
    pairs = vcoco.pairs_of(from_text(tmp_path, ACTED))
    assert [pairs.kinds.names(kind) for kind in pairs.kind] == [("hit obj", "sports_ball")]


def test_boxes_are_cut_to_the_image_and_lose_their_last_fraction_as_officially(tmp_path):
    wide = (90.0, 20.0, 130.0, 160.0)
    persons = from_text(tmp_path, [(2, wide, 0, NONE)], things=((1, wide),))
    assert persons.persons_xyxy[0].tolist() == [90, 20, 100, 150]
    as_written = vcoco.read(tmp_path / "a.txt", boxes="as_written")
    assert as_written.persons_xyxy[0].tolist() == [90, 20, 131, 161]


def test_a_person_without_extent_is_dropped_with_its_acts(tmp_path):
    dot = (5.0, 5.0, 5.5, 9.0)
    persons = from_text(tmp_path, [(2, dot, 0, NONE)], things=((1, dot), (1, PERSON)))
    assert len(persons.labelled) == 1
    assert not persons.does.any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "wanted V-COCO's text form, got no image"),
        ("hello\n", "wanted '# number' before an image"),
        (text([(30, PERSON, 0, NONE)]), "image after line 1: not V-COCO's text form: 30"),
        (text(ACTED).replace("\r\n3\r\n", "\r\n9\r\n"), "wanted 9 lines, the file ends after 4"),
        (text(ACTED, size="wide"), "not V-COCO's text form"),
        (text(ACTED).replace("70.0", "x"), "could not convert"),
        (text(ACTED).replace("70.0", "nan"), "wanted a finite box, got (nan, "),
        (text(ACTED).replace("22.0", "inf"), "wanted a finite box, got (12.0, 30.0, inf"),
    ],
)
def test_a_broken_text_form_is_refused_in_one_line(content, message, tmp_path):
    with pytest.raises(InputError) as caught:
        vcoco.read(write(tmp_path / "a.txt", content))
    assert message in str(caught.value)


def given_pairs(**changes):
    """One image in fredzzhang's form: somebody hits a ball with a bat, the ball comes first."""
    record = {
        "file_name": "COCO_val2014_000000000042.jpg",
        "actions": [1, 0],
        "objects": [0, 1],
        "boxes_h": [PERSON, PERSON],
        "boxes_o": [BALL, OTHER],
    }
    return {
        "annotations": [record | changes],
        "classes": ["hit instr", "hit obj", "ride"],
        "objects": ["sports ball", "baseball bat"],
    }


def test_pairs_alone_are_told_by_their_words(tmp_path):
    pairs = vcoco.read_pairs(write(tmp_path / "a.json", given_pairs()))
    assert [pairs.kinds.names(kind) for kind in pairs.kind] == [
        ("hit obj", "sports_ball"),
        ("hit instr", "baseball_bat"),
    ]
    assert pairs.images == ("COCO_val2014_000000000042.jpg",)
    assert pairs.humans_xyxy.tolist() == [list(PERSON)] * 2
    assert pairs.objects_xyxy.tolist() == [list(BALL), list(OTHER)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes_h": [PERSON, (0.0, 0.0, float("nan"), 1.0)]}, "wanted finite boxes, got NaN or infinity"),
        ({"actions": [-1, 0]}, "wanted an object of COCO, got number 0"),
        ({"boxes_o": [BALL]}, "does not hold V-COCO's pairs"),
        ({"actions": [1, 9]}, "does not hold V-COCO's pairs"),
        ({"file_name": "../a.jpg"}, "wanted names of image files, got '../a.jpg'"),
    ],
)
def test_broken_pairs_are_refused_in_one_line(change, message, tmp_path):
    with pytest.raises(InputError) as caught:
        vcoco.read_pairs(write(tmp_path / "a.json", given_pairs(**change)))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "a.json"))


def test_an_image_that_stands_twice_is_refused(tmp_path):
    whole = text(ACTED)
    with pytest.raises(InputError, match=r"a\.txt: image '000000000042\.jpg': wanted every image once, got it twice"):
        vcoco.read(write(tmp_path / "a.txt", whole + whole))


def test_labels_without_boxes_are_refused_and_say_what_is_missing(tmp_path):
    path = write(tmp_path / "vcoco_test.json", official()[0])
    with pytest.raises(InputError, match=r"or vcoco_\*\.json together with instances_vcoco_all_2014\.json"):
        vcoco.read(path)


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    labels, coco = official()
    coco["images"] = []
    with pytest.raises(InputError, match=r"they do not fit together \(KeyError: 42\)"):
        vcoco.read([write(tmp_path / "l.json", labels), write(tmp_path / "c.json", coco)])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", [0, -1])
def test_boxes_that_are_no_numbers_are_refused(which, value, tmp_path):
    labels, coco = official()
    coco["annotations"][which]["bbox"][2] = value
    with pytest.raises(InputError, match="wanted a finite box, got"):
        vcoco.read([write(tmp_path / "l.json", labels), write(tmp_path / "c.json", coco)])


def test_an_object_that_the_instances_lack_is_no_act_without_an_object(tmp_path):
    labels, coco = official()
    coco["annotations"].pop()
    with pytest.raises(InputError, match=r"they do not fit together \(KeyError: 4\)"):
        vcoco.read([write(tmp_path / "l.json", labels), write(tmp_path / "c.json", coco)])


def test_boxes_are_wanted_in_a_known_way(tmp_path):
    with pytest.raises(InputError, match="boxes: wanted one of official, as_written, got 'raw'"):
        vcoco.read(tmp_path / "a.txt", boxes="raw")


# --- the real files ---

SPLITS = {"train": (2533, 6400, 197), "val": (2867, 7417, 234), "test": (4946, 12402, 414)}
TEST_PERSONS = {
    "hold": 3608, "stand": 4118, "sit": 1916, "ride": 556, "walk": 597, "look": 3347, "hit": 349, "eat": 521,
    "jump": 635, "lay": 387, "talk_on_phone": 285, "carry": 472, "throw": 244, "catch": 246, "cut": 269, "run": 687,
    "work_on_computer": 410, "ski": 424, "surf": 486, "skateboard": 417, "smile": 1415, "drink": 82, "kick": 180,
    "point": 31, "read": 111, "snowboard": 277,
}  # fmt: skip


@pytest.mark.parametrize("split", SPLITS)
def test_the_real_pairs_have_their_counts_in_both_forms(split, hoi):
    images, pairs, empty = SPLITS[split]
    given = vcoco.read_pairs(hoi / f"instances_vcoco_{split}.json")
    assert (len(given), len(given.kind), int(given.empty.sum())) == (images, pairs, empty)
    ours = vcoco.pairs_of(vcoco.read(hoi / f"vcoco_text_{split}.txt"))
    papers = np.array([not verb.startswith("point") for verb in ours.kinds.verbs])[ours.kinds.pairs[:, 0]]
    ours = ours.keep(papers[ours.kind])
    assert (len(ours), len(ours.kind)) == (images, pairs)
    assert (ours.counts == given.counts).all()


def test_the_real_test_persons_have_their_counts(hoi):
    persons = vcoco.read(hoi / "vcoco_text_test.txt")
    assert dict(zip(ACTS.names, persons.does.sum(0).tolist())) == TEST_PERSONS
    assert int(persons.labelled.sum()) in (7673, 7674)  # one box is under two pixels
    assert len(persons.labelled) in (19057, 19058)


@pytest.mark.parametrize(("split", "persons"), [("train", 3932), ("val", 4499)])
def test_the_real_labels_have_their_counts_and_the_acts_of_the_text(split, persons, hoi):
    labels = json.loads((hoi / f"vcoco_{split}.json").read_text())
    assert (len(labels[0]["ann_id"]), len(set(labels[0]["image_id"]))) == (persons, SPLITS[split][0])
    assert [each["action_name"] for each in labels] == list(ACTS.names)
    roles = [(each["action_name"], role) for each in labels for role in each["role_name"][1:]]
    assert roles == list(ACTS.slots)
    text = vcoco.read(hoi / f"vcoco_text_{split}.txt")
    assert text.does.sum(0).tolist() == [int(np.sum(each["label"])) for each in labels]
    assert persons - int(text.labelled.sum()) == 36  # who do nothing, and look unlabelled in the text form
