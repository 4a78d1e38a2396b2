"""What is said of photos that nobody annotated: annotations are never read, and nobody is asked twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import tiny_detectors
import torch
from torch.nn import functional as F

from edgegsr.data.pair_loader import pair_loader
from edgegsr.data.pairs import Couples, PairSplit, open_pairs
from edgegsr.errors import InputError
from edgegsr.interactions import Kinds
from edgegsr.shipped import find_teacher
from edgegsr.teacher.detectors import Detections, PairDetector
from edgegsr.teacher.pairing import gap, paired
from edgegsr.teacher.sight import Pixels
from edgegsr.teacher.speakers import Choice, Contrastive, Said
from edgegsr.teacher.testimony import Testimony as Borne  # pytest would take its own name for a test
from edgegsr.teacher.vision import open_teacher
from edgegsr.text.kinds import kind_texts


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PairSplit:
    maker = pytest.importorskip("edgegsr.data.diorama.make_crowd")
    folder = maker.make(tmp_path_factory.mktemp("crowd") / "world", seed=5, share=0.002, workers=1)
    return open_pairs(str(folder), "train").take(range(6))


class Watcher:
    """Finds as many people and things as the colours of a picture say, and counts what it is shown."""

    name, revision, preprocessing = "watcher", "w1", "as it is"

    def __init__(self, kinds: Kinds, blind: bool = False) -> None:
        self.kinds, self.blind, self.shown = kinds, blind, 0

    def detect(self, images: Sequence[Pixels]) -> list[Detections]:
        self.shown += len(images)
        return [self._one(image) for image in images]

    def _one(self, image: Pixels) -> Detections:
        n = 0 if self.blind else max(int(image.sum() % 5) - 2, 0)
        low = np.arange(n)[:, None] * 20.0 + 5
        boxes = np.concatenate([low, low, low + 15, low + 25], 1)
        nouns = (np.arange(n) + int(image.sum())) % len(self.kinds.objects)
        return Detections(boxes, np.linspace(0.9, 0.5, n), boxes + 6, nouns, np.linspace(0.8, 0.3, n))


class Orator:
    """Says what depends on the picture and on every text; counts what it is asked."""

    name, revision, preprocessing, read_by = "orator", "o1", "loudly", ""

    def __init__(self, dies_after: int | None = None) -> None:
        self.described, self.asked, self.dies_after = 0, 0, dies_after

    def captions(self, images: Sequence[Pixels]) -> torch.Tensor:
        self.described += len(images)
        return F.normalize(torch.tensor([[image.mean(), image.std(), 9.0] for image in images]).float(), dim=-1)

    def likelihoods(self, choices: Sequence[Choice]) -> list[Said]:
        self.asked += len(choices)
        if self.dies_after is not None and self.asked > self.dies_after:
            raise KeyboardInterrupt
        return [self.one(choice) for choice in choices]

    def one(self, choice: Choice) -> Said:
        told = [-float(choice.image.mean()) / len(text) for text in choice.texts]
        return Said(torch.tensor(told), torch.tensor([len(text.split()) for text in choice.texts]))


def heard(photos: PairSplit, folder: Path, **given: Any) -> tuple[Borne, Watcher, Orator]:
    kinds = photos.pairs.kinds
    watcher, orator = given.pop("detector", Watcher(kinds)), given.pop("speaker", Orator())
    return Borne(orator, watcher, photos, kinds, folder, **given), watcher, orator


def test_every_detected_object_is_a_couple_with_verbs_that_nobody_told(photos: PairSplit, tmp_path: Path) -> None:
    testimony, watcher, _ = heard(photos, tmp_path)
    true = testimony.split.couples
    for i in range(len(photos)):
        [found] = watcher.detect([photos.pixels(i)])
        mine = slice(*testimony.split.first[i : i + 2])
        human, thing = paired(found, photos.pairs.kinds.object_index["person"])
        assert np.allclose(true.humans_xyxy[mine], found.humans_xyxy[human])
        assert np.allclose(true.objects_xyxy[mine], found.objects_xyxy[thing])
        assert np.array_equal(true.object[mine], found.objects[thing])
    assert len(true.image) > 3 and not true.verbs.any() and (np.diff(testimony.split.first) == 0).any()
    assert testimony.split.pairs.images == photos.pairs.images and not len(testimony.split.pairs.kind)


def test_what_is_heard_stands_in_the_slots_of_the_batch(photos: PairSplit, tmp_path: Path) -> None:
    testimony, _, orator = heard(photos, tmp_path, scope="image")
    kinds, texts = photos.pairs.kinds, kind_texts(photos.pairs.kinds)
    for batch in pair_loader(testimony.split, 32, 3, train=False):
        about = testimony.about(batch.rows)
        assert about.couple_logprob.shape == batch.verbs.shape
        told = about.couple_logprob.isfinite()
        assert torch.equal(told, torch.from_numpy(kinds.valid)[batch.objects] & batch.has_pair[..., None])
        assert torch.allclose(about.caption.norm(dim=-1), torch.ones(3), atol=1e-3)
        for b, row in enumerate(batch.rows.tolist()):
            photo, there = photos.pixels(row), set(batch.objects[b][batch.has_pair[b]].tolist())
            for k, (_, noun) in enumerate(kinds.pairs.tolist()):
                said = orator.one(Choice(photo, "", [texts[k]]))
                asked = noun in there
                assert float(about.logprob[b, k]) == (pytest.approx(float(said.logprob[0])) if asked else float("-inf"))
                assert int(about.tokens[b, k]) == (int(said.tokens[0]) if asked else 1)


def test_of_two_couples_with_one_object_an_image_has_the_likelier_word(photos: PairSplit, tmp_path: Path) -> None:
    testimony, *_ = heard(photos, tmp_path)
    kinds, row = photos.pairs.kinds, int(np.argmax(np.diff(testimony.split.first)))
    mine = slice(*testimony.split.first[row : row + 2])
    testimony.split.couples.object[mine] = testimony.split.couples.object[mine.start]
    verb, noun = kinds.pairs[kinds.pairs[:, 1] == testimony.split.couples.object[mine.start]][0]
    testimony.couple_logprob[mine] = -9.0
    testimony.couple_logprob[mine.stop - 1, verb] = -1.5
    assert float(testimony.about(torch.tensor([row])).logprob[0, kinds.index[verb, noun]]) == -1.5


def test_what_people_annotated_is_never_read(photos: PairSplit, tmp_path: Path) -> None:
    class Blank:
        """The pairs of a split of which nobody annotated anything."""

        kinds, images, sizes_wh = photos.pairs.kinds, photos.pairs.images, photos.pairs.sizes_wh

        def __len__(self) -> int:
            return len(self.images)

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was read")

    blank: Any = Blank()
    turned = photos.pairs.kind[::-1].copy()
    rows = torch.arange(len(photos))
    said = [
        heard(split, tmp_path / name)[0].about(rows)
        for name, split in (
            ("annotated", photos),
            ("blank", PairSplit("train", blank, photos.folder)),
            ("scrambled", replace(photos, pairs=replace(photos.pairs, kind=turned))),
        )
    ]
    for other in said[1:]:
        assert all(torch.equal(a, b) for a, b in zip(said[0], other))


def test_nobody_is_asked_twice(photos: PairSplit, tmp_path: Path) -> None:
    first, watcher, orator = heard(photos, tmp_path)
    assert (watcher.shown, orator.described) == (6, 6) and orator.asked == len(first.split.couples.image)
    turned = photos.take([4, 0, 2])
    again, watcher, orator = heard(turned, tmp_path)
    assert (watcher.shown, orator.described, orator.asked) == (0, 0, 0)
    for a, b in zip(first.about(torch.tensor([0])), again.about(torch.tensor([1]))):
        assert torch.equal(a, b)


def test_of_a_whole_image_each_object_is_asked_about_once(photos: PairSplit, tmp_path: Path) -> None:
    testimony, watcher, orator = heard(photos, tmp_path, scope="image")
    true = testimony.split.couples
    assert orator.asked == len(np.unique(np.column_stack([true.image, true.object]), axis=0))
    _, watcher, orator = heard(photos, tmp_path)
    assert (watcher.shown, orator.described) == (0, 0) and orator.asked == len(true.image)


def test_another_speaker_or_detector_is_asked_again(photos: PairSplit, tmp_path: Path) -> None:
    heard(photos, tmp_path)
    other, keen = Orator(), Watcher(photos.pairs.kinds)
    other.revision, keen.revision = "o2", "w2"
    _, watcher, orator = heard(photos, tmp_path, speaker=other)
    assert watcher.shown == 0 and orator.described == 6 and orator.asked > 0
    _, watcher, orator = heard(photos, tmp_path, detector=keen)
    assert watcher.shown == 6 and orator.described == orator.asked == 0  # the boxes are the same


def test_what_was_said_before_a_kill_is_not_lost(
    photos: PairSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgegsr.teacher.testimony.AT_ONCE", 1)
    with pytest.raises(KeyboardInterrupt):
        heard(photos, tmp_path, speaker=Orator(dies_after=2))
    testimony, watcher, orator = heard(photos, tmp_path)
    assert (watcher.shown, orator.described, orator.asked) == (0, 0, len(testimony.split.couples.image) - 2)


def test_what_is_damaged_is_made_again(photos: PairSplit, tmp_path: Path) -> None:
    before, *_ = heard(photos, tmp_path)
    for path in tmp_path.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-5])
    after, watcher, orator = heard(photos, tmp_path)
    assert watcher.shown == orator.described == 6 and orator.asked == len(before.split.couples.image)
    rows = torch.arange(6)
    assert all(torch.equal(a, b) for a, b in zip(before.about(rows), after.about(rows)))


def test_photos_without_people_stay_and_nobody_is_asked_about_them(photos: PairSplit, tmp_path: Path) -> None:
    testimony, _, orator = heard(photos, tmp_path, detector=Watcher(photos.pairs.kinds, blind=True))
    about = testimony.about(torch.tensor([3, 1]))
    assert orator.asked == 0 and orator.described == 6 and len(testimony.split) == 6
    assert about.couple_logprob.shape == (2, 1, len(photos.pairs.kinds.verbs))
    assert not about.logprob.isfinite().any() and not about.couple_logprob.isfinite().any()


def test_the_facts_tell_whose_word_it_is(photos: PairSplit, tmp_path: Path) -> None:
    facts = heard(photos, tmp_path)[0].facts
    assert facts["teacher"] == "orator" and facts["detector"] == "watcher" and facts["scope"] == "couple"
    assert facts["revision"] == "o1" and facts["detector_revision"] == "w1"
    with pytest.raises(InputError, match="--scope: wanted one of couple, image, got 'crop'"):
        heard(photos, tmp_path, scope="crop")


def test_a_diorama_teacher_and_a_run_of_pairs_bear_testimony(photos: PairSplit, tmp_path: Path) -> None:
    some, kinds = photos.take([0, 1]), photos.pairs.kinds
    run = tiny_detectors.pair_run(tmp_path / "run", kinds)
    detector = PairDetector("run", run, kinds, torch.device("cpu"))
    testimony = Borne(Contrastive(open_teacher(find_teacher("diorama"))), detector, some, kinds, tmp_path)
    about = testimony.about(torch.tensor([0, 1]))
    assert about.caption.shape == (2, 384) and about.logprob.isfinite().any()


# --- couples that are given ---


def test_given_couples_follow_their_images(photos: PairSplit) -> None:
    own = photos.couples
    given = replace(photos, given=own)
    for rows in ([3, 0], np.arange(6) % 2 == 1, [], slice(1, 4)):
        index = np.arange(6)[rows] if len(np.arange(6)[rows]) else np.zeros(0, int)
        taken, fresh = given.take(index), photos.take(index)
        for column in ("image", "humans_xyxy", "object", "verbs"):
            assert np.array_equal(getattr(taken.couples, column), getattr(fresh.couples, column)), (rows, column)
        assert np.array_equal(taken.first, fresh.first)
    assert isinstance(given.couples, Couples) and given.couples is own


# --- who belongs to what ---


def found(humans: list[list[float]], things: list[list[float]], nouns: list[int], scores: list[float]) -> Detections:
    boxes = [np.array(side, float).reshape(-1, 4) for side in (humans, things)]
    return Detections(boxes[0], np.array(scores), boxes[1], np.array(nouns, int), np.ones(len(nouns)))


def test_the_nearest_human_has_the_object() -> None:
    humans = [[0, 0, 10, 10], [50, 0, 60, 10], [52, 0, 70, 10]]
    human, thing = paired(found(humans, [[30, 0, 41, 10], [12, 0, 14, 10]], [1, 1], [0.9, 0.8, 0.7]), 0)
    assert (human.tolist(), thing.tolist()) == ([1, 0], [0, 1])


def test_of_several_who_touch_it_the_one_with_most_of_it_then_the_surest() -> None:
    thing = [[0.0, 0, 10, 10]]
    more = [[-5, 0, 1, 10], [-5, 0, 6, 10]]
    assert paired(found(more, thing, [1], [0.9, 0.3]), 0)[0].tolist() == [1]
    same = [[-5, 0, 6, 10], [-5, 0, 6, 10], [4, 0, 15, 10]]
    assert paired(found(same, thing, [1], [0.3, 0.9, 0.5]), 0)[0].tolist() == [1]


def test_who_is_an_object_is_a_couple_with_another() -> None:
    humans = [[0.0, 0, 10, 10], [40, 0, 50, 10]]
    assert paired(found(humans, humans, [0, 0], [0.9, 0.8]), 0)[0].tolist() == [1, 0]
    assert paired(found(humans[:1], humans[:1], [0], [0.9]), 0)[1].tolist() == []
    assert paired(found(humans[:1], humans[:1], [0], [0.9]), None)[1].tolist() == [0]


def test_without_humans_there_are_no_couples() -> None:
    human, thing = paired(found([], [[0, 0, 10, 10]], [1], []), 0)
    assert len(human) == len(thing) == 0


def test_the_gap_of_boxes_that_touch_is_0() -> None:
    one = np.array([0.0, 0, 10, 10])
    others = np.array([[10.0, 3, 20, 5], [5, 5, 6, 6], [13, 14, 20, 20]])
    assert gap(one, others).tolist() == [0, 0, 5]
