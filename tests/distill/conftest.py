"""A tiny crowd, staged once, that students of pairs learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairmade import CARD, tables_of

from edgegsr.data.pairs import PairSplit, open_pairs
from edgegsr.distill.pairs.train import train_pairs
from edgegsr.pair_run import PairRun


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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, learn: PairSplit, judge: PairSplit) -> PairRun:
    folder = tmp_path_factory.mktemp("runs") / "pairs"
    return train_pairs(CARD, learn, judge, tables_of(learn.pairs.kinds), folder)
