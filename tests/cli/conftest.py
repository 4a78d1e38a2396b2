"""A small crowd, a tiny student of pairs and a run of it, for commands to work on."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import run

CARD = """
[student]
side = 64
strides = [8, 16]
width = 16
heads = 2
decoder_layers = 1
pairs = 6

[student.encoder]
backbone = "hgnet_v2"

[student.encoder.options]
stem_channels = [3, 8, 8]
stage_mid_channels = [8, 8, 8]
stage_out_channels = [8, 16, 16]
stage_num_blocks = [1, 1, 1]
stage_numb_of_layers = [1, 1, 1]
stage_light_block = [false, false, false]
stage_kernel_size = [3, 3, 3]

[train]
epochs = 1
batch = 4
"""


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maker = pytest.importorskip("edgegsr.data.diorama.make_crowd")
    made: Path = maker.make(tmp_path_factory.mktemp("crowd") / "world", seed=5, share=0.002, workers=1)
    return made


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "tiny.toml"
    path.write_text(CARD)
    return path


@pytest.fixture(scope="session")
def trained(crowd: Path, card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "pairs"
    assert run("distill", "--student", card, "--data", crowd, "--unseen", "uo", "--out", out) == 0
    return out
