"""The handicap of trained verbs: chosen by hand-made answers, applied to answers and to students alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import toyworld  # noqa: E402

from edgegsr.annotations import Annotations  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.scoring.brief import harmonic  # noqa: E402
from edgegsr.student.answers import Answers, Fillers  # noqa: E402
from edgegsr.student.calibration import (  # noqa: E402
    FILE,
    Calibration,
    calibrate,
    choose,
    handicapped,
    read_calibration,
)
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

GROUPS = Groups(("lifting", "pushing"), ("pulling",), ("sinking",))
CHOSEN = Calibration(0.2, ("lifting", "pushing", "pulling"), "dev", 0.5)


def truth(verbs: list[int]) -> Annotations:
    n = len(verbs)
    return Annotations(
        toyworld.ONTOLOGY,
        tuple(f"{i}.png" for i in range(n)),
        np.full((n, 2), 32, np.int32),
        np.array(verbs, np.int32),
        np.zeros((n, 3, 6), np.int32),
        np.zeros((n, 6, 4), np.float32),
        np.zeros((n, 6), bool),
    )


def said(cosines: list[list[float]], scale: float = 1.0) -> Answers:
    rows = scale * np.array(cosines, np.float32)
    return Answers(rows, Fillers.none(len(rows)), Fillers.none(len(rows)))


# an image each of lifting, pushing and sinking; the last leans towards lifting by 0.103
COSINES = [[0.9, 0.1, 0.0, 0.5], [0.1, 0.6, 0.0, 0.3], [0.503, 0.2, 0.0, 0.4]]


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_the_smallest_handicap_with_the_best_mean_is_chosen_whatever_the_scale(scale: float) -> None:
    chosen = choose(said(COSINES, scale), truth([0, 1, 3]), GROUPS, scale, "dev")
    assert chosen is not None
    assert chosen.seen_bias == pytest.approx(0.105) and chosen.harmonic_mean == 1.0
    assert chosen.trained == ("lifting", "pushing", "pulling") and chosen.chosen_on == "dev"


def test_without_unseen_images_there_is_nothing_to_choose_by() -> None:
    assert choose(said(COSINES[:2]), truth([0, 1]), GROUPS, 1.0, "dev") is None
    assert choose(said(COSINES[2:]), truth([3]), GROUPS, 1.0, "dev") is None


def test_answers_and_students_are_handicapped_alike() -> None:
    torch.manual_seed(0)
    student = Student(read_student(toyworld.CARD), toyworld.tables()).eval()
    embedding = torch.nn.functional.normalize(torch.randn(3, student.text_width), dim=-1)
    plain = student.verb_words(embedding).detach().numpy()
    moved = handicapped(Answers(plain, Fillers.none(3), Fillers.none(3)), CHOSEN, toyworld.VERBS, student)
    calibrate(student, CHOSEN, toyworld.VERBS)
    assert np.allclose(student.verb_words(embedding).detach().numpy(), moved.verb_logits, atol=1e-5)
    assert np.allclose(moved.verb_logits[:, 3], plain[:, 3]) and (moved.verb_logits[:, :3] < plain[:, :3]).all()
    calibrate(student, None, toyworld.VERBS)
    assert np.array_equal(student.verb_words(embedding).detach().numpy(), plain)


def test_a_handicap_is_no_weight() -> None:
    student = Student(read_student(toyworld.CARD), toyworld.tables())
    names = set(student.state_dict())
    assert set(calibrate(student, CHOSEN, toyworld.VERBS).state_dict()) == names


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    CHOSEN.save(tmp_path)
    assert read_calibration(tmp_path) == CHOSEN


def test_a_run_without_calibration_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it was lost, or dev had no photo of an unseen verb"):
        read_calibration(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"seen_bias": "much"}', json.dumps({**vars(CHOSEN), "seen_bias": 9})])
def test_a_damaged_calibration_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=FILE) as error:
        read_calibration(tmp_path)
    assert "\n" not in str(error.value)


def test_harmonic_mean_needs_both() -> None:
    assert harmonic(0.5, 0.5) == 0.5 and harmonic(1.0, 0.0) == 0.0 and harmonic(0.0, 0.0) == 0.0
    assert harmonic(0.9, 0.6) == pytest.approx(0.72)
