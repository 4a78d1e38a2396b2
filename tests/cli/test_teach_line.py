"""From photos to scores with teachers of a thousand random weights: `teach`, then `distill`, then `eval`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")
sys.path.insert(0, str(Path(__file__).parents[1] / "teacher"))
sys.path.insert(0, str(Path(__file__).parents[1] / "text"))

import tiny_encoders
import tiny_teachers
import toyworld
from commandline import run
from safetensors.torch import load_file

from edgegsr import card
from edgegsr.distill.journal import read_metrics
from edgegsr.run import open_run, read_config


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text encoder of random weights."""
    return tiny_encoders.save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "tiny.toml"
    settings: dict[str, Any] = {**toyworld.CARD, "train": {"epochs": 1, "batch": 8}}
    path.write_text(card.to_toml(settings))
    return path


@pytest.mark.parametrize("family", ["blip2", "qwen2.5"])
def test_a_big_models_knowledge_reaches_a_student_through_the_command_line(
    family: str, world: Path, words: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tiny_teachers.save_teacher(tmp_path / family, family, 1)
    cache, out = tmp_path / "cache", tmp_path / "run"
    taught = ("--data", world, "--text", words)
    assert run("teach", *taught, "--teacher", teacher, "--grid", 4, "--out", cache, "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["images"] == 16 and sum(told["views"].values()) == told["new"]["views"] == 32

    learning = ("distill", *taught, "--student", tiny, "--out", out)
    assert run(*learning, "--teacher", cache, "--method", "mipd") == 0
    config = read_config(out)
    assert config["method"] == "mipd" and config["train"]["mipd"]["gaze"]
    assert config["teacher"]["teacher"] == str(teacher)
    assert {name.split(".")[0] for name, _ in open_run(out).student.named_modules()}.isdisjoint({"alignment"})

    if family == "blip2":
        smaller_with_its_teacher(out, world, cache, tmp_path / "small")

    capsys.readouterr()
    assert run("eval", out, "--data", world, "--split", "dev", "--json") == 0
    judged = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert judged["groups"].keys() >= {"rare", "unseen"} and 0 <= judged["per_verb"]["top1"]["verb"] <= 1
    assert run(*learning, "--teacher", cache, "--method", "feature") == 2
    assert "holds another training (method: 'mipd' there, 'feature' here" in capsys.readouterr().err


def smaller_with_its_teacher(big: Path, world: Path, cache: Path, out: Path) -> None:
    """Prune and train in INT8 with the teacher watching."""
    pytest.importorskip("torch_pruning")
    pytest.importorskip("nncf")
    wish = ("--prune", 0.5, "--multiple", 2, "--rounds", 1, "--epochs", 1, "--qat", "--qat-epochs", 1)
    assert run("compress", big, "--data", world, "--teacher", cache, "--threads", 1, *wish, "--out", out) == 0
    before, after = (load_file(folder / "lesson.safetensors")["to_patches.weight"] for folder in (big, out))
    assert after.shape[0] == before.shape[0] and after.shape[1] < before.shape[1], "it reads narrower tokens"
    told = read_metrics(out / "steps" / "int8-trained" / "metrics.jsonl")
    assert all({"glimpse", "gaze", "watched"} <= line.keys() for line in told if line["kind"] == "train")


def test_a_student_learns_from_a_teacher_that_looks_anew(world: Path, words: Path, tiny: Path, tmp_path: Path) -> None:
    teacher = tiny_teachers.save_teacher(tmp_path / "dinov2", "dinov2", 1)
    given = ("--data", world, "--text", words, "--student", tiny, "--teacher", teacher)
    assert run("distill", *given, "--live", "--method", "mipd-release", "--out", tmp_path / "run") == 0
    assert read_config(tmp_path / "run")["teacher"]["teacher"] == str(teacher)


def test_a_teacher_without_texts_gives_no_labels(
    world: Path, words: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tiny_teachers.save_teacher(tmp_path / "dinov2", "dinov2", 1)
    given = ("--data", world, "--text", words, "--student", tiny, "--teacher", teacher)
    assert run("distill", *given, "--live", "--method", "pseudo", "--out", tmp_path / "run") == 2
    assert "wanted a teacher that puts images among texts" in capsys.readouterr().err


def test_a_taught_method_without_its_teacher_says_which_to_give(
    world: Path, words: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", world, "--text", words, "--student", tiny, "--out", tmp_path / "run")
    assert run("distill", *given, "--method", "mipd", "--teacher", tmp_path / "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err
    assert run("distill", *given, "--method", "mip") == 2
    assert "wanted one of none, feature, caption, pseudo, mipd, mipd-release" in capsys.readouterr().err
    assert run("distill", *given, "--method", "none", "--set", "mipd.gaze=false") == 2
    assert "--set mipd.gaze: is read by --method mipd alone, and this one is none" in capsys.readouterr().err


@pytest.fixture(scope="module")
def plain_run(world: Path, words: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that no teacher has taught."""
    out = tmp_path_factory.mktemp("plain") / "run"
    assert run("distill", "--data", world, "--text", words, "--student", tiny, "--out", out) == 0
    return out


def test_a_teachers_own_row_stands_beside_the_students(
    world: Path, plain_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tiny_teachers.save_teacher(tmp_path / "clip", "clip", 1)
    asked = ("eval", plain_run, "--data", world, "--split", "dev", "--teacher", teacher, "--json")
    capsys.readouterr()
    assert run(*asked) == 0
    said = capsys.readouterr().out
    judged = json.loads(said.splitlines()[-1])
    found = judged["teacher"]
    assert found["groups"].keys() == {group for group, part in judged["groups"].items() if part["images"]}
    assert all(0 <= part["verb_top1"] <= part["verb_top5"] == 1 for part in found["groups"].values())
    assert found["gflops"] > 0 and found["latency_ms"] > 0 and found["candidates"] == "generalised"
    assert f"{teacher}, zero-shot, generalised, %, mean over verbs" in said and "GFLOPs" in said
    assert run(*asked, "--candidates", "restricted") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["teacher"]["candidates"] == "restricted"


def test_the_report_of_a_taught_student_has_its_teachers_row_from_the_cache_or_from_life(
    world: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tiny_teachers.save_teacher(tmp_path / "clip", "clip", 1)
    assert run("teach", "--data", world, "--teacher", clip, "--out", tmp_path / "cache") == 0
    assert f"{clip} on dev, zero-shot, generalised, %, mean over verbs" in capsys.readouterr().out
    learning = ("distill", "--data", world, "--text", clip, "--student", tiny, "--method", "feature")
    assert run(*learning, "--teacher", tmp_path / "cache", "--out", tmp_path / "cached") == 0
    assert run(*learning, "--teacher", clip, "--live", "--out", tmp_path / "live") == 0
    for name in ("cached", "live"):
        page = (tmp_path / name / "report.html").read_text("utf-8")
        assert "<td>teacher, zero-shot: rare</td>" in page and "times the student&#x27;s" in page


def test_a_teacher_without_texts_has_costs_and_no_row(
    world: Path, plain_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tiny_teachers.save_teacher(tmp_path / "dinov2", "dinov2", 1)
    capsys.readouterr()
    assert run("eval", plain_run, "--data", world, "--split", "dev", "--teacher", teacher, "--json") == 0
    said = capsys.readouterr().out
    assert json.loads(said.splitlines()[-1])["teacher"].keys() == {"gflops", "latency_ms"}
    assert f"{teacher}: has no texts of its own, and so no zero-shot verbs" in said


def test_a_model_teaches_without_teach_with_the_cells_that_are_asked_for(
    world: Path, words: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "remembered"))
    teacher = tiny_teachers.save_teacher(tmp_path / "dinov2", "dinov2", 1)
    given = ("--data", world, "--text", words, "--student", tiny, "--method", "feature", "--set", "augment.flip=0")
    assert run("distill", *given, "--teacher", teacher, "--grid", 3, "--out", tmp_path / "run") == 0
    (kept,) = (tmp_path / "remembered" / "teachings").iterdir()
    assert f"{kept}: what {teacher} sees is kept here" in capsys.readouterr().err
    assert json.loads((kept / "cache.json").read_text())["counts"]["views"] == {"plain": 16}
    assert read_config(tmp_path / "run")["teacher"]["grid"] == "3"


def test_a_teacher_for_a_method_that_hears_none_is_refused(
    world: Path, words: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", world, "--text", words, "--student", tiny, "--out", tmp_path / "run")
    assert run("distill", *given, "--teacher", "clip") == 2
    assert capsys.readouterr().err == (
        "edgegsr: --method none: learns from no teacher; leave out --teacher, --live and --grid\n"
    )
