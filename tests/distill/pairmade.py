"""A tiny student of pairs and its words."""

from __future__ import annotations

from typing import Any

import torch

from edgegsr.interactions import Kinds
from edgegsr.text import TextTables
from edgegsr.text.kinds import ontology_of
from edgegsr.wording import ontology_hash

WIDTH = 24  # of a text
CARD: dict[str, Any] = {
    "student": {
        "side": 64,
        "strides": [8, 16],
        "width": 16,
        "heads": 2,
        "mixer_layers": 1,
        "decoder_layers": 1,
        "pairs": 6,
        "encoder": {
            "backbone": "hgnet_v2",
            "options": {
                "stem_channels": [3, 8, 8],
                "stage_mid_channels": [8, 8, 8],
                "stage_out_channels": [8, 16, 16],
                "stage_num_blocks": [1, 1, 1],
                "stage_numb_of_layers": [1, 1, 1],
                "stage_light_block": [False, False, False],
                "stage_kernel_size": [3, 3, 3],
            },
        },
    },
    "train": {"epochs": 2, "batch": 4, "log_every": 1, "checkpoint_every": 1, "amp": "no"},
}


def tables_of(kinds: Kinds) -> TextTables:
    torch.manual_seed(0)
    ontology = ontology_of(kinds)
    sizes = (len(kinds.verbs), len(kinds.objects) + 1)
    verbs, nouns = (torch.nn.functional.normalize(torch.randn(n, WIDTH), dim=-1) for n in sizes)
    return TextTables(verbs, torch.zeros(len(kinds.verbs), 6, WIDTH), nouns, "random", ontology_hash(ontology))
