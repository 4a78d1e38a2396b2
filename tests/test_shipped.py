"""What comes with the project is found by name, in a checkout and where it was installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgegsr import shipped
from edgegsr.errors import InputError


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place of installed models, and none in a checkout."""
    for name in ("CHECKOUT", "INSTALLED"):
        monkeypatch.setattr(shipped, name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "INSTALLED" / "models"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_the_teacher_is_found_by_three_names(models: Path) -> None:
    with pytest.raises(InputError, match=r"--teacher: diorama-teacher does not lie in .* name a folder or a hub id"):
        shipped.find_teacher()
    folder = put(models / "diorama-teacher" / "card.toml").parent
    assert {shipped.find_teacher(name) for name in (None, "diorama", "diorama-teacher")} == {str(folder)}


def test_any_other_teacher_is_taken_as_it_is_named() -> None:
    assert shipped.find_teacher("openai/clip-vit-base-patch32") == "openai/clip-vit-base-patch32"


def test_a_bare_name_is_a_card_that_comes_with_the_project(models: Path) -> None:
    card = put(models / "pico.toml")
    assert shipped.find_card("pico") == card
    assert shipped.find_card("pico.toml") == Path("pico.toml")
    put(models / "nano.toml")
    with pytest.raises(InputError, match="--student: wanted a card file or one of nano, pico, got 'giant'"):
        shipped.find_card("giant")


def test_a_student_that_comes_with_the_project_is_found_unless_a_folder_has_its_name(models: Path) -> None:
    assert shipped.find_run("diorama-nano") == Path("diorama-nano")
    folder = put(models / "diorama-nano" / "student.safetensors").parent
    assert shipped.find_run("diorama-nano") == folder
    Path("diorama-nano").mkdir()
    assert shipped.find_run("diorama-nano") == Path("diorama-nano")
    assert shipped.find_run("runs/none") == Path("runs/none")
    half = put(models / "diorama-both" / "pairs" / "student.safetensors").parent
    assert shipped.find_run("diorama-both") == half.parent
    assert shipped.find_run("diorama-both/pairs") == Path("diorama-both/pairs")


def test_a_bundle_that_comes_with_the_project_is_found_by_the_name_of_its_student(models: Path) -> None:
    assert shipped.find_bundle("diorama-nano") == Path("diorama-nano")
    folder = put(models / "diorama-nano" / "bundle" / "manifest.json").parent
    assert shipped.find_bundle("diorama-nano") == folder
    assert shipped.find_bundle("models/diorama-nano") == Path("models/diorama-nano")
    Path("diorama-nano").mkdir()
    assert shipped.find_bundle("diorama-nano") == Path("diorama-nano")


def test_the_student_that_ships_knows_scenes_that_nobody_has_staged_before() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("cv2")
    from edgegsr.data.diorama.script import verbs
    from edgegsr.data.diorama.stage import scene
    from edgegsr.run import open_run
    from edgegsr.student.calibration import read_calibration
    from edgegsr.student.predictor import EagerPredictor

    run = open_run(shipped.find_run("diorama-nano"))
    told = json.loads((run.folder / "scores.json").read_text("utf-8"))
    assert told["parameters"] == sum(weight.numel() for weight in run.student.parameters())
    assert told["weight_bytes"] == (run.folder / "student.safetensors").stat().st_size
    assert told["gflops"] < told["teacher"]["gflops"] / 9
    predictor, trained = EagerPredictor(run), set(read_calibration(run.folder).trained)
    right = {verb: predictor.predict(scene("fresh", 0, verb).pixels).verb == verb for verb in verbs()}
    of_trained = [hit for verb, hit in right.items() if verb in trained]
    of_unseen = [hit for verb, hit in right.items() if verb not in trained]
    assert len(of_unseen) == 16 and sum(of_trained) / len(of_trained) > 0.7 and sum(of_unseen) / 16 > 0.2


def test_what_ships_with_both_heads_says_situations_and_pairs() -> None:
    from edgegsr.bundle import open_bundle
    from edgegsr.runtime import BothRecognizer

    bundle = open_bundle(shipped.find_bundle("diorama-both"))
    assert bundle.heads == ("situations", "pairs") and bundle.manifest["target"]["precision"] == "int8"
    assert len(bundle.graph) < 10_000_000
    said = BothRecognizer("diorama-both", threads=1).predict(np.zeros((120, 160, 3), np.uint8))
    assert said.situation.verb and isinstance(said.interactions, list | tuple)


def test_what_is_calibrated_is_asked_of_the_runs_beside_a_bundle() -> None:
    from edgegsr.cli.predict import _both_recognizer

    said = [_both_recognizer(Path("diorama-both"), calibrated, None, None) for calibrated in (False, True)]
    assert said[0] is not None and said[1] is None


def test_the_detectors_of_diorama_know_people_and_things_and_no_acts(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from edgegsr.boxes import iou
    from edgegsr.data.diorama import make_crowd
    from edgegsr.data.pairs import open_pairs
    from edgegsr.distill.pairs.train import begin_with
    from edgegsr.pair_run import open_pair_run
    from edgegsr.student.config import read_student
    from edgegsr.student.pairs import PairStudent
    from edgegsr.teacher.detectors import open_detector
    from edgegsr.text.kinds import ontology_of
    from edgegsr.text.shipped import tables_for

    make_crowd.make(tmp_path, 3, 0.01, 1)
    split = open_pairs(str(tmp_path), "test")
    kinds = split.pairs.kinds
    for side in (160, 256):
        run = open_pair_run(shipped.find_run(f"diorama-detector-{side}"))
        assert run.config["train"]["weights"]["verb"] == 0 and run.student.config.side == side
    student = PairStudent(
        read_student(shipped.find_card("pico-pairs")),
        tables_for(ontology_of(kinds)),
        torch.from_numpy(kinds.valid),
        pretrained=False,
    )
    assert begin_with(student, "diorama-detector-160")

    detector = open_detector(str(shipped.find_run("diorama-detector-256")), kinds, "cpu")
    hits = []
    for row, found in enumerate(detector.detect([split.pixels(i) for i in range(len(split))])):
        there = slice(*split.first[row : row + 2])
        for noun, box in zip(split.couples.object[there], split.couples.objects_xyxy[there]):
            same = found.objects_xyxy[found.objects == noun]
            hits.append(iou(same, box).max(initial=0) >= 0.5)
    assert len(hits) > 8 and np.mean(hits) > 0.5
