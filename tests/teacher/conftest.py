"""A cache of the toy world, and the tiny encoder of its texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def caches_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is remembered between calls lies in a folder of the tests, for their programs too."""
    before = os.environ.get("EDGEGSR_CACHE")
    os.environ["EDGEGSR_CACHE"] = str(tmp_path_factory.mktemp("remembered"))
    yield
    if before is None:
        del os.environ["EDGEGSR_CACHE"]
    else:
        os.environ["EDGEGSR_CACHE"] = before


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("accelerate")
    pytest.importorskip("torch")
    from stub_teacher import save_bert

    return str(save_bert(tmp_path_factory.mktemp("encoder") / "bert"))


@pytest.fixture(scope="session")
def cache(world: Path, encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cache; read it only."""
    import stub_teacher

    out = tmp_path_factory.mktemp("taught") / "cache"
    stub_teacher.teach(world, out, stub_teacher.StubTeacher(encoder))
    return out
