"""The command line as a program sees it: exit codes, one line for a mistake, one JSON object as the last line."""

from __future__ import annotations

import errno
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import last_json, run

from edgegsr import cli
from edgegsr.cli.export import _kept_though
from edgegsr.errors import TrainingStopped

RECORD = {
    "verb": "kicking",
    "height": 100,
    "width": 100,
    "bb": {"agent": [10, 10, 50, 90], "victim": [-1, -1, -1, -1]},
    "frames": [{"agent": "n1", "victim": ""}] * 3,
}
RIGHT = {"agent": {"noun": "n1", "box": [10, 10, 50, 90]}, "victim": {"noun": "", "box": None}}


@pytest.fixture
def truth(tmp_path: Path) -> list[Path]:
    """Two annotation files with one image each."""
    paths = []
    for i in (1, 2):
        paths.append(tmp_path / f"truth{i}.json")
        paths[-1].write_text(json.dumps({f"kicking_{i}.jpg": RECORD}))
    return paths


def write_predictions(path: Path, *names: str) -> Path:
    lines = [{"image": name, "verbs": ["kicking"], "frames": {"kicking": RIGHT}} for name in names]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_help_is_instant() -> None:
    """Processor time, because a test machine has other things to do."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-m", "edgegsr", "--help"], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert "distill" in done.stdout
    assert min(seconds) <= 0.3


@pytest.mark.parametrize(("group", "commands"), [((), cli.COMMANDS), (("data",), cli.DATA_COMMANDS)])
def test_a_list_says_what_each_command_says_of_itself(
    group: tuple[str, ...], commands: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*group, "--help")
    listed = capsys.readouterr().out.split("Commands:")[1]
    for name in commands:
        run(*group, name, "--help")
        said = capsys.readouterr().out
        assert said.count("\n  -") > 1, f"{name} has no options"
        first = said.split("\n\n")[1].split()[:3]
        assert re.search(rf"^  {name} +{re.escape(' '.join(first))}", listed, re.MULTILINE)


def test_score_takes_several_truth_files_and_counts_what_is_missing(
    truth: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = write_predictions(tmp_path / "p.jsonl", "kicking_1.jpg")
    code = run("score", "--task", "swig", "--truth", *truth, "--predictions", predictions, "--json")
    shown = capsys.readouterr().out
    scores = json.loads(shown.splitlines()[-1])
    assert code == 0
    assert "1 of 2 images have no prediction: it counts as wrong" in shown
    assert (scores["images"], scores["missing"]) == (2, 1)
    assert scores["per_verb"]["top1"] == {
        "verb": 0.5,
        "value": 0.5,
        "value_all": 0.5,
        "grounded": 0.5,
        "grounded_all": 0.5,
    }
    assert "verb" not in scores["per_verb"]["gt"]


def test_score_splits_into_groups_when_asked(
    truth: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unseen.txt").write_text("kicking\n")
    predictions = write_predictions(tmp_path / "p.jsonl", "kicking_1.jpg", "kicking_2.jpg")
    run("score", "--truth", *truth, "--predictions", predictions, "--unseen", tmp_path / "unseen.txt", "--json")
    groups = last_json(capsys)["groups"]
    assert groups["unseen"]["images"] == 2
    assert groups["seen"]["images"] == 0


def test_a_verb_that_training_does_not_show_is_unseen(
    truth: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"dancing_1.jpg": {**RECORD, "verb": "dancing"}}
    (tmp_path / "train.json").write_text(json.dumps(other))
    predictions = write_predictions(tmp_path / "p.jsonl", "kicking_1.jpg", "kicking_2.jpg")
    run("score", "--truth", *truth, "--predictions", predictions, "--train", tmp_path / "train.json", "--json")
    assert last_json(capsys)["groups"]["unseen"]["images"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--task", "coco"), "--task: wanted one of swig, hico, vcoco, got 'coco'"),
        (("--rules", "kind"), "--rules: wanted one of strict"),
        (("--predictions", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    options: tuple[str, str], message: str, truth: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = write_predictions(tmp_path / "p.jsonl", "kicking_1.jpg")
    code = run("score", "--truth", truth[0], "--predictions", predictions, *options)
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("edgegsr: ") and message in error
    assert error.count("\n") == 1


def test_a_prediction_for_an_unknown_image_is_refused_with_its_line(
    truth: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = write_predictions(tmp_path / "p.jsonl", "kicking_1.jpg", "dancing_7.jpg")
    assert run("score", "--truth", *truth, "--predictions", predictions) == 2
    assert "line 2" in capsys.readouterr().err


def test_check_lists_what_is_wrong_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {**RECORD, "bb": {"agent": [10, 10, 500, 90], "victim": [-1, -1, -1, -1]}}
    (tmp_path / "bad.json").write_text(json.dumps({"kicking_1.jpg": bad}))
    assert run("data", "check", tmp_path / "bad.json", "--json") == 2
    found = last_json(capsys)
    assert not found["ok"]
    assert found["findings"][0]["image"] == "kicking_1.jpg"


def test_check_is_content_with_what_is_right(truth: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "check", truth[0], "--json") == 0
    assert last_json(capsys)["ok"]


def test_doctor_tells_what_runs_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") == 0
    assert "onnx-fp32" in json.dumps(last_json(capsys))


def test_a_command_of_the_workstation_names_the_extra_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "version_info", (3, 11, 0))
    assert run("distill", "--student", "pico", "--out", tmp_path / "run") == 2
    assert "pip install 'edgegsr[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_closed_disk_is_one_line(
    code: int, truth: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, "No room", "out.json")

    monkeypatch.setattr("edgegsr.data.check.check", full)
    assert run("data", "check", truth[0]) == 2
    assert capsys.readouterr().err == "edgegsr: out.json: No room; nothing finished is lost\n"


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (TrainingStopped("run: stopped after step 5 of 12"), "run: stopped after step 5 of 12"),
        (KeyboardInterrupt(), "stopped; what is finished is kept"),
    ],
)
def test_what_was_stopped_is_one_line_and_exit_code_1(
    stopped: BaseException,
    told: str,
    truth: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stops(*_: object) -> None:
        raise stopped

    monkeypatch.setattr("edgegsr.data.check.check", stops)
    assert run("data", "check", truth[0]) == 1
    assert capsys.readouterr().err == f"edgegsr: {told}\n"


def test_an_unknown_option_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("score", "--colour", "red") == 2
    assert "--colour" in capsys.readouterr().err


def test_settings_are_read_as_json_or_text() -> None:
    assert cli.common.settings_of(["epochs=3", "amp=no", "weights.noun=0.5"]) == {
        "epochs": 3,
        "amp": "no",
        "weights.noun": 0.5,
    }
    with pytest.raises(cli.InputError, match="wanted KEY=VALUE, got 'epochs'"):
        cli.common.settings_of(["epochs"])


@pytest.mark.parametrize("numbers", ["[1]", '{"missed": 3}', "{}"])
def test_what_a_bundle_misses_is_told_only_where_it_says_so(numbers: str, tmp_path: Path) -> None:
    (tmp_path / "numerics.json").write_text(numbers)
    assert _kept_though(tmp_path) == []
    (tmp_path / "numerics.json").write_text('{"missed": ["slow"]}')
    assert _kept_though(tmp_path) == ["slow"]
