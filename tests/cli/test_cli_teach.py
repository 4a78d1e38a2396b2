"""`edgegsr teach` on the toy world with a tiny CLIP, and what it says to mistakes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("cv2")

for folder in ("teacher", "text"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
import tiny_encoders  # noqa: E402
from commandline import run  # noqa: E402
from tiny_teachers import save_teacher  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.shipped import find_run  # noqa: E402
from edgegsr.teacher.cache import Cached  # noqa: E402


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_teacher(tmp_path_factory.mktemp("clip"), "clip", 1)


def test_teach_fills_a_cache_and_the_same_command_adds_to_it(
    world: Path,
    clip: Path,
    split_train: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "remembered"))
    command = ("teach", "--data", world, "--teacher", clip, "--grid", 6, "--out", tmp_path / "cache", "--json")
    assert run(*command, "--limit", 4) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out.splitlines()[-1])
    assert (told["images"], told["views"], told["new"]["views"]) == (4, {"plain": 4, "flipped": 4}, 8)
    assert "rationales by template" in shown.out and "views looked at now" in shown.out
    assert f"{tmp_path / 'cache'}: will take about" in shown.err
    assert run(*command) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["images"], told["new"]["views"]) == (16, 24)
    source = Cached(tmp_path / "cache", split_train)
    about = source.about(torch.tensor([0, 9]), torch.tensor([False, True]))
    assert about.tokens.shape == (2, 37, 16) and about.texts.shape[:2] == (2, 4)
    assert (source.grid, source.width, source.text_width, source.text_encoder) == (6, 16, 16, str(clip))
    assert source.projection is not None and source.projection[0].shape == (20, 16)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--out x --teacher nowhere/at/all --data {world}", "nowhere/at/all: no such folder"),
        ("--out x --teacher {world} --data {world}", "wanted a saved model"),
        ("--out x --teacher {clip} --data nowhere", "nowhere"),
        ("--out x --teacher {student} --data {world}", "is a student; wanted a teacher, such as diorama"),
        ("--out x --teacher {clip} --data {world} --grid 99", "wanted a grid of 1 to 12 cells a side, got 99"),
        ("--out x --teacher {clip} --data {world} --views mirrored", "--views: wanted plain, flipped or plain,flipped"),
        ("--out x --teacher {clip} --data {world} --text nowhere/at/all", "no such folder"),
        ("--out x --teacher {clip} --data {world} --rationales poet", "--rationales: wanted one of template"),
        ("--out x --teacher {clip} --data {world} --rationales vlm", "wanted --vlm, the model that writes"),
        (
            "--out x --teacher {clip} --data {world} --rationales endpoint --model m",
            "wanted --endpoint, where a server",
        ),
        (
            "--out x --teacher {clip} --data {world} --max-requests 5",
            "asks no server; leave out --max-requests, or give",
        ),
        ("--out {world} --teacher {clip} --data {world}", "wanted an empty folder or a cache, found SWiG_jsons"),
        ("--out {world}/SWiG_jsons/dev.json --teacher {clip} --data {world}", "wanted a folder, got a file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: str,
    message: str,
    world: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    student = find_run(Path("diorama-nano"))
    assert run("teach", *(word.format(world=world, clip=clip, student=student) for word in command.split())) == 2
    error = capsys.readouterr().err
    assert error.startswith("edgegsr: ") and message in error and error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_words_that_a_method_cannot_learn_are_refused_before_the_teacher_looks(
    world: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "remembered"))
    other = tiny_encoders.save_bert(tmp_path / "bert")
    words = ("--student", "pico", "--data", world, "--text", other, "--out", tmp_path / "run")
    assert run("distill", "--method", "pseudo", "--teacher", clip, *words) == 2
    wanted = f"pseudo: wanted words among the teacher's own texts, those of {clip}, got words of {other}"
    assert wanted in capsys.readouterr().err
    assert not (tmp_path / "remembered" / "teachings").exists() and not (tmp_path / "run").exists()


def test_a_teacher_looks_also_where_nothing_is_there_to_judge_it_by(
    world: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(world, tmp_path / "world", ignore=shutil.ignore_patterns("dev.json"))
    given = ("--data", tmp_path / "world", "--teacher", clip, "--out", tmp_path / "cache", "--limit", 4, "--json")
    assert run("teach", *given) == 0
    shown = capsys.readouterr()
    assert "the teacher itself is not judged" in shown.err
    assert json.loads(shown.out.splitlines()[-1])["zero_shot"] == {}
