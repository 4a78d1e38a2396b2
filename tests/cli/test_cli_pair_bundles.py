"""Bundles of pairs from the command line: exported, looked with, judged, verified; and what is refused of them."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from pathlib import Path

import pytest
from commandline import last_json, run

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from edgegsr.bundle import open_bundle
from edgegsr.cli.bench import _kinds
from edgegsr.cli.common import Head
from edgegsr.data.pairs import open_pairs
from edgegsr.errors import InputError
from edgegsr.runtime.interactions import kinds_of
from edgegsr.scoring import hico
from edgegsr.scoring.pair_predictions import read_hico
from edgegsr.shipped import find_bundle

BUNDLE = "exported"


@pytest.fixture(scope="module")
def bundle(trained: Path, crowd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / BUNDLE
    assert run("export", trained, "--data", crowd, "--out", out, "--images", 12, "--licence", "MIT") == 0
    return out


def test_export_tells_how_near_pairs_are(
    trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", trained, "--data", crowd, "--out", tmp_path / "b", "--target", "onnx-fp16", "--json") == 0
    said = capsys.readouterr().out
    told = json.loads(said.splitlines()[-1])
    assert told["missed"] == [] and told["numerics"]["dev"].keys() == {"student", "half"}
    assert "the same interactions on 100.0% of them, pairs that begin in the same cells on " in said
    assert "over the kinds that dev shows" in said and "mAP" in said


def test_predict_says_the_same_of_a_bundle_as_of_its_run(
    bundle: Path, trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = next((crowd / "images").glob("crowd_test_*.jpg"))
    told = []
    for subject in (bundle, trained):
        assert run("predict", subject, photo, "--draw", "--out", tmp_path, "--json") == 0
        told.append(last_json(capsys)["interactions"][0])
    assert told[0]["image"] == told[1]["image"] and len(told[0]["pairs"]) == len(told[1]["pairs"])
    assert (tmp_path / f"{photo.name}.interaction.png").stat().st_size > 1000
    every = []
    for subject in (bundle, trained):
        assert run("predict", subject, photo, "--sure", 0, "--json") == 0
        every.append(last_json(capsys)["interactions"][0]["pairs"])
    assert len(every[0]) == len(every[1]) > len(told[0]["pairs"]) and min(each["score"] for each in every[0]) < 0.25
    assert run("predict", bundle, photo, "--sure", "nan") == 2
    assert "sure: wanted a likelihood from 0 to 1, got nan" in capsys.readouterr().err
    assert run("predict", tmp_path / "nowhere", photo, "--sure", 0) == 2
    assert f"{tmp_path / 'nowhere'}: no such folder" in capsys.readouterr().err
    assert run("predict", "diorama-detector-160", photo) == 0
    assert "diorama-detector-160: has learned boxes and objects and no acts" in capsys.readouterr().out
    assert run("predict", "diorama-nano", photo, "--sure", 0) == 2
    assert "--sure: is for pairs, and diorama-nano is of situations; leave it out" in capsys.readouterr().err
    assert run("predict", bundle, photo, "--engine", "onnxruntime") == 0
    assert run("predict", bundle, photo, "--engine", "tflite") == 2
    assert "engine: wanted one of onnxruntime, openvino, tensorrt" in capsys.readouterr().err


def test_eval_says_the_same_of_a_bundle_as_of_its_run(
    bundle: Path, trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, lines = [], tmp_path / "p.jsonl"
    for subject in (bundle, trained):
        assert run("eval", subject, "--data", crowd, "--predictions", lines, "--json") == 0
        told.append(last_json(capsys))
        assert len(lines.read_text().splitlines()) == told[-1]["images"]
    assert told[0]["out_of_training"] == told[1]["out_of_training"] == "uo"
    assert told[0]["default"] == pytest.approx(told[1]["default"], abs=1e-3)


def test_bench_judges_either_half_of_a_bundle_that_says_both(
    crowd: Path, world: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    little = ("--pace", "quick", "--photos", 2, "--limit", 3, "--threads", 1, "--out", tmp_path / "bench")
    assert run("bench", "diorama-both", "--head", "pairs", "--data", crowd, *little, "--json") == 0
    said = capsys.readouterr().out
    assert "both heads: both are timed, pairs are judged\n" in said
    assert "By HICO-DET's protocol" in html.unescape((tmp_path / "bench" / "report.html").read_text())
    (told,) = json.loads(said.splitlines()[-1])["subjects"].values()
    low, high = told["accuracy"]["intervals"]["all"]["mean_ap"]
    lines, score = tmp_path / "p.jsonl", told["accuracy"]["groups"]["all"]["mean_ap"]
    assert 0 <= low <= score <= high <= 1 and low < high
    judged = ("--head", "pairs", "--data", crowd, "--limit", 3, "--predictions", lines, "--json")
    assert run("eval", "diorama-both", *judged) == 0
    truth = open_pairs(str(crowd), "test", 3).pairs
    assert hico.score(truth, read_hico(lines, truth), hico.PARTIAL).default.full == pytest.approx(score) and score > 0
    for wish, message in (
        (("diorama-both", "--data", crowd), "one half is judged, here situations; give data of that half"),
        (("diorama-both", "--data", f"{world},{crowd}"), "one half is judged, here situations; give data of that half"),
        ((bundle, "--head", "pairs"), "--head: is for bundles that say both, and these say one; leave it out"),
        ((bundle, "diorama-both"), "got some of each; give --head pairs, or measure them apart"),
        (("diorama-both", "--head", "pairs", "--data", "diorama"), "one half is judged, here pairs; give data of that"),
        (("diorama-both", "--head", "pairs", "--teacher", "diorama"), "and here pairs are judged"),
    ):
        assert run("bench", *wish, "--out", tmp_path / "x") == 2
        assert message in capsys.readouterr().err


def test_eval_takes_a_bundle_of_situations_too(
    whole: object, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = whole.folder  # type: ignore[attr-defined]
    assert run("export", folder, "--data", world, "--out", tmp_path / "bundle") == 0
    told, lines = [], [tmp_path / "bundle.jsonl", tmp_path / "run.jsonl"]
    for subject, predictions in zip((tmp_path / "bundle", folder), lines):
        assert run("eval", subject, "--data", world, "--split", "dev", "--predictions", predictions, "--json") == 0
        told.append(last_json(capsys))
    assert told[0]["per_verb"] == told[1]["per_verb"] and told[0]["chance"] == told[1]["chance"]
    one, other = ([json.loads(line) for line in each.read_text().splitlines()] for each in lines)
    assert [each["verbs"] for each in one] == [each["verbs"] for each in other]
    assert [each["frames"].keys() for each in one] == [each["frames"].keys() for each in other]
    assert run("eval", tmp_path / "bundle", "--data", world, "--calibrated", "--workers", 2) == 2
    assert "--calibrated, --workers: are for runs, and " in capsys.readouterr().err


def test_verify_takes_pairs_and_names_what_is_wrong(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", bundle, "--json") == 0
    assert last_json(capsys)["outputs"][-1] == "pair_presence"
    assert run("verify", bundle, "--target", "orin-nano-trt-fp16") == 0
    capsys.readouterr()
    before = (bundle / "kinds.json").read_bytes()
    (bundle / "kinds.json").write_bytes(before[:-1] + b" ")
    assert run("verify", bundle) == 2
    assert "kinds.json is not the file that was sealed; copy the whole bundle again" in capsys.readouterr().err
    (bundle / "kinds.json").write_bytes(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--with-ask",), "--with-ask: is for students of situations, and "),
        (("--vocab", "input"), "--vocab input: is for students of situations, and "),
        (("--capacity", "4,4"), "--capacity: is for students of situations, and "),
        (("--calibrated", "--with-text-encoder"), "--calibrated, --with-text-encoder: are for students of situations"),
        (
            ("--target", "onnx-int8"),
            "--ptq` first, which finds the grid of its 8 bits",
        ),
        (
            ("--data", "nowhere"),
            "nowhere: wanted crowd, crowd:SEED or the folder of a dataset of pairs; no such folder",
        ),
    ],
)
def test_what_export_cannot_do_with_pairs_is_one_line(
    arguments: tuple[str, ...],
    message: str,
    trained: Path,
    crowd: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("export", trained, "--data", crowd, "--out", tmp_path / "x", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and error.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("predict", "--verb", "ride"), "--verb: is for situations, and "),
        (("predict", "--calibrated"), "--calibrated: is for situations, and "),
        (("eval", "--candidates", "restricted"), "--candidates: is for students of situations, and "),
        (("eval", "--teacher", "diorama"), "--teacher: is for runs, and "),
    ],
)
def test_what_is_for_situations_is_refused_of_a_bundle_of_pairs(
    command: tuple[str, ...],
    message: str,
    bundle: Path,
    crowd: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, *more = command
    photos = [next((crowd / "images").glob("*.jpg"))] if name == "predict" else ["--data", crowd]
    assert run(name, bundle, *photos, *more) == 2
    assert message in capsys.readouterr().err


def test_an_engine_is_not_for_a_run(trained: Path, crowd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = next((crowd / "images").glob("*.jpg"))
    assert run("predict", trained, photo, "--engine", "onnxruntime") == 2
    assert "--engine, --key: are for bundles, and " in capsys.readouterr().err


def test_bench_times_and_judges_pairs_beside_their_student(
    bundle: Path, trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], hurried: None
) -> None:
    out, given = tmp_path / "out", ("--data", crowd, "--threads", 1, "--photos", 2, "--kept", 0.5)
    assert run("bench", bundle, *given, "--student", trained, "--quick", "--out", out, "--json") == 0
    told = last_json(capsys)
    found, student = told["subjects"].values()
    for each in (found, student):
        assert each["accuracy"]["groups"].keys() == {"all"} and 0 <= each["accuracy"]["groups"]["all"]["mean_ap"] <= 1
        assert each["scenarios"]["single-stream"]["load"]["p50_ms"] > 0
    assert found["accuracy"]["groups"]["all"] == pytest.approx(student["accuracy"]["groups"]["all"], abs=1e-6)
    assert set(found["scenarios"]["single-stream"]["steps"]) == {"decode", "preprocess", "network", "answer"}
    assert "mAP of interactions" in (out / "bench.md").read_text()
    assert run("eval", bundle, "--data", crowd, "--json") == 0
    counted = [each["ap"] for each in last_json(capsys)["kinds"] if each["pairs"]]
    assert found["accuracy"]["groups"]["all"]["mean_ap"] == pytest.approx(sum(counted) / len(counted), abs=1e-4)
    assert run("bench", "--compare", out / "bench.json", out / "bench.json") == 0


def test_bundles_of_other_words_are_measured_apart(bundle: Path, tmp_path: Path) -> None:
    one, two = open_bundle(bundle), open_bundle(find_bundle("diorama-both"))
    mine = kinds_of(one)
    fewer = replace(mine, pairs=mine.pairs[1:], rare=mine.rare[1:], unseen={})
    told = replace(two, kinds=fewer.to_json())
    assert _kinds([one, one], None) is not None
    with pytest.raises(InputError, match=r"bench: .* speaks of other interactions than .*; measure them apart"):
        _kinds([one, told], Head.pairs)


def test_bundles_of_both_kinds_are_measured_apart(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", bundle, "diorama-nano", "--out", tmp_path / "out") == 2
    assert (
        "bundles that are judged by situations or by pairs, got some of each; measure them apart"
        in capsys.readouterr().err
    )
    assert run("bench", bundle, "--teacher", "diorama", "--out", tmp_path / "out") == 2
    assert "--teacher: is for situations, and here pairs are judged; leave it out" in capsys.readouterr().err
