"""From the numbers of a network to one situation: the last step of every engine. numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgegsr.boxes import Boxes, Letterbox, clip
from edgegsr.situation import MAX_ROLES, Box, Filler, Ontology, Situation

Numbers = npt.NDArray[np.float64]


def decode(
    verb_probabilities: npt.ArrayLike,  # (K,)
    noun_logits: npt.ArrayLike,  # (6, J)
    boxes_xyxy01: npt.ArrayLike,  # (6, 4) in [0, 1] of the square
    presence_logits: npt.ArrayLike,  # (6,)
    letterbox: Letterbox,
    ontology: Ontology,
    verb: str | None = None,
    top: int = 5,
) -> Situation:
    """The situation of the best verb, or of `verb`, with boxes in pixels of the image; of equals the lower index."""
    verbs, nouns = len(ontology.verbs), len(ontology.nouns)
    probabilities = _checked("verb_probabilities", verb_probabilities, (verbs,)).clip(0, 1)
    logits = _checked("noun_logits", noun_logits, (MAX_ROLES, nouns))  # -inf: a noun ruled out
    boxes = _in_pixels(_checked("boxes_xyxy01", boxes_xyxy01, (MAX_ROLES, 4)), letterbox)
    presence = _checked("presence_logits", presence_logits, (MAX_ROLES,))

    ranked = np.argsort(-probabilities, kind="stable")[:top]
    frame = ontology.frame(verb) if verb is not None else ontology.frames[int(probabilities.argmax())]
    best, confidence = logits.argmax(axis=1), _confidence(logits)
    fillers = {
        role: Filler(ontology.nouns[best[slot]].id, _box(boxes[slot], presence[slot]), float(confidence[slot]))
        for slot, role in enumerate(frame.roles)
    }
    return Situation(
        frame.verb,
        fillers,
        float(probabilities[ontology.verb_index[frame.verb]]),
        tuple((ontology.verbs[index], float(probabilities[index])) for index in ranked),
    )


def softmax(logits: npt.ArrayLike) -> Numbers:
    """Logits (K,) as probabilities."""
    raised = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):  # of inf come NaN, which `decode` refuses
        shares = np.exp(raised - raised.max())
        found: Numbers = shares / shares.sum()
    return found


def _in_pixels(boxes_xyxy01: Numbers, letterbox: Letterbox) -> Boxes:
    """Boxes in the image, corners in order, nothing outside it."""
    corners = np.sort(boxes_xyxy01.reshape(MAX_ROLES, 2, 2), axis=1).reshape(MAX_ROLES, 4)
    return clip(letterbox.inverse(corners * letterbox.side), letterbox.size_wh)


def _box(box_xyxy: Boxes, presence: float) -> Box | None:
    x1, y1, x2, y2 = box_xyxy.tolist()
    return (x1, y1, x2, y2) if presence >= 0 else None


def _confidence(logits: Numbers) -> Numbers:
    """The softmax of the best of each row."""
    shares: Numbers = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    return shares


def _checked(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Numbers:
    """The numbers as float64; a broken network must not pass for a confident one."""
    numbers = np.asarray(values, np.float64)
    if numbers.shape != shape:
        raise ValueError(f"decode: {name} must have the shape {shape}, got {numbers.shape}")
    if not np.isfinite(numbers.max(axis=-1)).all():
        raise ValueError(f"decode: {name} must be numbers, got NaN or inf; the network is broken")
    return numbers
