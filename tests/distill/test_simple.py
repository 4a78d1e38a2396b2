"""Who may teach what: a teacher's texts and the student's words are one space, or there is nothing to compare."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
sys.path.append(str(Path(__file__).resolve().parents[1] / "text"))

import tiny_encoders  # noqa: E402
import toyworld  # noqa: E402

from edgegsr.distill.config import TrainConfig  # noqa: E402
from edgegsr.distill.simple import Caption, Pseudo, own_projection  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.text.encoders import MINILM, MINILM_HUB, same_encoder  # noqa: E402

SEEN = torch.tensor([True, True, True, False])
WORDS = 12  # the width of the toy world's words


def student(encoder: str) -> Student:
    return Student(read_student(toyworld.CARD), replace(toyworld.tables(), encoder=encoder))


def source(texts: str | None, rationales: str = "clip", width: int = WORDS) -> Any:
    """A teacher of width 3 that puts images among `texts`, about which `rationales` are read."""
    facts = {"teacher": "stub"} | ({"teacher_texts": texts} if texts else {})
    projection = (torch.arange(3.0 * width).reshape(width, 3), torch.ones(width)) if texts else None
    return SimpleNamespace(width=3, text_width=WORDS, text_encoder=rationales, projection=projection, facts=facts)


def test_the_teachers_own_way_is_taken_only_among_its_own_texts() -> None:
    mine = source("clip")
    assert own_projection(mine, student("clip")) is mine.projection
    for other in (source("siglip"), source("clip", width=WORDS + 1), source(None)):
        assert own_projection(other, student("clip")) is None


def test_the_student_knows_the_encoder_of_its_words_anew_with_every_vocabulary() -> None:
    learner = student("clip")
    assert learner.text_encoder == "clip"
    assert learner.set_tables(replace(toyworld.tables(), encoder="siglip")).text_encoder == "siglip"


def test_pseudo_labels_are_the_teachers_cosines_to_its_own_texts() -> None:
    lesson = Pseudo(student("clip"), TrainConfig(), SEEN, source("clip"))
    assert torch.equal(lesson.teacher(torch.eye(3)[:1])[0], torch.arange(0.0, 36, 3) + 1)


@pytest.mark.parametrize("teacher", [source("siglip"), source("siglip", width=WORDS + 1)], ids=["encoder", "width"])
def test_pseudo_labels_from_another_space_are_refused(teacher: Any) -> None:
    with pytest.raises(InputError) as error:
        Pseudo(student("clip"), TrainConfig(), SEEN, teacher)
    assert str(error.value) == (
        "pseudo: wanted words among the teacher's own texts, those of siglip, got words of clip; give --text siglip"
    )


def test_captions_are_taught_where_tokens_and_texts_are_one_space() -> None:
    taught = student(MINILM_HUB)
    assert Caption(taught, TrainConfig(), SEEN, source(None, MINILM_HUB)).student is taught


def test_captions_read_by_another_encoder_than_the_words_are_refused() -> None:
    with pytest.raises(InputError) as error:
        Caption(student(MINILM_HUB), TrainConfig(), SEEN, source(None, "clip"))
    assert str(error.value) == (
        f"caption: wanted rationales read by the encoder of the words, {MINILM_HUB}, got clip; "
        "give the same --text to `teach` and `distill`"
    )


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_captions_of_an_encoder_whose_tokens_lie_apart_from_its_texts_are_refused(kind: str, tmp_path: Path) -> None:
    encoder = str({"clip": tiny_encoders.save_clip, "siglip": tiny_encoders.save_siglip}[kind](tmp_path))
    with pytest.raises(InputError) as error:
        Caption(student(encoder), TrainConfig(), SEEN, source(None, encoder))
    assert str(error.value) == (
        f"caption: wanted an encoder that takes the mean of its tokens, such as all-MiniLM-L6-v2, got {encoder}, "
        "whose tokens lie apart from its texts; give another --text to `teach` and `distill`"
    )


def test_an_encoder_is_the_same_by_its_short_name_and_by_another_way_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip").mkdir()
    monkeypatch.chdir(tmp_path)
    assert same_encoder(MINILM, MINILM_HUB) and same_encoder("clip", str(tmp_path / "clip"))
    assert not same_encoder("clip", "siglip") and not same_encoder("", "") and not same_encoder(None, "clip")
