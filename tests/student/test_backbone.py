from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_student import HGNET, random_tables, tiny_config  # noqa: E402

from edgegsr.card import to_toml  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.backbone import build  # noqa: E402
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

RESNET: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 16, 24], "depths": [1, 1, 1], "layer_type": "basic"}
OTHERS: dict[str, dict[str, Any]] = {
    "resnet": RESNET,
    "convnextv2": {"hidden_sizes": [8, 16, 24], "depths": [1, 1, 1], "num_stages": 3},
    "swin": {"embed_dim": 8, "depths": [1, 1, 1], "num_heads": [1, 2, 2], "window_size": 4, "image_size": 64},
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A classifier, as the hub has them: its backbone is a part of it."""
    torch.manual_seed(5)
    model = transformers.ResNetForImageClassification(transformers.ResNetConfig(**RESNET))
    model.save_pretrained(tmp_path / "resnet")
    return tmp_path / "resnet"


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_any_transformers_backbone_sees_by_its_name(name: str, pixels: torch.Tensor) -> None:
    student = Student(tiny_config({"backbone": name, "options": OTHERS[name]}), random_tables())
    assert student(pixels).boxes_xyxy.shape == (3, 6, 4)
    assert student.encode(pixels).tokens.shape == (3, 8 * 8 + 4 * 4, 32)


def test_widths_of_hgnet_that_follow_from_others_need_not_be_written() -> None:
    backbone, channels, config = build(tiny_config(), load=True)
    assert channels == (32, 64)
    assert config.encoder.options["stage_in_channels"] == [16, 16, 32]
    assert [tuple(m.shape[1:]) for m in backbone(torch.zeros(1, 3, 64, 64)).feature_maps] == [(32, 8, 8), (64, 4, 4)]


def test_checkpoint_in_a_folder_gives_architecture_and_weights(checkpoint: Path) -> None:
    student = Student(tiny_config({"pretrained": str(checkpoint)}), random_tables())
    saved = transformers.ResNetForImageClassification.from_pretrained(checkpoint).resnet.state_dict()
    loaded = student.encoder.backbone.state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_resolved_config_no_longer_needs_the_checkpoint(checkpoint: Path, tmp_path: Path, pixels: torch.Tensor) -> None:
    student = Student(tiny_config({"pretrained": str(checkpoint)}), random_tables()).eval()
    (tmp_path / "config.toml").write_text(to_toml({"student": student.config}))
    for file in checkpoint.iterdir():
        file.unlink()
    again = Student(read_student(tmp_path / "config.toml"), random_tables(), pretrained=False).eval()
    again.load_state_dict(student.state_dict())
    assert torch.equal(student(pixels).verb_logits, again(pixels).verb_logits)
    assert again.config == student.config


def test_checkpoint_that_cannot_be_had_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such folder; give the folder of a saved model or a hub id"):
        build(tiny_config({"pretrained": str(tmp_path / "none")}), load=True)
    with pytest.raises(InputError, match=r"wanted a saved backbone with a config\.json"):
        build(tiny_config({"pretrained": str(tmp_path)}), load=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="nobody/nothing: neither a folder here nor a model that the hub"):
        build(tiny_config({"pretrained": "nobody/nothing"}), load=True)


def test_pickled_weights_are_not_read(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    torch.save({}, checkpoint / "pytorch_model.bin")
    with pytest.raises(InputError, match="wanted the safetensors of a resnet"):
        build(tiny_config({"pretrained": str(checkpoint)}), load=True)


def test_checkpoint_of_another_network_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the weights lack|wanted the safetensors of a hgnet_v2"):
        build(tiny_config({"pretrained": str(checkpoint), "backbone": "hgnet_v2", "options": HGNET}), load=True)
    transformers.BertConfig(hidden_size=8, num_attention_heads=1).save_pretrained(tmp_path / "bert")
    with pytest.raises(InputError, match=r"a bert is not a backbone; known: .*hgnet_v2"):
        build(tiny_config({"pretrained": str(tmp_path / "bert")}), load=True)


@pytest.mark.parametrize(
    ("encoder", "student", "text"),
    [
        ({"backbone": "hgnet"}, {}, r"student.encoder.backbone 'hgnet' is not known; known: .*hgnet_v2"),
        (
            {"backbone": "resnet", "options": {"width": 3}},
            {},
            r"student.encoder.options.width is not an option of resnet",
        ),
        ({"backbone": "resnet", "options": {"depths": "x"}}, {}, "student.encoder.options do not describe a resnet"),
        (
            {"backbone": "resnet", "options": RESNET},
            {"strides": [16, 32]},
            "resnet gives the strides 4, 8, 16, wanted 32",
        ),
        ({"backbone": "resnet", "options": RESNET}, {"strides": [4, 8]}, "the coarse one must be its last, got 8"),
        ({"backbone": "hgnet_v2", "options": HGNET | {"stage_out_channels": [8, 8]}}, {}, "do not describe a hgnet_v2"),
    ],
)
def test_impossible_encoder_is_refused(encoder: dict[str, Any], student: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build(tiny_config(encoder, **student), load=True)
