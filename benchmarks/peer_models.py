"""Networks that others would pick, in their published sizes: CLIP's image towers, D-FINE-N, CoFormer and GSRTR.

Nothing of theirs is here. transformers builds the first two with random weights, which is enough for speed. The other
two come from a checkout that the user names, whose code runs in the process that asks for it and nowhere else; how they
are built and called was read in their public repositories (jhcho99/CoFormer, jhcho99/GSRTR), and tested against a
stand-in of the same layout, since no checkout was at hand.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

CLIP = {
    "ViT-B/16": {
        "image_size": 224,
        "patch_size": 16,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "projection_dim": 512,
    },
    "ViT-L/14": {
        "image_size": 336,
        "patch_size": 14,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "projection_dim": 768,
    },
}
HGNET_B0 = {  # both as transformers' own converter sets them for `dfine_n_coco`
    "stem_channels": [3, 16, 16],
    "stage_in_channels": [16, 64, 256, 512],
    "stage_mid_channels": [16, 32, 64, 128],
    "stage_out_channels": [64, 256, 512, 1024],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_numb_of_layers": [3, 3, 3, 3],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "hidden_sizes": [128, 256, 512, 1024],
    "use_learnable_affine_block": True,
    "out_indices": [3, 4],
}
DFINE_N = {
    "feat_strides": [16, 32],
    "num_feature_levels": 2,
    "encoder_in_channels": [512, 1024],
    "encoder_hidden_dim": 128,
    "encoder_ffn_dim": 512,
    "encode_proj_layers": [1],
    "hidden_expansion": 0.34,
    "depth_mult": 0.5,
    "d_model": 128,
    "decoder_in_channels": [128, 128],
    "decoder_ffn_dim": 512,
    "decoder_n_points": [6, 6],
    "decoder_layers": 3,
    "num_labels": 80,
}
DETR = {  # what CoFormer and GSRTR have in common
    "backbone": "resnet50",
    "position_embedding": "learned",
    "hidden_dim": 512,
    "nheads": 8,
    "dim_feedforward": 2048,
    "dropout": 0.15,
    "inference": True,
    "num_noun_classes": 9929,
    "vidx_ridx": [[0, 1, 2, 3]] * 504,  # SWiG's verbs have between three and four roles in the mean
}
COFORMER = DETR | {
    "num_glance_enc_layers": 3,
    "num_gaze_s1_dec_layers": 3,
    "num_gaze_s1_enc_layers": 3,
    "num_gaze_s2_dec_layers": 3,
}
GSRTR = DETR | {"enc_layers": 6, "dec_layers": 6}


class Peer(NamedTuple):
    """A network that takes normalized pixels, (1, 3, side, side)."""

    side: int
    build: Callable[[], nn.Module]
    engines: tuple[str, ...] = ("torch fp32",)
    against: str | None = "openvino int8"  # the engine of ours that it is compared with; None: its own


EXPORTED = ("torch fp32", "onnxruntime fp32", "openvino fp32", "openvino bf16")


def peers(coformer: Path | None = None, gsrtr: Path | None = None) -> dict[str, Peer]:
    """All that can be built here, at their native sizes, and D-FINE at ours."""
    found = {
        "CLIP ViT-B/16": Peer(224, partial(clip, CLIP["ViT-B/16"]), EXPORTED),
        "D-FINE-N": Peer(320, partial(dfine, 320), (*EXPORTED, "openvino int8"), None),
        "CLIP ViT-L/14": Peer(336, partial(clip, CLIP["ViT-L/14"])),
    }
    if coformer:
        found["CoFormer"] = Peer(700, partial(from_checkout, coformer, COFORMER))
    if gsrtr:
        found["GSRTR"] = Peer(400, partial(from_checkout, gsrtr, GSRTR))
    return found


def built(peer: Peer) -> nn.Module:
    """The same weights in every process."""
    torch.manual_seed(0)
    return peer.build().eval()


class Answers(nn.Module):
    """A network of transformers as pixels in, tensors out."""

    def __init__(self, network: nn.Module, *names: str) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        found = self.network(pixel_values=pixels)
        return tuple(getattr(found, name) for name in self.names)


def clip(options: Mapping[str, Any]) -> nn.Module:
    """An image tower up to the embedding that is held against texts."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return Answers(CLIPVisionModelWithProjection(CLIPVisionConfig(**options)), "image_embeds")


def dfine(side: int) -> nn.Module:
    """The detector as it is deployed, with weights that let values through, so that no two queries are the same."""
    os.environ["TRANSFORMERS_DISABLE_TORCH_CHECK"] = "1"  # ONNX has no word for what it checks
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    config = DFineConfig(backbone_config=HGNetV2Config(**HGNET_B0), anchor_image_size=[side, side], **DFINE_N)
    network = DFineForObjectDetection(config).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return Answers(deployed(network), "logits", "pred_boxes")


def deployed(network: nn.Module) -> nn.Module:
    """Each pair of parallel convolutions as one, as D-FINE's own export makes them; transformers leaves two."""
    from transformers.models.d_fine.modeling_d_fine import DFineRepVggBlock

    for name, block in list(network.named_modules()):
        if isinstance(block, DFineRepVggBlock):
            wide = fuse_conv_bn_eval(block.conv1.conv, block.conv1.norm)
            narrow = fuse_conv_bn_eval(block.conv2.conv, block.conv2.norm)
            with torch.no_grad():
                wide.weight += F.pad(narrow.weight, (1, 1, 1, 1))
                wide.bias += narrow.bias
            network.set_submodule(name, nn.Sequential(wide, block.activation))
    return network


class Situations(nn.Module):
    """A network of CoFormer's kind, asked as its own inference.py does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(pixels, inference=True).values())


def from_checkout(folder: Path, options: Mapping[str, Any]) -> nn.Module:
    """What the code in this folder builds of these options, with random weights."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        importlib.import_module("util.misc").is_main_process = lambda: False  # which is who downloads weights
        network, _ = importlib.import_module("models").build_model(SimpleNamespace(**options))
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"{folder}: wanted a checkout of CoFormer or GSRTR with what it needs, {error.name} is missing; "
            f"give its folder, and pip install {error.name} where that is not part of it"
        ) from error
    return Situations(network)
