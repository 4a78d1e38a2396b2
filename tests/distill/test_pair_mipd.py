"""MIPD for pairs: what a teacher sees of a human and an object together, and of the object alone, teaches a query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairmade import CARD, tables_of

from edgegsr.data.diorama import script
from edgegsr.data.loader import Loader
from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.config import read_train
from edgegsr.distill.pairs.lesson import chosen
from edgegsr.distill.pairs.source import Given
from edgegsr.distill.pairs.train import lesson_of, train_pairs
from edgegsr.errors import InputError
from edgegsr.shipped import find_teacher
from edgegsr.student.config import read_student
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher.glimpses import GlimpseSource
from edgegsr.teacher.vision import open_teacher
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import ENCODER, tables_for

GRID = 8


def loader_of(split: PairSplit) -> Loader[PairBatch]:
    return pair_loader(split, 64, 4, train=True)


@pytest.fixture(scope="module")
def glimpses(pairs_train: PairSplit, tmp_path_factory: pytest.TempPathFactory) -> GlimpseSource:
    teacher = open_teacher(find_teacher("diorama"))
    return GlimpseSource(teacher, pairs_train, tmp_path_factory.mktemp("kept"), ENCODER)


def test_a_glimpse_of_two_is_near_the_words_of_what_they_do(pairs_train: PairSplit, glimpses: GlimpseSource) -> None:
    kinds, tables = pairs_train.pairs.kinds, tables_for(ontology_of(pairs_train.pairs.kinds))
    acts = [i for i, verb in enumerate(kinds.verbs) if verb in script.verbs()]
    best = (glimpses.seen.float() @ tables.verbs[acts].T).argmax(-1).numpy()
    true = pairs_train.couples.verbs[:, acts]
    known = true.any(1)
    assert true[np.arange(len(true)), best][known].mean() > 0.6


def test_what_was_looked_at_is_not_looked_at_again(
    pairs_train: PairSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, turned = open_teacher(find_teacher("diorama")), pairs_train.take(np.arange(len(pairs_train))[::-1])
    first = GlimpseSource(teacher, pairs_train, tmp_path, ENCODER)

    def see(images: object, flipped: object) -> None:
        raise AssertionError("it looked again")

    monkeypatch.setattr(teacher, "see", see)
    again = GlimpseSource(teacher, turned, tmp_path, ENCODER)
    assert torch.equal(again.about(torch.tensor([0])).seen, first.about(torch.tensor([len(pairs_train) - 1])).seen)


def test_glimpses_stand_in_the_slots_of_the_batch(pairs_train: PairSplit, glimpses: GlimpseSource) -> None:
    batch = next(iter(loader_of(pairs_train)))
    seen = glimpses.about(batch.rows).seen
    assert seen.shape[:2] == batch.has_pair.shape
    norms = seen.norm(dim=-1)
    assert torch.allclose(norms[batch.has_pair], torch.tensor(1.0), atol=1e-2)
    assert not norms[~batch.has_pair].any()


def test_words_of_another_encoder_are_refused_before_the_teacher_looks(pairs_train: PairSplit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"puts images among the texts of .*, and the words are of random"):
        GlimpseSource(open_teacher(find_teacher("diorama")), pairs_train, tmp_path, "random")


def test_what_a_teacher_of_couples_weighs_is_a_share(pairs_train: PairSplit, glimpses: GlimpseSource) -> None:
    student = PairStudent(
        read_student(CARD),
        tables_for(ontology_of(pairs_train.pairs.kinds)),
        torch.from_numpy(pairs_train.pairs.kinds.valid),
    )
    batch, told = next(iter(loader_of(pairs_train))), []
    for share in (1.0, 0.5):
        settings = read_train(CARD, {"mipd.pair_share": share})
        lesson = lesson_of("mipd", student, settings, pairs_train, "").eval()
        told.append(lesson.losses(lesson(*batch.asked, glimpses.about(batch.rows)), batch))
    for name in ("glimpse", "ranking"):
        assert told[0][name] > 0 and torch.allclose(told[1][name], told[0][name] / 2)
    assert torch.equal(told[0]["verb"], told[1]["verb"])


def test_a_gaze_teaches_what_the_object_looks_like_and_nothing_of_the_act(
    pairs_train: PairSplit, tmp_path: Path
) -> None:
    source = GlimpseSource(open_teacher(find_teacher("diorama")), pairs_train, tmp_path, ENCODER, gazes=True)
    assert source.gazes is not None and source.facts["gazes"] and not torch.equal(source.gazes, source.seen)
    tables = tables_for(ontology_of(pairs_train.pairs.kinds))
    student = PairStudent(read_student(CARD), tables, torch.from_numpy(pairs_train.pairs.kinds.valid))
    batch, told = next(iter(loader_of(pairs_train))), {}
    for gaze in (True, False):
        settings = read_train(CARD, {"mipd.pair_gaze": gaze})
        lesson = lesson_of("mipd", student, settings, pairs_train, "").eval()
        said = lesson(*batch.asked, source.about(batch.rows))
        told[gaze] = lesson.losses(said, batch)
        if gaze:
            verb, thing = said.answer.verb_embedding, said.answer.object_embedding
            pull = torch.autograd.grad(told[gaze]["gaze"], (verb, thing), retain_graph=True, allow_unused=True)
            assert pull[0] is None and pull[1] is not None and pull[1].abs().sum() > 0
            query, there, _ = lesson.matched(said.answer, batch)
            mine, theirs = chosen(thing, query), source.about(batch.rows).gazes
            gaps = [
                (1 - (a * b).sum(-1) / b.norm(dim=-1))[of].mean() for a, b, of in zip(mine, theirs, there) if of.any()
            ]
            vectors = read_train(CARD, {"mipd.pair_gaze": True, "mipd.ranking": False})
            alone = lesson_of("mipd", student, vectors, pairs_train, "").eval()
            found = alone.losses(alone(*batch.asked, source.about(batch.rows)), batch)["gaze"]
            weight = vectors.mipd.pair_share * vectors.mipd.gaze_weight
            assert float(found.detach()) == pytest.approx(weight * float(sum(gaps).detach()) / len(there), rel=1e-4)
    assert told[True].keys() - told[False].keys() == {"gaze"}
    for name, loss in told[False].items():
        assert torch.equal(loss, told[True][name]), name


def test_a_gaze_wants_a_teacher_that_has_looked_at_objects(
    pairs_train: PairSplit, pairs_dev: PairSplit, glimpses: GlimpseSource, tmp_path: Path
) -> None:
    tables = tables_for(ontology_of(pairs_train.pairs.kinds))
    with pytest.raises(InputError, match=r"wanted what the teacher sees of objects alone as well \(mipd.pair_gaze\)"):
        train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path, "mipd", {"mipd.pair_gaze": True}, source=glimpses)
    assert not any(tmp_path.iterdir())


def test_mipd_brings_verbs_nearer_to_what_the_teacher_sees(
    tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit, glimpses: GlimpseSource
) -> None:
    tables = tables_for(ontology_of(pairs_train.pairs.kinds))
    settings = {"epochs": 12, "lr": 1e-2, "eval_every": 12, "mipd.pair_share": 1.0}
    more: dict[str, Any] = {"overrides": settings, "source": glimpses}
    taught = train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "taught", "mipd", **more)
    lines = [json.loads(line) for line in (taught.folder / "metrics.jsonl").read_text().splitlines()]
    told = [line["glimpse"] for line in lines if line["kind"] == "train"]
    per_epoch = len(told) // 12
    assert sum(told[-per_epoch:]) < 0.9 * sum(told[:per_epoch])
    assert taught.config["teacher"]["revision"]
    assert not any("teacher" in name for name in taught.student.state_dict())


def test_groups_of_prompts_learn_from_a_teacher_where_there_is_one(
    tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit, glimpses: GlimpseSource
) -> None:
    tables = tables_for(ontology_of(pairs_train.pairs.kinds))
    for name, source in (("alone", None), ("taught", glimpses)):
        done = train_pairs(
            CARD, pairs_train, pairs_dev, tables, tmp_path / name, "gplhoi", {"epochs": 1}, source=source
        )
        assert ("teacher" in done.config) == (source is not None)
    with pytest.raises(InputError, match="taught: holds another training"):
        train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "taught", "gplhoi", {"epochs": 1})


def test_mipd_without_a_teacher_is_refused(tmp_path: Path, pairs_train: PairSplit, pairs_dev: PairSplit) -> None:
    tables = tables_of(pairs_train.pairs.kinds)
    with pytest.raises(InputError, match="--method mipd: learns from a teacher; give --teacher"):
        train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "x", "mipd")
    with pytest.raises(
        InputError, match="--method: students of pairs take one of none, mipd, clhoi, gplhoi, got 'magic'"
    ):
        train_pairs(CARD, pairs_train, pairs_dev, tables, tmp_path / "x", "magic")


def test_a_cache_of_whole_photos_teaches_no_pairs(tmp_path: Path) -> None:
    (tmp_path / "cache.json").write_text("{}")
    with pytest.raises(InputError, match="is a cache of whole photos, and a student of pairs hears of couples"):
        Given(teacher=str(tmp_path))
