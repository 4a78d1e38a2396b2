"""Text encoders of a few thousand random weights, saved as the hub keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

torch.set_num_threads(1)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "of", "kick", "ing", "##ing", "throw", "person", "dog", "ball"]

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def save_tokenizer(folder: Path, length: int) -> None:
    """A tokenizer of whole words, with the marks that the encoders look for."""
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    marks = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=marks)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        eos_token="[SEP]", model_max_length=length,
    )  # fmt: skip
    fast.save_pretrained(folder)


def save_bert(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.BertConfig(**SIZES, vocab_size=len(WORDS), max_position_embeddings=32)
    transformers.BertModel(config).save_pretrained(folder)
    save_tokenizer(folder, 32)
    return folder


def save_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    marks = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    text = {**SIZES, **marks, "vocab_size": len(WORDS), "max_position_embeddings": 12, "projection_dim": 20}
    vision = {**SIZES, "image_size": 8, "patch_size": 4}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=20)
    transformers.CLIPModel(config).save_pretrained(folder)
    save_tokenizer(folder, 12)
    return folder


def save_siglip(folder: Path, version: str = "Siglip") -> Path:
    torch.manual_seed(0)
    text = {**SIZES, "vocab_size": len(WORDS), "max_position_embeddings": 10, "projection_size": 16, "pad_token_id": 0}
    vision = {**SIZES, "image_size": 8, "patch_size": 4, "num_patches": 4}
    config = getattr(transformers, f"{version}Config")(text_config=text, vision_config=vision)
    getattr(transformers, f"{version}Model")(config).save_pretrained(folder)
    save_tokenizer(folder, 10)
    return folder
