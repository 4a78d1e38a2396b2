"""What the benchmark of pairs writes down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def hoi(script: Any) -> Any:
    return script("hoi")


def cell(hoi, seed: int, setting: str = "uv"):
    how = ("pico-pairs", 10, "no", "diorama-detector-160", "diorama-detector-256")
    return hoi.Cell("mipd", setting, seed, *how, Path("runs"), Path("runs"))


def test_seeds_are_kept_one_by_one_with_mean_and_spread(hoi) -> None:
    rows = {}
    hoi.enter(rows, "mipd", 0, {"unseen": 0.2, "seen": 0.4, "gpu": None, "cpu": "x"})
    assert rows["mipd"]["spread"] is None
    hoi.enter(rows, "mipd", 1, {"unseen": 0.4, "seen": 0.4, "gpu": None, "cpu": "x"})
    found = rows["mipd"]
    assert found["mean"] == {"unseen": pytest.approx(0.3), "seen": 0.4}
    assert found["spread"]["unseen"] == pytest.approx(0.1414, abs=1e-3)
    assert set(found["per_seed"]) == {"0", "1"}


def test_every_training_has_a_folder_of_its_own(hoi) -> None:
    cells = [cell(hoi, seed, setting) for seed in (0, 1) for setting in hoi.SETTINGS]
    assert len({each.folder for each in cells}) == len(cells)


@pytest.mark.parametrize(
    ("method", "setting", "teacher", "detector"),
    [
        ("none", "uo", False, False),
        ("mipd", "all", True, False),
        ("mipd", "uv", True, False),
        ("gplhoi", "rf_uc", True, False),
        ("mipd", "nf_uc", True, True),
        ("gplhoi", "uo", True, True),
        ("clhoi", "all", False, True),
    ],
)
def test_a_detector_finds_couples_where_whole_ones_are_unannotated(
    hoi, monkeypatch: pytest.MonkeyPatch, method: str, setting: str, teacher: bool, detector: bool
) -> None:
    asked = []
    for name in ("open_pairs", "ontology_of", "tables_for"):
        monkeypatch.setattr(hoi, name, lambda *args, **given: SimpleNamespace(pairs=SimpleNamespace(kinds=None)))
    monkeypatch.setattr(hoi, "open_pair_source", lambda method, given, *rest: asked.append(given))
    hoi.taught_by(cell(hoi, 0, setting)._replace(method=method))
    assert (asked[0].teacher, asked[0].detector) == (
        "diorama" if teacher else None,
        "diorama-detector-256" if detector else None,
    )


def test_a_value_of_the_card_reaches_the_training_and_who_looks(hoi, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for name in ("open_pairs", "ontology_of", "tables_for"):
        monkeypatch.setattr(hoi, name, lambda *args, **given: SimpleNamespace(pairs=SimpleNamespace(kinds=None)))
    monkeypatch.setattr(hoi, "open_pair_source", lambda method, given, *rest: asked.append(rest[-1]))
    looking = cell(hoi, 3)._replace(values=("mipd.pair_gaze=true", "lr=0.1"))
    assert looking.overrides == {"seed": 3, "epochs": 10, "amp": "no", "mipd.pair_gaze": True, "lr": 0.1}
    hoi.taught_by(cell(hoi, 3))
    hoi.taught_by(looking)
    assert asked == [False, True]


def test_a_result_of_another_schedule_is_refused(hoi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.json").write_text(
        json.dumps({"benchmark": "diorama_hoi", "student": "pico-pairs", "world": 1, "epochs": 3})
    )
    monkeypatch.setattr(sys, "argv", ["hoi.py", "--out", str(tmp_path / "r.json")])
    with pytest.raises(SystemExit, match="is of another epochs, 3; give another --out"):
        hoi.main()


def test_the_table_says_what_is_there_and_how_far_it_is_from_what_was_hoped_for(
    hoi, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tables_pairs

    result: dict[str, Any] = {
        "student": "pico-pairs",
        "epochs": 5,
        "finds": ["uo"],
        "detector": {"run": "d"},
        "settings": {"uv": {}, "all": {}},
    }
    rows, every = result["settings"]["uv"], result["settings"]["all"]
    hoi.enter(rows, "none", 0, {"unseen": 0.2, "seen": 0.4, "full": 0.3})
    for seed, unseen in ((0, 0.24), (1, 0.26)):
        hoi.enter(rows, "mipd", seed, {"unseen": unseen, "seen": 0.39, "full": 0.3})
    monkeypatch.setattr(tables_pairs, "load", {"diorama-hoi": result}.__getitem__)
    told = tables_pairs.hoi()
    assert (
        "5 epochs from a detector" in told
        and "In UO methods with a teacher also learn of couples that `d` finds" in told
    )
    assert "| `none` | all but the unseen kinds | in brackets | - | - | - | - | 20.0 / 40.0 (1) |" in told
    assert "25.0 ± 1.4 / 39.0 ± 0.0 (2) |" in told
    assert "of what every annotation gives" not in told
    hoi.enter(every, "none", 0, {"full": 0.2})
    hoi.enter(every, "clhoi", 0, {"full": 0.1, "rare": 0.05, "uv_unseen": 0.1, "uv_seen": 0.1})
    assert (
        "| `clhoi` | no annotation of these photos | 1 | 10.0 / 5.0 | - / - |" in tables_pairs.hoi()
        and "`clhoi` has 50 % of what every annotation gives" in tables_pairs.hoi()
    )


def test_the_table_of_gains_has_what_other_photos_would_say(monkeypatch: pytest.MonkeyPatch) -> None:
    import tables_pairs

    gained = {
        "unseen": {"gain": 0.0222, "interval": [0.006, 0.037]},
        "seen": {"gain": -0.0037, "interval": [-0.01, 0.002]},
    }
    result = {"split": "test", "settings": {"rf_uc": {"mipd": gained}}}
    monkeypatch.setattr(tables_pairs, "load", {"diorama-hoi-apart": result}.__getitem__)
    told = tables_pairs.hoi_apart()
    assert "| `mipd` | unseen | +2.2 (+0.6 to +3.7) | - | - | - |" in told
    assert "| `mipd` | seen | -0.4 (-1.0 to +0.2) | - | - | - |" in told
