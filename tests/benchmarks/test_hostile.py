"""A thousand mutated photos and three hundred mutated bundles: looked at, or refused in one line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = pytest.mark.hostile


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delitem(sys.modules, "hostile", raising=False)
    import hostile

    return hostile


@pytest.fixture(scope="module")
def bundle(whole: Any, split_dev: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript")
    from edgegsr.export.export import Checks, export
    from edgegsr.export.target import find_target

    out = tmp_path_factory.mktemp("hostile") / "bundle"
    assert export(whole, out, find_target("onnx-fp32"), Checks(split_dev, images=2, threads=1))["written"]
    return out


def test_harmed_photos_are_looked_at_or_refused(hostile: Any, bundle: Path) -> None:
    result = hostile.run(bundle, {"photos": range(1000)}, seed=1)
    assert result["findings"] == []
    assert min(result["photos"][how] for how in hostile.FINE) > 150, "the mutations take both ways out"


def test_harmed_bundles_are_opened_or_refused(hostile: Any, bundle: Path) -> None:
    result = hostile.run(bundle, {"bundles": range(300)}, seed=1)
    assert result["findings"] == []
    assert min(result["bundles"][how] for how in hostile.FINE) > 20, "the mutations take both ways out"


def test_harmed_bundles_whose_words_are_inputs_are_opened_or_refused(
    hostile: Any, whole: Any, split_dev: Any, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    from edgegsr.export.export import Checks, export
    from edgegsr.export.form import Form
    from edgegsr.export.target import find_target
    from edgegsr.export.vocabulary import Vocab

    few = Checks(split_dev, images=2, threads=1)
    export(whole, tmp_path / "open", find_target("onnx-fp32"), few, Vocab("input"), form=Form(ask=True))
    result = hostile.run(tmp_path, {"worded": range(200)}, seed=2, worded=tmp_path / "open")
    assert result["findings"] == []
    assert min(result["worded"][how] for how in hostile.FINE) > 10, "the mutations take both ways out"


def misbehaving(bundle: Path, engine: str) -> Any:
    """Cases that are what the benchmark is there to see."""

    def fall(number: int) -> str:
        if number == 1:
            os.abort()
        if number == 2:
            time.sleep(60)
        return "read"

    return lambda folder, seed, number: (f"case {number} of seed {seed}", lambda: fall(number))


def test_a_crash_and_a_hang_are_told_and_outlived(hostile: Any, tmp_path: Path) -> None:
    found = list(hostile.cases(misbehaving, range(4), tmp_path, "onnxruntime", seed=5, deadline=1))
    assert [each[:3] for each in found] == [
        (0, "case 0 of seed 5", "read"),
        (1, "case 1 of seed 5", "crashes with exit code -6"),
        (2, "case 2 of seed 5", "hangs for 1 s"),
        (3, "case 3 of seed 5", "read"),
    ]


def test_an_error_that_is_not_one_line_about_its_file_is_a_finding(hostile: Any) -> None:
    def refuse(said: str) -> Any:
        raise hostile.InputError(said)

    assert hostile.judged(lambda: refuse("photo: wanted"), "photo: ") == "refused"
    for said in ("photo: two\nlines", "something", "photo: " + "x" * 9999):
        assert "is not one short line about photo" in hostile.judged(lambda said=said: refuse(said), "photo: ")
    assert hostile.judged(lambda: [][0], "photo: ") == "IndexError: list index out of range"
