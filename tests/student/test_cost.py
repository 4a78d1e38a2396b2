from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_student import random_tables  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

MODELS = Path(__file__).resolve().parents[2] / "models"
LIMITS = {"pico": (128, 1e6, 0.15), "nano": (320, 5e6, 2.0), "small": (448, 12e6, 12.0)}

VERBS, NOUNS, WIDTH = 4, 9, 24
WORDS = VERBS + 6 * (NOUNS - 1)  # one cosine to each verb, six to each noun; the blank noun is no word


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_card_stays_within_its_limits_with_the_words_of_swig(name: str) -> None:
    side, parameters, gflops = LIMITS[name]
    nouns = 150 if name == "pico" else 9927  # pico is for Diorama
    count = cost(Student(read_student(MODELS / f"{name}.toml"), random_tables((4,) * 504, nouns=nouns, width=384)))
    assert count.side == side
    assert count.total_parameters <= parameters
    assert count.total_gflops <= gflops


def test_parts_add_up_to_the_whole(student: Student) -> None:
    count = cost(student)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        student(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert count.total_gflops == pytest.approx(counter.get_total_flops() / 1e9)
    assert count.total_parameters == sum(weight.numel() for weight in student.parameters())


def test_multiply_add_counts_as_two(student: Student) -> None:
    assert cost(student).gflops["tables"] == pytest.approx(2 * WORDS * WIDTH / 1e9)


def test_vocabulary_costs_one_matmul_whatever_its_size(student: Student) -> None:
    small = cost(student)
    large = cost(student.set_tables(random_tables((4,) * 10 * VERBS, nouns=1 + 10 * (NOUNS - 1))))
    assert large.gflops["tables"] == pytest.approx(10 * small.gflops["tables"])
    assert large.parameters == small.parameters
    assert {part: n for part, n in large.gflops.items() if part != "tables"} == {
        part: n for part, n in small.gflops.items() if part != "tables"
    }


def test_counting_leaves_the_student_as_it_was(student: Student) -> None:
    student.train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    cost(student)
    assert student.training
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())
