"""One rationale: the four texts about one training image, as values.

Every text is about the image as it is on disk; `mirrored` says the same of the image in a mirror.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgegsr.data.mirror import swap_left_right
from edgegsr.errors import InputError
from edgegsr.scoring.jsonlines import show

FILE = "rationales.jsonl"
TEXTS = ("glimpse_pos", "glimpse_neg", "gaze_pos", "gaze_neg")  # in the order of `edgegsr.teacher.knowledge`
MOST_LETTERS = 2000  # in one text: no encoder reads more


@dataclass(frozen=True)
class Rationale:
    """What an image shows and what it plausibly could and does not; a text without words says nothing."""

    image: str
    verb: str
    glimpse_pos: str
    glimpse_neg: str
    gaze_pos: str
    gaze_neg: str
    neg_verb: str = ""  # the verb of glimpse_neg; "" where glimpse_neg has the true verb and a wrong noun
    writer: str = ""
    prompt_id: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name == "seed" and type(value) is not int:
                raise InputError(f"{name!r}: wanted a whole number, got {show(value)}")
            if name != "seed" and not (isinstance(value, str) and value.isprintable() and len(value) <= MOST_LETTERS):
                raise InputError(
                    f"{name!r}: wanted one line of text of at most {MOST_LETTERS} letters, got {show(value)}"
                )
        for name in ("image", "verb"):
            if not getattr(self, name):
                raise InputError(f"{name!r}: wanted a word, got an empty text")

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """Glimpse +, glimpse -, gaze +, gaze -."""
        return self.glimpse_pos, self.glimpse_neg, self.gaze_pos, self.gaze_neg


def mirrored(rationale: Rationale) -> Rationale:
    """The rationale of the image in a mirror: what was left is right; twice gives the rationale back."""
    glimpse_pos, glimpse_neg, gaze_pos, gaze_neg = map(swap_left_right, rationale.texts)
    return replace(rationale, glimpse_pos=glimpse_pos, glimpse_neg=glimpse_neg, gaze_pos=gaze_pos, gaze_neg=gaze_neg)
