"""CL-HOI for pairs: what was said of a whole image teaches the couples on it, and nobody has annotated anything."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairmade import CARD, tables_of

from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.pairs.clhoi import ClHoi, acts
from edgegsr.distill.pairs.config import ClConfig
from edgegsr.distill.pairs.train import train_pairs
from edgegsr.errors import InputError
from edgegsr.pair_run import PairRun
from edgegsr.shipped import find_teacher
from edgegsr.student.config import read_student
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher import testimony
from edgegsr.teacher.detectors import open_detector
from edgegsr.teacher.speakers import Contrastive
from edgegsr.teacher.testimony import Heard
from edgegsr.teacher.vision import open_teacher
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import tables_for

NOT_ASKED = float("-inf")


@pytest.fixture(scope="module")
def batch(pairs_train: PairSplit) -> PairBatch:
    found = next(iter(pair_loader(pairs_train, 64, 4, train=True)))
    return found._replace(verbs=torch.zeros_like(found.verbs))


def lesson_of(pairs_train: PairSplit, **switches: Any) -> ClHoi:
    torch.manual_seed(0)
    kinds = pairs_train.pairs.kinds
    tables, valid = tables_of(kinds), torch.from_numpy(kinds.valid)
    student = PairStudent(read_student(CARD), tables, valid, pretrained=False)
    texts = torch.nn.functional.normalize(torch.randn(len(kinds), tables.width), dim=-1)
    return ClHoi(student, replace(TrainConfig(), clhoi=ClConfig(**switches)), valid, texts, acts(kinds))


def heard_of(pairs_train: PairSplit, batch: PairBatch, likely: int = 0) -> Heard:
    """Everything was asked of every couple, and the kind `likely` of its object is the likeliest."""
    kinds = pairs_train.pairs.kinds
    width, (images, couples) = tables_of(kinds).width, batch.has_pair.shape
    of_object = torch.from_numpy(kinds.pairs[:, 1]).long()
    there = (of_object == batch.objects[..., None]) & batch.has_pair[..., None]  # (B, P, K)
    torch.manual_seed(2)
    said = torch.randn(len(kinds))
    said[likely] = 9
    logprob = torch.where(there.any(1), said, NOT_ASKED)
    alone = torch.full((images, couples, len(kinds.verbs)), NOT_ASKED)
    for kind, (verb, _) in enumerate(kinds.pairs.tolist()):
        alone[..., verb] = torch.where(there[..., kind], said[kind], alone[..., verb])
    caption = torch.nn.functional.normalize(torch.randn(images, width), dim=-1)
    return Heard(caption, logprob, torch.full((images, len(kinds)), 4.0), alone)


def losses(lesson: ClHoi, batch: PairBatch, heard: Heard) -> dict[str, float]:
    torch.manual_seed(1)
    return {name: float(loss.detach()) for name, loss in lesson.losses(lesson(*batch.asked, heard), batch).items()}


def test_acts_are_the_kinds_and_no_interaction_is_none(pairs_train: PairSplit) -> None:
    kinds = pairs_train.pairs.kinds
    assert acts(kinds)[7].tolist() == [*kinds.pairs[7].tolist(), 1]
    quiet = replace(kinds, verbs=("no_interaction", *kinds.verbs[1:]))
    assert (acts(quiet)[:, 2] == 0).tolist() == (kinds.pairs[:, 0] == 0).tolist()


def test_it_learns_boxes_words_and_what_was_said_and_no_annotated_verb(
    pairs_train: PairSplit, batch: PairBatch
) -> None:
    told = losses(lesson_of(pairs_train), batch, heard_of(pairs_train, batch))
    assert told.keys() == {
        "noun", "l1", "giou", "presence", "seed", "context", "interaction", "calibration", "heard",
    }  # fmt: skip
    assert all(math.isfinite(value) and value > 0 for value in told.values())


def test_annotated_verbs_change_nothing(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson, heard = lesson_of(pairs_train), heard_of(pairs_train, batch)
    with torch.no_grad():
        said = lesson(*batch.asked, heard)
        blind = lesson.losses(said, batch)
        random = torch.rand(batch.verbs.shape, generator=torch.Generator().manual_seed(4)) > 0.5
        seeing = lesson.losses(said, batch._replace(verbs=random))
    assert {name: float(loss) for name, loss in blind.items()} == {name: float(loss) for name, loss in seeing.items()}


@pytest.mark.parametrize(
    ("switches", "moved"),
    [
        ({"spatial": False}, ("interaction", "calibration")),
        ({"visual": False}, ("interaction", "calibration")),
        ({"context": False}, ("interaction", "calibration")),
        ({"soft": False}, ("interaction",)),
        ({"likely": 0.9}, ("interaction",)),
        ({"peak": True}, ("interaction", "calibration")),
        ({"couples": False}, ("heard",)),
        ({"temperature": 3.0}, ("interaction", "calibration", "heard")),
        ({"per_token": True}, ("interaction", "calibration", "heard")),
    ],
    ids=str,
)
def test_a_switch_changes_what_it_is_about(
    pairs_train: PairSplit, batch: PairBatch, switches: dict[str, Any], moved: tuple[str, ...]
) -> None:
    batch = batch._replace(objects=batch.objects[:, :1].expand_as(batch.objects).contiguous())  # two of one kind
    heard = heard_of(pairs_train, batch)
    heard = heard._replace(tokens=1 + torch.arange(heard.tokens.shape[1]).expand_as(heard.tokens) % 3)
    whole, without = (losses(lesson_of(pairs_train, **given), batch, heard) for given in ({}, switches))
    assert {name for name in whole if whole[name] != without[name]} == set(moved)


@pytest.mark.parametrize("name", ["caption", "interaction", "calibration"])
def test_a_loss_that_is_off_is_not_there(pairs_train: PairSplit, batch: PairBatch, name: str) -> None:
    heard, gone = heard_of(pairs_train, batch), {"caption": "context"}.get(name, name)
    whole, without = (losses(lesson_of(pairs_train, **given), batch, heard) for given in ({}, {f"{name}_loss": False}))
    assert without == {other: loss for other, loss in whole.items() if other != gone}


def test_without_a_translator_nothing_is_said_of_the_whole(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson = lesson_of(pairs_train, translator=False, context=False)
    assert lesson.translator is None
    assert "context" not in losses(lesson, batch, heard_of(pairs_train, batch))


def test_likelihoods_far_below_any_number_are_shares_all_the_same(pairs_train: PairSplit, batch: PairBatch) -> None:
    heard = heard_of(pairs_train, batch)
    lesson = lesson_of(pairs_train, temperature=1e-5)
    assert torch.allclose(lesson.shares(heard).sum(-1), lesson_of(pairs_train).shares(heard).sum(-1), atol=1e-4)
    wanted, told = lesson._of_couples(heard, lesson._named(lesson(*batch.asked, heard).about.couples).detach(), batch)
    assert torch.allclose(wanted.sum(-1)[batch.has_pair], torch.ones(int(batch.has_pair.sum())), atol=1e-4)
    assert not wanted[~told & batch.has_pair[..., None]].any()


def test_shares_sum_to_one_over_the_kinds_of_an_object(pairs_train: PairSplit, batch: PairBatch) -> None:
    kinds, heard = pairs_train.pairs.kinds, heard_of(pairs_train, batch)
    share = lesson_of(pairs_train).shares(heard)
    assert ((share > 0) == heard.logprob.isfinite()).all()
    for b in range(len(share)):
        for noun in set(batch.objects[b, batch.has_pair[b]].tolist()):
            assert float(share[b, kinds.pairs[:, 1] == noun].sum()) == pytest.approx(1, abs=1e-5)


def test_first_steps_learn_the_context_alone(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson, heard = lesson_of(pairs_train, first_steps=2), heard_of(pairs_train, batch)
    for step in range(4):
        told = losses(lesson, batch, heard)
        assert told["context"] > 0
        assert (told["interaction"] > 0) == (told["heard"] > 0) == (step >= 2)
    assert int(lesson.state_dict()["steps"]) == 4


def test_what_is_not_learned_from_in_the_first_steps_counts_where_nothing_is_learned(
    pairs_train: PairSplit, batch: PairBatch
) -> None:
    lesson, heard = lesson_of(pairs_train).eval(), heard_of(pairs_train, batch)
    told = losses(lesson, batch, heard)
    assert min(told["interaction"], told["calibration"], told["heard"]) > 0
    assert int(lesson.state_dict()["steps"]) == 0


def test_the_captions_of_the_images_cost_less_than_those_of_others(pairs_train: PairSplit) -> None:
    lesson = lesson_of(pairs_train)
    mine = torch.eye(3, tables_of(pairs_train.pairs.kinds).width)
    right, wrong = (float(lesson._context(mine, theirs).detach()) for theirs in (mine, mine.roll(1, 0)))
    # cosines of 1 and twice 0, at the first temperature: log(1 + 2 exp(-1 / 0.07)), and 1 / 0.07 more
    assert right == pytest.approx(math.log1p(2 * math.exp(-1 / 0.07)), abs=1e-6)
    assert wrong == pytest.approx(math.log(2 + math.exp(1 / 0.07)), abs=1e-4)
    one_way = torch.stack([mine[0], mine[0], mine[2]])  # two images look alike, their captions do not
    assert float(lesson._context(one_way, mine).detach()) > right


def test_an_image_is_held_against_what_is_likely_among_what_was_asked(pairs_train: PairSplit) -> None:
    lesson = lesson_of(pairs_train, likely=0.3)
    kinds = lesson.acts[:, 2].nonzero()[:3, 0]
    together, share = torch.full((1, len(lesson.acts)), 7.0), torch.zeros(1, len(lesson.acts))
    asked = torch.zeros(1, len(lesson.acts), dtype=torch.bool)
    asked[0, kinds], share[0, kinds] = True, torch.tensor([0.6, 0.4, 0.0])
    together[0, kinds] = torch.tensor([2.0, 1.0, 0.0])
    log_p = torch.tensor([2.0, 1.0, 0.0]).log_softmax(0)
    wanted = -(0.6 * log_p[0] + 0.4 * log_p[1])
    assert float(lesson._interaction(together, share, asked)) == pytest.approx(float(wanted), abs=1e-5)
    evenly = lesson_of(pairs_train, likely=0.3, soft=False)
    wanted = -(log_p[0] + log_p[1]) / 2
    assert float(evenly._interaction(together, share, asked)) == pytest.approx(float(wanted), abs=1e-5)


def test_what_was_said_of_an_image_reaches_its_couples(pairs_train: PairSplit, batch: PairBatch) -> None:
    noun = int(batch.objects[0, 0])
    of_object = np.flatnonzero(pairs_train.pairs.kinds.pairs[:, 1] == noun)
    heard = heard_of(pairs_train, batch, likely=int(of_object[-1]))
    lesson = lesson_of(pairs_train, couples=False)
    optimizer = torch.optim.Adam(lesson.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack([*lesson.losses(lesson(*batch.asked, heard), batch).values()]).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        said = lesson(*batch.asked, heard)
        named = lesson._named(said.about.couples)[0, 0, of_object]
        query = lesson.matched(said.answer, batch).query[0, 0]
        verbs = pairs_train.pairs.kinds.pairs[of_object, 0]
        mine = said.answer.verb_logits[0, query, verbs]
    assert int(named.argmax()) == int(mine.argmax()) == len(of_object) - 1


def test_an_image_of_which_nothing_was_said_adds_nothing_but_boxes(pairs_train: PairSplit, batch: PairBatch) -> None:
    heard = heard_of(pairs_train, batch)
    nothing = Heard(
        torch.zeros_like(heard.caption), torch.full_like(heard.logprob, NOT_ASKED), heard.tokens,
        torch.full_like(heard.couple_logprob, NOT_ASKED),
    )  # fmt: skip
    told = losses(lesson_of(pairs_train), batch, nothing)
    assert told["context"] == told["interaction"] == told["calibration"] == 0
    assert told["l1"] > 0 and all(map(math.isfinite, told.values()))


def test_switches_that_cannot_be_are_named() -> None:
    with pytest.raises(InputError, match=r"train\.clhoi\.spatial and visual are both off"):
        read_train({}, {"clhoi.spatial": False, "clhoi.visual": False})
    with pytest.raises(InputError, match=r"train\.clhoi\.context must be off where translator is"):
        read_train({}, {"clhoi.translator": False})


def test_a_student_is_taught_without_one_annotation(
    pairs_train: PairSplit, pairs_dev: PairSplit, pair_run: PairRun, tmp_path: Path
) -> None:
    kinds = pairs_train.pairs.kinds
    tables = tables_for(ontology_of(kinds))
    detector = open_detector(str(pair_run.folder), kinds)
    speaker = Contrastive(open_teacher(find_teacher("diorama")))
    heard = testimony.Testimony(speaker, detector, pairs_train, kinds, tmp_path / "cache", "couple")
    overrides = {"epochs": 3, "eval_every": 3}
    taught = train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "taught", "clhoi", overrides, source=heard)
    lines = [json.loads(line) for line in (taught.folder / "metrics.jsonl").read_text().splitlines()]
    first = next(line for line in lines if line["kind"] == "train")
    assert {"context", "interaction", "calibration", "heard"} <= first.keys() and "verb" not in first
    assert taught.student.state_dict().keys() == pair_run.student.state_dict().keys()
    assert taught.config["teacher"]["detector"] and "clhoi" in taught.config["train"]
    page = (taught.folder / "report.html").read_text()
    couples = f"{len(heard.split.couples.image):,} couples that the detector {detector.name} finds"
    assert f"method clhoi, taught by {speaker.name}; no annotation, {couples}" in page
    scrambled = replace(pairs_train, pairs=replace(pairs_train.pairs, kind=np.roll(pairs_train.pairs.kind, 7)))
    again = testimony.Testimony(speaker, detector, scrambled, kinds, tmp_path / "cache", "couple")
    same = train_pairs(CARD, scrambled, pairs_dev, tables, tmp_path / "same", "clhoi", overrides, source=again)
    mine, theirs = taught.student.state_dict(), same.student.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_without_a_detector_it_is_refused(pairs_train: PairSplit, pairs_dev: PairSplit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--method clhoi: learns from what is said of photos; give --detector"):
        train_pairs(CARD, pairs_train, pairs_dev, tables_of(pairs_train.pairs.kinds), tmp_path / "x", "clhoi")
