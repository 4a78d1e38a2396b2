"""Vision models of every family with a few thousand random weights, saved whole, as the hub keeps them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parents[1] / "text"))
from tiny_encoders import WORDS, save_tokenizer  # noqa: E402

torch.set_num_threads(1)

PATCH = 4
SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
SPEECH = {**SIZES, "vocab_size": 32, "num_hidden_layers": 1, "num_key_value_heads": 2, "max_position_embeddings": 32}
SPEECH |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def picture_tower(layers: int, side: int = 48) -> dict[str, Any]:
    return {**SIZES, "num_hidden_layers": layers, "image_size": side, "patch_size": PATCH}


def save_blip2(folder: Path, layers: int) -> None:
    former = {**SIZES, "num_hidden_layers": 1, "vocab_size": 32, "encoder_hidden_size": 16}
    config = transformers.Blip2Config(
        vision_config=picture_tower(layers), qformer_config=former, num_query_tokens=2,
        text_config={**SPEECH, "model_type": "opt", "ffn_dim": 16, "word_embed_proj_dim": 16},
    )  # fmt: skip
    save(folder, transformers.Blip2ForConditionalGeneration(config), shards="16KB")
    transformers.BlipImageProcessorPil(size={"height": 48, "width": 48}).save_pretrained(folder)


def save_clip(folder: Path, layers: int) -> None:
    marks = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    text = {**SIZES, **marks, "num_hidden_layers": 1, "vocab_size": len(WORDS), "max_position_embeddings": 12}
    text |= {"projection_dim": 20}
    config = transformers.CLIPConfig(text_config=text, vision_config=picture_tower(layers), projection_dim=20)
    save(folder, transformers.CLIPModel(config))
    save_tokenizer(folder, 12)
    crop_processor().save_pretrained(folder)


def save_clip_tower(folder: Path, layers: int) -> None:
    save(folder, transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**picture_tower(layers))))
    crop_processor().save_pretrained(folder)


def save_siglip(folder: Path, layers: int) -> None:
    text = {**SIZES, "num_hidden_layers": 1, "vocab_size": len(WORDS), "max_position_embeddings": 10}
    text |= {"projection_size": 16, "pad_token_id": 0}
    config = transformers.SiglipConfig(text_config=text, vision_config=picture_tower(layers))
    save(folder, transformers.SiglipModel(config))
    save_tokenizer(folder, 10)
    transformers.SiglipImageProcessorPil(size={"height": 48, "width": 48}).save_pretrained(folder)


def save_siglip_tower(folder: Path, layers: int) -> None:
    """Without the pooling head, as language models have it."""
    config = transformers.SiglipVisionConfig(**picture_tower(layers), vision_use_head=False)
    save(folder, transformers.SiglipVisionModel(config))
    transformers.SiglipImageProcessorPil(size={"height": 48, "width": 48}).save_pretrained(folder)


def save_siglip2_tower(folder: Path, layers: int) -> None:
    vision = {**SIZES, "num_hidden_layers": layers, "patch_size": PATCH, "num_patches": 144}
    save(folder, transformers.Siglip2VisionModel(transformers.Siglip2VisionConfig(**vision, vision_use_head=False)))
    transformers.Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=144).save_pretrained(folder)


def save_siglip2(folder: Path, layers: int) -> None:
    text = {**SIZES, "num_hidden_layers": 1, "vocab_size": len(WORDS), "max_position_embeddings": 10}
    text |= {"projection_size": 16, "pad_token_id": 0}
    vision = {**SIZES, "num_hidden_layers": layers, "patch_size": PATCH, "num_patches": 144}
    save(folder, transformers.Siglip2Model(transformers.Siglip2Config(text_config=text, vision_config=vision)))
    save_tokenizer(folder, 10)
    transformers.Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=144).save_pretrained(folder)


def save_llava(folder: Path, layers: int) -> None:
    config = transformers.LlavaConfig(
        vision_config={**picture_tower(layers + 1), "model_type": "clip_vision_model", "projection_dim": 20},
        text_config={**SPEECH, "model_type": "llama"},
    )
    save(folder, transformers.LlavaForConditionalGeneration(config))
    crop_processor().save_pretrained(folder)


def save_padded_llava(folder: Path, layers: int) -> None:
    """With the names of tensors that the first files on the hub have."""
    save_llava(folder, layers)
    state = load_file(folder / "model.safetensors")
    old = {name.replace("vision_tower.", "vision_tower.vision_model."): tensor for name, tensor in state.items()}
    save_file(old, folder / "model.safetensors", {"format": "pt"})
    processor = transformers.LlavaImageProcessorPil(do_pad=True, do_center_crop=False, size={"height": 48, "width": 48})
    processor.save_pretrained(folder)


def save_internvl(folder: Path, layers: int) -> None:
    config = transformers.InternVLConfig(
        vision_config={**picture_tower(layers), "image_size": [48, 48], "patch_size": [PATCH, PATCH]},
        text_config={**SPEECH, "model_type": "qwen2"},
    )
    save(folder, transformers.InternVLForConditionalGeneration(config))
    processor = transformers.GotOcr2ImageProcessorPil(size={"height": 48, "width": 48}, crop_to_patches=True)
    processor.save_pretrained(folder)


def save_qwen(folder: Path, layers: int, version: str, **vision: Any) -> None:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    text = {**SPEECH, "rope_parameters": rope, "head_dim": 8}
    sizes = {"patch_size": PATCH, "depth": layers, "num_heads": 2, "spatial_merge_size": 2, **vision}
    config = getattr(transformers, f"{version}Config")(text_config=text, vision_config=sizes)
    save(folder, getattr(transformers, f"{version}ForConditionalGeneration")(config))
    processor = transformers.Qwen2VLImageProcessorPil(
        patch_size=PATCH, size={"shortest_edge": 64, "longest_edge": 96 * 96}
    )
    processor.save_pretrained(folder)


def save_qwen2(folder: Path, layers: int) -> None:
    save_qwen(folder, layers, "Qwen2VL", embed_dim=16, hidden_size=12, mlp_ratio=1)


def save_qwen2_5(folder: Path, layers: int) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "out_hidden_size": 12}
    save_qwen(folder, layers, "Qwen2_5_VL", **sizes, window_size=16, fullatt_block_indexes=[1])


def save_qwen3(folder: Path, layers: int) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "out_hidden_size": 12}
    save_qwen(folder, layers, "Qwen3VL", **sizes, num_position_embeddings=64, deepstack_visual_indexes=[])


def save_qwen3_moe(folder: Path, layers: int) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "out_hidden_size": 12}
    save_qwen(folder, layers, "Qwen3VLMoe", **sizes, num_position_embeddings=64, deepstack_visual_indexes=[])


def save_qwen3_5(folder: Path, layers: int) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "out_hidden_size": 12}
    save_qwen(folder, layers, "Qwen3_5", **sizes, num_position_embeddings=64)


def save_registers(folder: Path, layers: int) -> None:
    config = transformers.Dinov2WithRegistersConfig(**picture_tower(layers), mlp_ratio=1, num_register_tokens=3)
    save(folder, transformers.Dinov2WithRegistersModel(config))
    transformers.BitImageProcessorPil(size={"height": 48, "width": 48}, do_center_crop=False).save_pretrained(folder)


def save_dinov2(folder: Path, layers: int) -> None:
    save(folder, transformers.Dinov2Model(transformers.Dinov2Config(**picture_tower(layers, 32), mlp_ratio=1)))
    processor = transformers.BitImageProcessorPil(size={"shortest_edge": 54}, crop_size={"height": 48, "width": 48})
    processor.save_pretrained(folder)


def save_vit(folder: Path, layers: int) -> None:
    save(folder, transformers.ViTModel(transformers.ViTConfig(**picture_tower(layers))))
    transformers.ViTImageProcessorPil(size={"height": 48, "width": 48}).save_pretrained(folder)


def save(folder: Path, model: Any, shards: str = "1GB") -> None:
    """With weights that are far from what a missing one would be initialised to."""
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder, max_shard_size=shards)


def crop_processor() -> Any:
    return transformers.CLIPImageProcessorPil(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})


SAVE: dict[str, Callable[[Path, int], None]] = {
    "blip2": save_blip2,
    "clip": save_clip,
    "clip tower": save_clip_tower,
    "siglip": save_siglip,
    "siglip tower": save_siglip_tower,
    "siglip2": save_siglip2,
    "siglip2 tower": save_siglip2_tower,
    "llava": save_llava,
    "padded llava": save_padded_llava,
    "internvl": save_internvl,
    "qwen2": save_qwen2,
    "qwen2.5": save_qwen2_5,
    "qwen3": save_qwen3,
    "qwen3 moe": save_qwen3_moe,
    "qwen3.5": save_qwen3_5,
    "dinov2": save_dinov2,
    "registers": save_registers,
    "vit": save_vit,
}


def save_teacher(folder: Path, family: str, layers: int) -> Path:
    """Without layers no patch hears of another."""
    torch.manual_seed(0)
    SAVE[family](folder, layers)
    return folder
