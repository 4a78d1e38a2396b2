"""The first answer of a fresh process, on a bundle that was built by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
if not Path("/proc/self/status").exists():
    pytest.skip("memory is read from /proc", allow_module_level=True)

from handmade import ANSWERS, graph, write

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def cold_start(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.delitem(sys.modules, "cold_start", raising=False)
    import cold_start

    return cold_start


def test_every_part_of_a_start_is_told(cold_start: Any, tmp_path: Path) -> None:
    result = cold_start.run([write(tmp_path / "bundle", graph(ANSWERS))], [], times=2, threads=1)
    told = result["bundles"]["bundle, onnxruntime"]
    assert 20 < told.pop("peak_resident_mb") < 1000 and told.pop("graph_mb") == 0
    assert tuple(told) == (*cold_start.PARTS, "all")
    assert all(0 < each["p50_ms"] <= each["max_ms"] for each in told.values())
    parts = sum(told[name]["max_ms"] for name in cold_start.PARTS)
    assert max(told[name]["p50_ms"] for name in cold_start.PARTS) < told["all"]["p50_ms"] <= parts + 0.1


def test_a_heavy_import_is_not_measured_but_told(
    cold_start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "FRESH", "import onnx\n" + cold_start.FRESH.lstrip())
    with pytest.raises(SystemExit, match="imported onnx, which no device has"):
        cold_start.run([write(tmp_path / "bundle", graph(ANSWERS))], [], times=1, threads=1)
