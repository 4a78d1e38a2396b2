"""A tiny crowd, staged once, that students of pairs learn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgegsr.data.pairs import PairSplit, open_pairs


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maker = pytest.importorskip("edgegsr.data.diorama.make_crowd")
    folder: Path = maker.make(tmp_path_factory.mktemp("crowd") / "world", seed=5, share=0.002, workers=1)
    return folder


@pytest.fixture(scope="session")
def learn(crowd: Path) -> PairSplit:
    return open_pairs(str(crowd), "train")


@pytest.fixture(scope="session")
def judge(crowd: Path) -> PairSplit:
    return open_pairs(str(crowd), "dev")
