"""A Qwen-VL of a few thousand random weights, whose positions have three axes, and a processor as it has one.

The processor of transformers wants torchvision for videos; this one does what it does for pictures.
"""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from tiny_teachers import SPEECH  # noqa: E402

WORDS = ["<pad>", "<s>", "</s>", "<unk>", "<start>", "<end>", "<picture>", "<video>", "yes", "a", "the", "of", "image"]
WORDS += ["block", "bar", "What", "is", "person", "doing", "with"]
PICTURE = WORDS.index("<picture>")


class Processor:
    """Pictures and texts to what the model takes, padded on the left."""

    chat_template = "a picture, then the text"

    def __init__(self) -> None:
        words = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, "<unk>"))
        words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        self.tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="</s>", padding_side="left"
        )
        self.image_processor = transformers.Qwen2VLImageProcessorPil(
            patch_size=4, size={"shortest_edge": 64, "longest_edge": 24 * 24}
        )

    def apply_chat_template(self, talks: list[Any], **options: Any) -> Any:
        parts = [talk[0]["content"] for talk in talks]
        seen = self.image_processor([picture["image"] for picture, _ in parts], return_tensors="pt")
        counts = seen["image_grid_thw"].prod(-1) // 4
        texts = [f"<s> <start> {'<picture> ' * n}<end> {text['text']}" for (_, text), n in zip(parts, counts.tolist())]
        read = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        tokens, mask = read["input_ids"], read["attention_mask"]
        marks = {"input_ids": tokens, "attention_mask": mask, "mm_token_type_ids": (tokens == PICTURE).long()}
        return transformers.BatchFeature({**marks, **seen})


def model() -> Any:
    torch.manual_seed(0)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    speech = {**SPEECH, "rope_parameters": rope, "head_dim": 8, "max_position_embeddings": 512, "num_hidden_layers": 2}
    vision = {"patch_size": 4, "depth": 1, "num_heads": 2, "spatial_merge_size": 2, "embed_dim": 16, "hidden_size": 16}
    marks = {"image_token_id": PICTURE, "video_token_id": 7, "vision_start_token_id": 4, "vision_end_token_id": 5}
    config = transformers.Qwen2VLConfig(text_config=speech, vision_config={**vision, "mlp_ratio": 1}, **marks)
    made = transformers.Qwen2VLForConditionalGeneration(config)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made.eval()
