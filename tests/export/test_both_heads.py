"""Both heads in one bundle: one look, and what is said is what each half would say by itself."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import bothworld
import pairworld
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgegsr.both_run import BothRun, open_both_run
from edgegsr.bundle import OUTPUTS, PAIR_OUTPUTS, open_bundle
from edgegsr.card import to_toml
from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
from edgegsr.data.pairs import PairSplit
from edgegsr.data.split import Split
from edgegsr.data.splits import groups
from edgegsr.errors import InputError
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.judge import Checks
from edgegsr.export.pair_parity import same_interactions
from edgegsr.export.target import find_target
from edgegsr.export.vocabulary import Vocab
from edgegsr.pair_run import open_pair_run
from edgegsr.run import open_run
from edgegsr.runtime import BothRecognizer, InteractionRecognizer, SituationRecognizer
from edgegsr.student.cost import cost
from edgegsr.student.predictor import EagerPredictor
from edgegsr.student.quantizers import Quantized, hooks, places, unrounded, write_places
from edgegsr.student.weights import save_packed, save_weights

TARGET = find_target("onnx-fp32")
PTQ = Wishes(PruneConfig(), QuantizeConfig(ptq=True, calibration=4, max_drop=1), TARGET)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> BothRun:
    return bothworld.run(tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> PairSplit:
    return pairworld.photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def checks(split_train: Split, split_dev: Split, crowds: PairSplit) -> Checks:
    return Checks(split_dev, groups(split_train.annotations), threads=1, beside=crowds)


@pytest.fixture(scope="module")
def bundle(learned: BothRun, checks: Checks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "bundle"
    assert export(learned, out, TARGET, checks)["missed"] == []
    return out


def test_a_bundle_of_both_says_what_each_half_says(bundle: Path, learned: BothRun, crowds: PairSplit) -> None:
    both, one, other = BothRecognizer(bundle, threads=1), SituationRecognizer(bundle), InteractionRecognizer(bundle)
    eager = EagerPredictor(learned.situations)
    for i in range(len(crowds)):
        said = both.predict(crowds.path(i))
        assert said.situation == one.predict(crowds.path(i))
        assert said.situation.verb == eager.predict(crowds.path(i)).verb
        assert same_interactions(said.interactions, other.predict(crowds.path(i)))
        asked = both.predict(crowds.pixels(i), "pushing")
        assert asked.situation == one.predict(crowds.pixels(i), "pushing")
        assert same_interactions(asked.interactions, said.interactions)
    assert [len(each.interactions) for each in both.predict_all([crowds.path(0)])] == [
        len(both.predict(crowds.path(0)).interactions)
    ]


def test_every_output_is_near_that_of_the_student(bundle: Path) -> None:
    numerics = json.loads((bundle / "numerics.json").read_text())
    assert numerics["drift"].keys() == {*OUTPUTS, *PAIR_OUTPUTS}
    assert max(numerics["drift"].values()) < 1e-4
    assert {"verb_logits", "interactions"} <= numerics["same"].keys()
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "## Pairs" in card and "5 pairs of a photo" in card and "over 4 verbs" in card


def test_its_manifest_says_both(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.heads == ("situations", "pairs") and opened.inputs == ("pixels", "verb")
    assert opened.manifest["vocabulary"] == {
        "verbs": 4, "nouns": 4, "folded": True, "pairs": {"verbs": 3, "objects": 2, "kinds": 4},
    }  # fmt: skip


def test_a_bundle_of_one_half_is_not_opened_for_both(learned: BothRun, split_dev: Split, tmp_path: Path) -> None:
    export(learned.situations, tmp_path / "one", TARGET, Checks(split_dev, threads=1))
    with pytest.raises(InputError, match="is a bundle of situations; open it with SituationRecognizer instead of Both"):
        BothRecognizer(tmp_path / "one")


def test_the_arithmetic_of_both_is_counted_once_for_the_trunk(learned: BothRun) -> None:
    count = cost(learned.student)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        learned.student(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    assert count.total_gflops == pytest.approx(counter.get_total_flops() / 1e9)
    assert count.total_parameters == sum(weight.numel() for weight in learned.student.parameters())
    apart = cost(learned.situations.student).total_gflops + cost(learned.pairs.student).total_gflops
    assert count.total_gflops < 0.8 * apart


def test_what_both_heads_cannot_have_is_refused(learned: BothRun, checks: Checks, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--vocab input"):
        export(learned, tmp_path / "x", TARGET, checks, Vocab("input"))
    with pytest.raises(InputError, match="--with-ask"):
        export(learned, tmp_path / "x", TARGET, checks, form=Form(ask=True))
    with pytest.raises(InputError, match=r"counts in float32; run `edgegsr compress .*` first"):
        export(learned, tmp_path / "x", find_target("onnx-int8"), checks)


def test_halves_of_two_trainings_are_refused(learned: BothRun, tmp_path: Path) -> None:
    for half in ("situations", "pairs"):
        (tmp_path / half).mkdir()
        for path in (learned.folder / half).iterdir():
            (tmp_path / half / path.name).write_bytes(path.read_bytes())
    other = open_both_run(tmp_path).situations.student
    with torch.no_grad():
        other.encoder.fine_norm.bias += 1
    save_weights(other, tmp_path / "situations" / "student.safetensors")
    with pytest.raises(InputError, match=r"encoder\.fine_norm\.bias is another one in situations/.* than in pairs/"):
        open_both_run(tmp_path)


def test_half_precision_is_judged_by_both(learned: BothRun, checks: Checks, tmp_path: Path) -> None:
    lenient = dataclasses.replace(checks, allow_regression=True)
    found = export(learned, tmp_path / "half", find_target("onnx-fp16"), lenient)
    dev = found["numerics"]["dev"]
    assert "mean_ap" in dev["student"]["pairs"] and "verb_top1" in dev["half"]["all"]
    assert np.isfinite([*found["numerics"]["drift"].values()]).all()


def test_a_half_in_8_bits_is_for_itself(learned: BothRun, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    shutil.copytree(learned.folder, tmp_path, dirs_exist_ok=True)
    half = open_pair_run(tmp_path / "pairs")
    rounded = calibrated(half.student.fold(), [torch.zeros(1, 32, 32, 3, dtype=torch.uint8)])
    (half.folder / "config.toml").write_text(to_toml({**half.config, "student": rounded.config}))
    write_places(rounded, half.folder / "quantizers.json")
    save_packed(rounded, half.folder / "student.safetensors")
    with pytest.raises(InputError, match="pairs: counts in INT8 and the other half does not; run `edgegsr compress"):
        open_both_run(tmp_path)


# --- in 8 bits ---


@pytest.fixture(scope="module")
def rounded(
    learned: BothRun,
    split_train: Split,
    split_dev: Split,
    crowds: PairSplit,
    tmp_path_factory: pytest.TempPathFactory,
) -> BothRun:
    pytest.importorskip("nncf")
    from edgegsr.compress.compress import compress

    school = bothworld.school((split_train, split_dev), (crowds, crowds))
    return compress(learned, tmp_path_factory.mktemp("rounded") / "run", PTQ, school, 1)


def test_both_halves_in_8_bits_have_one_trunk(rounded: BothRun) -> None:
    assert all(isinstance(half.student, Quantized) for half in (rounded.situations, rounded.pairs))
    seen = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8))
    together = rounded.student(seen)
    mine, theirs = (open_run(rounded.folder / "situations"), open_pair_run(rounded.folder / "pairs"))
    for said, alone in ((together.situation, mine.student(seen)), (together.pairs, theirs.student(seen))):
        assert all(torch.equal(a, b) for a, b in zip(said, alone))
    plain = unrounded(mine.student, mine.tables)(seen)
    assert not torch.equal(plain.verb_logits, together.situation.verb_logits)


def test_scales_of_two_encoders_are_refused(rounded: BothRun, tmp_path: Path) -> None:
    shutil.copytree(rounded.folder, tmp_path, dirs_exist_ok=True)
    half = open_pair_run(tmp_path / "pairs").student
    with torch.no_grad():
        next(
            quant for place, (_, quant) in zip(places(half), hooks(half)) if place.operator.startswith("encoder/")
        ).scale.mul_(2)
    save_packed(half, tmp_path / "pairs" / "student.safetensors")
    with pytest.raises(InputError, match="is another one in situations/"):
        open_both_run(tmp_path)


def test_a_bundle_of_both_in_8_bits_says_what_its_student_says(
    rounded: BothRun, checks: Checks, crowds: PairSplit, tmp_path: Path
) -> None:
    lenient = dataclasses.replace(checks, allow_regression=True)  # nothing this small is faster in 8 bits
    found = export(rounded, tmp_path / "int8", find_target("onnx-int8"), lenient)
    near = found["numerics"]
    assert near["layers"]["in_8_bits"] > 0 and near["dev"]["graph"].keys() == near["dev"]["student"].keys()
    assert near["drift"].keys() == {*OUTPUTS, *PAIR_OUTPUTS} and near["same"]["verb_logits"] > 0.9
    whole = export(rounded.situations, tmp_path / "half", find_target("onnx-int8"), lenient)
    assert found["graph_bytes"] < 2 * whole["graph_bytes"]
    said = BothRecognizer(tmp_path / "int8", threads=1).predict(crowds.path(0))
    eager = EagerPredictor(rounded.situations).predict(crowds.path(0))
    assert said.situation.verb == eager.verb
