"""A teacher's verbs, ranked by hand, and what looking costs, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.teacher.sight import Pixels, Sight  # noqa: E402
from edgegsr.teacher.zero_shot import Exam, examined, kept, zero_shot  # noqa: E402
from edgegsr.text import TextTables  # noqa: E402

GROUPS = Groups(seen=("lifting", "pushing"), rare=("pulling",), unseen=("sinking",))
VERBS = 4


class Oracle:
    """Says for image i of the split that the verbs are as near as `nearness[i]` has it."""

    name, text_encoder = "oracle", "axes"

    def __init__(self, split: Split, nearness: Sequence[Sequence[float]]) -> None:
        self.nearness = {
            split.pixels(i).tobytes(): torch.tensor(row, dtype=torch.float) for i, row in enumerate(nearness)
        }

    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        assert not any(flipped)
        tokens = torch.stack([self.nearness[image.tobytes()] for image in images])[:, None].expand(-1, 2, -1)
        return Sight(tokens, torch.ones(len(images), 1, dtype=torch.bool))

    def to_text(self, tokens: Tensor) -> Tensor:
        return tokens


class Computing(Oracle):
    """Has no texts, but multiplies: 2 x 8 x 16 x 4 operations in a product, twice 2 x 8 x 8 x 4 in attention."""

    text_encoder = None  # type: ignore[assignment]

    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        torch.zeros(8, 16) @ torch.zeros(16, 4)
        F.scaled_dot_product_attention(*torch.zeros(3, 1, 1, 8, 4))
        return super().see(images, flipped)


@pytest.fixture
def tables() -> TextTables:
    """Verbs as axes: a token's numbers are how near each is."""
    return TextTables(torch.eye(VERBS), torch.zeros(VERBS, 6, VERBS), torch.zeros(4, VERBS), "axes")


def scores(split: Split, tables: TextTables, nearness: Sequence[Sequence[float]], **given: Any) -> Any:
    return zero_shot(Oracle(split, nearness), split, GROUPS, tables, batch=3, **given)  # type: ignore[arg-type]


# dev has two images of each verb, in the order of the verbs
MIXED = [
    [9, 1, 1, 1], [1, 9, 1, 1],  # lifting: right, then taken for pushing
    [1, 9, 1, 1], [1, 9, 1, 1],  # pushing: right twice
    [9, 1, 2, 1], [9, 1, 2, 8],  # pulling: never first
    [8, 1, 1, 9], [9, 1, 1, 8],  # sinking: right, then taken for lifting
]  # fmt: skip


def test_the_shares_are_means_over_the_verbs_of_a_group(split_dev: Split, tables: TextTables) -> None:
    found = scores(split_dev, tables, MIXED)
    top1 = {group: part["verb_top1"] for group, part in found["groups"].items()}
    assert top1 == {"seen": 0.75, "rare": 0.0, "unseen": 0.5, "all": 0.5}
    assert {part["verb_top5"] for part in found["groups"].values()} == {1.0}
    assert found["harmonic"] == {"verb_top1": pytest.approx(0.6), "verb_top5": 1.0}
    assert found["candidates"] == "generalised" and found["latency_ms"] > 0


def test_a_verb_with_few_images_counts_as_much_as_another(split_dev: Split, tables: TextTables) -> None:
    rows = [MIXED[i] for i in (1, 2, 3)]  # lifting wrong, pushing right twice
    assert scores(split_dev.take([1, 2, 3]), tables, rows)["groups"]["seen"] == {"verb_top1": 0.5, "verb_top5": 1.0}


def test_restricted_candidates_are_those_of_the_students_row(split_dev: Split, tables: TextTables) -> None:
    found = scores(split_dev, tables, MIXED, candidates="restricted")
    top1 = {group: part["verb_top1"] for group, part in found["groups"].items()}
    assert top1 == {"seen": 0.75, "rare": 1.0, "unseen": 1.0, "all": 0.875} and found["candidates"] == "restricted"


def test_who_finds_all_verbs_equally_near_is_right_no_more_often_than_chance(
    split_dev: Split, tables: TextTables
) -> None:
    found = scores(split_dev, tables, [[1.0] * VERBS] * 8)
    assert {group: part["verb_top1"] for group, part in found["groups"].items()} == {
        "seen": 0.5, "rare": 0.0, "unseen": 0.0, "all": 0.25,
    }  # fmt: skip


def test_tokens_that_are_no_numbers_are_not_right(split_dev: Split, tables: TextTables) -> None:
    rows = [[float("nan")] * VERBS] * 8
    with pytest.raises(InputError, match="oracle: wanted finite tokens, got others in 'dev'; take another"):
        scores(split_dev, tables, rows)


def test_a_teacher_without_texts_is_only_weighed(split_dev: Split, tables: TextTables) -> None:
    found = zero_shot(Computing(split_dev, [[0.0] * VERBS] * 8), split_dev, GROUPS, tables)  # type: ignore[arg-type]
    assert found.keys() == {"gflops", "latency_ms"}
    assert found["gflops"] == pytest.approx((2 * 8 * 16 * 4 + 2 * 2 * 8 * 8 * 4) / 1e9)


def test_words_of_another_encoder_are_read_by_the_teachers_own(
    split_dev: Split, tables: TextTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def embed(ontology: Any, encoder: str) -> TextTables:
        asked.append(encoder)
        return tables

    monkeypatch.setattr("edgegsr.teacher.zero_shot.embed", embed)
    foreign = replace(tables, verbs=tables.verbs.flip(0), encoder="others")
    assert scores(split_dev, foreign, MIXED)["groups"] == scores(split_dev, tables, MIXED)["groups"]
    assert asked == ["axes"]


class Known(Oracle):
    """Counts how often it looks."""

    revision, preprocessing, looked = "1", "as it is", 0

    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        self.looked += 1
        return super().see(images, flipped)


def test_an_exam_is_sat_once_by_the_same_teacher_on_the_same_images(
    split_dev: Split, tables: TextTables, tmp_path: Path
) -> None:
    teacher = Known(split_dev, [[1.0, 0.0, 0.0, 0.0]] * 8)
    exam = Exam(split_dev, GROUPS, tables)
    first = examined(teacher, exam, tmp_path)  # type: ignore[arg-type]
    looked = teacher.looked
    assert first["groups"] and first["images"] == 8 and looked > 0
    assert examined(teacher, exam, tmp_path) == first == kept(tmp_path) and teacher.looked == looked  # type: ignore[arg-type]
    fewer = exam._replace(split=split_dev.take([0, 3, 5]))
    assert examined(teacher, fewer, tmp_path)["images"] == 3 and teacher.looked > looked  # type: ignore[arg-type]
    teacher.revision, looked = "2", teacher.looked
    assert examined(teacher, fewer, tmp_path)["images"] == 3 and teacher.looked > looked  # type: ignore[arg-type]


def test_what_is_remembered_of_an_exam_may_be_lost(tmp_path: Path) -> None:
    assert kept(tmp_path) == {}
    (tmp_path / "zero_shot.json").write_text("[1", encoding="utf-8")
    assert kept(tmp_path) == {}
