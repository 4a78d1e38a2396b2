"""A student of pairs with random weights that says something, and photos to say it about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edgegsr.interactions import Kinds, Pairs

if TYPE_CHECKING:
    from edgegsr.data.pairs import PairSplit
    from edgegsr.pair_run import PairRun

KINDS = Kinds(
    ("ride", "hold", "eat"),
    ("bicycle", "cup"),
    np.array([[0, 0], [1, 0], [1, 1], [2, 1]], np.int32),
    np.array([True, False, False, False]),
    {"uv": np.array([False, False, False, True])},
)
WIDTH, PHOTOS = 24, 6
CARD: dict[str, Any] = {
    "student": {
        "side": 32,
        "strides": [4, 8],
        "width": 16,
        "heads": 2,
        "decoder_layers": 1,
        "pairs": 5,
        "encoder": {
            "backbone": "hgnet_v2",
            "options": {
                "stem_channels": [3, 8, 8],
                "stage_mid_channels": [8, 8],
                "stage_out_channels": [16, 24],
                "stage_num_blocks": [1, 1],
                "stage_numb_of_layers": [1, 1],
                "stage_light_block": [False, False],
                "stage_kernel_size": [3, 3],
            },
        },
    }
}


def run(folder: Path = Path("run")) -> PairRun:
    """One that was never trained; most of its queries are sure to see a pair."""
    import torch

    from edgegsr.pair_run import PairRun
    from edgegsr.student.config import read_student
    from edgegsr.student.pairs import PairStudent
    from edgegsr.text import TextTables
    from edgegsr.text.kinds import ontology_of
    from edgegsr.wording import ontology_hash

    torch.manual_seed(0)
    sizes = (len(KINDS.verbs), len(KINDS.objects) + 1)
    verbs, nouns = (torch.nn.functional.normalize(torch.randn(n, WIDTH), dim=-1) for n in sizes)
    words = ontology_hash(ontology_of(KINDS))
    tables = TextTables(verbs, torch.zeros(len(KINDS.verbs), 6, WIDTH), nouns, "random", words)
    student = PairStudent(read_student(CARD), tables, torch.from_numpy(KINDS.valid), pretrained=False)
    with torch.no_grad():
        student.pairs.presence[-1].bias += 8  # type: ignore[operator]
        student.pairs.verb_bias += 12
    config = {"format": 1, "method": "none", "data": "made", **CARD, "pairs": {"unseen": "uv"}}
    return PairRun(folder, config, KINDS, tables, student.eval())


def photos(folder: Path) -> PairSplit:
    """Coarse noise, in which somebody rides and holds a bicycle."""
    from edgegsr.data.pairs import PairSplit

    dice, names = np.random.default_rng(0), tuple(f"{i}.png" for i in range(PHOTOS))
    for name in names:
        coarse = Image.fromarray(dice.integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize((48, 36), Image.Resampling.BICUBIC).save(folder / name)
    image, kind = np.repeat(np.arange(PHOTOS), 2), np.tile([0, 1], PHOTOS)
    boxes = np.tile([4.0, 4.0, 24.0, 30.0], (len(image), 1))
    sizes = np.tile([48, 36], (PHOTOS, 1))
    return PairSplit("dev", Pairs(KINDS, names, sizes, image, kind, boxes, boxes + 8), folder)
