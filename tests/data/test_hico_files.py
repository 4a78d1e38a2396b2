"""HICO-DET in its four forms: the same image written four ways is the same table; and the counts of the real files."""

import io
import json
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from edgegsr.data import hico, records, vcoco
from edgegsr.data import matlab as matlab_files
from edgegsr.errors import InputError

KINDS = hico.kinds()
RIDE = KINDS.index[KINDS.verb_index["ride"], KINDS.object_index["bicycle"]]
HUG = KINDS.index[KINDS.verb_index["hug"], KINDS.object_index["person"]]
# edges of the boxes below: 1-based inclusive 208..427 is 207..427
WANTED = [[207, 32, 427, 300], [58, 97, 572, 405]]


def fredzzhang(**changes):
    objects = sorted(KINDS.objects)
    record = {
        "boxes_h": [[208, 33, 427, 300]],
        "boxes_o": [[59, 98, 572, 405]],
        "hoi": [RIDE],
        "object": [objects.index("bicycle")],
        "verb": [KINDS.verb_index["ride"]],
    }
    nothing = {key: [] for key in record}
    return {
        "annotation": [record | changes, nothing],
        "filenames": ["HICO_test2015_00000001.jpg", "HICO_test2015_00000002.jpg"],
        "size": [[640, 480], [600, 400]],
        "objects": objects,
        "verbs": list(KINDS.verbs),
    }


def qpic(category=2, verb=None):
    things = [{"bbox": [207, 32, 426, 299], "category_id": 1}, {"bbox": [58, 97, 571, 404], "category_id": category}]
    hoi = {"subject_id": 0, "object_id": 1, "category_id": verb or KINDS.verb_index["ride"] + 1}
    return [{"file_name": "HICO_test2015_00000001.jpg", "annotations": things, "hoi_annotation": [hoi]}]


def hake(hoi_id=RIDE + 1):
    label = {"hoi_id": hoi_id, "human_bbox": [208, 33, 427, 300], "object_bbox": [59, 98, 572, 405]}
    labels = [label | {"width": 640, "height": 480}]
    return {"HICO_test2015_00000001.jpg": {"labels": labels}, "HICO_test2015_00000002.jpg": {"labels": []}}


def matlab(path):
    savemat = pytest.importorskip("scipy.io").savemat

    def box(x1, y1, x2, y2):
        return {"x1": x1, "x2": x2, "y1": y1, "y2": y2}

    visible = {
        "id": RIDE + 1, "bboxhuman": box(208, 33, 427, 300), "bboxobject": box(59, 98, 572, 405),
        "connection": np.array([[1, 1]]), "invis": 0,
    }  # fmt: skip
    hidden = {"id": HUG + 1, "bboxhuman": [], "bboxobject": [], "connection": [], "invis": 1}
    size = {"width": 640, "height": 480, "depth": 3}
    image = {"filename": "HICO_test2015_00000001.jpg", "size": size, "hoi": [visible, hidden]}
    savemat(path, {"bbox_test": [image], "bbox_train": [image | {"filename": "HICO_train2015_00000001.jpg"}]})
    return path


def save(path, tree):
    path.write_text(json.dumps(tree))
    return path


def packed(path, tree, name="hico/labels.json"):
    data = json.dumps(tree).encode()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return path


WRITERS = {
    "fredzzhang": lambda folder: save(folder / "a.json", fredzzhang()),
    "qpic": lambda folder: save(folder / "a.json", qpic()),
    "qpic, category as a text with a newline": lambda folder: save(folder / "a.json", qpic("2\n")),
    "hake": lambda folder: save(folder / "a.json", hake()),
    "hake, packed": lambda folder: packed(folder / "a.tar.gz", hake()),
    "matlab": lambda folder: matlab(folder / "anno_bbox.mat"),
}


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_of_one_image_is_the_same_pair(form, tmp_path):
    pairs = hico.read(WRITERS[form](tmp_path))
    assert pairs.images[0] == "HICO_test2015_00000001.jpg"
    assert (pairs.image.tolist(), pairs.kind.tolist()) == ([0], [RIDE])
    assert [pairs.humans_xyxy[0].tolist(), pairs.objects_xyxy[0].tolist()] == WANTED


@pytest.mark.parametrize("form", ["fredzzhang", "hake"])
def test_images_without_pairs_stay(form, tmp_path):
    pairs = hico.read(WRITERS[form](tmp_path))
    assert pairs.empty.tolist() == [False, True]


def test_the_mat_file_holds_both_halves_and_what_is_invisible_is_left_out(tmp_path):
    pairs = hico.read(matlab(tmp_path / "anno_bbox.mat"), "train")
    assert (pairs.images, len(pairs.kind)) == (("HICO_train2015_00000001.jpg",), 1)
    assert pairs.sizes_wh.tolist() == [[640, 480]]
    with pytest.raises(InputError, match="wanted a split among train, test"):
        hico.read(tmp_path / "anno_bbox.mat", "dev")


def test_objects_numbered_as_in_coco_are_taken_by_the_interaction(tmp_path):
    tree = fredzzhang(object=[KINDS.object_index["bicycle"]])
    tree["objects"] = list(KINDS.objects)
    assert hico.read(save(tmp_path / "a.json", tree)).kind.tolist() == [RIDE]
    tree["objects"] = sorted(KINDS.objects)  # the copies whose list was not put into the new order
    assert hico.read(save(tmp_path / "a.json", tree)).kind.tolist() == [RIDE]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (fredzzhang(object=[3]), "'object' of the pairs and 'objects' do not fit to 'hoi': the file mixes two"),
        (fredzzhang(verb=[3]), "'verb' of the pairs and 'verbs' do not fit to 'hoi'"),
        (fredzzhang(hoi=[600]), "wanted hoi from 0 to 599, got 600"),
        (fredzzhang(boxes_h=[]), "image 'HICO_test2015_00000001.jpg': wanted as many of hoi, object, verb, boxes_h"),
        (fredzzhang(boxes_h=[[1, 2, 3, float("nan")]]), "00001.jpg': wanted boxes of four numbers in boxes_h, got [1"),
        (
            fredzzhang(boxes_o=[[1, 2, "a", 3]]),
            "00001.jpg': wanted boxes of four numbers in boxes_o, got [1, 2, 'a', 3]",
        ),
        (fredzzhang(verb=[None]), "00001.jpg': wanted whole numbers in verb, got nothing"),
        (
            fredzzhang() | {"annotation": [None, {}]},
            "00001.jpg': wanted lists hoi, object, verb, boxes_h, boxes_o, got n",
        ),
        (fredzzhang() | {"size": [[640, 480], [640]]}, "00002.jpg': wanted a size of two numbers, got [640]"),
        (fredzzhang() | {"size": None}, "wanted a list 'size', got nothing"),
        (qpic(category=12), "does not go with an object of category 12"),
        (qpic(verb=118), "verb 118 does not go with an object of category 2"),
        (hake(hoi_id=0), "wanted hoi_id from 1 to 600, got 0"),
        ({}, "wanted HICO-DET's annotations as fredzzhang"),
        ([1], "does not hold what its form wants (TypeError"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tree, message, tmp_path):
    with pytest.raises(InputError) as caught:
        hico.read(save(tmp_path / "a.json", tree))
    assert str(caught.value).startswith(f"{tmp_path / 'a.json'}: ")
    assert message in str(caught.value)


def test_a_box_too_many_is_not_taken_for_one_of_the_next_image(tmp_path):
    tree = fredzzhang()
    first, second = tree["annotation"]
    tree["annotation"] = [first | {"boxes_h": []}, second | {"boxes_h": first["boxes_h"]}]
    with pytest.raises(InputError, match=r"image 'HICO_test2015_00000001\.jpg': wanted as many of"):
        hico.read(save(tmp_path / "a.json", tree))


def labelled(path, rows=600, images=("HICO_test2015_00000001.jpg", "HICO_test2015_00000002.jpg"), **how):
    savemat = pytest.importorskip("scipy.io").savemat
    labels = np.full((600, 2), -1.0)
    labels[[RIDE, HUG], 0], labels[HUG, 1] = 1, np.nan
    labels = np.resize(labels, (rows, 2))
    names = np.array(images, object)[:, None]
    halves = {
        name: value for split in hico.IMAGES for name, value in ((f"anno_{split}", labels), (f"list_{split}", names))
    }
    savemat(path, halves, **how)
    return path


def test_image_labels_say_which_objects_are_known(tmp_path):
    truth = hico.read(save(tmp_path / "a.json", fredzzhang()))
    known = hico.known_objects(labelled(tmp_path / "anno.mat"), truth)
    assert [KINDS.objects[noun] for noun in np.flatnonzero(known[0])] == ["person", "bicycle"] and not known[1].any()


@pytest.mark.parametrize(
    ("rows", "images", "message"),
    [
        (3, None, "wanted anno_test of 600 x 2, got 3 x 2"),
        (700, None, "wanted anno_test of 600 x 2, got 700 x 2"),
        (600, ("a.jpg", "b.jpg", "c.jpg"), "wanted anno_test of 600 x 3, got 600 x 2"),
        (600, ("../a.jpg", "b.jpg"), "wanted names of image files"),
        (600, ("a.jpg", "b.jpg"), "wanted a label of every image, has none of HICO_test2015_00000001.jpg"),
    ],
)
def test_image_labels_of_another_shape_are_refused(rows, images, message, tmp_path):
    truth = hico.read(save(tmp_path / "a.json", fredzzhang()))
    given = {"images": images} if images else {}
    with pytest.raises(InputError) as caught:
        hico.known_objects(labelled(tmp_path / "anno.mat", rows, **given), truth)
    assert message in str(caught.value)


def test_a_mat_file_that_is_small_only_while_it_is_packed_is_refused(tmp_path, monkeypatch):
    path = labelled(tmp_path / "anno.mat", do_compression=True)
    monkeypatch.setattr(matlab_files, "MOST_BYTES", path.stat().st_size)
    with pytest.raises(InputError, match=r"anno\.mat: wanted at most 0 MB unpacked"):
        hico.image_labels(path, "test")
    monkeypatch.setattr(matlab_files, "MOST_BYTES", 100 * path.stat().st_size)
    assert hico.image_labels(path, "test")[1].shape == (600, 2)


def test_a_file_larger_than_any_of_annotations_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a.json", fredzzhang())
    monkeypatch.setattr(records, "MOST_BYTES", 9)
    for read in (hico.read, vcoco.read, vcoco.read_pairs):
        with pytest.raises(InputError, match="wanted at most 0 MB, got 0 MB"):
            read(path)


def test_an_image_that_stands_twice_is_refused(tmp_path):
    tree = fredzzhang()
    tree["filenames"][1] = tree["filenames"][0]
    with pytest.raises(InputError, match=r"'HICO_test2015_00000001\.jpg': wanted every image once, got it twice"):
        hico.read(save(tmp_path / "a.json", tree))


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="wanted a readable file, got: No such file"):
        hico.read(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"wanted an archive with one \.json file"):
        hico.read(packed(tmp_path / "a.tar.gz", {}, name="readme.txt"))


def test_a_mat_file_that_is_none_is_refused_in_one_line(tmp_path):
    pytest.importorskip("scipy")
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 nothing more")
    with pytest.raises(InputError, match=r"a\.mat: wanted a .mat file up to version 7"):
        hico.read(tmp_path / "a.mat")


def test_without_scipy_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(InputError, match=r"reading .mat files needs packages .* 'edgegsr\[train\]'"):
        hico.read(tmp_path / "a.mat")


# --- what training may see ---


def pair_table(tmp_path):
    """One rider with two labels on the same boxes, another image with one."""
    tree = fredzzhang()
    first = tree["annotation"][0]
    hold = KINDS.index[KINDS.verb_index["hold"], KINDS.object_index["bicycle"]]
    walk = KINDS.index[KINDS.verb_index["walk"], KINDS.object_index["bicycle"]]
    for hoi, shift in ((hold, 0), (walk, 5)):
        first["boxes_h"].append([208 + shift, 33, 427, 300])
        first["boxes_o"].append([59, 98, 572, 405])
        first["hoi"].append(hoi)
        first["object"].append(first["object"][0])
        first["verb"].append(int(KINDS.pairs[hoi, 0]))
    second = {key: [values[0]] for key, values in first.items()}
    tree["annotation"][1] = second | {"hoi": [hold], "verb": [KINDS.verb_index["hold"]]}
    pairs = hico.read(save(tmp_path / "a.json", tree))
    unseen = {"riding": np.arange(len(KINDS)) == RIDE}
    return replace(pairs, kinds=replace(KINDS, unseen=unseen))


@pytest.mark.parametrize(("rule", "left"), [("labels", 3), ("boxes", 2), ("images", 1)])
def test_each_rule_takes_more_than_the_one_before(rule, left, tmp_path):
    found = hico.without(pair_table(tmp_path), "riding", rule)
    assert len(found.kind) == left
    assert RIDE not in found.kind
    assert not found.empty.any()


def test_an_unknown_rule_or_setting_is_refused(tmp_path):
    with pytest.raises(InputError, match="zero-shot rule: wanted one of labels, boxes, images, got 'all'"):
        hico.without(pair_table(tmp_path), "riding", "all")
    with pytest.raises(InputError, match="zero-shot setting: wanted one of riding, got 'uv'"):
        hico.without(pair_table(tmp_path), "uv")


def test_a_file_in_this_form_may_bring_its_own_words(tmp_path):
    tree = fredzzhang(hoi=[1], object=[0], verb=[1])
    tree |= {"verbs": ["push", "pull"], "objects": ["cart"], "correspondence": [[0, 0, 0], [1, 0, 1]], "rare": [1]}
    pairs = hico.read(save(tmp_path / "a.json", tree | {"unseen": {"uc": [0]}}))
    assert (pairs.kinds.names(pairs.kind[0]), pairs.kinds.rare.tolist()) == (("pull", "cart"), [False, True])
    assert pairs.kinds.unseen["uc"].tolist() == [True, False]
    tree["correspondence"][1][2] = 2
    with pytest.raises(InputError, match="wanted verbs and objects from 0 and below"):
        hico.read(save(tmp_path / "b.json", tree))


def test_the_zero_shot_settings_have_their_published_sizes():
    sizes = {name: (int(mask.sum()), int((mask & KINDS.rare).sum())) for name, mask in KINDS.unseen.items()}
    assert sizes == {"rf_uc": (120, 120), "nf_uc": (120, 0), "uo": (100, 20), "uv": (84, 18)}
    verbs, objects = KINDS.pairs[KINDS.unseen["uv"], 0], KINDS.pairs[KINDS.unseen["uo"], 1]
    assert (len(set(verbs.tolist())), len(set(objects.tolist()))) == (20, 12)
    assert not np.isin(KINDS.pairs[~KINDS.unseen["uv"], 0], verbs).any()
    assert not np.isin(KINDS.pairs[~KINDS.unseen["uo"], 1], objects).any()


def test_there_are_600_kinds_of_117_verbs_and_80_objects():
    assert (len(KINDS), len(KINDS.verbs), len(KINDS.objects), int(KINDS.rare.sum())) == (600, 117, 80, 138)
    assert KINDS.valid.sum() == 600
    assert KINDS.valid[:, KINDS.verb_index["no_interaction"]].all()
    assert (KINDS.valid.sum(1).min(), KINDS.valid.sum(1).max()) == (3, 18)


# --- the real files ---


def test_the_real_test_file_has_its_counts(hoi):
    pairs = hico.read(hoi / "instances_test2015.json")
    assert (len(pairs), len(pairs.kind), int(pairs.empty.sum())) == (9658, 33405, 112)
    told = json.loads((hoi / "instances_test2015.json").read_text())
    assert np.flatnonzero(KINDS.rare).tolist() == told["rare"]
    wanted = {"rf_uc": 836, "nf_uc": 21259, "uo": 4988, "uv": 6580}
    assert {name: int(mask[pairs.kind].sum()) for name, mask in KINDS.unseen.items()} == wanted


def test_the_real_train_file_has_its_counts(hoi):
    pairs = hico.read(hoi / "hico-det-instance-level.tar.gz")
    assert (len(pairs), int(pairs.empty.sum()), len(pairs.kind)) == (38118, 485, 117654)
    assert (pairs.counts > 0).all()
    assert ((pairs.counts < 10) == KINDS.rare).all()
    boxes = np.column_stack([pairs.image, pairs.humans_xyxy, pairs.objects_xyxy])
    assert len(np.unique(boxes, axis=0)) == 117653
    for name, images, labels in (
        ("rf_uc", 37528, 117309),
        ("nf_uc", 16616, 35104),
        ("uo", 31155, 100387),
        ("uv", 35552, 93305),
    ):
        for rule in ("labels", "boxes"):  # nearly every label has boxes of its own
            left = hico.without(pairs, name, rule)
            assert (len(left), len(left.kind)) == (images, labels)


def test_the_real_zero_shot_lists_are_ours(hoi):
    told = json.loads((hoi / "hico_zero_shot.json").read_text())["settings"]
    for name, mask in KINDS.unseen.items():
        assert np.flatnonzero(mask).tolist() == sorted(told[name.upper().replace("_", "-")]["unseen_hoi"])


def test_the_image_labels_and_the_lists_made_of_them_name_the_same_images(hoi):
    pytest.importorskip("scipy")
    pairs = hico.read(hoi / "instances_test2015.json")
    lists, labels = (hico.known_objects(hoi / name, pairs) for name in ("hico_known_object.json", "anno.mat"))
    assert (lists == labels).all()
    assert (int(lists.sum(0).min()), int(lists.sum(0).max()), round(float(lists.sum(0).mean()), 1)) == (16, 576, 122.8)


def test_a_whole_file_in_the_form_of_qpic_gets_its_empty_images_back(hoi, tmp_path):
    real = hico.read(hoi / "instances_test2015.json")
    ids = hico._COCO_IDS
    records = []
    for row in np.flatnonzero(~real.empty):
        things, hois = [], []
        for i in np.flatnonzero(real.image == row):
            verb, noun = real.kinds.pairs[real.kind[i]].tolist()
            inclusive = [(box - [0, 0, 1, 1]).tolist() for box in (real.humans_xyxy[i], real.objects_xyxy[i])]
            things += [{"bbox": inclusive[0], "category_id": 1}, {"bbox": inclusive[1], "category_id": ids[noun]}]
            hois.append({"subject_id": len(things) - 2, "object_id": len(things) - 1, "category_id": verb + 1})
        records.append({"file_name": real.images[row], "annotations": things, "hoi_annotation": hois})
    again = hico.read(save(tmp_path / "test_hico.json", records))
    assert len(records) == 9546
    assert (len(again), int(again.empty.sum())) == (9658, 112)
    order = [again.row[image] for image in real.images]
    same = again.take(order)
    assert (same.kind == real.kind).all()
    assert (same.humans_xyxy == real.humans_xyxy).all()
