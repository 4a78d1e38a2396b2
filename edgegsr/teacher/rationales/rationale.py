"""One rationale: the four texts about one training image, as values and as lines of a file.

Every text is about the image as it is on disk; `mirrored` says the same of the image in a mirror.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgegsr.data.mirror import swap_left_right
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.scoring.jsonlines import located, read_lines, show

FILE = "rationales.jsonl"
TEXTS = ("glimpse_pos", "glimpse_neg", "gaze_pos", "gaze_neg")  # in the order of `edgegsr.teacher.knowledge`
RELEASED = {  # what the released data set calls them
    "glimpse_pos": "pos_verb_caption",
    "glimpse_neg": "neg_verb_caption",
    "gaze_pos": "pos_attr_caption",
    "gaze_neg": "neg_attr_caption",
}
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

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def mirrored(rationale: Rationale) -> Rationale:
    """The rationale of the image in a mirror: what was left is right; twice gives the rationale back."""
    glimpse_pos, glimpse_neg, gaze_pos, gaze_neg = map(swap_left_right, rationale.texts)
    return replace(rationale, glimpse_pos=glimpse_pos, glimpse_neg=glimpse_neg, gaze_pos=gaze_pos, gaze_neg=gaze_neg)


def write_rationales(path: str | Path, rationales: Iterable[Rationale]) -> int:
    """How many rationales the file now holds, one JSON line each; it appears whole or not at all."""
    lines = [rationale.to_json() + "\n" for rationale in rationales]
    write_whole(path, "".join(lines))
    return len(lines)


def read_rationales(path: str | Path) -> dict[str, Rationale]:
    """The rationales of a file by image; lines with the keys of the released data set are understood too."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: wanted a file of rationales, one JSON object a line, got no such file")
    found: dict[str, Rationale] = {}
    for line, record in read_lines(path, ("image", "verb")):
        with located(path, line):
            rationale = _rationale(record)
            if rationale.image in found:
                raise InputError(f"image {show(rationale.image)} stands twice; keep one of its lines")
            found[rationale.image] = rationale
    return found


def _rationale(record: Mapping[str, Any]) -> Rationale:
    """The known keys of a line; a released record holds other things beside its captions."""
    values = {name: record[name] for name in Rationale.__dataclass_fields__ if name in record}
    for name, released in RELEASED.items():
        if name not in record and released not in record:
            raise InputError(f"missing key {name!r} (or {released!r}); wanted all of {', '.join(TEXTS)}")
        values.setdefault(name, record.get(released))
    return Rationale(**values)
