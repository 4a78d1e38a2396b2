"""The whole line through the command line on a tiny Diorama, and what it says to mistakes on the way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")

import toyworld
from commandline import run

from edgegsr import card
from edgegsr.data.source import groups_of, open_data
from edgegsr.errors import InputError


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a staged world and a student that was trained on it."""
    folder = tmp_path_factory.mktemp("line")
    tiny: dict[str, Any] = {**toyworld.CARD, "train": {"epochs": 1, "batch": 16}}
    (folder / "tiny.toml").write_text(card.to_toml(tiny))
    assert run("data", "make", "diorama", "--share", 0.01, "--workers", 1, "--out", folder / "world") == 0
    assert run("distill", "--student", folder / "tiny.toml", "--data", folder / "world", "--out", folder / "run") == 0
    return folder


def test_eval_and_score_give_the_same_figures(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = line / "predictions.jsonl"
    assert run("eval", line / "run", "--data", line / "world", "--predictions", out, "--json") == 0
    judged = json.loads(capsys.readouterr().out.splitlines()[-1])
    truth = line / "world" / "SWiG_jsons" / "test.json"
    assert run("score", "--truth", truth, "--predictions", out, "--json") == 0
    scored = json.loads(capsys.readouterr().out.splitlines()[-1])
    for setting, figures in judged["per_verb"].items():
        assert scored["per_verb"][setting] == pytest.approx(figures, abs=1e-12)
    assert scored["missing"] == 0


def test_predict_draws_and_tells_the_situation(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = next((line / "world" / "images_512").glob("kicking_*.jpg"))
    assert run("predict", line / "run", photo, "--verb", "kicking", "--draw", "--out", line / "drawn", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])["situations"][0]
    assert said["verb"] == "kicking"
    assert list(said["fillers"]) == ["agent", "victim", "victimpart", "place"]
    assert (line / "drawn" / f"{photo.name}.situation.png").stat().st_size > 1000


def test_a_photo_may_be_asked_about_twice(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = next((line / "world" / "images_512").glob("kicking_*.jpg"))
    assert run("predict", line / "run", photo, photo, "--json") == 0
    one, other = json.loads(capsys.readouterr().out.splitlines()[-1])["situations"]
    assert one == other


def test_a_run_is_taught_on_by_its_own_teacher(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taught = shutil.copytree(line / "run", tmp_path / "taught", ignore=shutil.ignore_patterns("state"))
    config = (taught / "config.toml").read_text().replace('method = "none"', 'method = "feature"')
    (taught / "config.toml").write_text(config + '\n[teacher]\nteacher = "gone/elsewhere"\n')
    asked = ("compress", taught, "--data", line / "world", "--prune", 0.3, "--out", tmp_path / "out")
    assert run(*asked) == 2
    assert "gone/elsewhere" in capsys.readouterr().err


def test_predict_goes_on_after_a_bad_photo(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = next((line / "world" / "images_512").glob("kicking_*.jpg"))
    (tmp_path / "text.jpg").write_text("no photo")
    assert run("predict", line / "run", tmp_path / "text.jpg", photo, "--json") == 2
    said = capsys.readouterr()
    found = json.loads(said.out.splitlines()[-1])
    assert [situation["image"] for situation in found["situations"]] == [str(photo)]
    assert "text.jpg" in found["failures"][0]
    assert said.err.count("\n") == 1


def test_the_report_of_a_run_is_there(line: Path) -> None:
    assert "data:image" in (line / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("predict {run} nowhere.jpg", "nowhere.jpg"),
        (
            "predict diorama-nanoo nowhere.jpg",
            "diorama-nanoo: no such folder; wanted a bundle, a run, diorama-nano or diorama-both",
        ),
        ("predict {run} {world}/SWiG_jsons/dev.json", "dev.json"),
        ("predict {run} {photo} --verb flying_pigs", "verb 'flying_pigs' is not among"),
        ("predict {run} {photo} --out {world}", "give --draw as well"),
        ("predict {run} {photo} {photo} --draw --out x", "would overwrite each other; leave out --out"),
        ("predict {run} {photo} {photo} --draw", "would overwrite each other; name each once"),
        ("predict {run} {photo} --draw --out {photo}", "cannot be written"),
        ("predict {world} {photo}", "wanted a run"),
        ("eval {run} --data nowhere", "nowhere"),
        ("eval {run} --data {world} --split tomorrow", "wanted a split among"),
        ("eval {run} --data {world} --predictions {world}", "--predictions: wanted the name of a file"),
        ("eval {run} --data diorama:x", "wanted diorama:SEED"),
        ("distill --student huge --out x", "wanted a card file or one of nano, pico, pico-pairs, small"),
        ("distill --student nowhere.toml --out x", "nowhere.toml: cannot be read"),
        ("distill --student {card} --data {world} --out x --method magic", "--method: wanted one of none"),
        ("distill --student {card} --data {world} --out x --set nonsense=1", "nonsense"),
        ("distill --student {card} --data {world} --out x --set epochs=-1", "epochs must be 1 or more"),
        ("distill --student {card} --data {world} --out x --seed 1 --set seed=2", "leave one out"),
        ("distill --student {card} --data {world} --out x --seed 9223372036854775808", "seed must be below"),
        ("distill --student {card} --data {world} --out {run} --seed 3", "seed"),
        ("distill --student {card} --data {world} --out {photo}", "wanted a folder, got a file"),
        ("distill --student {card} --data {world}/SWiG_jsons --out x", "images_512"),
        ("data make diorama --out {run}", "wanted an empty folder"),
        ("data make diorama --out {world} --seed 5", "name another --out"),
        ("data make swig --out x", "wanted 'diorama'"),
        ("data check nowhere", "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: str, message: str, line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"run": line / "run", "world": line / "world", "card": line / "tiny.toml"}
    names["photo"] = next((line / "world" / "images_512").glob("kicking_*.jpg"))
    assert run(*(word.format(**names) for word in command.split())) == 2
    error = capsys.readouterr().err
    assert error.startswith("edgegsr: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_name_with_brackets_is_no_markup(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "x[" / "red].jpg"
    photo.parent.mkdir()
    photo.write_bytes(next((line / "world" / "images_512").glob("kicking_*.jpg")).read_bytes())
    assert run("predict", line / "run", photo) == 0
    assert "[/red]" in capsys.readouterr().out.replace("\n", "")


def test_listed_unseen_verbs_are_kept_out_of_training_even_where_the_file_shows_them(line: Path) -> None:
    listed = line / "world" / "SWiG_jsons" / "unseen.txt"
    before = listed.read_text()
    try:
        listed.write_text(before + "kicking\n")
        train = open_data(str(line / "world"), "train").annotations
        assert "kicking" not in {train.ontology.verbs[verb] for verb in train.verbs}
        assert "kicking" in groups_of(str(line / "world")).unseen
    finally:
        listed.write_text(before)


def test_limit_spreads_over_the_split(line: Path) -> None:
    few = open_data(str(line / "world"), "test", limit=10)
    assert len(few) == 10
    assert len(set(few.annotations.verbs.tolist())) > 5


def test_a_seed_of_many_digits_is_refused() -> None:
    with pytest.raises(InputError, match="wanted diorama:SEED"):
        open_data("diorama:" + "9" * 5000, "train")


SMALLER = ("--prune", 0.5, "--multiple", 2, "--rounds", 1, "--epochs", 1, "--threads", 1)
COARSER = ("--qat", "--qat-epochs", 1, "--calibration", 8, "--max-drop")


@pytest.fixture(scope="module")
def small(line: Path) -> dict[str, Any]:
    """What `compress` says of a run that it has pruned and trained in INT8."""
    pytest.importorskip("torch_pruning")
    pytest.importorskip("nncf")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert run(*compressing(line, "small")) == 0
    return json.loads(said.getvalue().splitlines()[-1])  # type: ignore[no-any-return]


def compressing(line: Path, name: str, most: float = 1) -> tuple[object, ...]:
    wish = (*SMALLER, *COARSER, most)
    return ("compress", line / "run", "--data", line / "world", "--out", line / name, *wish, "--json")


def test_compress_cuts_and_what_comes_out_is_evaluated(
    line: Path, small: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    first, _, recovered, *_, last = small["steps"].values()
    assert recovered["gflops"] < first["gflops"] and last["weight_bytes"] < 0.8 * recovered["weight_bytes"]
    assert Path(small["report"]).read_text("utf-8").count("recovered, round 1") >= 2
    assert run("eval", line / "small", "--data", line / "world", "--json") == 0
    capsys.readouterr()
    assert run("compress", line / "run", "--data", line / "world", "--out", line / "none") == 2
    assert "nothing to do: give --prune or --latency, --drop-layers, --sparse, --ptq or" in capsys.readouterr().err


def test_a_score_that_fell_too_far_is_exit_code_3(
    line: Path, small: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path, asked = line / "small" / "metrics.json", line / "small" / "compress.toml"
    told = before = json.loads(path.read_text())
    for step, value in (("as it came", 1.0), ("INT8, as kept", 0.0)):
        dev = {group: dict.fromkeys(scores, value) for group, scores in told[step]["dev"].items()}
        told = {**told, step: {**told[step], "dev": dev}}
    path.write_text(json.dumps(told))
    asked.write_text(asked.read_text().replace("max_drop = 1.0", "max_drop = 0.5"))
    assert run(*compressing(line, "small", 0.5)) == 3, "what is finished is left alone, figures too"
    path.write_text(json.dumps(before))
    captured = capsys.readouterr()
    assert "verb_top1, rare: 0.0 % of 100.0 % before: lost 100.0%, at most 50.0% was wanted" in captured.err
    assert len(json.loads(captured.out.splitlines()[-1])["missed"]) == 3 * len(dev)


@pytest.mark.long
def test_compress_survives_kill_9_and_ends_the_same(line: Path, small: dict[str, Any]) -> None:
    import torch

    command = [sys.executable, "-m", "edgegsr", *map(str, compressing(line, "killed"))]
    env = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    for moment in ("steps/1-cut/config.toml", "steps/int8-calibrated/student.safetensors", "sensitivity.json"):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as going:
            deadline = time.monotonic() + 300
            while going.poll() is None and not (line / "killed" / moment).is_file() and time.monotonic() < deadline:
                time.sleep(0.02)
            going.kill()
            said = going.stderr.read() if going.stderr else ""
        assert going.returncode == -signal.SIGKILL, said
        assert not (line / "killed" / "student.safetensors").exists()
    assert run(*compressing(line, "killed")) == 0
    for name in ("student.safetensors", "quantizers.json", "config.toml"):
        assert (line / "killed" / name).read_bytes() == (line / "small" / name).read_bytes(), name
