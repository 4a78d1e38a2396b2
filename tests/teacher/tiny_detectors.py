"""Detectors of transformers with a few thousand random weights, saved whole, as the hub keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(1)

LABELS = ("person", "baseball bat", "N/A", "sofa", "cup")
QUERIES = 12
SIDE = 64
HGNET = {
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 8, 8],
    "depths": [1, 1, 1, 1],
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 8, 8, 8],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [8, 8, 8, 8],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, False, False],
    "stage_kernel_size": [3, 3, 3, 3],
    "stage_numb_of_layers": [1, 1, 1, 1],
}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "layer_type": "basic"}
HYBRID = {
    "encoder_hidden_dim": 16,
    "encoder_in_channels": [8, 8, 8],
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "encoder_layers": 1,
    "decoder_in_channels": [16, 16, 16],
    "decoder_ffn_dim": 16,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "d_model": 16,
    "num_queries": QUERIES,
    "hidden_expansion": 0.5,
    "num_denoising": 0,
}
PLAIN = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "num_queries": QUERIES,
    "use_timm_backbone": False,
    "use_pretrained_backbone": False,
}


def d_fine(labels: dict[str, Any]) -> Any:
    backbone = transformers.HGNetV2Config(**HGNET, out_indices=[2, 3, 4])
    config = transformers.DFineConfig(backbone_config=backbone, **HYBRID, num_feature_levels=3, **labels)
    return transformers.DFineForObjectDetection(config)


def rt_detr(labels: dict[str, Any], version: str = "RTDetr") -> Any:
    backbone = transformers.RTDetrResNetConfig(**RESNET, out_indices=[2, 3, 4])
    config = getattr(transformers, f"{version}Config")(backbone_config=backbone, **HYBRID, **labels)
    return getattr(transformers, f"{version}ForObjectDetection")(config)


def detr(labels: dict[str, Any], version: str = "Detr") -> Any:
    backbone = transformers.ResNetConfig(**RESNET, out_indices=[4])
    config = getattr(transformers, f"{version}Config")(backbone_config=backbone, **PLAIN, **labels)
    return getattr(transformers, f"{version}ForObjectDetection")(config)


SQUARE = {"size": {"height": SIDE, "width": SIDE}}
SHORTEST = {"size": {"shortest_edge": 48, "longest_edge": 96}}
MODELS: dict[str, tuple[Callable[[dict[str, Any]], Any], str, dict[str, Any]]] = {
    "d_fine": (d_fine, "RTDetrImageProcessorPil", SQUARE),
    "rt_detr": (rt_detr, "RTDetrImageProcessorPil", SQUARE),
    "rt_detr_v2": (lambda labels: rt_detr(labels, "RTDetrV2"), "RTDetrImageProcessorPil", SQUARE),
    "detr": (detr, "DetrImageProcessorPil", SHORTEST),
    "conditional_detr": (lambda labels: detr(labels, "ConditionalDetr"), "ConditionalDetrImageProcessorPil", SHORTEST),
}


def save_detector(folder: Path, family: str, labels: Sequence[str] = LABELS) -> Path:
    """Writes model and processor; boxes and labels differ from query to query."""
    torch.manual_seed(1)
    build, processor, options = MODELS[family]
    names = dict(enumerate(labels))
    model = build({"id2label": names, "label2id": {name: i for i, name in names.items()}}).eval()
    for name, weight in model.named_parameters():
        if "norm" not in name and "backbone" not in name:
            torch.nn.init.normal_(weight, std=1.0 if "class" in name or "query_pos" in name else 0.2)
        if "class" in name and "N/A" in labels and weight.ndim == 1 and len(weight) >= len(labels):
            weight.data[list(labels).index("N/A")] = -20.0  # nothing was ever called that
    model.save_pretrained(folder)
    getattr(transformers, processor)(**options).save_pretrained(folder)
    return folder


def pair_run(folder: Path, kinds: Any) -> Any:
    """A run of pairs that was never trained: six queries on a square of 64 pixels."""
    from edgegsr.pair_run import PairRun
    from edgegsr.student.config import read_student
    from edgegsr.student.pairs import PairStudent
    from edgegsr.text import TextTables
    from edgegsr.text.kinds import ontology_of
    from edgegsr.wording import ontology_hash

    torch.manual_seed(0)
    options = {**HGNET, "stage_out_channels": [8, 16, 16]}
    options |= {name: options[name][:3] for name in ("stage_mid_channels", "stage_num_blocks", "stage_numb_of_layers")}
    options |= {name: options[name][:3] for name in ("stage_light_block", "stage_kernel_size")}
    for name in ("embedding_size", "hidden_sizes", "depths", "stage_in_channels", "stage_downsample"):
        del options[name]
    student = {"side": SIDE, "strides": [8, 16], "width": 16, "heads": 2, "mixer_layers": 1, "decoder_layers": 1}
    student |= {"pairs": 6, "encoder": {"backbone": "hgnet_v2", "options": options}}
    sizes = (len(kinds.verbs), len(kinds.objects) + 1)
    verbs, nouns = (torch.nn.functional.normalize(torch.randn(n, 24), dim=-1) for n in sizes)
    words = ontology_hash(ontology_of(kinds))
    tables = TextTables(verbs, torch.zeros(len(kinds.verbs), 6, 24), nouns, "random", words)
    made = PairStudent(read_student({"student": student}), tables, torch.from_numpy(kinds.valid), pretrained=False)
    folder.mkdir(parents=True)
    save_file(made.state_dict(), folder / "student.safetensors")
    (folder / "kinds.json").write_text(kinds.to_json())
    return PairRun(folder, {}, kinds, tables, made.eval())
