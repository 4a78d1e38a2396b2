"""One network with both heads from the command line: trained, judged, exported, compressed."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import READ, last_json, run

from edgegsr.cli.bench import _run_of


@pytest.fixture(scope="module")
def both(crowd: Path, card: Path, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "both"
    assert run("distill", "--student", card, "--data", crowd, "--situations", world, *READ, "--out", out) == 0
    return out


def test_one_trunk_learns_situations_and_pairs(
    both: Path, crowd: Path, card: Path, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = both
    assert run("distill", "--student", card, "--data", crowd, "--situations", world, *READ, "--out", out, "--json") == 0
    told = last_json(capsys)
    assert (told["situations"], told["pairs"]) == (str(out / "situations"), str(out / "pairs"))
    assert run("eval", out / "situations", "--data", world, "--split", "dev", "--json") == 0
    assert "per_verb" in last_json(capsys)
    assert run("eval", out, "--head", "pairs", "--data", crowd, "--json") == 0
    assert "default" in last_json(capsys)
    bundle, photo = tmp_path / "bundle", next((crowd / "images").glob("crowd_test_*.jpg"))
    assert run("export", out, "--data", f"{world},{crowd}", "--out", bundle) == 0
    assert run("verify", bundle) == 0
    assert run("predict", bundle, photo, "--draw", "--out", tmp_path, "--json") == 0
    said = last_json(capsys)
    assert said["situations"][0]["image"] == said["interactions"][0]["image"] == str(photo)
    assert (tmp_path / f"{photo.name}.situation.png").is_file()
    assert (tmp_path / f"{photo.name}.interaction.png").is_file()
    for subject in (bundle, out):
        assert run("predict", subject, photo, "--sure", 0, "--json") == 0
        every = last_json(capsys)["interactions"][0]["pairs"]
        assert len(every) > len(said["interactions"][0]["pairs"]) and min(each["score"] for each in every) < 0.25
    assert run("eval", bundle, "--head", "pairs", "--data", crowd, "--json") == 0
    assert "default" in last_json(capsys)
    assert run("eval", bundle, "--head", "situations", "--data", world, "--split", "dev", "--json") == 0
    assert "per_verb" in last_json(capsys)
    for subject, head, message in (
        (bundle, (), "says situations and pairs; give --head situations or --head pairs"),
        (out / "pairs", ("--head", "pairs"), "--head: is for runs and bundles that say both"),
        (out, (), "says situations and pairs; give --head situations or --head pairs"),
    ):
        assert run("eval", subject, *head, "--data", crowd) == 2
        assert message in capsys.readouterr().err
    assert run("predict", out, photo, "--draw", "--out", tmp_path / "eager", "--json") == 0
    eager = last_json(capsys)
    assert eager["situations"][0]["verb"] == said["situations"][0]["verb"]
    assert len(eager["interactions"][0]["pairs"]) == len(said["interactions"][0]["pairs"])
    assert len(list((tmp_path / "eager").glob("*.png"))) == 2
    assert run("predict", out, photo, "--engine", "onnxruntime") == 2
    assert "--engine, --key: are for bundles" in capsys.readouterr().err
    assert run("export", out, "--data", "diorama", "--out", bundle) == 2
    assert "--data: both heads want data of situations and of pairs, as in diorama,crowd" in capsys.readouterr().err
    assert run("export", out, "--calibrated", "--out", bundle) == 2
    assert "--calibrated: is for students of situations" in capsys.readouterr().err
    assert run("distill", "--student", card, "--situations", world, "--unseen", "uv", "--out", out) == 2
    assert (
        "--unseen: is not for --situations, which keeps out and begins with nothing; leave it out"
        in capsys.readouterr().err
    )


@pytest.mark.long
def test_both_heads_come_down_to_8_bits_together(
    both: Path, crowd: Path, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    small, bundle, data = tmp_path / "int8", tmp_path / "bundle", f"{world},{crowd}"
    photo = next((crowd / "images").glob("crowd_test_*.jpg"))
    wish = ("--ptq", "--calibration", 8, "--max-drop", 1, "--threads", 1)
    assert run("compress", both, *wish, "--data", data, "--out", small, "--json") == 0
    told = last_json(capsys)
    steps = told["steps"]
    assert steps["INT8, as kept"]["weight_bytes"] < 0.8 * steps["as it came"]["weight_bytes"]
    assert steps["as it came"]["dev"].keys() >= {"all", "pairs"} and told["report"] == str(small / "report.html")
    for head, mine in (("situations", world), ("pairs", crowd)):
        assert run("eval", small, "--head", head, "--data", mine, "--split", "dev") == 0
    aim = ("--target", "onnx-int8", "--allow-regression", "--images", 8)
    assert run("export", small, "--data", data, *aim, "--out", bundle) == 0
    assert "layers count in 8 bits" in capsys.readouterr().out
    assert run("verify", bundle) == 0
    assert run("predict", bundle, photo, "--json") == 0
    said = last_json(capsys)
    assert said["situations"][0]["image"] == said["interactions"][0]["image"] == str(photo)
    for half in ("diorama", f"{world},", f"{data},{world}"):
        assert run("compress", both, "--ptq", "--data", half, "--out", tmp_path / "x") == 2
        assert "--data: both heads want data of situations and of pairs" in capsys.readouterr().err
    assert run("compress", both, "--ptq", "--data", f"{crowd},{world}", "--out", tmp_path / "x") == 2
    assert "--data: situations come first, as in diorama,crowd" in capsys.readouterr().err
    assert run("bench", bundle, "--data", crowd, "--out", tmp_path / "x") == 2
    assert "of bundles that say both one half is judged, here situations; give data of that" in capsys.readouterr().err
    judged = (
        "--data",
        crowd,
        "--split",
        "dev",
        "--head",
        "pairs",
        "--student",
        small,
        "--pace",
        "quick",
        "--photos",
        4,
    )
    assert run("bench", bundle, *judged, "--kept", 0.5, "--out", tmp_path / "bench", "--json") == 0
    told = last_json(capsys)["subjects"]
    scored = {each["kind"]: each["accuracy"]["groups"]["all"]["mean_ap"] for each in told.values()}
    assert scored["bundle"] == pytest.approx(scored["student"], abs=0.05) and len(scored) == 2
    assert _run_of(str(small), "pairs") == small / "pairs" and _run_of(str(small / "pairs"), "pairs") == small / "pairs"
    assert run("compress", small, "--ptq", "--data", data, "--out", tmp_path / "x") == 2
    assert "is quantized already; compress the run that it was made from" in capsys.readouterr().err


@pytest.mark.long
def test_both_heads_are_cut_and_taught_on(
    both: Path, crowd: Path, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch_pruning")
    small, data = tmp_path / "small", f"{world},{crowd}"
    wish = ("--prune", 0.3, "--rounds", 1, "--epochs", 1, "--multiple", 2, "--threads", 1)
    assert run("compress", both, *wish, "--data", data, "--out", small) == 0
    said = capsys.readouterr().out
    assert "recovered, round 1" in said and "mAP" in said and "grounded" in said
    assert run("export", small, "--data", data, "--out", tmp_path / "bundle") == 0
    assert run("verify", tmp_path / "bundle") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ptq", "--method", "gplhoi"), "--method: both heads together take one of none, mipd, got 'gplhoi'"),
        (("--qat", "--teacher", "x"), "--method none: learns from no teacher; leave out --teacher"),
        (("--ptq", "--set", "epochs=3"), "--set epochs: every training here has its own; give --epochs"),
        (("--ptq", "--prune", 1.5), "--prune must be at least 0 and below 1, got 1.5"),
        ((), "nothing to do: give --prune or --latency, --drop-layers, --sparse, --ptq or --qat"),
    ],
)
def test_what_compress_cannot_do_with_both_heads_is_one_line(
    arguments: tuple[object, ...],
    message: str,
    both: Path,
    crowd: Path,
    world: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("nncf")
    assert run("compress", both, "--data", f"{world},{crowd}", "--out", tmp_path / "x", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "x").exists()
