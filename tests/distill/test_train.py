"""The loop learns, keeps its books, and judges by the official protocol."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import toyworld  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.distill import schedule  # noqa: E402
from edgegsr.distill.average import Average  # noqa: E402
from edgegsr.distill.config import TrainConfig  # noqa: E402
from edgegsr.distill.journal import read_metrics  # noqa: E402
from edgegsr.distill.methods import METHODS  # noqa: E402
from edgegsr.distill.train import train  # noqa: E402
from edgegsr.distill.training import depthwise_in_full, open_accelerator, seed_of  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.run import BOARD, METRICS, Run  # noqa: E402
from edgegsr.scoring.brief import brief  # noqa: E402
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.evaluate import evaluate  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

EXACT = {"verb_smoothing": 0.0, "noun_smoothing": 0.0, "weight_decay": 0.0, "lr": 1e-2, "ema_decay": 0.9}
STILL = {f"augment.{name}": 0 for name in ("flip", "crop", "zoom", "brightness", "contrast", "saturation", "grey")}


def test_eight_images_are_learnt_by_heart(split_train: Split, tmp_path: Path) -> None:
    eight = split_train.take(range(0, 16, 2))
    nouns = eight.annotations.nouns.copy()
    nouns[:, 2] = nouns[:, 0]  # three annotators of one mind: the loss can reach 0
    eight = dataclasses.replace(eight, annotations=dataclasses.replace(eight.annotations, nouns=nouns))
    card = {**toyworld.CARD, "student": {**toyworld.CARD["student"], "dropout": 0.0}}
    size = {"epochs": 150, "batch": 8, "eval_every": 150, "checkpoint_every": 150}
    run = train(card, eight, eight, toyworld.tables(), tmp_path / "run", overrides={**size, **EXACT, **STILL})
    first, *_, last = (line for line in read_metrics(run.folder / METRICS) if line["kind"] == "train")
    assert first["loss"] > 10
    assert last["verb"] + last["noun"] + last["presence"] < 0.05 and last["l1"] + last["giou"] < 1.0
    assert set(brief(evaluate(run, eight))["all"].values()) == {1.0}


def test_metrics_hold_losses_rates_and_scores_of_every_group(whole: Run) -> None:
    lines = read_metrics(whole.folder / METRICS)
    train_lines = [line for line in lines if line["kind"] == "train"]
    assert [line["step"] for line in train_lines] == [2, 4, 6, 8, 10, 12]
    for line in train_lines:
        parts = [line[name] for name in ("verb", "noun", "l1", "giou", "presence")]
        assert line["loss"] == pytest.approx(sum(parts)) and line["images_per_s"] > 0
    assert train_lines[-1]["epoch"] == 3 and train_lines[-1]["lr"] < train_lines[2]["lr"]
    dev = [line for line in lines if line["kind"] == "dev"]
    assert [line["epoch"] for line in dev] == [2, 3]  # every second one, and the last
    assert dev[0].keys() >= {"rare", "unseen", "all"} and "seen" not in dev[0]  # no verb has more than 20 images


def test_tensorboard_gets_the_same_numbers(whole: Run) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = accumulator.EventAccumulator(str(whole.folder / BOARD))
    board.Reload()
    logged = {line["step"]: line["loss"] for line in read_metrics(whole.folder / METRICS) if line["kind"] == "train"}
    assert {event.step: event.value for event in board.Scalars("train/loss")} == pytest.approx(logged)
    assert "dev/unseen/verb_top1" in board.Tags()["scalars"]


def test_scores_of_the_log_are_those_of_the_finished_run(whole: Run, split_dev: Split) -> None:
    told = [line for line in read_metrics(whole.folder / METRICS) if line["kind"] == "dev"][-1]
    groups = Groups((), ("lifting", "pushing", "pulling"), ("sinking",))
    assert brief(evaluate(whole, split_dev, groups)) == {name: told[name] for name in ("rare", "unseen", "all")}


def test_other_seed_gives_other_weights(learn: Callable[..., Run], whole: Run, tmp_path: Path) -> None:
    other = learn(tmp_path / "run", seed=1)
    assert not torch.equal(other.student.verb.project.weight, whole.student.verb.project.weight)
    assert other.config["train"]["seed"] == 1


def test_progress_is_told_on_stderr(
    learn: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path / "run")
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 3/3 · step 12/12 · loss " in err and "img/s" in err and "verb top-1: rare " in err
    assert "report.html: scores, curves and drawn predictions" in err


def test_unknown_method_is_refused_with_those_there_are(learn: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"--method: wanted one of {', '.join(METHODS)}, got 'osmosis'"):
        learn(tmp_path / "run", method="osmosis")
    assert not (tmp_path / "run").exists()


def test_tables_of_other_words_are_refused(split_train: Split, split_dev: Split, tmp_path: Path) -> None:
    tables = dataclasses.replace(toyworld.tables(), nouns=toyworld.tables().nouns[:3])
    with pytest.raises(InputError, match="wanted 4 verbs and 4 nouns of the data, got 4 and 3"):
        train(toyworld.CARD, split_train, split_dev, tables, tmp_path / "run")
    tables = dataclasses.replace(toyworld.tables(), ontology="of something else")
    with pytest.raises(InputError, match="made for another vocabulary"):
        train(toyworld.CARD, split_train, split_dev, tables, tmp_path / "run")


def test_splits_of_different_words_are_refused(split_train: Split, split_dev: Split, tmp_path: Path) -> None:
    words = dataclasses.replace(toyworld.ONTOLOGY, nouns=toyworld.ONTOLOGY.nouns[:3])
    other = dataclasses.replace(split_dev, annotations=dataclasses.replace(split_dev.annotations, ontology=words))
    with pytest.raises(InputError, match="split 'dev' has another vocabulary than 'train'"):
        train(toyworld.CARD, split_train, other, toyworld.tables(), tmp_path / "run")
    with pytest.raises(InputError, match="wanted images to train on and to judge by, got 0 and 8"):
        train(toyworld.CARD, split_train.take([]), split_dev, toyworld.tables(), tmp_path / "run")


def test_unreadable_image_is_one_line_that_names_it(world: Path, split_dev: Split, tmp_path: Path) -> None:
    names = ("missing.png", "other.png")
    truth = dataclasses.replace(split_dev.annotations.take([0, 1]), images=names)
    with pytest.raises(InputError, match=r"(missing|other)\.png"):
        train(
            toyworld.CARD,
            dataclasses.replace(split_dev, annotations=truth),
            split_dev,
            toyworld.tables(),
            tmp_path / "run",
            overrides={"batch": 2},
        )


def test_amp_that_needs_a_gpu_is_refused_without_one() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match=r'train\.amp must be "auto", "no" or "bf16" on a CPU, got "fp16"'):
        open_accelerator(TrainConfig(amp="fp16"))
    assert open_accelerator(TrainConfig()).mixed_precision == "no"  # auto: half precision is slower on most CPUs


def test_depthwise_convolutions_stay_in_full_precision_and_compute_the_same() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.Conv2d(6, 6, 3, 2, 1, groups=6))
    pixels = torch.randn(2, 3, 9, 9)
    before, names = network(pixels), set(network.state_dict())
    depthwise_in_full(network)
    assert torch.equal(network(pixels), before) and set(network.state_dict()) == names
    with torch.autocast("cpu", torch.bfloat16):
        assert network[0](pixels).dtype == torch.bfloat16
        assert network(pixels).dtype == torch.float32


def test_bf16_trains_too(learn: Callable[..., Run], tmp_path: Path) -> None:
    run = learn(tmp_path / "run", overrides={"amp": "bf16", "epochs": 1})
    assert all(math.isfinite(line["loss"]) for line in read_metrics(run.folder / METRICS) if line["kind"] == "train")
    assert next(run.student.parameters()).dtype == torch.float32


def test_rate_climbs_to_its_peak_and_falls_to_zero() -> None:
    shares = [schedule.share(step, 100, 10) for step in range(101)]
    assert shares[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert shares[10] == 1 and shares[55] == pytest.approx(0.5) and shares[100] == pytest.approx(0)
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert schedule.share(0, 1, 0) == 1


def test_groups_hold_every_weight_once_and_vectors_do_not_decay() -> None:
    student = Student(read_student(toyworld.CARD), toyworld.tables())
    settings = TrainConfig(lr=0.5, backbone_lr_factor=0.1, weight_decay=0.3)
    lesson = METHODS["none"].lesson(student, settings, torch.ones(4, dtype=torch.bool))
    groups = schedule.groups(lesson, settings)
    members = [parameter for group in groups for parameter in group["params"]]
    assert len(members) == len({id(p) for p in members}) == len(list(student.parameters()))
    of = {id(p): group for group in groups for p in group["params"]}
    conv = next(p for p in student.encoder.backbone.parameters() if p.ndim == 4)
    assert (of[id(conv)]["lr"], of[id(conv)]["weight_decay"]) == (pytest.approx(0.05), 0.3)
    for vector in (student.noun_words.log_scale, student.noun_words.blank, student.verb.project.bias):
        assert (of[id(vector)]["lr"], of[id(vector)]["weight_decay"]) == (0.5, 0.0)


def test_average_follows_slowly_and_faster_in_the_beginning() -> None:
    student = Student(read_student(toyworld.CARD), toyworld.tables())
    average = Average(student, decay=0.75)
    start = student.verb.project.weight.detach().clone()
    with torch.no_grad():
        student.verb.project.weight += 1
    average.update(student, 1)
    assert torch.allclose(average.student.verb.project.weight, start + (1 - 2 / 11))
    average.update(student, 1000)
    assert torch.allclose(average.student.verb.project.weight, start + 1 - 0.75 * 2 / 11)
    assert not average.student.training and student.training


def test_seed_of_a_step_is_its_own() -> None:
    seeds = {seed_of(seed, step, rank) for seed in range(3) for step in range(5) for rank in range(2)}
    assert len(seeds) == 30 and all(0 <= seed < 2**64 for seed in seeds)


def test_training_never_learns_of_a_verb_without_images(whole: Run, split_train: Split) -> None:
    unseen = toyworld.VERBS.index("sinking")
    assert unseen not in np.unique(split_train.annotations.verbs)
    lesson = METHODS["none"].lesson(whole.student, TrainConfig(), torch.tensor([True, True, True, False]))
    logits = torch.randn(2, 4, requires_grad=True)
    batch = next(iter(_one_batch(split_train)))
    said = lesson(batch.pixels, batch.verbs)._replace(verb_logits=logits)
    lesson.losses(said, batch)["verb"].backward()
    assert logits.grad is not None and not logits.grad[:, unseen].any() and logits.grad[:, 0].any()


def _one_batch(split: Split) -> object:
    from edgegsr.data.loader import loader

    return loader(split, 32, 2, train=True)


def test_metrics_are_plain_json_lines(whole: Run) -> None:
    for text in (whole.folder / METRICS).read_text().splitlines():
        assert json.loads(text)["kind"] in ("train", "dev")
