"""What the benchmark of pairs writes down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def hoi(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import hoi

    return hoi


def cell(hoi, seed: int, setting: str = "uv"):
    return hoi.Cell("mipd", setting, seed, "pico-pairs", 10, "no", Path("runs"), Path("runs"))


def test_seeds_are_kept_one_by_one_with_mean_and_spread(hoi) -> None:
    result = {"settings": {}}
    hoi.enter(result, cell(hoi, 0), {"unseen": 0.2, "seen": 0.4, "gpu": None, "cpu": "x"})
    assert result["settings"]["uv"]["mipd"]["spread"] is None
    hoi.enter(result, cell(hoi, 1), {"unseen": 0.4, "seen": 0.4, "gpu": None, "cpu": "x"})
    found = result["settings"]["uv"]["mipd"]
    assert found["mean"] == {"unseen": pytest.approx(0.3), "seen": 0.4}
    assert found["spread"]["unseen"] == pytest.approx(0.1414, abs=1e-3)
    assert set(found["per_seed"]) == {"0", "1"}


def test_every_training_has_a_folder_of_its_own(hoi) -> None:
    cells = [cell(hoi, seed, setting) for seed in (0, 1) for setting in hoi.SETTINGS]
    assert len({each.folder for each in cells}) == len(cells)


def test_a_result_of_another_schedule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(
        json.dumps({"benchmark": "diorama_hoi", "student": "pico-pairs", "world": 1, "epochs": 3})
    )
    command = [sys.executable, str(BENCHMARKS / "hoi.py"), "--out", str(tmp_path / "r.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "is of another epochs, 3; give another --out" in done.stderr
