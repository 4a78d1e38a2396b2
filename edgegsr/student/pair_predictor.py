"""A run of pairs that looks at photos: the student in torch, with the letterbox and the decoding of the device."""

from __future__ import annotations

import numpy as np
import torch

from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.pair_run import PairRun
from edgegsr.runtime.decode_pairs import SURE, decode_pairs
from edgegsr.runtime.interactions import sureness
from edgegsr.situation import Interaction


class EagerPairPredictor:
    """Predicts as the exported student will, one photo at a time."""

    def __init__(self, run: PairRun) -> None:
        self.kinds = run.kinds
        self.student = run.student.eval()
        self.side = run.student.config.side

    @torch.no_grad()
    def predict(self, image: Pixels | Source, sure: float = SURE) -> list[Interaction]:
        """The interactions in a file, its bytes or RGB (H, W, 3), likeliest first."""
        least = sureness(sure)
        seen = (image,) if isinstance(image, np.ndarray) else read_photo(image, self.side)
        square, geometry = letterbox(seen[0], self.side, *seen[1:])
        said = self.student(torch.from_numpy(square)[None])
        return decode_pairs(
            said.presence[0].numpy(),
            said.object_logits[0].numpy(),
            said.verb_logits[0].numpy(),
            said.humans_xyxy[0].numpy(),
            said.objects_xyxy[0].numpy(),
            geometry,
            self.kinds,
            least,
        )
