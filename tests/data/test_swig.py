import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.annotations import Annotations
from edgegsr.data import swig
from edgegsr.data.records import faults, learn_frames
from edgegsr.errors import InputError
from edgegsr.situation import BLANK, OOV, Frame, Noun, Ontology

MAN = "n00000002"


def same(a, b):
    columns = ("sizes_wh", "verbs", "nouns", "boxes_xyxy", "has_box")
    return (a.ontology, a.images) == (b.ontology, b.images) and all(
        np.array_equal(getattr(a, column), getattr(b, column)) for column in columns
    )


def test_a_record_becomes_a_row_in_the_role_order_of_the_first_record(tmp_path, save, records):
    read = swig.read(save(tmp_path / "train.json", records))
    frame = read.ontology.frame("drinking")
    assert frame.roles == ("agent", "liquid", "place")
    assert read.images == ("drinking_1.jpg", "raining_2.jpg", "drinking_3.jpg")
    assert read.ontology.verbs == ("drinking", "raining")
    assert [noun.id for noun in read.ontology.nouns] == ["", *(f"n0000000{i}" for i in range(1, 6))]
    assert read.sizes_wh.tolist() == [[64, 48], [40, 60], [50, 50]]
    assert read.nouns[2].tolist() == [[3, 1, 0, 0, 0, 0]] * 3
    assert read.boxes_xyxy[2, :3].tolist() == [[5, 4, 30, 50], [10, 20, 13, 41], [0, 0, 0, 0]]
    assert read.has_box.sum(axis=1).tolist() == [1, 0, 2]
    assert read.nouns[0, :, 2].tolist() == [BLANK, 4, BLANK]


def test_the_space_file_gives_role_order_and_words(tmp_path, save, records, space):
    space["verbs"]["drinking"]["order"] = ["place", "liquid", "agent"]
    read = swig.read(save(tmp_path / "train.json", records), space=save(tmp_path / "imsitu_space.json", space))
    assert read.ontology.verbs == ("raining", "drinking")
    assert read.ontology.frame("drinking").roles == ("place", "liquid", "agent")
    assert read.ontology.nouns[2].word == "man"
    assert read.boxes_xyxy[2, 2].tolist() == [5, 4, 30, 50]


def test_an_unknown_noun_is_oov_under_a_given_ontology(tmp_path, save, records):
    ontology = Ontology((Frame("drinking", ("agent", "liquid", "place")), Frame("raining", ("place",))), (Noun(MAN),))
    read = swig.read(save(tmp_path / "dev.json", records), ontology)
    assert read.ontology is ontology
    assert read.nouns[0, :, 0].tolist() == [1, OOV, 1]
    assert read.nouns[0, :, 2].tolist() == [BLANK, OOV, BLANK]


def test_an_answer_called_oov_is_oov_even_if_the_records_make_the_ontology(tmp_path, save, records):
    records["raining_2.jpg"]["frames"][0]["place"] = "oov"
    read = swig.read(save(tmp_path / "train.json", records))
    assert "oov" not in read.ontology.noun_index
    assert read.nouns[1, :, 0].tolist() == [OOV, BLANK, read.ontology.noun_index["n00000004"]]


def test_a_box_is_absent_exactly_where_x1_is_minus_one(tmp_path, save, records):
    records["drinking_1.jpg"]["bb"] = {"agent": [-1, 3, 9, 9], "liquid": [0, 0, 0, 0], "place": [-2, 0, 4, 4]}
    read = swig.read(save(tmp_path / "train.json", records))
    assert read.has_box[0].tolist() == [False, True, True, False, False, False]
    assert not read.boxes_xyxy[0, 0].any()


def test_several_files_come_as_one_table(tmp_path, save, records):
    later = {image.replace("_", "_9"): record for image, record in records.items()}
    files = [save(tmp_path / "train.json", records), save(tmp_path / "dev.json", later)]
    read = swig.read(files)
    assert read.images == (*records, *later)
    assert read.nouns[:3].tolist() == read.nouns[3:].tolist()


def test_an_image_in_two_files_is_refused(tmp_path, save, records):
    files = [save(tmp_path / f"{name}.json", records) for name in ("train", "dev")]
    with pytest.raises(
        InputError, match=r"dev\.json: image 'drinking_1\.jpg': wanted every image once, got .*train\.json"
    ):
        swig.read(files)


def spoiled(records, image, *path_and_value):
    *path, key, value = path_and_value
    part = records[image]
    for step in path:
        part = part[step]
    if value is KeyError:
        del part[key]
    else:
        part[key] = value
    return records


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("verb",), "flying", "verb: one of the 3 known verbs, got 'flying'"),
        (("verb",), ["drinking"], "verb: one of"),
        (("verb",), KeyError, "verb: one of the 3 known verbs, got None"),
        (("height",), 0, "height: a whole number of pixels above 0, got 0"),
        (("height",), True, "height: a whole number of pixels above 0, got True"),
        (("width",), 64.0, "width: a whole number of pixels above 0, got 64.0"),
        (("width",), 10**12, "width: a whole number"),
        (("bb",), KeyError, "bb: an object 'role -> [x1, y1, x2, y2]', got None"),
        (("bb",), [[1, 2, 3, 4]], "bb: an object"),
        (
            ("bb", "agent"),
            [5, 4, 3, 50],
            "bb, role 'agent': x1 <= x2 and y1 <= y2, or -1 four times, got [5, 4, 3, 50]",
        ),
        (("bb", "agent"), [1, 2, 3], "bb, role 'agent': four numbers"),
        (("bb", "agent"), [1, 2, 3, "4"], "bb, role 'agent': four numbers"),
        (("bb", "agent"), [1, 2, 3, None], "bb, role 'agent': four numbers"),
        (("bb", "agent"), [1, 2, 3, True], "bb, role 'agent': four numbers"),
        (("bb", "agent"), "1234", "bb, role 'agent': four numbers"),
        (("bb", "agent"), {"a": 1, "b": 2, "c": 3, "d": 4}, "bb, role 'agent': four numbers"),
        (("bb", "agent"), [1, 2, float("nan"), 4], "bb, role 'agent': four finite numbers, got [1, 2, nan, 4]"),
        (("bb", "agent"), [1, 2, float("inf"), 4], "bb, role 'agent': four finite numbers"),
        (("bb", "agent"), [1, 2, 10**400, 10**400], "bb, role 'agent': four finite numbers"),
        (("bb", "agent"), KeyError, "bb: the roles ['agent', 'liquid', 'place'], got ['liquid', 'place']"),
        (
            ("bb", "tool"),
            [0, 0, 1, 1],
            "bb: the roles ['agent', 'liquid', 'place'], got ['agent', 'liquid', 'place', 'tool']",
        ),
        (("frames",), KeyError, "frames: a list of 3 annotators' objects 'role -> noun', got None"),
        (("frames",), [{}] * 2, "frames: a list of 3 annotators' objects 'role -> noun', got 2 of them"),
        (("frames",), {"a": {}, "b": {}, "c": {}}, "frames: a list of 3"),
        (("frames",), "abc", "frames: a list of 3"),
        (("frames", 1), "agent", "frames, annotator 2: an object 'role -> noun', got 'agent'"),
        (("frames", 2, "agent"), KeyError, "frames, annotator 3: the roles ['agent', 'liquid', 'place']"),
        (("frames", 0, "agent"), None, "frames, annotator 1, role 'agent': a noun id or '', got None"),
        (("frames", 0, "agent"), ["n00000002"], "frames, annotator 1, role 'agent': a noun id or ''"),
        (("frames", 0), {}, "frames, annotator 1: 1 to 6 named roles, got []"),
    ],
)
def test_a_fault_is_refused_with_file_image_and_what_was_wanted(tmp_path, save, records, space, path, value, told):
    file = save(tmp_path / "train.json", spoiled(records, "drinking_3.jpg", *path, value))
    with pytest.raises(InputError) as error:
        swig.read(file, space=save(tmp_path / "space.json", space))
    assert str(error.value).startswith(f"{file}: image 'drinking_3.jpg': wanted {told}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '{"a_1.jpg": {"verb": "a", "verb": "b"}}',
            "image 'a_1.jpg': wanted the record: every key once, got ['verb'] twice",
        ),
        ("[]", "wanted an object 'image name -> record' with at least one image, got []"),
        ("{}", "wanted an object 'image name -> record' with at least one image, got {}"),
        ('{"a_1.jpg": 7}', "image 'a_1.jpg': wanted a record with verb, height, width, bb and frames, got 7"),
        ('{"a_1.jpg": {"verb": "a"', "wanted JSON, got: Expecting"),
        ("[" * 100_000, "wanted JSON, got: "),
        ('{"a_1.jpg": {"verb": "a", "width": ' + "9" * 5000 + "}}", "wanted JSON, got: "),
    ],
)
def test_a_file_that_is_something_else_is_refused_in_one_line(tmp_path, save, text, told):
    file = save(tmp_path / "train.json", text)
    with pytest.raises(InputError) as error:
        swig.read(file)
    assert str(error.value).startswith(f"{file}: {told}")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "train.json").write_bytes(b'{"\xff\xfe": 1}')
    with pytest.raises(InputError, match=r"train\.json: wanted JSON, got: .*can't decode"):
        swig.read(tmp_path / "train.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json: wanted a readable JSON file, got: No such file"):
        swig.read(tmp_path / "nothing.json")


@pytest.mark.parametrize("part", ["record", "bb", "annotator", "image"])
def test_a_key_that_stands_twice_is_refused(tmp_path, save, records, part):
    text = json.dumps(records)
    twice = {
        "record": (
            '"verb": "raining"',
            '"verb": "raining", "verb": "raining"',
            "the record: every key once, got ['verb']",
        ),
        "bb": (
            '{"place": [-1, -1, -1, -1]}',
            '{"place": [0, 0, 1, 1], "place": [-1, -1, -1, -1]}',
            "bb: every key once, got ['place']",
        ),
        "annotator": (
            '[{"place": "n',
            '[{"place": "", "place": "n',
            "frames, annotator 1: every key once, got ['place']",
        ),
        "image": ('"raining_2.jpg": {', '"raining_2.jpg": {}, "raining_2.jpg": {', "every image once, got it"),
    }
    old, new, told = twice[part]
    assert text.count(old) == 1
    with pytest.raises(InputError) as error:
        swig.read(save(tmp_path / "train.json", text.replace(old, new)))
    assert f"image 'raining_2.jpg': wanted {told} twice" in str(error.value)


@pytest.mark.parametrize(
    "name", ["../up_1.jpg", "/etc/passwd", "a/b_1.jpg", "a\\b_1.jpg", "..", "", "a\0b_1.jpg", "a\nb.jpg", "\ud800.jpg"]
)
def test_an_image_name_that_leaves_its_folder_is_refused(tmp_path, save, records, name):
    records[name] = records.pop("raining_2.jpg")
    with pytest.raises(InputError, match="wanted a plain file name without"):
        swig.read(save(tmp_path / "train.json", records))


def test_a_file_of_imsitu_without_boxes_is_named_as_such(tmp_path, save, records):
    bare = {image: {key: record[key] for key in ("verb", "frames")} for image, record in records.items()}
    with pytest.raises(InputError, match="none of them: a file of imSitu, which has no boxes; use SWiG's"):
        swig.read(save(tmp_path / "train.json", bare))


def test_a_verb_with_seven_roles_is_refused(tmp_path, save):
    roles = [f"role{i}" for i in range(7)]
    record = {"verb": "juggling", "height": 9, "width": 9, "bb": {role: [-1] * 4 for role in roles}}
    record["frames"] = [dict.fromkeys(roles, "")] * 3
    with pytest.raises(InputError, match=r"image 'juggling_1\.jpg': wanted bb: 1 to 6 named roles, got a list of 7"):
        swig.read(save(tmp_path / "train.json", {"juggling_1.jpg": record}))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.floats(), st.sampled_from(["", "agent", MAN]), st.just([]),
    st.lists(st.one_of(st.integers(-2, 60), st.floats()), min_size=3, max_size=5), st.just({}), st.just(KeyError),
)  # fmt: skip
PATHS = [("verb",), ("height",), ("width",), ("bb",), ("bb", "agent"), ("bb", "tool"), ("frames",), ("caption",)]
PATHS += [("frames", 0), ("frames", 2), ("frames", 1, "agent"), ("frames", 1, "tool")]


@settings(max_examples=300)
@given(path=st.sampled_from(PATHS), value=VALUES, image=st.sampled_from(["drinking_1.jpg", "drinking_3.jpg"]))
def test_reading_refuses_exactly_what_the_examiner_faults(tmp_path_factory, path, value, image):
    records = copy.deepcopy(GOOD)
    if not (value is KeyError and path[-1] in ("tool", "caption")):
        records = spoiled(records, image, *path, value)
    file = tmp_path_factory.getbasetemp() / "hypothesis.json"
    file.write_text(json.dumps(records))
    records, frames = json.loads(file.read_text()), {}
    learn_frames(records, frames)
    faulty = any(True for name, record in records.items() for _ in faults(name, record, frames))
    try:
        swig.read(file)
        refused = False
    except InputError:
        refused = True
    assert refused == faulty


GOOD = {
    f"drinking_{i}.jpg": {
        "verb": "drinking",
        "height": 50,
        "width": 60,
        "bb": {"agent": [0, 0, 9, 9], "place": [-1, -1, -1, -1]},
        "frames": [{"agent": MAN, "place": ""}] * 3,
    }
    for i in (1, 2, 3)
}


@st.composite
def tables(draw):
    """Annotations of all that the layout can say."""
    words = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)
    frames = tuple(Frame(verb, tuple(draw(words))) for verb in draw(words))
    ontology = Ontology(frames, tuple(Noun(f"n{i}") for i in range(draw(st.integers(1, 5)))))
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    verbs = rng.integers(len(frames), size=n).astype(np.int32)
    has_role = np.arange(6) < np.array([len(frame.roles) for frame in frames])[verbs][:, None]
    has_box = has_role & (rng.random((n, 6)) < 0.7)
    boxes = np.sort(rng.integers(0, 999, (n, 6, 2, 2)) / rng.choice([1, 2, 7]), axis=2).reshape(n, 6, 4)
    nouns = rng.integers(OOV, len(ontology.nouns), (n, 3, 6))
    return Annotations(
        ontology,
        tuple(f"{frames[verb].verb}_{i}.jpg" for i, verb in enumerate(verbs)),
        rng.integers(1, 2000, (n, 2)).astype(np.int32),
        verbs,
        np.where(has_role[:, None], nouns, 0).astype(np.int32),
        np.where(has_box[:, :, None], boxes, 0).astype(np.float32),
        has_box,
    )


@settings(max_examples=60)
@given(table=tables())
def test_what_was_written_reads_back_unchanged(tmp_path_factory, table):
    folder = tmp_path_factory.getbasetemp() / "round-trip"
    swig.write(table, folder / "train.json")
    swig.write_space(table.ontology, folder / "imsitu_space.json")
    assert same(swig.read(folder / "train.json", table.ontology), table)
    assert swig.read_ontology(folder / "imsitu_space.json") == table.ontology


def test_a_file_that_was_read_is_written_with_the_same_content(tmp_path, save, records):
    swig.write(swig.read(save(tmp_path / "train.json", records)), tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == records


def test_a_box_that_the_layout_would_read_as_absent_is_not_written(tmp_path, save, records):
    read = swig.read(save(tmp_path / "train.json", records))
    read.boxes_xyxy[0, 0, 0] = -1
    with pytest.raises(InputError, match=r"image 'drinking_1\.jpg': wanted a box that starts elsewhere than x = -1"):
        swig.write(read, tmp_path / "again.json")
    assert not (tmp_path / "again.json").exists()


def test_annotations_that_name_an_image_twice_are_not_written(tmp_path, save, records):
    read = swig.read(save(tmp_path / "train.json", records)).take([0, 0])
    with pytest.raises(InputError, match="wanted at least one image and each once, got 2 images"):
        swig.write(read, tmp_path / "again.json")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, save, records):
    read = swig.read(save(tmp_path / "train.json", records))
    with pytest.raises(InputError, match=r"train\.json/again\.json: cannot be written: "):
        swig.write(read, tmp_path / "train.json" / "again.json")


def test_a_split_opens_with_its_images_and_the_words_of_train(dataset, records):
    dev = {"waving_9.jpg": waving("n00000006")}
    root = dataset({"train": records, "dev": dev})
    train = swig.open_split(root, "train")
    assert train.annotations.ontology.verbs == ("raining", "drinking", "waving")
    assert train.pixels(1).shape == (60, 40, 3)
    opened = swig.open_split(root, "dev")
    assert opened.annotations.ontology == train.annotations.ontology
    assert opened.annotations.nouns[0, :, 0].tolist() == [OOV] * 3  # the dog is no noun of train


def waving(noun):
    bb = {"agent": [1, 1, 5, 5], "place": [-1, -1, -1, -1]}
    return {"verb": "waving", "height": 20, "width": 30, "bb": bb, "frames": [{"agent": noun, "place": ""}] * 3}


def test_without_a_space_file_all_files_give_verbs_and_train_gives_nouns(dataset, records):
    root = dataset({"train": records, "dev": {"waving_9.jpg": waving("n00000006")}}, with_space=False)
    ontology = swig.open_split(root, "dev").annotations.ontology
    assert ontology.verbs == ("drinking", "raining", "waving")
    assert "n00000006" not in ontology.noun_index


def test_train_classes_decide_the_nouns_and_their_order(dataset, records, save):
    root = dataset({"train": records})
    save(root / "SWiG_jsons" / "train_classes.csv", "blank,0\nn00000003,1\nn00000002,2\noov,3\nPad,4\n")
    ontology = swig.open_split(root, "train").annotations.ontology
    assert [noun.word for noun in ontology.nouns] == ["nothing", "woman", "man"]


def test_annotation_files_may_lie_in_the_root(dataset, records):
    root = dataset({"train": records})
    for file in (root / "SWiG_jsons").iterdir():
        file.rename(root / file.name)
    (root / "SWiG_jsons").rmdir()
    assert len(swig.open_split(root, "train")) == 3


@pytest.mark.parametrize(
    ("split", "stem"),
    [
        ("train", "train_L10_with_obj_cap_refined"),
        ("train_seen", "train_L10_with_obj_cap_refined"),
        ("dev_unseen", "dev_L10_unseen_with_obj_cap_refined"),
        ("test_unseen", "test_L10_unseen_with_obj_cap_refined"),
        ("dev_rare", "dev_L20_rare_with_obj_cap_refined"),
        ("test_rare", "test_L20_rare_with_obj_cap_refined"),
        ("dev_ind", "dev_ind"),
        ("test_ind", "test_ind"),
    ],
)
def test_ov_swig_opens_by_its_own_file_names(dataset, records, split, stem):
    for record in records.values():
        record |= {"pos_verb_caption": "a man drinks", "neg_attr_caption": "no dog"}
    other = {} if split.startswith("train") else {"train_L10_with_obj_cap_refined": {"waving_7.jpg": waving(MAN)}}
    root = dataset({stem: records, **other})
    opened = swig.open_split(root, split)
    assert (opened.name, len(opened)) == (split, 3)


def test_a_missing_split_is_one_line_that_lists_what_is_there(dataset, records):
    root = dataset({"train": records})
    with pytest.raises(InputError) as error:
        swig.open_split(root, "test")
    assert str(error.value) == (
        f"{root / 'SWiG_jsons'}: wanted test.json for split 'test', found imsitu_space.json, train.json"
    )


def test_an_unknown_split_lists_the_known_ones(dataset, records):
    with pytest.raises(InputError, match=r"wanted a split among train, dev, test, .*, got 'validation'"):
        swig.open_split(dataset({"train": records}), "validation")


def test_a_missing_folder_of_images_is_one_line(dataset, records):
    root = dataset({"train": records}, with_images=False)
    with pytest.raises(InputError, match="wanted the folder images_512 with the images, found SWiG_jsons/"):
        swig.open_split(root, "train")


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        InputError, match="wanted the folder of a dataset, with SWiG_jsons and images_512; no such folder"
    ):
        swig.open_split(tmp_path / "nowhere", "train")


def test_the_published_sample_reads_with_the_counts_of_its_readme(shared):
    nouns = swig.read_nouns(shared / "train_classes.csv")
    made = swig.read(shared / "sample_annotations.json")
    read = swig.read(shared / "sample_annotations.json", Ontology(made.ontology.frames, tuple(map(Noun, nouns))))
    assert len(read) == 8
    assert sorted(read.role_counts.tolist()) == [1, 2, 3, 4, 4, 5, 6, 6]
    assert read.has_box.sum() == 19
    assert (read.has_role & ~read.has_box).sum() == 12
    answered = read.has_role[:, None].repeat(3, axis=1)
    assert (read.nouns[answered] == BLANK).sum() == 18
    assert (read.nouns[answered] == OOV).sum() == 1
    assert not read.nouns[~answered].any()


def test_reading_and_checking_need_no_torch():
    ask = (
        "import sys, edgegsr.data.check, edgegsr.data.splits; print({'torch', 'cv2', 'transformers'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "set()\n"
