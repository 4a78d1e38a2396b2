import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def loader_speed(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "loader_speed", raising=False)
    import loader_speed

    return loader_speed


def test_a_small_run_measures_every_setting(loader_speed, monkeypatch):
    monkeypatch.setattr(loader_speed, "WORKERS", (0, 1))
    result = loader_speed.run(images=33, epochs=1, seed=0)
    settings = [(s["side"], s["augmented"], s["workers"]) for s in result["settings"]]
    assert settings == [(side, train, n) for train in (True, False) for side in (128, 224) for n in (0, 1)]
    assert all(setting["images_per_second"] > 0 for setting in result["settings"])
    assert 5 < result["kilobytes_per_jpeg"] < 60
