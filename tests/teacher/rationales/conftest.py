"""The toy world and a town in Diorama's words, with their subjects and distractors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

import town as towns

from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.subject import subjects
from edgegsr.text.shipped import tables_for

if TYPE_CHECKING:
    from edgegsr.data.split import Split
    from edgegsr.teacher.rationales.subject import Subject


@pytest.fixture(scope="session")
def town() -> Split:
    return towns.split_of(3000)


@pytest.fixture(scope="session")
def town_distractors(town: Split) -> Distractors:
    return Distractors(town, tables_for(town.annotations.ontology))


@pytest.fixture(scope="session")
def town_subjects(town: Split) -> list[Subject]:
    return subjects(town)


@pytest.fixture(scope="session")
def toy_distractors(split_train: Split) -> Distractors:
    import toyworld

    return Distractors(split_train, toyworld.tables())
