"""Any backbone of transformers, by name or from a checkpoint, giving the feature maps of two strides."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoBackbone, AutoConfig, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING, MODEL_FOR_BACKBONE_MAPPING_NAMES

from edgegsr.errors import InputError
from edgegsr.hub import first_line, loading, locate
from edgegsr.progress import waiting
from edgegsr.student.config import EncoderConfig, StudentConfig


def build(config: StudentConfig, load: bool) -> tuple[nn.Module, tuple[int, int], StudentConfig]:
    """The backbone, the channels of its two maps, and the config with the architecture of a checkpoint spelled out.

    `load` fetches the pretrained weights; a student that is about to get its own weights does not need them.
    """
    network, folder = _network(config.encoder, load)
    with waiting(f"opening {network.model_type}"):
        MODEL_FOR_BACKBONE_MAPPING[type(network)]  # imports much at first
    channels = _select(network, config)
    backbone = AutoBackbone.from_config(network) if folder is None else _pretrained(network, folder)
    if folder is None and network.model_type == "hgnet_v2":
        backbone.apply(spread_evenly)
    encoder = dataclasses.replace(config.encoder, backbone=network.model_type, options=_options(network))
    return backbone, channels, dataclasses.replace(config, encoder=encoder)


def _network(encoder: EncoderConfig, load: bool) -> tuple[Any, Path | None]:
    """The transformers config and the folder of the first weights."""
    folder = locate(encoder.pretrained) if encoder.pretrained and (load or not encoder.backbone) else None
    network = _named(encoder) if encoder.backbone else _of_checkpoint(folder)
    if type(network) not in MODEL_FOR_BACKBONE_MAPPING:
        raise InputError(f"{encoder.pretrained}: a {network.model_type} is not a backbone; {_known()}")
    return network, folder if load else None


def _named(encoder: EncoderConfig) -> Any:
    if encoder.backbone not in MODEL_FOR_BACKBONE_MAPPING_NAMES:
        raise InputError(f"student.encoder.backbone {encoder.backbone!r} is not known; {_known()}")
    kind = CONFIG_MAPPING[encoder.backbone]
    known = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(encoder.options) - known):
        raise InputError(
            f"student.encoder.options.{unknown[0]} is not an option of {encoder.backbone}; known: "
            + ", ".join(sorted(_own_options(kind)))
        )
    try:
        return kind(**complete(encoder.backbone, dict(encoder.options)))
    except Exception as error:  # each config class checks in its own way
        raise InputError(
            f"student.encoder.options do not describe a {encoder.backbone}: {first_line(error)}"
        ) from error


def complete(backbone: str, options: dict[str, Any]) -> dict[str, Any]:
    """HGNetV2 wants some widths two or three times; what follows from the others is not asked for."""
    if backbone != "hgnet_v2" or "stage_out_channels" not in options:
        return options
    stem, out = options.get("stem_channels", (3, 32, 48)), list(options["stage_out_channels"])
    follow = {
        "embedding_size": stem[-1],
        "hidden_sizes": out,
        "depths": options.get("stage_num_blocks", [1] * len(out)),
        "stage_in_channels": [stem[-1], *out[:-1]],
        "stage_downsample": [False] + [True] * (len(out) - 1),
        "stage_downsample_strides": [2] * len(out),
    }
    return follow | options


def _of_checkpoint(folder: Path | None) -> Any:
    with loading(folder, "a saved backbone with a config.json"):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _pretrained(network: Any, folder: Path) -> nn.Module:
    kind = MODEL_FOR_BACKBONE_MAPPING[type(network)]  # AutoBackbone would ask the hub even about a folder
    with loading(folder, f"the safetensors of a {network.model_type}"):
        backbone, report = kind.from_pretrained(
            folder, config=network, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    # the norms over a stage's map belong to the backbone alone: a classifier's checkpoint does not have them
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("hidden_states_norms")):
        raise InputError(f"{folder}: the weights lack {len(missing)} tensors, {missing[0]!r} among them")
    return backbone  # type: ignore[no-any-return]


def _select(network: Any, config: StudentConfig) -> tuple[int, int]:
    """Makes the backbone give the maps of the two strides, and tells their channels."""
    stages = _stages(network.model_type, network.to_json_string(), config.side)
    by_stride = {stride: name for name, (stride, _) in stages.items()}  # the deepest stage of each stride
    available = ", ".join(map(str, sorted(by_stride)))
    for stride in config.strides:
        if stride not in by_stride:
            raise InputError(f"student.strides: {network.model_type} gives the strides {available}, wanted {stride}")
    if by_stride[config.strides[1]] != list(stages)[-1]:
        raise InputError(
            f"student.strides: {network.model_type} computes strides {available}; the coarse one must be its last, "
            f"got {config.strides[1]}; take fewer stages or a coarser stride"
        )
    network.out_features = [by_stride[stride] for stride in config.strides]
    return stages[network.out_features[0]][1], stages[network.out_features[1]][1]


@lru_cache
def _stages(kind: str, options: str, side: int) -> dict[str, tuple[int, int]]:
    """The stride and the channels of every stage, measured without computing anything."""
    network = CONFIG_MAPPING[kind].from_dict(json.loads(options))
    network.out_features = list(network.stage_names)
    try:
        with torch.device("meta"), torch.no_grad():
            maps = AutoBackbone.from_config(network).eval()(torch.zeros(1, 3, side, side)).feature_maps
    except Exception as error:
        raise InputError(f"student.encoder: {network.model_type} refuses a {side} x {side} image: {error}") from error
    return {name: (side // shape[-1], shape[1]) for name, m in zip(network.stage_names, maps) if (shape := m.shape)}


def _options(network: Any) -> dict[str, Any]:
    """What of a transformers config is not its default, as TOML can hold it."""
    default = type(network)()
    values = {name: getattr(network, name) for name in _own_options(type(network))}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != getattr(default, name) and not name.startswith("_")
    }


def _own_options(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)} - {
        field.name for field in dataclasses.fields(PreTrainedConfig)
    }


def spread_evenly(module: nn.Module) -> None:
    """He's initialisation: of the library's smaller weights, which feed a BatchNorm, an early step changes too much."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.weight.shape[0] * math.prod(module.kernel_size) // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))


def _known() -> str:
    return "known: " + ", ".join(sorted(MODEL_FOR_BACKBONE_MAPPING_NAMES))
