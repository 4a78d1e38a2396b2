"""An image-text-to-text model of a few thousand random weights, saved as the hub keeps one."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = [
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    "<image>",
    "yes",
    "no",
    "Yes",
    "No",
    "a",
    "the",
    "of",
    "image",
    "block",
    "bar",
]
TEMPLATE = (
    "{% for message in messages %}<s>{% for part in message['content'] %}{% if part['type'] == 'image' %}<image> "
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)
SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def save(folder: Path, template: str | None = TEMPLATE) -> Path:
    """Writes model and processor."""
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**SIZES, image_size=16, patch_size=8),
        text_config=transformers.LlamaConfig(
            **SIZES, vocab_size=len(WORDS), max_position_embeddings=4096,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        ),
        image_token_index=WORDS.index("<image>"),
        vision_feature_layer=-1,
        image_seq_length=4,
    )  # fmt: skip
    transformers.LlavaForConditionalGeneration(config).save_pretrained(folder)
    processor = transformers.LlavaProcessor(
        image_processor=transformers.models.clip.image_processing_pil_clip.CLIPImageProcessorPil(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        tokenizer=tokenizer(),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    processor.save_pretrained(folder)
    return folder


def tokenizer() -> object:
    """Whole words; what it does not know is <unk>."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
