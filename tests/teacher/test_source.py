"""What `--teacher` names: a cache as it is, or a model that looks once and is remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from stub_teacher import StubTeacher, teach  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.staged import STAGED  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.teacher import source  # noqa: E402
from edgegsr.teacher.cache import VIEWS, Cached  # noqa: E402
from edgegsr.teacher.live import Live  # noqa: E402
from edgegsr.teacher.source import open_source  # noqa: E402

ROWS, PLAIN = torch.arange(4), torch.zeros(4, dtype=torch.bool)


@pytest.fixture
def opened(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[StubTeacher, str]]:
    """The teachers that were opened, and for which device; what they see is remembered under tmp_path."""
    found: list[tuple[StubTeacher, str]] = []

    def open_teacher(name: str, device: str, grid: int | None) -> StubTeacher:
        teacher = StubTeacher(encoder)
        teacher.name, teacher.preprocessing = name, f"letterbox for {grid}"
        found.append((teacher, device))
        return teacher

    monkeypatch.setattr(source, "open_teacher", open_teacher)
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path))
    return found


def test_a_model_looks_once_and_says_where_it_is_remembered(
    opened: list[Any], split_train: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = open_source("hub/stub", split_train)
    assert isinstance(first, Cached) and first.folder.parent == tmp_path / "teachings"
    assert first.folder.name.startswith("stub-")
    assert f"{first.folder}: what hub/stub sees is kept here; --live keeps nothing\n" in capsys.readouterr().err
    looks = len(opened[0][0].looked)
    assert looks >= 32
    again = open_source("hub/stub", split_train)
    assert opened[1][0].looked == []
    assert torch.equal(first.about(ROWS, PLAIN).tokens, again.about(ROWS, PLAIN).tokens)
    other = open_source("hub/stub", split_train, grid=3)
    assert other.folder != first.folder and len(opened[2][0].looked) == looks


def test_a_model_looks_with_the_device_of_its_own_process(
    opened: list[Any], split_train: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "processes", lambda: SimpleNamespace(device=torch.device("cuda", 1)))
    assert isinstance(open_source("hub/stub", split_train, live=True), Live)
    assert opened[0][1] == "cuda:1"


def test_a_cache_of_plain_views_serves_who_never_mirrors(
    world: Path, encoder: str, split_train: Split, tmp_path: Path
) -> None:
    teach(world, tmp_path / "cache", StubTeacher(encoder), views=["plain"])
    name = str(tmp_path / "cache")
    assert open_source(name, split_train, views=VIEWS[:1]).about(ROWS, PLAIN).tokens.shape == (4, 17, 3)
    with pytest.raises(InputError, match="lacks 16 views"):
        open_source(name, split_train)


def test_a_cache_that_lacks_collages_is_refused_when_it_is_opened(cache: Path, split_train: Split) -> None:
    with pytest.raises(InputError, match=r"lacks \d+ of the 80 collages"):
        open_source(str(cache), split_train, collages=5)


def test_a_model_looks_only_at_the_views_that_are_asked_for(opened: list[Any], split_train: Split) -> None:
    open_source("hub/stub", split_train, views=VIEWS[:1])
    assert not any(flipped for _, flipped in opened[0][0].looked)


def test_what_a_cache_cannot_do_is_refused(cache: Path, split_train: Split) -> None:
    assert open_source(str(cache), split_train, grid=4).grid == 4
    with pytest.raises(InputError) as error:
        open_source(str(cache), split_train, grid=2)
    assert str(error.value) == (f"--grid 2: wanted the grid of {cache}, 4; leave it out, or teach into another folder")
    with pytest.raises(InputError) as error:
        open_source(str(cache), split_train, live=True)
    assert str(error.value) == (
        f"--live: wanted a model that looks anew, got the cache {cache}; leave it out or name a model"
    )


def test_photos_without_a_teacher_of_their_own_are_warned_of(
    opened: list[Any], split_train: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged" / STAGED).write_text("{}")
    scenes = replace(split_train, folder=tmp_path / "staged" / "images_512")
    for name, split, warned in ((None, split_train, True), ("hub/stub", split_train, False), (None, scenes, False)):
        open_source(name, split, live=True)
        assert ("for photos name a --teacher" in capsys.readouterr().err) == warned
