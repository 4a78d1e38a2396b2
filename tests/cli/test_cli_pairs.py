"""Pairs from the command line: trained, judged, looked with; and what other commands say to them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from commandline import last_json, run

from edgegsr.data.pairs import open_pairs
from edgegsr.run import read_config


def test_eval_says_what_score_says_of_its_predictions(
    trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "p.jsonl"
    assert run("eval", trained, "--data", crowd, "--predictions", lines, "--json") == 0
    told = capsys.readouterr().out
    judged = json.loads(told.splitlines()[-1])
    assert judged["out_of_training"] == "uo"
    assert set(judged["zero_shot"]) == {"rf_uc", "nf_uc", "uo", "uv"}
    truth = crowd / "hico" / "instances_test.json"
    assert run("score", "--task", "hico", "--truth", truth, "--predictions", lines, "--json") == 0
    scored = last_json(capsys)
    assert scored["default"] == pytest.approx(judged["default"], abs=1e-9)
    assert scored["missing"] == 0
    skipping = ("--switch", "absent=skip", "--json")
    assert run("score", "--task", "hico", "--truth", truth, "--predictions", lines, *skipping) == 0
    assert f"(full is {100 * last_json(capsys)['default']['full']:.1f} without them)" in told


def test_predict_tells_and_draws_interactions(
    trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = next((crowd / "images").glob("crowd_test_*.jpg"))
    assert run("predict", trained, photo, "--draw", "--out", tmp_path, "--json") == 0
    (told,) = last_json(capsys)["interactions"]
    assert told["image"] == str(photo) and isinstance(told["pairs"], list)
    assert (tmp_path / f"{photo.name}.interaction.png").stat().st_size > 1000


def test_the_teacher_of_pairs_is_the_one_that_comes_along(
    trained: Path, crowd: Path, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "cache"))
    out, who = tmp_path / "taught", ("--method", "mipd", "--detector", trained, "--unseen", "nf_uc")
    assert run("distill", "--student", card, "--data", crowd, *who, "--out", out) == 0
    assert read_config(out)["teacher"]["detector"] == str(trained)
    assert list((tmp_path / "cache" / "couples").glob("*.safetensors"))
    assert list((tmp_path / "cache" / "glimpses").glob("*.safetensors"))
    assert taught_on(out, crowd, tmp_path / "small") == read_config(out)["teacher"]


def test_pairs_are_learned_without_annotations(
    trained: Path, crowd: Path, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "cache"))
    out, who = tmp_path / "unlabelled", ("--method", "clhoi", "--detector", trained, "--scope", "image")
    assert run("distill", "--student", card, "--data", crowd, *who, "--out", out) == 0
    config = (out / "config.toml").read_text()
    assert 'scope = "image"' in config and "[train.clhoi]" in config and "[train.gplhoi]" not in config
    assert list((tmp_path / "cache" / "testimony" / "likelihoods").glob("*.safetensors"))
    assert taught_on(out, crowd, tmp_path / "small") == read_config(out)["teacher"], "by the same detector and scope"


def test_a_zero_shot_run_is_judged_by_its_own_setting(trained: Path, crowd: Path) -> None:
    pytest.importorskip("torch_pruning")
    pytest.importorskip("nncf")
    from edgegsr.cli.compress import Asked, _pairs
    from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
    from edgegsr.export.target import find_target

    wishes = Wishes(PruneConfig(), QuantizeConfig(ptq=True), find_target("onnx-fp32"))
    _, school = _pairs(trained, Asked(str(crowd), None, wishes, None, None, None, {}))
    every = open_pairs(str(crowd), "dev").pairs
    kept_out = every.kinds.unseen["uo"]
    assert kept_out[every.kind].any() and not kept_out[school.judge.pairs.kind].any()


def test_nothing_is_compressed_on_data_that_nobody_named_and_it_did_not_learn_from(
    trained: Path, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch_pruning")
    pytest.importorskip("nncf")
    opened = partial(open_pairs, str(crowd))
    monkeypatch.setattr(
        "edgegsr.data.pairs.open_pairs", lambda _, split, limit, *rest: opened(split, limit or 3, *rest)
    )
    assert run("compress", trained, "--ptq", "--out", tmp_path / "x") == 2
    said = capsys.readouterr().err
    assert f"{trained}: learned from 11 photos that are not those of 'crowd'; give its --data and --limit" in said


def taught_on(subject: Path, crowd: Path, out: Path) -> object:
    """Who teaches a run that recovers from zeros, where nobody is named."""
    pytest.importorskip("torch_pruning")
    wish = ("--sparse", 0.5, "--epochs", 1, "--threads", 1)
    assert run("compress", subject, "--data", crowd, *wish, "--out", out) == 0
    return read_config(out)["teacher"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "mip", "--set", "mipd.gaze=false"), "take one of none, mipd, clhoi, gplhoi, got 'mip'"),
        (("--method", "caption"), "--method: students of pairs take one of none, mipd, clhoi, gplhoi, got 'caption'"),
        (("--teacher", "diorama"), "--method none: asks no teacher; leave out --teacher and --detector"),
        (("--unseen", "all"), "zero-shot setting: wanted one of rf_uc, nf_uc, uo, uv, got 'all'"),
        (
            ("--unseen", "uv", "--unseen-rule", "x"),
            "--unseen-rule: wanted one of labels, boxes, images, got 'x'",
        ),
        (("--unseen-rule", "boxes"), "--unseen-rule: says what goes out with the kinds of --unseen; give --unseen"),
        (("--start", "nowhere"), "--start nowhere: no run is there; give one with student.safetensors, or diorama-"),
        (("--detector", "x"), "--method none: asks no teacher; leave out --teacher and --detector"),
        (("--method", "gplhoi", "--detector", "x"), "asks no teacher; give --teacher, or leave out --detector"),
        (
            ("--method", "gplhoi", "--scope", "image"),
            "--method gplhoi: a teacher sees couples alone; leave out --scope",
        ),
        (("--method", "clhoi", "--unseen", "uv"), "--unseen: clhoi learns from no annotation"),
        (("--method", "clhoi", "--set", "clhoi.likely=2"), "likely must be above 0 and at most 1, got 2"),
        (
            ("--set", "mipd.glimse=1", "--method", "mipd"),
            "edgegsr: --set and its kin: train.mipd.glimse is not a known",
        ),
        (
            ("--set", "mipd.collages=0", "--method", "mipd"),
            "--set mipd.collages: is for students of situations; of pairs mipd has gaze_weight, glimpse,",
        ),
        (("--method", "clhoi"), "learns where people and things are from a detector; give --detector"),
        (
            ("--method", "clhoi", "--detector", "nowhere/at/all"),
            "--detector: nowhere/at/all: no such folder; give the folder of a saved",
        ),
        (("--method", "clhoi", "--scope", "all"), "--scope: wanted one of couple, image, got 'all'"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...],
    message: str,
    crowd: Path,
    card: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("distill", "--student", card, "--data", crowd, "--out", tmp_path / "x", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_students_of_situations_take_no_zero_shot_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("distill", "--student", "pico", "--unseen", "uv", "--out", tmp_path / "x") == 2
    assert (
        "--unseen: for students of pairs, and pico is none; leave it out, or give --student pico-pairs"
        in capsys.readouterr().err
    )


def test_pairs_are_cut_and_taught_on(
    trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch_pruning")
    cut = ("compress", trained, "--data", crowd, "--prune", 0.4, "--multiple", 2, "--rounds", 1, "--epochs", 1)
    assert run(*cut, "--method", "gplhoi", "--out", tmp_path / "small", "--json") == 0
    told = last_json(capsys)
    assert list(told["steps"]) == ["as it came", "cut, round 1", "recovered, round 1"]
    sizes = [step["parameters"] for step in told["steps"].values()]
    assert sizes[2] == sizes[1] < 0.75 * sizes[0]
    assert run("eval", tmp_path / "small", "--data", crowd) == 0
    for more, message in (
        (("--set", "epochs=3"), "--set epochs: every training here has its own; give --epochs or --qat-epochs"),
        (("--teacher", "diorama"), "--method none: asks no teacher; leave out --teacher and --detector"),
        (("--set", "mipd.pair_share=1"), "--set mipd.pair_share: is read by --method mipd alone, and this one is none"),
        (("--method", "mipd", "--set", "mipd.gaze=false"), "--set mipd.gaze: is for students of situations; of pairs"),
        (("--detector", trained), "--method none: asks no teacher; leave out --teacher and --detector"),
        (("--method", "feature"), "--method: students of pairs take one of none, mipd, clhoi, gplhoi, got 'feature'"),
    ):
        assert run(*cut, *more, "--out", tmp_path / "x") == 2
        assert message in capsys.readouterr().err
    for more, message in (
        (("--ptq", "--method", "feature"), "students of pairs take one of none, mipd, clhoi, gplhoi, got 'feature'"),
        (("--ptq", "--method", "clhoi"), f"learns from no annotation, and {trained} keeps the kinds of uo out"),
    ):
        assert run("compress", trained, "--data", crowd, *more, "--out", tmp_path / "x") == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_pairs_come_down_to_8_bits_and_onto_a_device(
    trained: Path, crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    small, bundle = tmp_path / "int8", tmp_path / "bundle"
    photo = next((crowd / "images").glob("crowd_test_*.jpg"))
    compress = ("compress", trained, "--ptq", "--data", crowd, "--calibration", 8, "--out", small)
    assert run(*compress, "--json") == 0
    told = last_json(capsys)
    assert list(told["steps"]) == ["as it came", "INT8, calibrated", "INT8, as kept"] and told["missed"] == []
    assert told["steps"]["INT8, as kept"]["weight_bytes"] < 0.8 * told["steps"]["as it came"]["weight_bytes"]
    assert "INT8 calibrated on 8 images" in (small / "report.html").read_text("utf-8")
    assert run(*compress) == 0, "the same command leaves it alone"
    assert "over the kinds that dev shows" in capsys.readouterr().out
    assert run("eval", small, "--data", crowd) == 0
    loose = tmp_path / "loose.toml"
    gates = "[target.gates]\ndrift = 0.5\nkept = 0.0\nfused = 0.7\nlatency = 99.0\n"
    loose.write_text(f'[target]\nengine = "onnxruntime"\nprecision = "int8"\nmultiple = 16\n\n{gates}')
    assert run("export", small, "--data", crowd, "--target", loose, "--images", 8, "--out", bundle) == 0
    assert "layers count in 8 bits" in capsys.readouterr().out
    assert run("verify", bundle) == 0
    capsys.readouterr()
    for subject in (small, bundle):
        assert run("predict", subject, photo, "--json") == 0
        assert last_json(capsys)["interactions"][0]["image"] == str(photo)
    assert run("compress", small, "--ptq", "--data", crowd, "--out", tmp_path / "x") == 2
    assert "is quantized already; compress the run that it was made from" in capsys.readouterr().err


def test_other_words_are_refused(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = {
        "annotation": [{"boxes_h": [[1, 1, 9, 9]], "boxes_o": [[1, 1, 9, 9]], "hoi": [0], "object": [0], "verb": [0]}],
        "filenames": ["a.jpg"], "size": [[10, 10]],
        "verbs": ["push"], "objects": ["cart"], "correspondence": [[0, 0, 0]],
    }  # fmt: skip
    (tmp_path / "hico").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    (tmp_path / "hico" / "instances_test.json").write_text(json.dumps(tree))
    assert run("eval", trained, "--data", tmp_path) == 2
    assert "speaks of other interactions than" in capsys.readouterr().err


def test_a_folder_of_the_name_of_staged_data_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgegsr.data.staged import CROWD, folder_of

    (tmp_path / "crowd").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgegsr.data.diorama.make_crowd.staged", lambda seed: Path("kept"))
    assert folder_of("crowd", CROWD) == Path("kept")
    assert "is the crowd that comes along; the folder here is called ./crowd" in capsys.readouterr().err
