"""What a second head costs: three bundles in turns, and the table of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("nncf")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_both_are_held_against_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import both_heads
    import tables_pairs

    names = ["situations", "pairs", "both"]
    for name in names:  # of three that are the same, both take half
        shutil.copytree(ROOT / "models" / "diorama-nano" / "bundle", tmp_path / name)
    found = both_heads.timed(tmp_path, names, threads=1, blocks=3, seconds=0.02)
    assert found["of_apart"] == pytest.approx(0.5, abs=0.2)
    assert all(found[name]["p50_ms"] > 0 for name in names)
    told = {**found, "graph_bytes": dict.fromkeys(names, 7_600_000)}
    result = {"run": "x", "threads": 1, "machine": {"cpu": "a CPU"}, "targets": {"onnx-fp32": told}}
    monkeypatch.setattr(tables_pairs, "load", {"both-heads": result}.__getitem__)
    row = tables_pairs.both_heads().splitlines()[-1]
    assert row.startswith(f"| `onnx-fp32` | {found['situations']['p50_ms']:.2f} |") and row.endswith("| 7.6 |")
