"""The families of vision models that can teach: which of their outputs are the tokens, and what is loaded of them.

family           patch tokens                                          global token                         texts
BLIP-2           last layer of the vision tower, normed                CLS                                  no
CLIP             last layer of the vision tower, normed as its CLS is  CLS, normed, before the projection   its own
SigLIP, SigLIP2  last layer of the vision tower, normed                output of the pooling head           their own
LLaVA            the layer that its projector reads, before that       CLS; the mean where there is none    no
InternVL         the same, of a single tile that holds the whole image CLS                                  no
Qwen-VL          merged patches, as its language model reads them      mean of the patch tokens             no
DINOv2, ViT      last layer, normed                                    CLS                                  no

Only the vision tower is read into memory: Q-Formers, projectors and language models stay on the disk and never run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgegsr.errors import InputError
from edgegsr.hub import first_line, loading
from edgegsr.teacher.layouts import NAFLEX, PICTURES, QWEN, Layout
from edgegsr.teacher.sight import Pixels

# (tower, config of the whole model, output) -> tokens, and the global one where it does not stand before them
Tokens = Callable[[Any, Any, Any], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class Family:
    """How the models of one `model_type` become a teacher."""

    layout: Layout
    tokens: Tokens
    tower: str = "AutoModel"  # class of transformers
    options: Mapping[str, Any] = field(default_factory=dict)  # for the image processor
    projection: Callable[[Any], Tensor] | None = None  # (t, d) of a tower: from tokens to its texts


def _last(tower: Any, config: Any, output: Any) -> tuple[Tensor, None]:
    return output.last_hidden_state, None


def _normed(tower: Any, config: Any, output: Any) -> tuple[Tensor, None]:
    return getattr(tower, "vision_model", tower).post_layernorm(output.last_hidden_state), None


def _pooled(tower: Any, config: Any, output: Any) -> tuple[Tensor, Tensor | None]:
    return output.last_hidden_state, output.pooler_output


def _merged(tower: Any, config: Any, output: Any) -> tuple[Tensor, None]:
    return output.pooler_output, None


def _chosen(tower: Any, config: Any, output: Any) -> tuple[Tensor, None]:
    layers = config.vision_feature_layer
    return torch.cat([output.hidden_states[i] for i in ([layers] if isinstance(layers, int) else layers)], -1), None


def _chosen_or_last(tower: Any, config: Any, output: Any) -> tuple[Tensor, None]:
    return (_last if config.vision_feature_layer == -1 else _chosen)(tower, config, output)


def _identity(tower: Any) -> Tensor:
    return torch.eye(tower.config.hidden_size)


PLAIN = Family(PICTURES, _last)
QWEN2_TOWER = "models.qwen2_vl.modeling_qwen2_vl.Qwen2VisionTransformerPretrainedModel"

FAMILIES = {  # by the model_type of config.json
    "blip-2": Family(PICTURES, _last, "Blip2VisionModel"),
    "clip": Family(
        PICTURES, _normed, "CLIPVisionModelWithProjection", projection=lambda tower: tower.visual_projection.weight
    ),
    "clip_vision_model": Family(PICTURES, _normed),
    "siglip": Family(PICTURES, _pooled, projection=_identity),
    "siglip_vision_model": Family(PICTURES, _pooled),
    "siglip2": Family(NAFLEX, _pooled, projection=_identity),
    "siglip2_vision_model": Family(NAFLEX, _pooled),
    "llava": Family(PICTURES, _chosen),
    "internvl": Family(PICTURES, _chosen_or_last, options={"crop_to_patches": False}),
    "qwen2_vl": Family(QWEN, _merged, QWEN2_TOWER),
    "qwen2_5_vl": Family(QWEN, _merged),
    "qwen3_vl": Family(QWEN, _merged),
    "qwen3_vl_moe": Family(QWEN, _merged),
    "qwen3_5": Family(QWEN, _merged),
    "dinov2": PLAIN,
    "dinov2_with_registers": PLAIN,
    "vit": PLAIN,
}

# what towers are called inside the files of whole models, older and newer ones
PLACES = r"^(model\.)?(visual|vision_tower|vision_model)\.(vision_model\.)?"


def load_tower(folder: Path, family: Family, dtype: torch.dtype) -> tuple[Any, Any]:
    """The vision tower of the model in a folder, in eval mode, and the config of the whole model."""
    import transformers

    with loading(folder, "a vision model that transformers can read, weights as safetensors"):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        part = getattr(config, "vision_config", config)
        part.output_hidden_states = hasattr(config, "vision_feature_layer")
        if family.tower == "CLIPVisionModelWithProjection":
            part.projection_dim = config.projection_dim  # the two may differ; the weights have this one
        tower, report = attrgetter(family.tower)(transformers).from_pretrained(
            folder, config=part, key_mapping={PLACES: ""}, dtype=dtype, use_safetensors=True, local_files_only=True,
            output_loading_info=True,
        )  # fmt: skip
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            f"{folder}: the weights lack {len(missing)} tensors of the vision tower, {missing[0]!r} among them"
        )
    return tower.requires_grad_(False).eval(), config


def processed(processor: Any, image: Pixels, folder: Path, **options: Any) -> dict[str, Tensor]:
    """What a model's own image processor makes of one image."""
    try:
        given = processor(image, input_data_format="channels_last", return_tensors="pt", **options)
    except Exception as error:  # each has its own idea of what is too small or too thin, and its own error
        height, width = image.shape[:2]
        raise InputError(
            f"{folder}: wanted an image that its image processor takes, got one of {width} x {height} pixels: "
            f"{first_line(error)}; leave it out"
        ) from error
    return {name: value for name, value in given.items() if isinstance(value, Tensor)}


def load_processor(folder: Path) -> Any:
    """The image processor beside a model: the one of pillow, whose pixels are the same with and without torchvision."""
    import transformers

    with loading(folder, "an image processor, preprocessor_config.json"):
        return transformers.AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
