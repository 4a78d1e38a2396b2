"""Pairs in 8 bits: found on photos, written down and read back."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")
pytest.importorskip("nncf")

from safetensors.torch import load_file  # noqa: E402

from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes  # noqa: E402
from edgegsr.compress.figures import read_steps, rows  # noqa: E402
from edgegsr.compress.layers import layers_of  # noqa: E402
from edgegsr.compress.school import PairSchool  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.target import find_target  # noqa: E402
from edgegsr.pair_run import PairRun, open_pair_run  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.quantizers import Quantized, QuantizedPairStudent, places, unrounded  # noqa: E402

HERE = find_target("onnx-fp32")
PTQ = QuantizeConfig(ptq=True, calibration=4)


def wishes(int8: QuantizeConfig = PTQ, **prune: float) -> Wishes:
    return Wishes(PruneConfig(**prune), int8, HERE)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def coarse(pair_run: PairRun, pair_school: PairSchool, tmp_path_factory: pytest.TempPathFactory) -> PairRun:
    return compress(pair_run, tmp_path_factory.mktemp("int8") / "run", wishes(), pair_school, 1)


@pytest.fixture
def pixels() -> torch.Tensor:
    dice = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=dice)


@torch.no_grad()
def test_a_run_in_8_bits_opens_with_its_quantizers_and_says_the_same(coarse: PairRun, pixels: torch.Tensor) -> None:
    assert isinstance(coarse.student, QuantizedPairStudent) and coarse.student.config.folded
    again = open_pair_run(coarse.folder)
    assert places(again.student) == places(coarse.student)  # type: ignore[arg-type]
    for one, other in zip(coarse.student(pixels), again.student(pixels)):
        assert torch.equal(one, other)
    state = load_file(coarse.folder / "student.safetensors")
    in_bytes = {name for name, tensor in state.items() if tensor.dtype == torch.int8}
    assert in_bytes == {layer.name for layer in layers_of(coarse.student)} and len(in_bytes) > 20  # type: ignore[arg-type]
    weights = dict(coarse.student.named_parameters())
    assert all((weights[name] != 0).any() for name in in_bytes)


@torch.no_grad()
def test_8_bits_say_nearly_what_floats_say(pair_run: PairRun, coarse: PairRun, pixels: torch.Tensor) -> None:
    own = pair_run.student(pixels)
    known = torch.zeros_like(own.seeds).scatter_(1, own.starts, 1.0)
    said = coarse.student(pixels, known)
    assert said.starts.sort(1).values.equal(own.starts.sort(1).values), "where pairs begin may be given"
    order = said.starts.argsort(1).gather(1, own.starts.argsort(1).argsort(1))
    for one, other in zip((own.humans_xyxy, own.presence), (said.humans_xyxy, said.presence)):
        told = other[torch.arange(3)[:, None], order]
        assert 0 < (one - told).abs().max() < 0.1 * one.abs().max()
    plain = unrounded(coarse.student, coarse.tables)
    assert not isinstance(plain, Quantized) and (plain(pixels).seeds - own.seeds).abs().max() < 0.1


@torch.no_grad()
def test_told_where_it_begins_by_itself_it_says_the_same(coarse: PairRun, pixels: torch.Tensor) -> None:
    """So quantizers find their operators, though more of them run."""
    own = coarse.student(pixels)
    said = coarse.student(pixels, torch.zeros_like(own.seeds).scatter_(1, own.starts, 1.0))
    for one, other in zip(own, said):
        assert torch.equal(one, other)


def test_words_and_the_choice_of_cells_are_not_rounded(coarse: PairRun) -> None:
    operators = {place.operator for place in places(coarse.student)}  # type: ignore[arg-type]
    kept = ("pairs/verb_words/", "pairs/object_words/", "pairs/seed/", "pairs/topk/")
    assert not [name for name in operators if name.startswith(kept)]
    layers = {layer.name for layer in layers_of(coarse.student)}  # type: ignore[arg-type]
    assert {"pairs.begin.weight", "decoder.layers.0.mlp.0.weight"} <= layers and "pairs.seed.weight" not in layers


def test_rounding_costs_no_arithmetic_that_counts(pair_run: PairRun, coarse: PairRun) -> None:
    found, before = cost(coarse.student), cost(pair_run.student)
    assert found.gflops == pytest.approx(before.gflops) and min(found.gflops.values()) > 0


def test_the_report_says_what_8_bits_cost(coarse: PairRun) -> None:
    steps = read_steps(coarse.folder)
    assert (
        list(steps) == ["as it came", "INT8, calibrated", "INT8, as kept"] and steps["INT8, as kept"]["latency"] is None
    )
    assert steps["INT8, as kept"]["weight_bytes"] < 0.8 * steps["as it came"]["weight_bytes"]
    assert all({*step["dev"]["all"]} == {"mean_ap"} for step in steps.values())
    heads, lines = rows(steps)
    assert heads == ["step", "M", "GFLOPs", "MB", "ms", "mAP"] and len(lines) == 3 and lines[1][4] == "-"
    page = (coarse.folder / "report.html").read_text("utf-8")
    assert "INT8 calibrated on 4 images (seed 0), judged on 6 images of dev" in page
    assert "Noise of the noisiest layers" in page and "pairs.begin" in page and "mAP" in page and "top-1" not in page


def test_a_finished_run_is_left_alone_and_other_wishes_are_refused(
    coarse: PairRun, pair_run: PairRun, pair_school: PairSchool
) -> None:
    before = {path: path.stat().st_mtime_ns for path in coarse.folder.rglob("student.safetensors")}
    compress(pair_run, coarse.folder, wishes(), pair_school, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before} and len(before) == 4
    more = dataclasses.replace(PTQ, calibration=5)
    with pytest.raises(InputError, match=r"holds another compression \(quantize.calibration: 4 there, 5 here\)"):
        compress(pair_run, coarse.folder, wishes(more), pair_school, 1)


@pytest.mark.long
def test_photos_to_calibrate_on_are_drawn_by_seed(
    coarse: PairRun, pair_run: PairRun, pair_school: PairSchool, tmp_path: Path
) -> None:
    found = []
    for seed in (0, 1):
        wish = wishes(dataclasses.replace(PTQ, seed=seed))
        compress(pair_run, tmp_path / str(seed), wish, pair_school, 1)
        found.append((tmp_path / str(seed) / "student.safetensors").read_bytes())
    assert found[0] == (coarse.folder / "student.safetensors").read_bytes() != found[1]


def test_what_cannot_be_rounded_is_refused(
    coarse: PairRun, pair_run: PairRun, pair_school: PairSchool, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is quantized already; compress the run that it was made from"):
        compress(coarse, tmp_path / "x", wishes(), pair_school, 1)
    nothing = dataclasses.replace(pair_school, learn=pair_school.learn.take(np.zeros(len(pair_school.learn), bool)))
    with pytest.raises(InputError, match="8 bits: wanted photos to calibrate on, got 0 in train"):
        compress(pair_run, tmp_path / "x", wishes(), nothing, 1)
    with pytest.raises(InputError, match="calibration must be 1 or more, got 0"):
        dataclasses.replace(PTQ, calibration=0)
    assert not (tmp_path / "x").exists()
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"wanted an empty folder or a compression, found letter\.txt"):
        compress(pair_run, tmp_path, wishes(), pair_school, 1)


def test_places_and_weights_that_do_not_belong_together_are_refused(coarse: PairRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(coarse.folder, folder)
    told = json.loads((folder / "quantizers.json").read_text())
    where = next(place for place in told if place["weight"] == "pairs.begin.weight")
    where["weight"] = "x"
    (folder / "quantizers.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="rounds 'x', which this student does not have"):
        open_pair_run(folder)
    (folder / "quantizers.json").unlink()
    with pytest.raises(InputError, match="is of another student than the card beside it"):
        open_pair_run(folder)
    (folder / "student.safetensors").unlink()
    with pytest.raises(InputError, match="this compression is not finished; run the same `edgegsr compress` again"):
        open_pair_run(folder)
