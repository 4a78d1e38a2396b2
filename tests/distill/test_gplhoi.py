"""GPL-HOI for pairs: groups look where couples are, texts teach, and each part has a switch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pairmade import CARD, WIDTH, tables_of

from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.pairs.config import GplConfig
from edgegsr.distill.pairs.gplhoi import SAYS, GplHoi, group_texts
from edgegsr.distill.pairs.lesson import chosen
from edgegsr.distill.pairs.regions import looks, parts, union, where
from edgegsr.distill.pairs.train import train_pairs
from edgegsr.errors import InputError
from edgegsr.student.config import read_student
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher.glimpses import Glimpses
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import tables_for

GRID = 4


@pytest.fixture(scope="module")
def batch(pairs_train: PairSplit) -> PairBatch:
    return next(iter(pair_loader(pairs_train, 64, 4, train=True)))


def lesson_of(pairs_train: PairSplit, **switches: Any) -> GplHoi:
    torch.manual_seed(0)
    kinds = pairs_train.pairs.kinds
    tables, valid = tables_of(kinds), torch.from_numpy(kinds.valid)
    student = PairStudent(read_student(CARD), tables, valid, pretrained=False)
    texts = torch.nn.functional.normalize(torch.randn(3 * len(kinds.verbs), tables.width), dim=-1)
    return GplHoi(student, replace(TrainConfig(), gplhoi=GplConfig(**switches)), valid, texts)


def losses(lesson: GplHoi, batch: PairBatch, *about: Glimpses) -> dict[str, float]:
    torch.manual_seed(1)
    return {name: float(loss.detach()) for name, loss in lesson.losses(lesson(*batch.asked, *about), batch).items()}


@pytest.fixture(scope="module")
def glimpses(batch: PairBatch) -> Glimpses:
    """Of a teacher that sees something in every couple."""
    torch.manual_seed(2)
    seen = torch.nn.functional.normalize(torch.randn(*batch.has_pair.shape, WIDTH), dim=-1)
    return Glimpses(seen * batch.has_pair[..., None], batch.verbs.any(-1).float())


def test_every_group_calls_every_verb_by_a_text_of_its_own(pairs_train: PairSplit) -> None:
    texts = group_texts(pairs_train.pairs.kinds)
    assert len(set(texts)) == len(texts) == len(SAYS) * len(pairs_train.pairs.kinds.verbs)
    assert texts[0] == "a scene where a person is aiming something"


def test_groups_add_four_losses_to_those_of_annotations(pairs_train: PairSplit, batch: PairBatch) -> None:
    told = losses(lesson_of(pairs_train), batch)
    assert {"verb", "noun", "l1", "giou", "presence", "seed"} <= told.keys()
    assert all(told[name] > 0 for name in ("groups", "heard", "look", "texts"))


def test_groups_start_from_what_a_teacher_sees(pairs_train: PairSplit, batch: PairBatch, glimpses: Glimpses) -> None:
    lesson = lesson_of(pairs_train)
    alone, taught = lesson(*batch.asked).about, lesson(*batch.asked, glimpses).about
    near = [(seen.vectors * glimpses.seen[:, :, None]).sum(-1)[batch.has_pair] for seen in (alone, taught)]
    assert near[0].abs().max() < 0.9 < near[1].min()
    lesson.losses(lesson(*batch.asked, glimpses), batch)["groups"].backward()
    assert lesson.groups.part.grad is not None and lesson.groups.part.grad.abs().min() > 0


def test_what_a_teacher_sees_reaches_the_query_through_the_groups(
    pairs_train: PairSplit, batch: PairBatch, glimpses: Glimpses
) -> None:
    alone, taught = losses(lesson_of(pairs_train), batch), losses(lesson_of(pairs_train), batch, glimpses)
    assert {name for name in alone if alone[name] != taught[name]} == {"groups", "heard", "look", "texts"}


@pytest.mark.parametrize(
    ("switches", "moved"),
    [
        ({"visual_prompts": False}, ("groups", "heard", "look", "texts")),
        ({"form": "relation"}, ("texts",)),
        ({"reverse": True}, ("texts",)),
        ({"temperature": 0.5}, ("texts",)),
        ({"heard_temperature": 0.5}, ("heard",)),
        ({"look_weight": 0.0}, ("look",)),
        ({"group_weight": 0.5}, ("groups",)),
        ({"heard_weight": 0.0}, ("heard",)),
    ],
    ids=str,
)
def test_a_switch_changes_what_it_is_about(
    pairs_train: PairSplit, batch: PairBatch, switches: dict[str, Any], moved: tuple[str, ...]
) -> None:
    whole, without = losses(lesson_of(pairs_train), batch), losses(lesson_of(pairs_train, **switches), batch)
    assert {name for name in whole if whole[name] != without[name]} == set(moved)


@pytest.mark.parametrize("form", ["couple", "relation"])
def test_couples_that_look_as_their_texts_are_have_nothing_to_learn(pairs_train: PairSplit, form: str) -> None:
    lesson = lesson_of(pairs_train, form=form)
    texts, mask = lesson.groups.texts[0], torch.tensor([[True, True, True, False]])
    acts = torch.nn.functional.one_hot(torch.tensor([[0, 1, 2, 3]]), len(texts)).float()
    alike = texts[:4][None]
    swapped, besides = alike[:, [1, 2, 0, 3]], alike[:, [0, 1, 2, 0]]
    own, wrong, unmasked = (float(lesson._gap(x, texts, texts, acts, mask)) for x in (alike, swapped, besides))
    assert abs(own) < 1e-6 < wrong and unmasked == own


def test_a_query_that_ranks_verbs_as_its_groups_do_has_nothing_to_hear(
    pairs_train: PairSplit, batch: PairBatch
) -> None:
    lesson = lesson_of(pairs_train)
    said = lesson(*batch.asked)
    mine = chosen(said.answer.verb_embedding, lesson.matched(said.answer, batch).query)
    alike = torch.nn.functional.linear(mine, lesson.student.pairs.verb_words.table.float())
    assert float(lesson.losses(said, batch)["heard"].detach()) > 1e-3
    heard = lesson.losses(said._replace(about=said.about._replace(cosines=alike)), batch)["heard"]
    assert abs(float(heard.detach())) < 1e-6


def test_without_texts_nothing_is_learned_from_them(pairs_train: PairSplit, batch: PairBatch) -> None:
    whole, without = losses(lesson_of(pairs_train), batch), losses(lesson_of(pairs_train, texts=False), batch)
    assert without == {name: loss for name, loss in whole.items() if name != "texts"}


def test_a_group_that_is_off_does_not_look(pairs_train: PairSplit, batch: PairBatch) -> None:
    for groups, off in ((2, {"scene": False}), (1, {"region": False, "pose": False})):
        lesson = lesson_of(pairs_train, **off)
        assert lesson(*batch.asked).about.vectors.shape[2] == groups == len(lesson.groups.texts)


def test_groups_that_are_not_weighed_count_alike(pairs_train: PairSplit, batch: PairBatch) -> None:
    for weighed in (True, False):
        lesson = lesson_of(pairs_train, weighed=weighed)
        torch.stack([*lesson.losses(lesson(*batch.asked), batch).values()]).sum().backward()  # type: ignore[no-untyped-call]
        assert (lesson.groups.share.grad is not None) == weighed


def test_prompts_on_the_side_of_texts_begin_with_the_texts_and_move(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson = lesson_of(pairs_train)
    assert torch.allclose(lesson.groups.prompted(), lesson.groups.texts, atol=1e-6)
    sum(lesson.losses(lesson(*batch.asked), batch).values()).backward()  # type: ignore[union-attr]
    moved = [shift[-1].weight.grad for shift in lesson.groups.shift]  # type: ignore[index,union-attr]
    assert all(grad is not None and grad.abs().sum() > 0 for grad in moved)
    assert torch.equal(lesson_of(pairs_train, text_prompts=False).groups.prompted(), lesson.groups.texts)


def test_no_gradient_goes_into_the_texts_that_teach(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson = lesson_of(pairs_train)
    teaching, said = lesson.groups.texts[0].clone().requires_grad_(), lesson(*batch.asked).about.vectors[:, :, 0]
    lesson._gap(said, teaching, lesson.groups.texts[0], batch.verbs, batch.has_pair).backward()
    assert teaching.grad is None
    assert lesson.groups.embed[0].project.weight.grad is not None


def test_what_looks_like_its_texts_has_nothing_to_learn_from_them(pairs_train: PairSplit, batch: PairBatch) -> None:
    lesson = lesson_of(pairs_train)
    frozen = lesson.groups.texts[0]
    one = torch.zeros_like(batch.verbs)
    one[..., 5] = batch.has_pair
    same = frozen[5].expand(*batch.has_pair.shape, -1)
    assert float(lesson._gap(same, frozen, frozen, one, batch.has_pair)) == pytest.approx(0, abs=1e-7)
    other = frozen[6].expand(*batch.has_pair.shape, -1)
    assert float(lesson._gap(other, frozen, frozen, one, batch.has_pair)) > 1e-4


@pytest.mark.parametrize("looked", [False, True])
def test_names_of_unseen_verbs_can_be_kept_out(
    pairs_train: PairSplit, batch: PairBatch, glimpses: Glimpses, looked: bool
) -> None:
    unseen = int((~batch.verbs.flatten(0, 1).any(0)).nonzero()[0])
    for names, same in ((False, True), (True, False)):
        told = []
        for turn in (False, True):
            lesson = lesson_of(pairs_train, unseen_names=names)
            lesson.allowed[:, unseen] = False
            if turn:
                for table in (lesson.groups.texts[:, unseen], lesson.student.pairs.verb_words.table[unseen]):
                    table.neg_()
            likely = torch.full(batch.verbs.shape, -1.0)
            likely[..., unseen] = 0.9 * batch.has_pair - 1.0 * ~batch.has_pair
            heard = (glimpses._replace(likely=likely),) if looked else ()
            found = losses(lesson, batch, *heard)
            told.append(found)
        assert (told[0] == told[1]) == same


def test_a_student_taught_by_groups_holds_nothing_of_them(
    pairs_train: PairSplit, pairs_dev: PairSplit, tmp_path: Path
) -> None:
    tables = tables_for(ontology_of(pairs_train.pairs.kinds))
    taught = train_pairs(
        CARD, pairs_train, pairs_dev, tables, tmp_path / "taught", "gplhoi", {"epochs": 3, "eval_every": 3}
    )
    plain = train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "plain", "none", {"epochs": 1})
    assert taught.student.state_dict().keys() == plain.student.state_dict().keys()
    assert taught.config["train"]["gplhoi"]["temperature"] == 0.1 and "gplhoi" not in plain.config["train"]
    lines = [json.loads(line) for line in (taught.folder / "metrics.jsonl").read_text().splitlines()]
    assert {"groups", "heard", "look", "texts"} <= next(line for line in lines if line["kind"] == "train").keys()
    assert "Taught: what texts are like" in (taught.folder / "report.html").read_text()


def test_settings_that_cannot_be_are_named() -> None:
    with pytest.raises(InputError, match=r"train\.gplhoi\.scene, region and pose are all off"):
        read_train({}, {"gplhoi.scene": False, "gplhoi.region": False, "gplhoi.pose": False})
    with pytest.raises(InputError, match=r"train\.gplhoi\.temperature must be above 0, got 0"):
        read_train({}, {"gplhoi.temperature": 0})


# --- what is seen in boxes ---


def test_a_look_is_the_mean_of_the_cells_under_a_box() -> None:
    fine = torch.arange(16.0).view(1, 16, 1)
    left_top, right_bottom = torch.tensor([[[0, 0, 0.5, 0.5]]]), torch.tensor([[[0.5, 0.5, 1, 1]]])
    seen = looks(fine, left_top, right_bottom, GRID)
    assert seen[0, 0].tolist() == pytest.approx([2.5, 12.5, 7.5])


def test_parts_of_a_human_go_row_by_row() -> None:
    fine = torch.arange(16.0).view(1, 16, 1)
    seen = parts(fine, torch.tensor([[[0, 0, 0.75, 0.75]]]), GRID)
    assert seen[0, 0].tolist() == pytest.approx([0, 1, 2, 4, 5, 6, 8, 9, 10], abs=1e-3)


def test_the_encoding_of_two_boxes_is_that_of_upt() -> None:
    human, thing = torch.tensor([[[0.2, 0.2, 0.4, 0.6]]]), torch.tensor([[[0.3, 0.1, 0.7, 0.3]]])
    places = [0.3, 0.4, 0.5, 0.2, 0.2, 0.4, 0.4, 0.2]
    forms = [0.08, 0.08, 1.0, 0.5, 2.0, 0.01 / 0.15]
    ways = [1.0, 0.0, 0.0, 0.5]  # to the right by its width, up by half of its height
    wanted = torch.tensor([*places, *forms, *ways])
    found = where(human, thing)[0, 0]
    assert torch.allclose(found[:18], wanted, atol=1e-5)
    assert torch.allclose(found[18:], wanted.clamp(min=1e-4).log(), atol=1e-4)


boxes = st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
    lambda e: [min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3])]
)


@given(boxes, boxes)
def test_how_two_boxes_lie_is_finite_and_seen_from_either_side(a: list[float], b: list[float]) -> None:
    one, other = (torch.tensor([box]) for box in (a, b))
    there, back = where(one, other)[0], where(other, one)[0]
    assert there.shape == (36,) and there.isfinite().all()
    assert there[[0, 1, 4, 5]].tolist() == back[[2, 3, 6, 7]].tolist()
    assert float(there[13]) == pytest.approx(float(back[13])) and 0 <= float(there[13]) <= 1 + 1e-6
    around = union(one, other)[0]
    assert np.all(around[:2].numpy() <= np.minimum(a[:2], b[:2]) + 1e-7)
