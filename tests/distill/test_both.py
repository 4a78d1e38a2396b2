"""Both heads in one training: two runs with one trunk, which every station takes by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import toyworld
from pairmade import CARD, WIDTH, Annotator, tables_of
from safetensors import safe_open

from edgegsr.data import hico
from edgegsr.data.pair_loader import PairBatch
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import groups
from edgegsr.distill.both import OfPairs, OfSituations, train_both
from edgegsr.distill.config import read_train
from edgegsr.distill.pairs.lesson import PairLesson, Recital
from edgegsr.distill.tally import Tally
from edgegsr.errors import InputError, TrainingStopped
from edgegsr.pair_run import PairRun, open_pair_run
from edgegsr.run import Run, open_run
from edgegsr.shipped import find_teacher
from edgegsr.student.heads import BoxHead
from edgegsr.teacher.glimpses import GlimpseSource
from edgegsr.teacher.vision import open_teacher
from edgegsr.text import TextTables
from edgegsr.text.shipped import ENCODER

Train = Callable[..., tuple[Run, PairRun]]


def words_of_toys() -> TextTables:
    """As wide as the words of pairs."""
    rng = torch.Generator().manual_seed(3)
    known = toyworld.tables().roles.abs().sum(-1, keepdim=True) > 0
    verbs, roles, nouns = (
        torch.nn.functional.normalize(torch.randn(*shape, WIDTH, generator=rng), dim=-1)
        for shape in ((4,), (4, 6), (4,))
    )
    return TextTables(verbs, roles * known, nouns, "random")


@pytest.fixture(scope="module")
def train(split_train: Split, split_dev: Split, pairs_train: PairSplit, pairs_dev: PairSplit) -> Train:
    situations = OfSituations(split_train, split_dev, words_of_toys(), groups(split_train.annotations))
    pairs = OfPairs(pairs_train, pairs_dev, tables_of(pairs_train.pairs.kinds))

    def trained(out: Path, **more: Any) -> tuple[Run, PairRun]:
        return train_both(CARD, situations, pairs, out, **more)

    return trained


@pytest.fixture(scope="module")
def both(train: Train, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, PairRun]:
    return train(tmp_path_factory.mktemp("both") / "run")


def test_both_runs_have_one_trunk_to_the_last_bit(both: tuple[Run, PairRun]) -> None:
    situations, pairs = (run.student.state_dict() for run in both)
    trunk = [name for name in situations if name.startswith(("encoder.", "decoder."))]
    assert trunk and all(torch.equal(situations[name], pairs[name]) for name in trunk)
    assert {name for name in pairs if not name.startswith("pairs.")} == set(trunk)


def test_each_half_is_a_run_of_its_own(both: tuple[Run, PairRun]) -> None:
    situations, pairs = open_run(both[0].folder), open_pair_run(both[1].folder)
    assert situations.config["beside"] == {"head": "pairs", "images": len(toy_pairs(pairs))}
    assert situations.student.config.pairs == 0 and pairs.student.config.pairs == 6
    for half in both:
        assert (half.folder / "report.html").is_file()
    lines = [[json.loads(line) for line in (half.folder / "metrics.jsonl").read_text().splitlines()] for half in both]
    first = [next(line for line in told if line["kind"] == "train") for told in lines]
    assert {"verb", "noun", "l1"} <= first[0].keys() and "seed" not in first[0]
    assert {"verb", "seed", "presence"} <= first[1].keys() and not any("/" in name for name in first[1])
    assert first[0]["verb"] != first[1]["verb"]
    judged = [next(line for line in told if line["kind"] == "dev") for told in lines]
    assert "verb_top1" in judged[0]["all"] and "full" in judged[1]["all"]


def toy_pairs(run: PairRun) -> range:
    return range(run.config["data"]["train"]["images"])


def test_a_stopped_training_of_both_goes_on_to_the_same_weights(
    both: tuple[Run, PairRun], train: Train, tmp_path: Path
) -> None:
    def stop(step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "again", on_step=stop)
    with pytest.raises(InputError, match="is not finished"):
        open_run(tmp_path / "again" / "situations")
    again = train(tmp_path / "again")
    for mine, other in zip(both, again):
        for name, tensor in mine.student.state_dict().items():
            assert torch.equal(tensor, other.student.state_dict()[name]), name


def test_images_of_either_kind_are_counted(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, real = [], Tally.add

    def add(self: Tally, values: Any, images: int, seconds: float) -> None:
        counted.append(images)
        real(self, values, images, seconds)

    def stop(step: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tally, "add", add)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", on_step=stop)
    assert counted == [2 * read_train(CARD).batch]


def test_a_finished_training_of_both_is_left_alone(
    both: tuple[Run, PairRun], train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    train(both[0].folder.parent)
    assert "this training is finished, nothing is left to do" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"holds another training \(train\.epochs: 2 there, 3 here"):
        train(both[0].folder.parent, overrides={"epochs": 3})


def test_found_couples_of_both_heads_stand_in_the_slots_of_what_is_seen_of_them(
    split_train: Split, split_dev: Split, pairs_train: PairSplit, pairs_dev: PairSplit, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kinds, seen = pairs_train.pairs.kinds, list[bool]()
    known = replace(pairs_train, pairs=hico.without(pairs_train.pairs, "nf_uc"))
    teacher = open_teacher(find_teacher("diorama"))
    source = GlimpseSource(teacher, known, tmp_path, ENCODER, Annotator(pairs_train))
    losses = PairLesson.losses

    def watched(lesson: PairLesson, said: Recital, true: PairBatch) -> dict[str, torch.Tensor]:
        norms = said.about.seen.norm(dim=-1)
        assert torch.equal(norms > 0, true.has_pair)
        seen.append(bool((true.has_pair & ~true.verbs.any(-1)).any()))
        return losses(lesson, said, true)

    monkeypatch.setattr(PairLesson, "losses", watched)
    situations = OfSituations(split_train, split_dev, words_of_toys(), groups(split_train.annotations))
    pairs = OfPairs(known, pairs_dev, tables_of(kinds), source)
    train_both(CARD, situations, pairs, tmp_path / "run", overrides={"epochs": 1})
    assert any(seen)


def test_both_heads_take_methods_that_both_know(train: Train, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--method: both heads together take one of none, mipd, got 'gplhoi'"):
        train(tmp_path / "x", method="gplhoi")


def test_a_run_that_lies_in_the_folder_is_not_touched(pair_run: PairRun, train: Train, tmp_path: Path) -> None:
    before = sorted(path.name for path in pair_run.folder.iterdir())
    with pytest.raises(InputError, match=r"an empty folder or runs of both heads, found config\.toml, kinds\.json"):
        train(pair_run.folder)
    assert sorted(path.name for path in pair_run.folder.iterdir()) == before


def test_both_heads_want_both_teachers(train: Train, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--method mipd: both heads learn from a teacher; give --teacher"):
        train(tmp_path / "x", method="mipd")
    assert not (tmp_path / "x").exists()


def test_a_state_holds_no_weight_more_than_twice(both: tuple[Run, PairRun]) -> None:
    state = max((both[0].folder.parent / "state").glob("*.safetensors"))
    with safe_open(state, "pt") as file:
        model = [name for name in file.keys() if name.startswith("model/")]  # noqa: SIM118
    assert sum(name.endswith("encoder.fine_norm.bias") for name in model) == 2


def test_images_of_either_kind_are_named_where_a_step_fails(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = BoxHead.forward

    def broken(self: BoxHead, *given: torch.Tensor) -> torch.Tensor:
        return forward(self, *given) * float("nan")

    monkeypatch.setattr(BoxHead, "forward", broken)
    with pytest.raises(
        TrainingStopped, match=r"step 1 is not finite .*; its images: \w+_train\d+\.png, .*crowd_train_"
    ):
        train(tmp_path / "broken")
