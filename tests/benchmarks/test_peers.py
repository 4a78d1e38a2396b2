"""Peers: their sizes, what runs of them in every engine, and a checkout whose code stays in its own process."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnxscript")
pytest.importorskip("openvino")
pytest.importorskip("nncf")

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import peer_models
import peers

TINY_CLIP = {
    "image_size": 32,
    "patch_size": 16,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "projection_dim": 8,
}
STAND_IN = {  # the layout and the calls of CoFormer's repository, and nothing else of it
    "util/__init__.py": "",
    "util/misc.py": "def is_main_process():\n    return True\n",
    "models/coformer.py": """
import torch
from util.misc import is_main_process


class CoFormer(torch.nn.Module):
    def __init__(self, args):
        super().__init__()
        self.look = torch.nn.Conv2d(3, args.hidden_dim, 32, 32)
        self.nouns = torch.nn.Linear(args.hidden_dim, args.num_noun_classes)
        self.vidx_ridx = args.vidx_ridx

    def forward(self, samples, targets=None, inference=False):
        assert inference and targets is None
        return {"pred_verb": self.nouns(self.look(samples).mean((2, 3)))}


def build(args):
    if is_main_process():
        raise RuntimeError("this would download weights")
    return CoFormer(args), None
""",
    "models/__init__.py": "from .coformer import build\n\n\ndef build_model(args):\n    return build(args)\n",
}


@pytest.fixture(autouse=True)
def checks_of_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """On again after each test: D-FINE turns them off."""
    monkeypatch.setenv("TRANSFORMERS_DISABLE_TORCH_CHECK", "0")


def tiny() -> peer_models.Peer:
    return peer_models.Peer(32, partial(peer_models.clip, TINY_CLIP), (*peer_models.EXPORTED, "openvino int8"))


def stand_in(folder: Path) -> Path:
    for name, text in STAND_IN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_clip_and_dfine_have_the_sizes_that_are_published() -> None:
    with torch.device("meta"):
        millions = {
            name: sum(each.numel() for each in peer.build().parameters()) / 1e6 for name, peer in peers.peers().items()
        }
    assert millions["CLIP ViT-B/16"] == pytest.approx(86.2, abs=0.1)
    assert millions["CLIP ViT-L/14"] == pytest.approx(304.3, abs=0.3)
    assert millions["D-FINE-N"] == pytest.approx(3.8, abs=0.1)


def test_attention_is_counted_too(tmp_path: Path) -> None:
    lone = peer_models.Peer(32, partial(peer_models.clip, TINY_CLIP))
    tokens, width = 5, 16
    linear = 4 * 3 * 16 * 16 * width + tokens * (4 * width * width + 2 * width * 32) + width * 8
    assert peers.prepared(lone, tmp_path)["gflops"] == round(2 * (linear + 2 * tokens * tokens * width) / 1e9, 4)


def test_deploying_changes_no_answer() -> None:
    from transformers import DFineConfig
    from transformers.models.d_fine.modeling_d_fine import DFineRepVggBlock

    torch.manual_seed(0)
    block = torch.nn.Sequential(DFineRepVggBlock(DFineConfig(), 4, 6)).eval()
    for norm in (block[0].conv1.norm, block[0].conv2.norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.normal_(norm.bias)
    image = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        before = block(image)
        after = peer_models.deployed(block)(image)
    assert not any(isinstance(each, DFineRepVggBlock) for each in block.modules())
    assert torch.allclose(before, after, atol=1e-5)


def test_a_peer_answers_in_every_engine(tmp_path: Path) -> None:
    facts = peers.prepared(tiny(), tmp_path)
    assert facts["drift"] < 1e-5 and int(facts["layers_in_8_bits"].split(" of ")[0]) >= 6
    wanted = peers.looking(tiny(), "torch fp32", tmp_path, 1)()[0].numpy()
    for engine, off in (("onnxruntime fp32", 1e-4), ("openvino fp32", 1e-4), ("openvino bf16", 0.1)):
        found = peers.looking(tiny(), engine, tmp_path, 1)()
        assert np.abs(found[0] - wanted).max() <= off * np.abs(wanted).max()
    assert peers.looking(tiny(), "openvino int8", tmp_path, 1)()[0].shape == wanted.shape


def test_no_two_queries_of_dfine_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_models, "DFINE_N", peer_models.DFINE_N | {"decoder_layers": 2, "num_queries": 12})
    peer = peer_models.Peer(64, partial(peer_models.dfine, 64))
    logits, boxes = peers.looking(peer, "torch fp32", Path(), 1)()
    assert logits.shape == (1, 12, 80) and boxes.shape == (1, 12, 4)
    assert len({round(each, 4) for each in logits.max(-1).values[0].tolist()}) == 12


def test_a_graph_that_says_something_else_is_not_timed() -> None:
    answer = torch.randn(1, 300, 4)
    swapped = answer[:, [1, 0, *range(2, 300)]]
    assert peers.drift((answer,), [swapped.numpy()]) == 0
    with pytest.raises(SystemExit, match="says something else than its network: off by"):
        peers.drift((answer,), [answer.roll(1, 1).numpy()])


class Unspeakable(torch.nn.Module):
    """There is no word of ONNX for what it does."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.linalg.eigvals(pixels).real,)


def test_why_a_network_is_not_exported_is_told(tmp_path: Path) -> None:
    facts = peers.prepared(peer_models.Peer(8, Unspeakable, peer_models.EXPORTED), tmp_path)
    assert "linalg_eig" in facts["not_exported"] and "drift" not in facts


def test_a_checkout_is_timed_in_its_own_process_and_downloads_nothing(tmp_path: Path) -> None:
    every = peers.peers(coformer=stand_in(tmp_path / "CoFormer"))
    ours = SimpleNamespace(
        threads=1, blocks={}, job=lambda engine: partial(peers.looking, tiny(), "torch fp32", tmp_path, 1)
    )
    found = peers.side_by_side(ours, every["CoFormer"], blocks=2, seconds=0.01)
    assert found["side"] == 700 and found["parameters"] == 3 * 32 * 32 * 512 + 512 + 512 * 9929 + 9929
    row = found["engines"]["torch fp32"]
    assert row["against"] == "nano, openvino int8" and row["times_ours"] > 0
    assert [len(each) for each in (ours.blocks["openvino int8"], row["times_ours_spread"])] == [2, 2]
    assert not {"models", "util"} & set(sys.modules)


def test_what_is_no_checkout_is_refused(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["peers.py", "--coformer", str(tmp_path)])
    with pytest.raises(SystemExit):
        peers.main()
    assert "wanted the folder of a checkout with models/coformer.py, got" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["peers.py", "--only", "YOLO"])
    with pytest.raises(SystemExit):
        peers.main()
    assert "--only: wanted some of CLIP ViT-B/16, D-FINE-N, CLIP ViT-L/14, got YOLO" in capsys.readouterr().err


def test_what_a_checkout_needs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "util").mkdir()
    (tmp_path / "util" / "misc.py").write_text("import torchvision_of_theirs\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="torchvision_of_theirs is missing; give its folder, and pip install"):
        peer_models.from_checkout(tmp_path, peer_models.COFORMER)
    for name in ("util", "util.misc"):
        sys.modules.pop(name, None)


def test_ratios_are_of_blocks_that_follow_each_other() -> None:
    row = peers.row([[80.0, 80.0, 100.0], [400.0]], [[1.0, 1.0, 9.0], [5.0]], "openvino int8")
    assert row["times_ours"] == 80 and row["times_ours_spread"] == [80, 80] and row["p50_ms"] == 90
    assert row["calls"] == 4


def test_aims_are_judged_by_the_slowest_answer_and_open_where_nothing_ran() -> None:
    def ran(**times: float) -> dict[str, Any]:
        return {"engines": {name.replace("_", " "): {"times_ours": each} for name, each in times.items()}}

    found = peers.aims({"CLIP ViT-B/16": ran(torch_fp32=81, openvino_bf16=9), "D-FINE-N": ran(a=2.0, b=0.9)})
    assert found["CLIP ViT-B/16 in torch"] == {"times_ours_at_least": 80, "found": {"torch fp32": 81}, "met": True}
    assert found["CoFormer in torch"] == {"times_ours_at_least": 150, "found": None, "met": None}
    assert found["D-FINE-N in the same engine"]["met"] is False
