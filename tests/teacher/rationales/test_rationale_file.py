from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edgegsr.errors import InputError
from edgegsr.teacher.rationales.rationale import Rationale, mirrored, read_rationales, write_rationales

ONE = Rationale(
    "drinking_1.jpg", "drinking", "the woman drinks tea", "the woman pours tea", "agent: woman, large, left",
    "agent: dog, large, left", "pouring", "template", "template-1", 7,
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rationales = {f"{i}.jpg": replace(ONE, image=f"{i}.jpg", glimpse_pos="café ☕" * i) for i in range(3)}
    assert write_rationales(tmp_path / "new" / "r.jsonl", rationales.values()) == 3
    assert read_rationales(tmp_path / "new" / "r.jsonl") == rationales
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.jsonl"]


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield ONE
        raise InputError("the model is gone")

    with pytest.raises(InputError, match="the model is gone"):
        write_rationales(tmp_path / "r.jsonl", broken())
    assert not list(tmp_path.iterdir())


def test_the_keys_of_the_released_data_set_are_read(tmp_path: Path) -> None:
    released = {
        "image": "a.jpg", "verb": "ailing", "height": 3, "frames": [], "pos_verb_caption": "gp",
        "neg_verb_caption": "gn", "pos_attr_caption": "ap", "neg_attr_caption": "an",
    }  # fmt: skip
    (tmp_path / "r.jsonl").write_text(json.dumps(released) + "\n\n")
    assert read_rationales(tmp_path / "r.jsonl") == {"a.jpg": Rationale("a.jpg", "ailing", "gp", "gn", "ap", "an")}


def test_the_mirrored_view_has_left_where_right_was() -> None:
    assert mirrored(ONE).gaze_pos == "agent: woman, large, right"
    assert mirrored(ONE).texts[:2] == ONE.texts[:2]
    assert mirrored(mirrored(ONE)) == ONE


LINE = asdict(ONE)
HOSTILE = {
    "{": "not JSON: .*; wanted one object a line",
    "[]": "wanted an object with 'image' and 'verb'",
    json.dumps({**LINE, "image": 3}): "'image': wanted one line of text of at most 2000 letters, got 3",
    json.dumps({**LINE, "image": ""}): "'image': wanted a word, got an empty text",
    json.dumps({**LINE, "gaze_neg": None}): "'gaze_neg': wanted one line of text .* got None",
    json.dumps({**LINE, "gaze_neg": ["a"]}): "'gaze_neg': wanted one line of text .* got",
    json.dumps({**LINE, "glimpse_pos": "a\nb"}): "'glimpse_pos': wanted one line of text",
    json.dumps({**LINE, "glimpse_pos": "\ud800"}): "'glimpse_pos': wanted one line of text",
    json.dumps({**LINE, "glimpse_neg": "x" * 2001}): "'glimpse_neg': wanted one line .* got 'x{3,100}",
    json.dumps({**LINE, "seed": True}): "'seed': wanted a whole number, got True",
    json.dumps({k: v for k, v in LINE.items() if k != "gaze_pos"}): "missing key 'gaze_pos' .or 'pos_attr_caption'.",
    json.dumps({k: v for k, v in LINE.items() if k != "verb"}): "missing key 'verb'",
    json.dumps(LINE): "image 'drinking_1.jpg' stands twice; keep one of its lines",
    '{"image": "a", "image": "b"}': "key 'image' stands twice",
}


@pytest.mark.parametrize("line", HOSTILE)
def test_hostile_lines_are_refused_with_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(ONE.to_json() + "\n" + line + "\n")
    with pytest.raises(InputError, match=f"r.jsonl, line 2: .*{HOSTILE[line]}") as refusal:
        read_rationales(path)
    assert len(str(refusal.value)) < 400


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.jsonl: wanted a file of rationales, .* got no such file"):
        read_rationales(tmp_path / "none.jsonl")
