"""`edgegsr score` for interactions, and `data check` on their files: what people see and what programs read."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commandline import last_json, run

from edgegsr.data.hico import kinds

RIDE = kinds().index[kinds().verb_index["ride"], kinds().object_index["bicycle"]]
HUMAN, THING = [207, 32, 427, 300], [58, 97, 572, 405]


@pytest.fixture
def hico_truth(tmp_path: Path) -> Path:
    """Two riders and an image without anybody."""
    label = {"hoi_id": RIDE + 1, "human_bbox": [208, 33, 427, 300], "object_bbox": [59, 98, 572, 405]}
    labels = [label | {"width": 640, "height": 480}]
    images = {f"HICO_test2015_0000000{i}.jpg": {"labels": labels * (i < 3)} for i in (1, 2, 3)}
    path = tmp_path / "hico-det-test.json"
    path.write_text(json.dumps(images))
    return path


def line(number: int, *pairs: dict[str, Any]) -> dict[str, Any]:
    return {"image": f"HICO_test2015_0000000{number}.jpg", "pairs": list(pairs)}


def pair(**changes: Any) -> dict[str, Any]:
    return {"human": HUMAN, "object": THING, "object_category": "bicycle", "verb": "ride", "score": 0.9} | changes


def said(tmp_path: Path, *lines: dict[str, Any]) -> Path:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return path


def test_hico_scores_are_told_by_setting_and_kind(
    hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, line(1, pair()), line(3, pair(score=0.95), pair(verb="eat")))
    assert run("score", "--task", "hico", "--truth", hico_truth, "--predictions", predictions, "--json") == 0
    shown = capsys.readouterr().out
    scores = json.loads(shown.splitlines()[-1])
    kind = next(kind for kind in scores["kinds"] if (kind["verb"], kind["object"]) == ("ride", "bicycle"))
    assert kind["ap"] == pytest.approx(6 / 22)
    assert kind["known_object_ap"] == pytest.approx(6 / 11)
    assert scores["default"]["full"] == pytest.approx(6 / 22 / 600)
    assert set(scores["zero_shot"]) == {"rf_uc", "nf_uc", "uo", "uv"}
    assert (scores["images"], scores["missing"], scores["outside"]) == (3, 1, 1)
    assert "1 of 3 images have no line" in shown
    assert "1 predicted pairs have a verb that does not go with their object: left out" in shown
    assert "recall points float64" in shown


def test_one_switch_changes_one_rule_and_is_told(
    hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, line(1, pair()), line(3, pair(score=0.95)))
    options = ("--switch", "empty_images=skip", "--switch", "recall_points=all")
    run("score", "--task", "hico", "--truth", hico_truth, "--predictions", predictions, *options, "--json")
    scores = last_json(capsys)
    assert scores["profile"] == "custom"
    assert scores["rules"]["empty_images"] == "skip"
    assert scores["default"]["full"] == pytest.approx(0.5 / 600)


def test_image_labels_widen_what_is_known(hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "known.json").write_text(json.dumps({"images": {"bicycle": [0, 1, 2]}}))
    predictions = said(tmp_path, line(1, pair()), line(3, pair(score=0.95)))
    options = ("--known", tmp_path / "known.json", "--json")
    run("score", "--task", "hico", "--truth", hico_truth, "--predictions", predictions, *options)
    scores = last_json(capsys)
    assert scores["known_object"] == scores["default"]
    assert scores["known_object_from"] == "image labels"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"verb": "levitate"}, "line 1: pair 1: verb must be one of the 117 words of the truth, got 'levitate'"),
        ({"object_category": "kettle"}, "object_category must be one of the 80 words of the truth, got 'kettle'"),
        ({"object": None}, "object must be a box: every interaction of HICO-DET has one, got None"),
        ({"human": [5, 5, 1, 1]}, "human must be [x1, y1, x2, y2] in finite pixels with x1 <= x2"),
        ({"score": "high"}, "score must be a finite number, got 'high'"),
        ({"score": True}, "score must be a finite number, got True"),
    ],
)
def test_a_bad_pair_is_refused_with_its_place(
    bad: dict[str, Any], message: str, hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, line(1, pair(**bad)))
    assert run("score", "--task", "hico", "--truth", hico_truth, "--predictions", predictions) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(9, pair())], "unknown image 'HICO_test2015_00000009.jpg': it is not among the 3 images"),
        ([line(1), line(1)], "line 2: image 'HICO_test2015_00000001.jpg' stands twice, first in line 1"),
        ([line(1) | {"pairs": None}], "pairs must be a list, [] where nothing is found, got None"),
        ([{"image": "a.jpg"}], "missing key 'pairs'"),
        ([line(1, {"human": HUMAN})], "missing key 'verb'"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_line_is_refused_with_its_place(
    lines: list[dict[str, Any]], message: str, hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("score", "--task", "hico", "--truth", hico_truth, "--predictions", said(tmp_path, *lines))
    assert code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rules", "kind"), "--rules: wanted one of reference, exact, matlab, qpic, upt, got 'kind'"),
        (("--switch", "top"), "--switch top: wanted one of all, 100, got ''"),
        (("--switch", "tip=all"), "--switch: wanted RULE=VALUE with one of recall_points, overlap"),
        (("--train", "x.json"), "--train: belongs to --task swig, got --task hico"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: tuple[str, ...], message: str, hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, line(1, pair()))
    assert run("score", "--task", "hico", "--truth", hico_truth, "--predictions", predictions, *options) == 2
    assert message in capsys.readouterr().err


VCOCO = """# 0
000000000042.jpg
640 480
2
1 10.0 20.0 60.0 120.0
33 12.0 30.0 22.0 40.0
2
7 1 10.0 20.0 60.0 120.0 0 0 0 0 0
27 1 10.0 20.0 60.0 120.0 33 12.0 30.0 22.0 40.0
"""
HITTER = [10, 20, 60, 120]


@pytest.fixture
def vcoco_truth(tmp_path: Path) -> Path:
    path = tmp_path / "vcoco_text_test.txt"
    path.write_text(VCOCO)
    return path


def act(role: str | None, thing: list[float] | None, image: str = "000000000042.jpg") -> dict[str, Any]:
    found = {"human": HITTER, "object": thing, "verb": "hit", "role": role, "score": 0.9}
    return {"image": image, "pairs": [found]}


def test_vcoco_scores_are_told_for_agents_and_both_scenarios(
    vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = act("agent", None)
    both["pairs"] += act("obj", [12, 30, 22, 40])["pairs"] + act("instr", [0, 0, 9, 9])["pairs"]
    command = ("score", "--task", "vcoco", "--truth", vcoco_truth, "--predictions", said(tmp_path, both), "--json")
    assert run(*command) == 0
    scores = last_json(capsys)
    assert scores["agent_ap"] == pytest.approx(1 / 26)
    assert scores["role_ap"]["scenario1"] == {"mean24": pytest.approx(1 / 24), "mean25": pytest.approx(1 / 25)}
    assert scores["role_ap"]["scenario2"]["mean24"] == pytest.approx(2 / 24)
    assert scores["roles"]["hit-instr"] == {"scenario1": 0, "scenario2": 1}


def test_the_names_of_coco_2014_are_the_same_images_and_no_agents_is_said(
    vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, act("obj", [12, 30, 22, 40], "COCO_val2014_000000000042.jpg"))
    assert run("score", "--task", "vcoco", "--truth", vcoco_truth, "--predictions", predictions, "--json") == 0
    shown = capsys.readouterr().out
    assert "no pair has the role 'agent', so nothing is said of agents" in shown
    assert json.loads(shown.splitlines()[-1])["agent_ap"] is None


def test_a_role_that_the_action_does_not_have_is_refused(
    vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = said(tmp_path, act("tool", None))
    assert run("score", "--task", "vcoco", "--truth", vcoco_truth, "--predictions", predictions) == 2
    assert "role of 'hit' must be one of agent, instr, obj, got 'tool'" in capsys.readouterr().err


# --- data check ---


def test_data_check_counts_files_of_interactions(
    hico_truth: Path, vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("data", "check", tmp_path, "--json") == 0
    told = last_json(capsys)
    counts = {each["file"]: each for each in told["splits"]}
    assert counts["hico-det-test.json"] | {"file": ""} == {
        "file": "", "images": 3, "empty": 1, "pairs": 2, "kinds": 1, "persons": 0
    }  # fmt: skip
    assert (counts["vcoco_text_test.txt"]["persons"], counts["vcoco_text_test.txt"]["pairs"]) == (1, 1)
    assert "hico-det-test.json: 3 of the 9658 images of HICO-DET's test" in told["notes"]


def test_data_check_lists_boxes_that_cannot_be(hico_truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = json.loads(hico_truth.read_text())
    first, second = (images[name]["labels"] for name in list(images)[:2])
    first[0] = first[0] | {"human_bbox": [427, 33, 208, 300]}
    second[0] = second[0] | {"object_bbox": [59, 98, 700, 405]}
    hico_truth.write_text(json.dumps(images))
    assert run("data", "check", hico_truth) == 2
    shown = capsys.readouterr().out
    assert "error: " in shown and "human: a box with an area, got [426.0, 32.0, 208.0, 300.0]" in shown
    assert "object: a box inside 640 x 480, got [58.0, 97.0, 700.0, 405.0]" in shown


def test_data_check_names_a_file_that_cannot_be_read(hico_truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hico_truth.write_text("{")
    assert run("data", "check", hico_truth) == 2
    assert "wanted a file of interactions, got" in capsys.readouterr().out


def test_data_check_lists_every_image_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = [[1, 1, 9, 9]]
    record = {"boxes_h": box, "boxes_o": box, "hoi": [0], "object": [0], "verb": [0]}
    broken = [record | {"boxes_h": [[1, 1, 9]]}, record, record | {"hoi": [None], "verb": [0.5]}, record]
    tree = {
        "annotation": broken, "filenames": [f"{name}.jpg" for name in "abcd"], "size": [[10, 10]] * 3 + [[10]],
        "verbs": ["push"], "objects": ["cart"], "correspondence": [[0, 0, 0]],
    }  # fmt: skip
    (tmp_path / "hico").mkdir()
    (tmp_path / "images").mkdir()
    (path := tmp_path / "hico" / "instances_test.json").write_text(json.dumps(tree))
    assert run("data", "check", path) == 2
    shown = capsys.readouterr().out
    for told in (
        "a.jpg: wanted boxes of four numbers in boxes_h, got [1, 1, 9]",
        "c.jpg: wanted whole numbers in hoi, got nothing",
        "c.jpg: wanted whole numbers in verb, got 0.5",
        "d.jpg: wanted a size of two numbers, got [10]",
    ):
        assert told in shown
    path.write_text(json.dumps(tree | {"annotation": [record] * 4, "size": [[10, 10]] * 4}))
    assert run("data", "check", tmp_path / "hico") == 2
    assert "a.jpg: wanted an image file, got no such file" in capsys.readouterr().out, "they lie beside hico"


def test_data_check_looks_at_the_images_of_interactions(
    hico_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    assert run("data", "check", hico_truth) == 0
    assert "images not checked: no folder images" in capsys.readouterr().out
    (tmp_path / "images").mkdir()
    for i, size in ((1, (640, 480)), (2, (600, 480))):
        Image.new("RGB", size).save(tmp_path / "images" / f"HICO_test2015_0000000{i}.jpg")
    assert run("data", "check", hico_truth) == 2
    shown = capsys.readouterr().out
    assert "HICO_test2015_00000003.jpg: wanted an image file, got no such file" in shown
    assert "HICO_test2015_00000002.jpg: wanted 640 x 480, the size in its record, got 600 x 480, another shape" in shown
    assert "HICO_test2015_00000001.jpg" not in shown
    assert run("data", "check", hico_truth, "--images", tmp_path / "nowhere") == 2
    assert "wanted the folder of the images, got no such folder" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["hico_truth", "vcoco_truth"])
def test_data_check_knows_a_file_under_another_name(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    given: Path = request.getfixturevalue(name)
    mine = tmp_path / f"mine{given.suffix}"
    given.rename(mine)
    assert run("data", "check", mine, "--json") == 0
    (counts,) = last_json(capsys)["splits"]
    assert counts["file"] == mine.name and counts["pairs"] > 0


def test_data_check_refuses_labels_of_another_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = {"action_name": "hit", "image_id": [1, 2], "ann_id": [1, 2], "label": [1], "role_name": ["agent"]}
    (tmp_path / "vcoco_val.json").write_text(json.dumps([labels]))
    assert run("data", "check", tmp_path / "vcoco_val.json") == 2
    assert "'hit' has not one label a person" in capsys.readouterr().out


def test_a_role_without_its_object_key_is_refused(
    vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for broken, message in (
        ({"role": "obj"}, "missing key 'object'; null says that the act has none"),
        ({"object": [1, 2, 3, 4]}, "role of 'hit' must be one of agent, instr, obj, got None"),
    ):
        line = {"image": "000000000042.jpg", "pairs": [{"human": HITTER, "verb": "hit", "score": 0.9, **broken}]}
        command = ("score", "--task", "vcoco", "--truth", vcoco_truth, "--predictions", said(tmp_path, line))
        assert run(*command) == 2
        assert message in capsys.readouterr().err


def test_the_published_files_hold_together(hoi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "check", hoi, "--json") == 0
    told = last_json(capsys)
    counts = {each["file"]: each for each in told["splits"]}
    assert (counts["instances_test2015.json"]["pairs"], counts["instances_test2015.json"]["empty"]) == (33405, 112)
    assert (counts["vcoco_train.json"]["persons"], counts["vcoco_val.json"]["persons"]) == (3932, 4499)
    if find_spec("scipy") is None:  # what a board has
        assert len(counts) == 11 and any("anno.mat: not read" in note for note in told["notes"])
        return
    labelled = [counts[f"anno.mat, {split}"] for split in ("train", "test")]
    assert [(each["images"], each["pairs"]) for each in labelled] == [(38118, 70373), (9658, 20268)]
    assert len(counts) == 13


def test_what_needs_packages_is_not_read_without_them_and_is_no_mistake(
    vcoco_truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    alone = tmp_path / "alone"
    alone.mkdir()
    for folder in (tmp_path, alone):
        for name in ("anno.mat", "anno_bbox.mat"):
            (folder / name).write_bytes(b"what needs scipy")
    assert run("data", "check", tmp_path, "--json") == 0
    told = last_json(capsys)
    assert [each["file"] for each in told["splits"]] == [vcoco_truth.name]
    needs = "reading .mat files needs packages that are not installed; run: pip install 'edgegsr[train]'"
    assert {f"anno.mat: not read: {needs}", f"anno_bbox.mat: not read: {needs}"} <= set(told["notes"])
    for nothing_else in (alone, tmp_path / "anno.mat", tmp_path / "anno_bbox.mat"):
        assert run("data", "check", nothing_else) == 2
        assert needs in capsys.readouterr().err
