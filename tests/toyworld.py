"""Coloured rectangles as a dataset, and a student for them. Run as a program, it trains in a process of its own.

A blue or red thing stands left or right of a grey one; colour and side make the verb. "sinking" is never seen.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edgegsr.annotations import Annotations
from edgegsr.data import swig
from edgegsr.data.split import Split
from edgegsr.situation import BLANK, Frame, Noun, Ontology

if TYPE_CHECKING:
    from edgegsr.text import TextTables

VERBS = ("lifting", "pushing", "pulling", "sinking")
COLOURS = ((40, 60, 220), (220, 50, 40), (40, 170, 70), (200, 180, 40))
ONTOLOGY = Ontology(
    (
        Frame("lifting", ("agent", "item")),
        Frame("pushing", ("agent", "item", "place")),
        Frame("pulling", ("agent",)),
        Frame("sinking", ("agent", "place")),
    ),
    (Noun("", ("nothing",)), Noun("n1", ("block",)), Noun("n2", ("bar",)), Noun("n3", ("field",))),
)
SIZE_WH = (48, 36)
COUNTS = {"train": (6, 6, 4, 0), "dev": (2, 2, 2, 2)}

CARD: dict[str, Any] = {
    "student": {
        "side": 32,
        "strides": [4, 8],
        "width": 16,
        "heads": 2,
        "decoder_layers": 1,
        "dropout": 0.1,
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
    },
    "train": {"epochs": 3, "batch": 4, "lr": 3e-3, "checkpoint_every": 3, "log_every": 2, "eval_every": 2},
}
NO_BATCH_NORM: dict[str, Any] = {  # ConvNeXt normalises every image by itself
    **CARD,
    "student": {
        **CARD["student"],
        "dropout": 0.0,
        "encoder": {"backbone": "convnext", "options": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}},
    },
}
ONE_STEP: dict[str, Any] = {**NO_BATCH_NORM, "train": {"epochs": 1, "batch": 16, "clip_norm": 1e9}}
CARDS = {"bn": CARD, "one-step": ONE_STEP}


def stage(root: Path) -> Path:
    """Writes the dataset in the official layout."""
    (root / "SWiG_jsons").mkdir()
    (root / "images_512").mkdir()
    swig.write_space(ONTOLOGY, root / "SWiG_jsons" / "imsitu_space.json")
    for split, counts in COUNTS.items():
        verbs = [verb for verb, count in enumerate(counts) for _ in range(count)]
        swig.write(annotations(split, verbs, root / "images_512"), root / "SWiG_jsons" / f"{split}.json")
    return root


def annotations(split: str, verbs: list[int], folder: Path) -> Annotations:
    """Draws one image a verb and tells what is on it."""
    n, dice = len(verbs), np.random.default_rng(len(split))
    names = tuple(f"{VERBS[verb]}_{split}{i}.png" for i, verb in enumerate(verbs))
    nouns, boxes = np.zeros((n, 3, 6), np.int32), np.zeros((n, 6, 4), np.float32)
    has_box = np.zeros((n, 6), bool)
    for i, verb in enumerate(verbs):
        pixels = np.full((SIZE_WH[1], SIZE_WH[0], 3), 200, np.uint8) + dice.integers(
            0, 20, (*SIZE_WH[::-1], 3), np.uint8
        )
        x, y = dice.integers(2, 20), dice.integers(2, 14)
        pixels[y : y + 18, x : x + 12] = COLOURS[verb]
        pixels[y : y + 18, x + 14 : x + 24] = (90, 90, 90)
        roles = len(ONTOLOGY.frames[verb].roles)
        nouns[i, :, :roles] = (1, 2, 3)[:roles]
        nouns[i, 2, 0] = BLANK
        boxes[i, 0], has_box[i, 0] = (x, y, x + 12, y + 18), True
        if roles == 3:
            boxes[i, 1], has_box[i, 1] = (x + 14, y, x + 24, y + 18), True
        Image.fromarray(pixels).save(folder / names[i])
    sizes = np.tile(np.array(SIZE_WH, np.int32), (n, 1))
    return Annotations(ONTOLOGY, names, sizes, np.array(verbs, np.int32), nouns, boxes, has_box)


def open_split(root: Path, split: str) -> Split:
    return swig.open_split(root, split, ONTOLOGY)


def tables() -> TextTables:
    """Random words: every one far from the others."""
    import torch

    from edgegsr.text import TextTables

    rng = torch.Generator().manual_seed(7)

    def units(*shape: int) -> Any:
        return torch.nn.functional.normalize(torch.randn(*shape, 12, generator=rng), dim=-1)

    roles = torch.arange(6) < torch.tensor([len(frame.roles) for frame in ONTOLOGY.frames])[:, None]
    return TextTables(units(4), units(4, 6) * roles[..., None], units(4), "random")


def die_after(step: int | None) -> Any:
    def on_step(done: int) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step


if __name__ == "__main__":  # world, out, the name of a card, and the step after which the process kills itself
    from edgegsr.distill.train import train
    from edgegsr.processes import processes

    root, out, kind, *last = sys.argv[1:]
    splits = open_split(Path(root), "train"), open_split(Path(root), "dev")
    train(CARDS[kind], *splits, tables(), out, on_step=die_after(int(last[0]) if last else None))
    state = processes()  # as the training has seen them
    Path(f"{out}, {state.process_index} of {state.num_processes}").touch()
