"""Crowds on disk: read by the loaders of HICO-DET and V-COCO, which agree, and never half finished."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commandline import last_json, run

pytest.importorskip("cv2")

from edgegsr.data import hico, vcoco
from edgegsr.data.diorama import crowd
from edgegsr.data.diorama import make_crowd as maker
from edgegsr.errors import InputError
from edgegsr.images import open_image
from edgegsr.interactions import PERSON

SHARE = 0.02


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return maker.make(tmp_path_factory.mktemp("crowd") / "world", seed=3, share=SHARE, workers=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_is_read_as_hico_det(world: Path) -> None:
    pairs = hico.read(world / "hico" / "instances_train.json")
    assert len(pairs) == 120
    assert [pairs.kinds.names(i) for i in range(len(pairs.kinds))] == sorted(crowd.kinds(), key=lambda kind: kind[::-1])
    assert (pairs.kinds.rare == (pairs.counts < maker.RARE)).all()
    unseen = {name: {pairs.kinds.names(i) for i in np.flatnonzero(mask)} for name, mask in pairs.kinds.unseen.items()}
    assert unseen == crowd.unseen()
    w, h = pairs.sizes_wh[0]
    assert open_image(world / "images" / pairs.images[0]).shape == (h, w, 3)


def test_the_words_are_as_many_as_the_documents_say() -> None:
    known = maker.kinds()
    assert (len(known), len(known.verbs), len(known.objects)) == (444, 94, 139)


def test_all_splits_have_the_words_and_the_rarity_of_train(world: Path) -> None:
    train, test = (hico.read(world / "hico" / f"instances_{split}.json").kinds for split in ("train", "test"))
    assert (train.verbs, train.objects) == (test.verbs, test.objects)
    assert (train.rare == test.rare).all()


def test_read_as_v_coco_it_tells_the_same_pairs(world: Path) -> None:
    persons = vcoco.read([world / "vcoco" / "vcoco_test.json", world / "vcoco" / "instances_vcoco_all_2014.json"])
    assert persons.objects[0] == PERSON
    assert persons.labelled.sum() > len(persons)
    theirs, ours = vcoco.pairs_of(persons), hico.read(world / "hico" / "instances_test.json")

    def told(pairs):
        for i, kind in enumerate(pairs.kind):
            verb, noun = pairs.kinds.names(kind)
            human, thing = (tuple(np.round(box[i]).tolist()) for box in (pairs.humans_xyxy, pairs.objects_xyxy))
            yield pairs.images[pairs.image[i]], verb.removesuffix(" obj"), noun, human, thing

    mine, yours = set(told(ours)), set(told(theirs))
    # who does the same with two things has the first of them in V-COCO's form
    assert yours <= mine
    assert {(image, verb, human) for image, verb, _, human, _ in yours} == {(i, v, h) for i, v, _, h, _ in mine}


def test_the_check_finds_nothing_wrong(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "check", world, "--json") == 0
    found = last_json(capsys)
    assert not found["findings"]
    assert [each["file"] for each in found["splits"]] == [
        *(f"instances_{split}.json" for split in ("dev", "test", "train")),
        *(f"vcoco_{split}.json" for split in ("dev", "test", "train")),
    ]


def test_the_truth_as_prediction_scores_full_marks(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = world / "hico" / "instances_test.json"
    pairs = hico.read(truth)
    lines: dict[str, list[dict[str, object]]] = {image: [] for image in pairs.images}
    for i, kind in enumerate(pairs.kind):
        verb, noun = pairs.kinds.names(kind)
        boxes = {"human": pairs.humans_xyxy[i].tolist(), "object": pairs.objects_xyxy[i].tolist()}
        found = {**boxes, "object_category": noun, "verb": verb, "score": 1 - i / 1e6}
        lines[pairs.images[pairs.image[i]]].append(found)
    said = tmp_path / "p.jsonl"
    said.write_text("".join(json.dumps({"image": image, "pairs": found}) + "\n" for image, found in lines.items()))
    assert run("score", "--task", "hico", "--truth", truth, "--predictions", said, "--json") == 0
    told = last_json(capsys)
    assert {kind["ap"] for kind in told["kinds"] if kind["pairs"]} == {1.0}
    assert set(told["zero_shot"]) == {"rf_uc", "nf_uc", "uo", "uv"}


def test_any_number_of_processes_makes_the_same_files(world: Path, tmp_path: Path) -> None:
    assert contents(maker.make(tmp_path / "again", seed=3, share=SHARE, workers=2)) == contents(world)


def test_a_killed_run_goes_on_where_it_stopped(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = maker.crowd.crowd

    def dies(seed: object, index: int) -> crowd.Crowd:
        if index == 110:
            raise KeyboardInterrupt
        return staged(seed, index)

    monkeypatch.setattr(maker.crowd, "crowd", dies)
    with pytest.raises(KeyboardInterrupt):
        maker.make(tmp_path / "again", seed=3, share=SHARE, workers=1)
    parts = list((tmp_path / "again" / "parts").glob("train-*.json"))
    assert len(parts) == 1
    monkeypatch.setattr(maker.crowd, "crowd", staged)
    assert contents(maker.make(tmp_path / "again", seed=3, share=SHARE, workers=1)) == contents(world)


def test_a_folder_with_something_else_is_refused(tmp_path: Path, world: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="wanted an empty folder, got one with other files"):
        maker.make(tmp_path, share=SHARE)
    with pytest.raises(InputError, match=r"or one of crowd 1, seed 4, share 0\.02, got one of crowd 1, seed 3, share"):
        maker.make(world, seed=4, share=SHARE)
