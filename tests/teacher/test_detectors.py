"""People and things on photos that nobody annotated: boxes in pixels of the photo, words of the kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import bothworld
import tiny_detectors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edgegsr.boxes import clip, iou_matrix
from edgegsr.errors import InputError
from edgegsr.images import letterbox
from edgegsr.interactions import Kinds
from edgegsr.pair_run import PairRun
from edgegsr.student.pairs import PairAnswer, PairStudent
from edgegsr.teacher.detectors import (
    LEAST,
    MOST,
    SAME,
    SURE,
    Detections,
    PairDetector,
    PhotoDetector,
    best,
    open_detector,
)

WH = (80, 50)


def kinds_of(objects: tuple[str, ...]) -> Kinds:
    pairs = np.array([[0, i] for i in range(len(objects))], np.int32)
    return Kinds(("hold",), objects, pairs, np.zeros(len(pairs), bool))


KINDS = kinds_of(("couch", "person", "baseball_bat", "kite"))


def photo(wh: tuple[int, int] = WH, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (wh[1], wh[0], 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("detectors")
    return {family: tiny_detectors.save_detector(root / family, family) for family in tiny_detectors.MODELS}


@pytest.fixture
def d_fine(saved: dict[str, Path]) -> PhotoDetector:
    found = open_detector(str(saved["d_fine"]), KINDS)
    assert isinstance(found, PhotoDetector)
    return found


def check(found: Detections, wh: tuple[int, int]) -> None:
    for boxes, scores in (
        (found.humans_xyxy, found.human_scores),
        (found.objects_xyxy, found.object_scores),
    ):
        assert boxes.shape == (len(scores), 4) and boxes.dtype == scores.dtype == np.float64
        assert len(scores) <= MOST and (np.diff(scores) <= 0).all()
        assert (scores[LEAST:] >= SURE).all()
        assert (boxes >= 0).all() and (boxes <= np.array([*wh, *wh])).all()
        assert (boxes[:, 2:] - boxes[:, :2]).min(initial=9) >= 1


@pytest.mark.parametrize("family", tiny_detectors.MODELS)
def test_every_family_finds_boxes_in_pixels_of_the_photo(saved: dict[str, Path], family: str) -> None:
    detector = open_detector(str(saved[family]), KINDS)
    small, large = photo(), photo((160, 100))
    one, other = detector.detect([small, large])
    check(one, WH)
    check(other, (160, 100))
    assert len(one.humans_xyxy) + len(one.objects_xyxy) > 0
    assert set(one.objects.tolist()) <= {0, 1, 2}
    [alone] = detector.detect([large])
    for a, b in zip(other, alone):
        assert np.array_equal(a, b)


def test_what_is_found_is_what_the_model_says(d_fine: PhotoDetector) -> None:
    image = photo()
    given = d_fine.processor(image, input_data_format="channels_last", return_tensors="pt")
    with torch.no_grad():
        said = d_fine.model(**given)
    likely = said.logits[0].sigmoid().numpy()
    [found] = d_fine.detect([image])
    assert found.object_scores[0] == pytest.approx(likely[:, [0, 1, 3]].max())
    query, label = np.unravel_index(likely[:, [0, 1, 3]].argmax(), (len(likely), 3))
    assert KINDS.objects[found.objects[0]] == ("person", "baseball_bat", "couch")[label]
    x, y, width, height = said.pred_boxes[0, query].double().numpy() * (WH * 2)
    wanted = np.clip([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 0, WH * 2)
    assert found.objects_xyxy[0] == pytest.approx(wanted, abs=1e-4)


def test_old_words_of_coco_are_today_s(saved: dict[str, Path]) -> None:
    detector = open_detector(str(saved["d_fine"]), kinds_of(("couch",)))
    assert isinstance(detector, PhotoDetector)
    assert detector.nouns.tolist() == [-1, -1, -1, 0, -1]
    [found] = detector.detect([photo()])
    assert set(found.objects.tolist()) <= {0}


def test_a_detector_that_knows_none_of_the_objects_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d_fine: wanted a detector of 'person' and of some of the objects axe, bow, "
                       r"got one of person, baseball_bat, n/a, couch, cup$"):  # fmt: skip
        open_detector(str(saved["d_fine"]), kinds_of(("axe", "bow")))
    without = tiny_detectors.save_detector(tmp_path / "things", "detr", ("sofa", "cup"))
    with pytest.raises(InputError, match=r"things: wanted a detector of 'person' and .*, got one of couch, cup$"):
        open_detector(str(without), KINDS)


def test_weights_that_lack_a_part_are_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    for path in saved["detr"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = load_file(tmp_path / "model.safetensors")
    del state["class_labels_classifier.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"the weights lack 1 tensors of the detector, 'class_labels_classifier\.wei"):
        open_detector(str(tmp_path), KINDS)


def test_of_a_run_of_both_heads_the_pairs_are_the_detector(tmp_path: Path) -> None:
    run = bothworld.run(tmp_path)
    found = open_detector(str(tmp_path), run.pairs.kinds)
    assert isinstance(found, PairDetector) and found.folder == tmp_path / "pairs"


def test_a_folder_without_a_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(InputError, match=r"wanted a run of pairs, or a detector that transformers can read, .*, got: "):
        open_detector(str(tmp_path), KINDS)


def test_other_weights_and_other_preprocessing_are_told_apart(saved: dict[str, Path], tmp_path: Path) -> None:
    one = open_detector(str(saved["detr"]), KINDS)
    for path in saved["detr"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    same = open_detector(str(tmp_path), KINDS)
    assert (one.revision, one.preprocessing) == (same.revision, same.preprocessing)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    settings["size"] = {"shortest_edge": 32, "longest_edge": 96}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    other = open_detector(str(tmp_path), KINDS)
    assert (one.revision, one.preprocessing) != (other.revision, other.preprocessing) and one.revision == other.revision


# --- a run of pairs ---


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairRun:
    run: PairRun = tiny_detectors.pair_run(tmp_path_factory.mktemp("runs") / "pairs", KINDS)
    return run


def test_a_run_of_pairs_finds_boxes_in_pixels_of_the_photo(pairs: PairRun) -> None:
    turned = kinds_of(KINDS.objects[::-1])
    detector = PairDetector("pairs", pairs, turned, torch.device("cpu"))
    images = [photo(), photo((60, 160), 1)]
    found = detector.detect(images)
    square, geometry = letterbox(images[1], 64)
    with torch.no_grad():
        said = pairs.student(torch.from_numpy(square)[None])
    likely, nouns = said.object_logits[0].softmax(-1).max(-1)
    score, query = (said.presence[0].sigmoid() * likely).max(0)
    check(found[1], (60, 160))
    assert found[1].object_scores[0] == pytest.approx(float(score))
    assert turned.objects[found[1].objects[0]] == KINDS.objects[nouns[query]]
    wanted = clip(geometry.inverse(said.objects_xyxy[0, query].double().numpy() * 64), (60, 160))
    assert found[1].objects_xyxy[0] == pytest.approx(wanted, abs=1e-3)
    assert found[1].human_scores[0] == pytest.approx(float(said.presence.sigmoid().max()))
    for a, b in zip(found[0], detector.detect(images[:1])[0]):
        assert a == pytest.approx(b, abs=1e-4)


def test_what_a_run_of_pairs_thinks_of_verbs_is_never_looked_at(
    pairs: PairRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, detector = PairStudent.forward, PairDetector("pairs", pairs, KINDS, torch.device("cpu"))
    [before] = detector.detect([photo()])

    def blind(self: PairStudent, *given: torch.Tensor) -> PairAnswer:
        return forward(self, *given)._replace(verb_logits=None, verb_embedding=None)

    monkeypatch.setattr(PairStudent, "forward", blind)
    for a, b in zip(before, detector.detect([photo()])[0]):
        assert np.array_equal(a, b)


def test_a_run_of_pairs_with_other_objects_is_refused(pairs: PairRun) -> None:
    wanted = (
        r"pairs: wanted a run of pairs with the objects of the photos, got one that lacks axe and has kite besides$"
    )
    with pytest.raises(InputError, match=wanted):
        PairDetector("pairs", pairs, kinds_of((*KINDS.objects[:3], "axe")), torch.device("cpu"))


def test_a_folder_with_kinds_is_opened_as_a_run_of_pairs(pairs: PairRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegsr.teacher.detectors.open_pair_run", lambda folder: pairs)
    detector = open_detector(str(pairs.folder), KINDS)
    assert isinstance(detector, PairDetector) and len(detector.revision) == 64


# --- what counts ---


def test_of_several_boxes_of_one_word_in_one_place_the_best_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 10, 10.5], [30, 0, 40, 10]], float)
    scores, words = np.array([0.5, 0.9, 0.8, 0.3]), np.array([0, 0, 1, 0])
    assert best(boxes, scores, words) == [1, 2, 3]


def test_the_best_few_count_however_unsure_and_no_more_than_so_many() -> None:
    apart = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(30)], float)
    words = np.zeros(30, int)
    assert best(apart, np.full(30, 0.01), words) == [0]
    assert best(apart, np.full(30, 0.6), words) == list(range(MOST))
    assert best(apart, np.where(np.arange(30) < 5, 0.6, 0.1), words) == [0, 1, 2, 3, 4]
    assert best(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)) == []


@given(st.lists(st.tuples(*[st.floats(0, 40)] * 4, st.floats(0, 1), st.integers(0, 2)), max_size=25))
@settings(max_examples=60)
def test_what_counts_is_apart_and_best_first(rows: list[tuple[float, ...]]) -> None:
    boxes = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d, *_ in rows]).reshape(-1, 4)
    scores, words = np.array([row[4] for row in rows]), np.array([row[5] for row in rows], int)
    chosen = best(boxes, scores, words)
    assert len(chosen) <= MOST and (np.diff(scores[chosen]) <= 0).all()
    near = iou_matrix(boxes[chosen], boxes[chosen]) * (words[chosen][:, None] == words[chosen])
    assert (near[~np.eye(len(chosen), dtype=bool)] < SAME).all()
