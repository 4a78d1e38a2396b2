"""A teacher that sees mean colours, and counts what it looks at. Run as a program, it teaches the toy world."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path += [str(Path(__file__).resolve().parents[1] / folder) for folder in ("", "text")]

from tiny_encoders import save_bert

from edgegsr.images import letterbox
from edgegsr.teacher.regions import cover
from edgegsr.teacher.sight import Pixels, Sight

__all__ = ["StubTeacher", "save_bert", "teach"]

SIDE = 48


class StubTeacher:
    """Tokens are the mean colours of a 4 x 4 grid; `dies_after` so many views it kills its process."""

    name, width, grid = "stub", 3, 4

    def __init__(self, text_encoder: str | None, revision: str = "r1", dies_after: int | None = None) -> None:
        self.text_encoder, self.revision, self.dies_after = text_encoder, revision, dies_after
        self.preprocessing = f"letterbox {SIDE}"
        self.looked: list[tuple[bytes, bool]] = []

    @property
    def projection(self) -> tuple[Tensor, Tensor]:
        return torch.ones(16, 3), torch.zeros(16)

    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        self.looked += [(image.tobytes(), flip) for image, flip in zip(images, flipped)]
        if self.dies_after is not None and len(self.looked) > self.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        tokens, shown = [], []
        for image, flip in zip(images, flipped):
            square, geometry = letterbox(image, SIDE)
            square = square[:, ::-1] if flip else square
            cells = square.reshape(4, SIDE // 4, 4, SIDE // 4, 3).mean((1, 3)).reshape(16, 3) / 255
            tokens.append(torch.from_numpy(np.concatenate([cells.mean(0, keepdims=True), cells])).float())
            box = torch.tensor(geometry.forward([[0.0, 0.0, *geometry.size_wh]]), dtype=torch.float32) / SIDE
            shown.append(cover(box, 4)[0] >= 0.5)
        return Sight(torch.stack(tokens), torch.stack(shown))

    def to_text(self, tokens: Tensor) -> Tensor:
        return torch.nn.functional.normalize(tokens @ torch.ones(3, 16), dim=-1)


def teach(world: Path, out: Path, teacher: StubTeacher, collages: int = 0, **given: Any) -> dict[str, Any]:
    """Teaches the training split of the toy world, two views a batch and three a shard."""
    import toyworld

    from edgegsr.teacher.teach import teach

    split = given.pop("split", None) or toyworld.open_split(world, "train")
    return teach(split, teacher, out, **{"batch": 2, "shard_mb": 0.0003, "collages": collages, **given})


if __name__ == "__main__":  # world, out, encoder, and the number of views after which the process kills itself
    torch.set_num_threads(1)
    world, out, encoder, *last = sys.argv[1:]
    teach(Path(world), Path(out), StubTeacher(encoder, dies_after=int(last[0]) if last else None))
