import json

import pytest

from edgegsr.data.check import check
from edgegsr.errors import InputError


def told(findings):
    return [(item.severity, item.image, item.wanted, item.got) for item in findings.items]


def only(findings):
    """The one thing that was found."""
    assert len(findings.items) == 1, findings.items
    return findings.items[0]


def waving(noun="n00000002", **changes):
    bb = {"agent": [1, 1, 5, 5], "place": [-1, -1, -1, -1]}
    record = {"verb": "waving", "height": 20, "width": 30, "bb": bb, "frames": [{"agent": noun, "place": ""}] * 3}
    return record | changes


@pytest.fixture
def splits(records):
    """Three sound splits."""
    return {"train": records, "dev": {"waving_4.jpg": waving()}, "test": {"waving_5.jpg": waving()}}


def test_a_sound_dataset_has_no_findings_and_its_counts(dataset, splits):
    found = check(dataset(splits))
    assert found.ok and not found.items and not found.notes
    assert [tuple(counts) for counts in found.counts] == [
        ("train", 3, 2, 7, 3, 7, 0),
        ("dev", 1, 1, 2, 1, 3, 0),
        ("test", 1, 1, 2, 1, 3, 0),
    ]


def test_the_published_sample_is_sound_and_its_images_are_not_checked(shared):
    found = check(shared / "sample_annotations.json")
    assert found.ok
    assert tuple(found.counts[0]) == ("sample_annotations", 8, 8, 31, 19, 18, 1)
    assert only(found).severity == "warning"
    assert only(found).got == "others 1 times: n03698360 (1)"
    assert "images not checked: no folder images_512 beside sample_annotations.json" in found.notes[-1]


def boxed(*agent):
    return {"bb": {"agent": list(agent), "place": [-1, -1, -1, -1]}}


BOTH = {"agent": "", "place": ""}
AGENT = "bb, role 'agent': "
THREE = "frames: a list of 3 annotators' objects 'role -> noun'"


@pytest.mark.parametrize(
    ("changes", "severity", "wanted", "got"),
    [
        ({"verb": "flying"}, "error", "verb: one of the 3 known verbs", "'flying'"),
        ({"verb": "raining"}, "error", "the name of its verb and a number, raining_1.jpg", "waving_4.jpg"),
        (boxed(1, 1, 31, 5), "error", AGENT + "a box inside 30 x 20", "[1, 1, 31, 5]"),
        (boxed(1, -2, 3, 5), "error", AGENT + "a box inside 30 x 20", "[1, -2, 3, 5]"),
        (boxed(5, 1, 1, 5), "error", AGENT + "x1 <= x2 and y1 <= y2, or -1 four times", "[5, 1, 1, 5]"),
        (boxed(1, float("nan"), 3, 5), "error", AGENT + "four finite numbers", "[1, nan, 3, 5]"),
        (boxed(1, 1, 1, 5), "warning", AGENT + "a box with an area", "[1, 1, 1, 5]"),
        (boxed(-1, 1, 3, 5), "warning", AGENT + "-1 four times, or a box", "[-1, 1, 3, 5], read as no box"),
        ({"bb": {"place": [-1] * 4}}, "error", "bb: the roles ['agent', 'place']", "['place']"),
        (
            {"frames": [BOTH, {"agent": ""}, BOTH]},
            "error",
            "frames, annotator 2: the roles ['agent', 'place']",
            "['agent']",
        ),
        ({"frames": [BOTH] * 2}, "error", THREE, "2 of them"),
        ({"height": None}, "error", "height: a whole number of pixels above 0", "None"),
    ],
)
def test_a_fault_in_a_record_is_found_and_named(dataset, splits, save, changes, severity, wanted, got):
    root = dataset(splits)
    save(root / "SWiG_jsons" / "dev.json", {"waving_4.jpg": waving(**changes)})
    found = check(root)
    assert (severity, "waving_4.jpg", wanted, got) in told(found)
    assert found.ok == (severity == "warning")
    assert found.items[0].file == str(root / "SWiG_jsons" / "dev.json")


def test_everything_is_collected_and_nothing_stops_the_search(dataset, splits, save):
    root = dataset(splits)
    bad = waving(verb="flying", height=0, bb={"agent": [5, 5, 1, 1]}, frames=[{"agent": 3}] * 3)
    save(root / "SWiG_jsons" / "dev.json", {"waving_4.jpg": bad, "waving_6.jpg": 7, "../up_1.jpg": waving()})
    (root / "SWiG_jsons" / "test.json").write_text("{")
    found = check(root)
    wanted = [item.wanted for item in found.errors]
    assert sum("role 'agent'" in text for text in wanted) == 4
    for part in (
        "one of the 3 known verbs",
        "height:",
        "a record with verb",
        "a plain file name",
        "an annotation file",
    ):
        assert any(part in text for text in wanted), part


def test_without_a_space_file_roles_are_held_to_what_most_records_have(dataset, splits, save):
    root = dataset(splits, with_space=False)
    odd = waving(bb={"agent": [-1] * 4, "tool": [-1] * 4}, frames=[{"agent": "", "tool": ""}] * 3)
    save(root / "SWiG_jsons" / "dev.json", {"waving_3.jpg": odd} | {f"waving_{i}.jpg": waving() for i in range(4, 7)})
    found = check(root)
    assert {item.image for item in found.errors if "roles" in item.wanted} == {"waving_3.jpg"}
    assert found.notes == (
        "verbs not checked: no imsitu_space.json beside the annotations; roles are held to the usual ones",
    )


def test_keys_that_stand_twice_are_found_at_every_depth(dataset, splits, save):
    root = dataset(splits)
    text = json.dumps({"waving_4.jpg": waving()})
    text = text.replace('"verb": "waving"', '"verb": "waving", "verb": "waving"').replace(
        '{"agent": [', '{"place": [0, 0, 1, 1], "agent": ['
    )
    text = text.replace('[{"agent"', '[{"agent": "", "agent"').replace(
        '{"waving_4.jpg"', '{"waving_4.jpg": {}, "waving_4.jpg"'
    )
    save(root / "SWiG_jsons" / "dev.json", text)
    assert [(item.wanted, item.got) for item in check(root).errors] == [
        ("every image once", "this one twice"),
        ("the record: every key once", "['verb'] twice"),
        ("bb: every key once", "['place'] twice"),
        ("frames, annotator 1: every key once", "['agent'] twice"),
    ]


def test_an_image_in_two_splits_is_an_error(dataset, splits):
    splits["test"] |= {"waving_4.jpg": waving()}
    root = dataset(splits)
    item = only(check(root))
    assert (item.severity, item.image) == ("error", "waving_4.jpg")
    assert item.got == f"it is in {root / 'SWiG_jsons' / 'dev.json'} too"


def test_a_subset_of_a_split_may_share_its_images(dataset, splits):
    assert check(dataset(splits | {"dev_L10_unseen_with_obj_cap_refined": splits["dev"]})).ok


def test_a_missing_split_is_an_error_that_lists_what_is_there(dataset, splits):
    del splits["test"]
    item = only(check(dataset(splits)))
    assert (item.severity, item.wanted) == ("error", "test.json for the split 'test'")
    assert item.got == "dev.json, imsitu_space.json, train.json"


def test_a_folder_without_annotations_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"wanted annotation files such as train\.json, found notes\.txt"):
        check(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="wanted the folder of a dataset or an annotation file, found nothing there"):
        check(tmp_path / "nowhere")


def test_a_missing_image_is_an_error(dataset, splits):
    root = dataset(splits)
    (root / "images_512" / "waving_4.jpg").unlink()
    item = only(check(root))
    assert (item.severity, item.image, item.got) == ("error", "waving_4.jpg", "no such file")


def test_a_missing_folder_of_images_is_one_error(dataset, splits):
    item = only(check(dataset(splits, with_images=False)))
    assert (item.severity, item.wanted) == ("error", "the folder of the images")


@pytest.mark.parametrize("decode", [False, True])
def test_an_image_that_cannot_be_read_is_an_error(dataset, splits, decode):
    root = dataset(splits)
    (root / "images_512" / "waving_4.jpg").write_text("no image")
    whole = (root / "images_512" / "waving_5.jpg").read_bytes()
    (root / "images_512" / "waving_5.jpg").write_bytes(whole[:-20])
    found = check(root, decode=decode)
    assert [item.image for item in found.errors] == ["waving_4.jpg", "waving_5.jpg"]
    assert "cut off" in found.errors[1].got


def test_a_file_of_another_shape_is_an_error_and_a_rescaled_one_a_warning(dataset, splits, save):
    root = dataset(splits)
    records = {"waving_4.jpg": waving(width=60, height=40), "waving_6.jpg": waving(width=20, height=30)}
    save(root / "SWiG_jsons" / "dev.json", records)
    (root / "images_512" / "waving_6.jpg").write_bytes((root / "images_512" / "waving_4.jpg").read_bytes())
    assert told(check(root)) == [
        ("warning", "waving_4.jpg", "60 x 40, the size in its record", "30 x 20, the same shape"),
        ("error", "waving_6.jpg", "20 x 30, the size in its record", "30 x 20, another shape: boxes do not fit"),
    ]


def test_an_image_that_no_record_names_is_a_warning(dataset, splits):
    root = dataset(splits)
    (root / "images_512" / "stray_1.jpg").write_bytes((root / "images_512" / "waving_4.jpg").read_bytes())
    (root / "images_512" / "README.txt").write_text("not an image")
    item = only(check(root))
    assert (item.severity, item.image, item.got) == ("warning", "stray_1.jpg", "no record")


def test_nouns_that_train_does_not_have_are_counted_as_oov(dataset, splits):
    splits["dev"]["waving_4.jpg"] = waving("n00000006")
    found = check(dataset(splits))
    assert found.ok and found.counts[1].oov == 3
    assert only(found).got == "others 3 times: n00000006 (3)"


def test_nouns_without_words_are_a_warning(dataset, splits):
    for record in splits["train"].values():
        record["frames"][0] |= {"place": "n77777777"}
    found = check(dataset(splits))
    assert found.ok
    assert only(found).wanted == "nouns with words in imsitu_space.json"


def test_a_name_that_is_no_verb_is_a_warning_and_the_name_of_another_verb_an_error(dataset, splits):
    splits["dev"] |= {"IMG_7.jpg": waving(), "raining_8.jpg": waving()}
    assert [(item.severity, item.image) for item in check(dataset(splits)).items] == [
        ("warning", "IMG_7.jpg"),
        ("error", "raining_8.jpg"),
    ]


def test_vocabulary_files_with_faults_are_findings_too(dataset, splits, save):
    root = dataset(splits)
    save(root / "SWiG_jsons" / "imsitu_space.json", "{}")
    save(root / "SWiG_jsons" / "train_classes.csv", "n1\n")
    wanted = [item.wanted for item in check(root).errors]
    assert wanted == ["the verbs and nouns of the dataset", "the noun vocabulary"]


@pytest.mark.parametrize("space", [True, False])
def test_a_misspelt_verb_that_is_kept_out_of_training_is_found(dataset, splits, space):
    root = dataset(splits)
    if not space:
        (root / "SWiG_jsons" / "imsitu_space.json").unlink()
    verb = next(iter(splits["train"].values()))["verb"]
    (root / "SWiG_jsons" / "unseen.txt").write_text(f"{verb}\n{verb[:-1]}\n")
    [found] = [item for item in check(root).errors if item.file.endswith("unseen.txt")]
    assert found.got.startswith("line 2: wanted one of the ") and found.got.endswith(f"got {verb[:-1]!r}")


def test_one_file_is_checked_with_the_images_beside_it_or_those_named(dataset, splits, tmp_path):
    root = dataset(splits)
    (root / "images_512" / "waving_4.jpg").unlink()
    assert [item.image for item in check(root / "SWiG_jsons" / "dev.json").errors] == ["waving_4.jpg"]
    moved = root / "images_512"
    moved.rename(tmp_path / "photos")
    assert check(root / "SWiG_jsons" / "dev.json").ok
    assert [item.image for item in check(root / "SWiG_jsons" / "dev.json", tmp_path / "photos").errors] == [
        "waving_4.jpg"
    ]
    assert check(root / "SWiG_jsons" / "dev.json", tmp_path / "nowhere").errors[0].got == "no such folder"


def test_findings_come_as_rows_with_errors_first_and_as_one_json_line(dataset, splits, save):
    splits["train"] |= {"IMG_7.jpg": waving()}
    root = dataset(splits)
    (root / "images_512" / "waving_4.jpg").unlink()
    found = check(root)
    assert [row.severity for row in found.to_rows()] == ["error", "warning"]
    assert len(found.to_rows(limit=1)) == 1
    said = json.loads(found.to_json())
    assert (said["ok"], said["errors"], said["warnings"]) == (False, 1, 1)
    assert said["splits"][0] == {
        "split": "train",
        "images": 4,
        "verbs": 3,
        "roles": 9,
        "boxes": 4,
        "blanks": 10,
        "oov": 0,
    }
    assert said["findings"][0].keys() == {"severity", "file", "image", "wanted", "got"}
    assert "\n" not in found.to_json()
