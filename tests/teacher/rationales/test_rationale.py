from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgegsr.errors import InputError
from edgegsr.teacher.rationales.rationale import Rationale, mirrored

ONE = Rationale(
    "drinking_1.jpg", "drinking", "the woman drinks tea", "the woman pours tea", "agent: woman, large, left",
    "agent: dog, large, left", "pouring", "template", "template-1", 7,
)  # fmt: skip


def test_the_mirrored_view_has_left_where_right_was() -> None:
    assert mirrored(ONE).gaze_pos == "agent: woman, large, right"
    assert mirrored(ONE).texts[:2] == ONE.texts[:2]
    assert mirrored(mirrored(ONE)) == ONE


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "a number": ({"image": 3}, "'image': wanted one line of text of at most 2000 letters, got 3"),
    "nothing": ({"image": ""}, "'image': wanted a word, got an empty text"),
    "none": ({"gaze_neg": None}, "'gaze_neg': wanted one line of text .* got None"),
    "a list": ({"gaze_neg": ["a"]}, "'gaze_neg': wanted one line of text .* got"),
    "two lines": ({"glimpse_pos": "a\nb"}, "'glimpse_pos': wanted one line of text"),
    "half a letter": ({"glimpse_pos": "\ud800"}, "'glimpse_pos': wanted one line of text"),
    "too long": ({"glimpse_neg": "x" * 2001}, "'glimpse_neg': wanted one line .* got 'x{3,100}"),
    "no seed": ({"seed": True}, "'seed': wanted a whole number, got True"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_rationale_can_be_is_refused(what: str) -> None:
    values, told = HOSTILE[what]
    with pytest.raises(InputError, match=told) as refusal:
        replace(ONE, **values)
    assert len(str(refusal.value)) < 400
