"""A run that looks at photos: the student in torch, with the letterbox and the decoding of the device."""

from __future__ import annotations

import numpy as np
import torch

from edgegsr.imagefile import Source
from edgegsr.images import Pixels, letterbox, read_photo
from edgegsr.run import Run
from edgegsr.runtime.decode import decode, softmax
from edgegsr.situation import Situation


class EagerPredictor:
    """Predicts as the exported student will, one photo at a time."""

    def __init__(self, run: Run) -> None:
        self.ontology = run.ontology
        self.student = run.student.eval()
        self.side = run.student.config.side

    @torch.no_grad()
    def predict(self, image: Pixels | Source, verb: str | None = None) -> Situation:
        """The situation of the best verb, or of a given one, in a file, its bytes or RGB (H, W, 3)."""
        index = None if verb is None else self.ontology.verb_index[self.ontology.frame(verb).verb]
        seen = (image,) if isinstance(image, np.ndarray) else read_photo(image, self.side)
        square, geometry = letterbox(seen[0], self.side, *seen[1:])
        view = self.student.encode(torch.from_numpy(square)[None])
        logits = self.student.verb_logits(view)
        said = self.student.ask(view, logits.argmax(-1) if index is None else torch.tensor([index]))
        return decode(
            softmax(logits[0].numpy()),
            said.noun_logits[0].numpy(),
            said.boxes_xyxy[0].numpy(),
            said.presence[0].numpy(),
            geometry,
            self.ontology,
            verb,
        )
