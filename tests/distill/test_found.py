"""Couples that a detector finds and nobody annotated: what a student learns of them, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pairmade import CARD, Annotator, tables_of

from edgegsr.data import hico
from edgegsr.data.pair_loader import PairBatch, pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.distill.config import TrainConfig, read_train
from edgegsr.distill.pairs.lesson import PairLesson, cells_of, chosen
from edgegsr.distill.pairs.train import lesson_of, train_pairs
from edgegsr.errors import InputError
from edgegsr.shipped import find_teacher
from edgegsr.student.config import read_student
from edgegsr.student.pairs import PairStudent
from edgegsr.teacher.detectors import Detections
from edgegsr.teacher.found import again, beside
from edgegsr.teacher.found import found as found_by
from edgegsr.teacher.glimpses import Glimpses, GlimpseSource, crop, unions
from edgegsr.teacher.sight import TEMPERATURE
from edgegsr.teacher.sought import Sought
from edgegsr.teacher.vision import open_teacher
from edgegsr.text import TextTables
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import ENCODER, tables_for

SETTING = "nf_uc"


@pytest.fixture(scope="module")
def known(pairs_train: PairSplit) -> PairSplit:
    """What training may see where frequent kinds are kept out of it."""
    return replace(pairs_train, pairs=hico.without(pairs_train.pairs, SETTING))


@pytest.fixture(scope="module")
def besides(pairs_train: PairSplit, known: PairSplit, tmp_path_factory: pytest.TempPathFactory) -> PairSplit:
    return beside(known, found_by(Annotator(pairs_train), known, tmp_path_factory.mktemp("found")))


def batch_of(split: PairSplit) -> PairBatch:
    return next(iter(pair_loader(split, 64, len(split), train=False)))


def student_of(split: PairSplit, words: TextTables) -> PairStudent:
    torch.manual_seed(0)
    return PairStudent(read_student(CARD), words, torch.from_numpy(split.pairs.kinds.valid), pretrained=False).eval()


def test_what_is_kept_out_of_training_is_found_with_what_it_is_and_not_with_what_is_done(
    pairs_train: PairSplit, known: PairSplit, besides: PairSplit
) -> None:
    told = besides.couples.verbs.any(1)
    for column in ("image", "humans_xyxy", "objects_xyxy", "object", "verbs"):
        assert np.array_equal(getattr(besides.couples, column)[told], getattr(known.couples, column)), column
    rows = {name: row for row, name in enumerate(pairs_train.pairs.images)}
    for i in np.flatnonzero(~told):
        name = known.pairs.images[besides.couples.image[i]]
        mine = slice(*pairs_train.first[rows[name] : rows[name] + 2])
        same = (pairs_train.couples.objects_xyxy[mine] == besides.couples.objects_xyxy[i].astype(np.float32)).all(1)
        assert besides.couples.object[i] in pairs_train.couples.object[mine][same]
    assert (np.diff(besides.couples.image) >= 0).all() and besides.pairs is known.pairs


def test_a_thing_that_is_annotated_is_not_found_besides(pairs_train: PairSplit, tmp_path: Path) -> None:
    seen = found_by(Annotator(pairs_train), pairs_train, tmp_path)
    both = beside(pairs_train, seen)
    assert len(seen.couples.image) and len(both.couples.image) == len(pairs_train.couples.image)


class Clumsy(Annotator):
    """Finds a quarter of every thing, and may call it something else."""

    def __init__(self, split: PairSplit, turn: int) -> None:
        super().__init__(split)
        self.turn, self.revision = turn, str(turn)

    def _one(self, row: int) -> Detections:
        said = super()._one(row)
        low, high = said.objects_xyxy[:, :2], said.objects_xyxy[:, 2:]
        words = (said.objects + self.turn) % len(self.split.pairs.kinds.objects)
        return said._replace(objects_xyxy=np.concatenate([low, (low + high) / 2], 1), objects=words)


def test_a_clumsy_box_around_what_is_annotated_is_nothing_new(pairs_train: PairSplit, tmp_path: Path) -> None:
    for turn, new in ((0, False), (1, True)):
        clumsy = Clumsy(pairs_train, turn)
        both = beside(pairs_train, found_by(clumsy, pairs_train, tmp_path))
        assert (len(both.couples.image) > len(pairs_train.couples.image)) == new


@pytest.mark.parametrize("method", ["none", "gplhoi"])
def test_nobody_says_that_what_is_found_besides_is_a_pair_or_that_it_is_none(
    method: str, known: PairSplit, besides: PairSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tables_for(ontology_of(known.pairs.kinds))
    batch, lesson = batch_of(besides), lesson_of(method, student_of(known, words), read_train(CARD), known, SETTING)
    lesson.eval()
    told, grid = batch.verbs.any(-1), lesson.student.pairs.grid
    guessed = batch.has_pair & ~told
    of_told, of_guessed = (cells_of(batch.objects_xyxy, which, grid) > 0 for which in (told, guessed))
    said = lesson(*batch.asked)
    match = lesson.matched(said.answer, batch)
    monkeypatch.setattr(lesson, "matched", lambda answer, true: match)
    image, slot = (guessed & match.found).nonzero().T
    query = match.query[image, slot]

    def lost(**moved: torch.Tensor) -> dict[str, float]:
        answer = said.answer._replace(**moved)
        return {name: float(loss.detach()) for name, loss in lesson.losses(said._replace(answer=answer), batch).items()}

    before, moved = lost(), {}
    for name in ("humans_xyxy", "objects_xyxy", "verb_logits", "presence", "verb_embedding"):
        moved[name] = getattr(said.answer, name).detach().clone()
        moved[name][image, query] = moved[name][image, query].flip(-1) * 2 + 0.1
    moved["seeds"] = said.answer.seeds.detach() + 5 * (of_guessed & ~of_told)
    after = lost(**moved)
    teaching = {"heard", "look"}  # of what the groups see, found or annotated
    assert len(query) and before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == before.keys() & teaching

    idle = said.answer.presence + 5 * ~match.taken
    nothing = said.answer.seeds + 5 * ~(of_told | of_guessed)
    assert lost(presence=idle)["presence"] > before["presence"] and lost(seeds=nothing)["seed"] > before["seed"]
    missed = said.answer.presence.detach().clone()
    image, slot = (told & match.found).nonzero().T
    missed[image, match.query[image, slot]] -= 5
    assert lost(presence=missed)["presence"] > before["presence"]


@pytest.mark.parametrize("method", ["mipd", "gplhoi"])
def test_what_is_found_is_a_pair_as_likely_as_annotations_of_other_kinds_tell(
    method: str, known: PairSplit, besides: PairSplit
) -> None:
    words = tables_for(ontology_of(known.pairs.kinds))
    batch, lesson = batch_of(besides), lesson_of(method, student_of(known, words), read_train(CARD), known, SETTING)
    lesson.eval()
    told, grid = batch.verbs.any(-1), lesson.student.pairs.grid
    of_told = cells_of(batch.objects_xyxy, told, grid) > 0
    seen = torch.nn.functional.normalize(torch.randn(*told.shape, words.verbs.shape[1]), dim=-1)

    def pulls(share: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        said = lesson(*batch.asked, Glimpses(seen, torch.where(told, 1.0, share) * batch.has_pair))
        match = lesson.matched(said.answer, batch)
        losses = lesson.losses(said._replace(match=match), batch)
        [presence] = torch.autograd.grad(losses["presence"], said.answer.presence, retain_graph=True)
        [seeds] = torch.autograd.grad(losses["seed"], said.answer.seeds)
        guessed = batch.has_pair & ~told & match.found
        cells = cells_of(batch.objects_xyxy, guessed, grid) > 0
        return presence, chosen(presence[..., None], match.query)[..., 0][guessed], seeds, seeds[cells & ~of_told]

    silent, likely, unlikely = pulls(0.0), pulls(0.95), pulls(0.02)
    assert len(silent[1]) and len(silent[3]) and not silent[1].any() and not silent[3].any()
    for of_found in (1, 3):
        assert (likely[of_found] < 0).all()  # gets likelier
        assert (unlikely[of_found] > likely[of_found]).all() and unlikely[of_found].any()
    assert (likely[0] != 0)[silent[0] != 0].all()  # of the rest as much is known


def test_a_word_out_of_training_is_learned_where_a_detector_says_it(known: PairSplit, besides: PairSplit) -> None:
    batch = batch_of(besides)
    strange = batch.has_pair & ~batch.verbs.any(-1)
    nothing = torch.zeros_like(torch.from_numpy(known.pairs.kinds.valid))  # no word is in training
    lesson = PairLesson(student_of(known, tables_of(known.pairs.kinds)), TrainConfig(), nothing)
    said = lesson(*batch.asked)
    match = lesson.matched(said.answer, batch)
    told = []
    for louder in (0.0, 3.0):
        logits = said.answer.object_logits.clone()
        for b, p in strange.nonzero().tolist():
            if match.found[b, p]:
                logits[b, match.query[b, p], batch.objects[b, p]] += louder
        told.append(lesson.losses(said._replace(answer=said.answer._replace(object_logits=logits), match=match), batch))
    assert told[1]["noun"] < told[0]["noun"] and told[1]["verb"] == told[0]["verb"] == 0


def test_a_word_that_a_detector_says_is_a_wrong_answer_where_something_else_is_annotated(
    known: PairSplit, besides: PairSplit
) -> None:
    kinds = known.pairs.kinds
    student, batch = student_of(known, tables_of(kinds)), batch_of(known)
    alone, helped = (lesson_of("none", student, TrainConfig(), split, "uo") for split in (known, besides))
    strange = set(besides.couples.object[~besides.couples.verbs.any(1)].tolist())
    assert set(helped.named.nonzero()[:, 0].tolist()) == set(alone.named.nonzero()[:, 0].tolist()) | strange
    new = next(word for word in range(len(kinds.objects)) if word not in batch.objects)
    said = alone(*batch.asked)
    match = alone.matched(said.answer, batch)
    logits = said.answer.object_logits.clone()
    logits[..., new] += 9
    louder = said.answer._replace(object_logits=logits)
    for is_named in (False, True):
        alone.named[new] = is_named
        quiet, loud = (
            alone.losses(said._replace(answer=answer, match=match), batch)["noun"] for answer in (said.answer, louder)
        )
        assert loud > quiet + 1 if is_named else loud == quiet


@pytest.mark.parametrize("method", ["mipd", "gplhoi"])
def test_a_teacher_looks_at_what_is_found_besides(
    method: str, pairs_train: PairSplit, pairs_dev: PairSplit, known: PairSplit, tmp_path: Path
) -> None:
    teacher, words = open_teacher(find_teacher("diorama")), tables_for(ontology_of(known.pairs.kinds))
    source = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train))
    batch = batch_of(source.split)
    seen, strange = source.about(batch.rows).seen, batch.has_pair & ~batch.verbs.any(-1)
    assert strange.any() and torch.allclose(seen[batch.has_pair].norm(dim=-1), torch.tensor(1.0), atol=1e-2)
    alone = GlimpseSource(teacher, known, tmp_path, ENCODER)
    plain = batch_of(known)
    assert torch.equal(seen[batch.verbs.any(-1)], alone.about(plain.rows).seen[plain.has_pair])
    couple = int(np.flatnonzero(~source.split.couples.verbs.any(1))[-1])
    row = source.split.couples.image[couple]
    look = crop(known.pixels(row), unions(source.split)[couple], known.pairs.sizes_wh[row])
    here = seen[row, couple - source.split.first[row]]
    assert torch.allclose(here, teacher.to_text(teacher.see([look], [False]).tokens[:, 0])[0], atol=2e-3)

    lesson = lesson_of(method, student_of(known, words), read_train(CARD), known, SETTING)
    said = lesson(*batch.asked, source.about(batch.rows))
    match = lesson.matched(said.answer, batch)
    term = lesson.losses(said._replace(match=match), batch)["glimpse" if method == "mipd" else "look"]
    [pull] = torch.autograd.grad(term, said.answer.verb_embedding)
    mine = (match.found & strange).nonzero()
    assert len(mine) and all(pull[b, match.query[b, p]].abs().sum() > 0 for b, p in mine.tolist())

    done = train_pairs(CARD, known, pairs_dev, words, tmp_path / "run", method, {"epochs": 1}, SETTING, source=source)
    assert done.config["teacher"]["detector"] == "annotator" and done.config["teacher"]["detector_revision"] == "a1"
    page = (done.folder / "report.html").read_text("utf-8")
    found = f"{source.facts['couples']:,} couples that the detector annotator finds"
    assert "1 epoch, seed 0" in page and f"beside annotations, {found}" in page
    assert f"none of those that {SETTING} keeps out of training" in page


@pytest.mark.parametrize("method", ["mipd", "gplhoi"])
def test_of_kinds_out_of_training_the_teacher_says_how_likely_they_are_and_of_no_others(
    method: str, pairs_train: PairSplit, known: PairSplit, tmp_path: Path
) -> None:
    words, kinds = tables_for(ontology_of(known.pairs.kinds)), known.pairs.kinds
    out = Sought(kinds.valid & ~kinds.allowed(SETTING), words.verbs)
    source = GlimpseSource(open_teacher(find_teacher("diorama")), known, tmp_path, ENCODER, Annotator(pairs_train), out)
    batch = batch_of(source.split)
    lesson = lesson_of(method, student_of(known, words), read_train(CARD), known, SETTING)
    heard = source.about(batch.rows)
    said = lesson(*batch.asked, heard)
    match = lesson.matched(said.answer, batch)
    term = lesson.losses(said._replace(match=match), batch)["unseen"]
    [pull] = torch.autograd.grad(term, said.answer.verb_logits)
    pull, likely = chosen(pull, match.query)[match.found], heard.likely[match.found]
    sought = torch.from_numpy(out.kinds)[batch.objects][match.found]
    assert torch.equal(pull != 0, likely >= 0) and not (pull.bool() & ~sought).any()
    assert (pull[likely > 0.9] < 0).all() and (likely > 0.9).any()  # what the teacher is sure of gets likelier

    near = heard.seen[match.found] @ words.verbs.T.float() / TEMPERATURE
    near[~torch.from_numpy(kinds.valid)[batch.objects][match.found]] = -torch.inf
    assert torch.allclose(likely[likely >= 0], near.softmax(-1)[likely >= 0], atol=1e-6)

    def losses(told: Glimpses, **switches: bool) -> dict[str, float]:
        chosen = {f"{method}.{name}": on for name, on in switches.items()}
        other = lesson_of(method, student_of(known, words), read_train(CARD, chosen), known, SETTING).eval()
        return {name: float(loss.detach()) for name, loss in other.losses(other(*batch.asked, told), batch).items()}

    whole, without = losses(heard), losses(heard._replace(likely=None))
    assert "unseen" not in without and losses(heard, unseen_kinds=False) == without
    changed = {name for name, loss in without.items() if whole[name] != loss}
    assert changed == ({"groups", "texts"} if method == "gplhoi" else set())  # groups hear of it too


def test_a_teacher_is_not_believed_in_what_it_does_not_find_where_it_is_annotated(
    pairs_train: PairSplit, known: PairSplit, tmp_path: Path
) -> None:
    words, kinds = tables_for(ontology_of(known.pairs.kinds)), known.pairs.kinds
    everything = Sought(kinds.valid, words.verbs)
    source = GlimpseSource(open_teacher(find_teacher("diorama")), known, tmp_path, ENCODER, None, everything)
    there = torch.from_numpy(source.split.couples.verbs)
    holding = kinds.verb_index["holding"]
    assert there[:, holding].any() and (source.likely[:, holding] == -1).all()
    for verb in range(len(kinds.verbs)):
        of_verb = source.likely[there[:, verb], verb]
        assert (of_verb == -1).all() or of_verb.mean() >= 0.5
    assert any((source.likely[there[:, verb], verb] >= 0).any() for verb in range(len(kinds.verbs)))
    nowhere = ~there.any(0) & torch.from_numpy(kinds.valid[source.split.couples.object]).any(0)
    assert nowhere.any() and (source.likely[:, nowhere] >= 0).any(0).all()


def test_of_what_is_found_only_what_the_teacher_takes_for_a_kind_out_of_training_is_learned(
    pairs_train: PairSplit, known: PairSplit, tmp_path: Path
) -> None:
    teacher, words, kinds = (
        open_teacher(find_teacher("diorama")),
        tables_for(ontology_of(known.pairs.kinds)),
        known.pairs.kinds,
    )
    every = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train))
    out = Sought(kinds.valid & ~kinds.allowed(SETTING), words.verbs)
    some = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train), out)
    unseen = {tuple(kinds.pairs[kind]) for kind in np.flatnonzero(kinds.unseen[SETTING])}
    near = every.seen.float() @ words.verbs.T
    there, expected = every.split.couples, []
    believed = out.believed(out.nearness(every.seen, every.split), every.split)
    for i, noun in enumerate(there.object.tolist()):
        verb = max(np.flatnonzero(kinds.valid[noun]), key=lambda v: float(near[i, v]))
        expected.append(bool(there.verbs[i].any()) or ((verb, noun) in unseen and bool(believed[i, verb] >= 0)))
    found, kept = ~there.verbs.any(1), np.array(expected)
    assert 0 < (found & kept).sum() < found.sum()
    assert torch.equal(some.seen, every.seen[torch.from_numpy(kept)])
    assert np.array_equal(some.split.couples.objects_xyxy, there.objects_xyxy[kept])
    assert len(some.first) == len(known) + 1 and some.first[-1] == kept.sum()
    assert "kept" in some.facts and "kept" not in every.facts
    assert (some.facts["couples"], every.facts["couples"]) == ((found & kept).sum(), found.sum())


def test_of_what_is_found_nothing_is_kept_of_a_verb_that_the_teacher_does_not_know(
    pairs_train: PairSplit, known: PairSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, kinds = tables_for(ontology_of(known.pairs.kinds)), known.pairs.kinds
    teacher, out = open_teacher(find_teacher("diorama")), Sought(kinds.valid & ~kinds.allowed(SETTING), words.verbs)
    trusted = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train), out)
    monkeypatch.setattr("edgegsr.teacher.sought.KNOWN", 1.01)  # nobody is so good
    doubted = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train), out)
    nearest = out.nearness(trusted.seen, trusted.split).argmax(-1).numpy()
    lost = ~trusted.split.couples.annotated & known.couples.verbs.any(0)[nearest]
    assert lost.any()  # of verbs that are annotated nowhere it is believed
    assert np.array_equal(doubted.split.couples.objects_xyxy, trusted.split.couples.objects_xyxy[~lost])


def test_how_likely_what_is_found_is_a_pair_is_told_of_the_couple_that_it_is(
    pairs_train: PairSplit, known: PairSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, kinds = tables_for(ontology_of(known.pairs.kinds)), known.pairs.kinds
    teacher, out = open_teacher(find_teacher("diorama")), Sought(kinds.valid & ~kinds.allowed(SETTING), words.verbs)
    detector = Annotator(pairs_train)
    silent = GlimpseSource(teacher, known, tmp_path, ENCODER, detector, out)
    found = ~silent.split.couples.annotated
    assert not silent.is_pair[found].any() and "is_pair" not in silent.facts  # too few to tell it by
    monkeypatch.setattr("edgegsr.teacher.sought.FEWEST", 1)
    source = GlimpseSource(teacher, known, tmp_path, ENCODER, detector, out)
    every = GlimpseSource(teacher, known, tmp_path, ENCODER, detector)
    met = again(known, found_by(detector, known, tmp_path))
    together = np.zeros(len(every.split.couples.image), bool)
    together[every.split.couples.annotated] = met
    told = out.is_pair(out.nearness(every.seen, every.split), every.split, together)
    where = {vector.numpy().tobytes(): float(share) for vector, share in zip(every.seen, told)}
    wanted = [where[vector.numpy().tobytes()] for vector in source.seen]
    assert source.is_pair[:, 0].tolist() == wanted and 0 < min(wanted) < max(np.array(wanted)[found]) < 1
    batch = batch_of(source.split)
    slots = source.about(batch.rows).is_pair
    assert torch.equal(slots > 0, batch.has_pair) and (slots[batch.verbs.any(-1)] == 1).all()


def test_a_source_of_another_split_is_refused(
    pairs_train: PairSplit, pairs_dev: PairSplit, known: PairSplit, tmp_path: Path
) -> None:
    words = tables_for(ontology_of(known.pairs.kinds))
    source = GlimpseSource(open_teacher(find_teacher("diorama")), pairs_train, tmp_path, ENCODER)
    with pytest.raises(InputError, match="source: wanted what is seen of split 'train' as it is trained on, got"):
        train_pairs(CARD, known, pairs_dev, words, tmp_path / "x", "mipd", {"epochs": 1}, SETTING, source=source)
    assert not (tmp_path / "x").exists()
