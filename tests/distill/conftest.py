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
def pairs_train(crowd: Path) -> PairSplit:
    return open_pairs(str(crowd), "train")


@pytest.fixture(scope="session")
def pairs_dev(crowd: Path) -> PairSplit:
    return open_pairs(str(crowd), "dev")


@pytest.fixture(scope="session")
def pair_run(tmp_path_factory: pytest.TempPathFactory, pairs_train: PairSplit, pairs_dev: PairSplit) -> PairRun:
    folder = tmp_path_factory.mktemp("runs") / "pairs"
    return train_pairs(CARD, pairs_train, pairs_dev, tables_of(pairs_train.pairs.kinds), folder)
