"""`edgegsr bench` as people call it: the bundle that ships on a tiny Diorama, for moments; what mistakes are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")

from commandline import run

from edgegsr.errors import MissingExtra

SHIPPED = "diorama-nano"
pytestmark = pytest.mark.usefixtures("hurried")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "world"
    assert run("data", "make", "diorama", "--share", 0.01, "--workers", 1, "--out", folder) == 0
    return folder


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


def test_a_bundle_beside_its_student_its_teacher_and_boards(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is said of scores that fall, where nothing has to be measured anew."""
    given = ("--data", world, "--split", "dev", "--limit", 8, "--photos", 4, "--threads", 1)
    beside = ("--student", SHIPPED, "--teacher", "diorama", "--device", "orin-nano", "--scenario", "single-stream")
    out = tmp_path / "out"
    asked = ("bench", SHIPPED, *beside, *given, "--quick", "--out", out, "--json")
    assert run(*asked, "--kept", 0.5) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("about 57 seconds: cold starts 16 s, single-stream 25 s, 8 annotated photos 16 s;")
    result = json.loads(captured.out.splitlines()[-1])
    bundle, student, teacher = result["subjects"].values()
    low, high = bundle["accuracy"]["intervals"]["all"]["value"]
    assert low <= bundle["accuracy"]["groups"]["all"]["value"] <= high
    assert [each["kind"] for each in (bundle, student, teacher)] == ["bundle", "student", "teacher"]
    assert result["settings"] | {"images": 8, "photos": 4, "pace": "quick", "split": "dev"} == result["settings"]
    assert {row["board"] for row in result["estimates"][SHIPPED]["boards"]} == {"orin-nano-super", "orin-nano-15w"}
    assert set(bundle["agrees_with"]) == {f"{SHIPPED}, student", "diorama, teacher"} and bundle["missed"] == []
    assert set(teacher["accuracy"]["groups"]["all"]) == {"verb_top1", "verb_top5"}
    assert json.loads((out / "bench.json").read_text("utf-8")) == result
    assert "ESTIMATE" in (out / "report.html").read_text("utf-8") and (out / "bench.md").is_file()

    result["subjects"][SHIPPED]["scenarios"]["single-stream"]["load"]["blocks_p50_ms"] = [99.0] * 8
    (tmp_path / "slow.json").write_text(json.dumps(result))
    assert run("bench", "--compare", out, out) == 0
    capsys.readouterr()
    assert run("bench", "--compare", out, tmp_path / "slow.json") == 3
    assert f"{SHIPPED}: single-stream, p50" in capsys.readouterr().err
    both = (tmp_path / "old.json", tmp_path / "slow.json")
    for path, took in zip(both, (2.0, 2.06)):
        result["subjects"][SHIPPED]["scenarios"]["single-stream"]["load"]["blocks_p50_ms"] = [took] * 8
        path.write_text(json.dumps(result))
    for tolerance, code in (("2%", 3), ("0.04", 0), ("5%", 0)):
        assert run("bench", "--compare", *both, "--tolerance", tolerance) == code

    steps = out / "steps" / "predictions" / f"0-{SHIPPED}.jsonl"
    lines = [json.loads(line) for line in steps.read_text("utf-8").splitlines()]
    for line in lines:
        line["frames"] = {verb: _empty(frame) for verb, frame in line["frames"].items()}
    steps.write_text("".join(json.dumps(line) + "\n" for line in lines))
    capsys.readouterr()
    assert run(*asked) == 3
    assert f"{SHIPPED}: value" in capsys.readouterr().err


def _empty(frame: dict[str, Any]) -> dict[str, Any]:
    return {role: {"noun": "", "box": None} for role in frame}


def test_threads_and_engines_make_subjects_of_their_own(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", world, "--split", "dev", "--no-accuracy", "--photos", 2, "--threads", "1,2")
    given += ("--scenario", "offline", "--at-once", 1, "--scenario", "multi-stream")
    assert run("bench", SHIPPED, *given, "--quick", "--out", tmp_path / "out", "--json") == 0
    result = last(capsys)
    assert list(result["subjects"]) == [f"{SHIPPED}, 1 threads", f"{SHIPPED}, 2 threads"]
    told = result["subjects"][f"{SHIPPED}, 1 threads"]["scenarios"]
    assert told["offline"]["at_once"] == 1 and told["multi-stream"]["at_once"] == 1
    assert told["offline"]["load"]["claim"] is None and told["multi-stream"]["load"]["claim"]["queries_lacking"] > 0


def test_without_annotated_photos_speed_is_measured_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgegsr.data import source

    def lacks(*_: object) -> None:
        raise MissingExtra("staging Diorama", "train")

    monkeypatch.setattr(source, "open_data", lacks)
    assert run("bench", SHIPPED, "--quick", "--photos", 2, "--threads", 1, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "accuracy is not measured: staging Diorama needs packages" in said and "p50" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "toaster"], "--device: wanted one of cpu, jetson, orin-nano-super"),
        (["--scenario", "server"], "--scenario: wanted one of single-stream, multi-stream, offline, got 'server'"),
        (["--pace", "fast"], "--pace: wanted one of mlperf, default, quick, got 'fast'"),
        (
            ["--engine", "tflite"],
            "--engine: wanted one of onnxruntime, openvino, tensorrt, tensorrt-graph, got 'tflite'",
        ),
        (["--threads", "two"], "--threads: wanted numbers such as 1,2, got 'two'"),
        (["--data", "nowhere"], "nowhere"),
        (["--cpus", "999"], "--cpus: wanted some of 0"),
        (["--engine", "tensorrt"], "--engine: tensorrt is not installed here; run: pip install tensorrt"),
        (["--engine", "tensorrt-graph"], "--engine: tensorrt is not installed here; run: pip install tensorrt"),
        (
            ["--trtexec", "--engine", "openvino"],
            "--trtexec: times engines of TensorRT, got --engine openvino; leave one out",
        ),
        ([SHIPPED], f"{SHIPPED}: named twice; give every bundle once"),
        (["--tolerance", "2%"], "--tolerance: is of --compare; leave it out"),
        (["--compare", "--tolerance", "two"], "--tolerance: wanted a share below 1 such as 2% or 0.02, got 'two'"),
        (["--compare", "--tolerance", "2"], "--tolerance: wanted a share below 1 such as 2% or 0.02, got '2'"),
        (["--compare"], "--compare: wanted two bench.json, the old and the new one, got 1"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", SHIPPED, *arguments, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and told in said[0]


def test_a_folder_of_something_else_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    assert run("bench", SHIPPED, "--quick", "--out", tmp_path) == 2
    assert (
        f"{tmp_path}: wanted an empty folder or a benchmark, found photo.jpg; give another" in capsys.readouterr().err
    )
    assert [each.name for each in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", tmp_path, "--out", tmp_path / "out") == 2
    assert "wanted a bundle with a manifest.json" in capsys.readouterr().err
