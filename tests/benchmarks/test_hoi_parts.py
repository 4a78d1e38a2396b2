"""What is switched off in the benchmark of the parts of a method."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def hoi_parts(script: Any) -> Any:
    return script("hoi_parts")


def cells_of(hoi_parts: Any, method: str) -> dict[str, Any]:
    how = ("pico-pairs", 2, "no", "diorama-detector-160", "diorama-detector-256")
    return hoi_parts.cells_of(method, 0, how, Path("runs"), Path("cache"))


@pytest.mark.parametrize("method", ["mipd", "gplhoi", "clhoi"])
def test_every_row_is_another_lesson_in_another_folder(hoi_parts: Any, method: str) -> None:
    from edgegsr.distill.config import read_train
    from edgegsr.shipped import find_card

    cells = cells_of(hoi_parts, method)
    lessons = {part: read_train(find_card(cell.student), cell.overrides) for part, cell in cells.items()}
    assert len(set(map(repr, lessons.values()))) == len({cell.folder for cell in cells.values()}) == len(cells)
    assert lessons[hoi_parts.WHOLE] == read_train(find_card("pico-pairs"), {"seed": 0, "epochs": 2, "amp": "no"})
    assert {cell.setting for cell in cells.values()} == {hoi_parts.SETTING[method]}


@pytest.mark.parametrize("method", ["gplhoi", "clhoi"])
def test_every_switch_that_is_on_has_a_row(hoi_parts: Any, method: str) -> None:
    from edgegsr.distill.config import TrainConfig

    config = getattr(TrainConfig(), method)
    on = {field.name for field in fields(config) if getattr(config, field.name) is True}
    off = {value.split(".")[1].removesuffix("=false") for row in hoi_parts.PARTS[method].values() for value in row}
    assert on <= off


def test_the_table_has_a_row_for_every_part(hoi_parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tables_pairs

    methods: dict[str, Any] = {"mipd": {}, "clhoi": {}}
    for seed, unseen in ((0, 0.2), (1, 0.4)):
        hoi_parts.enter(methods["mipd"], "whole", seed, {"unseen": unseen, "seen": 0.3, "full": 0.25})
    hoi_parts.enter(methods["clhoi"], "without context", 0, {"full": 0.125})
    result = {"epochs": 2, "methods": methods}
    monkeypatch.setattr(tables_pairs, "load", {"diorama-hoi-parts": result}.__getitem__)
    told = tables_pairs.hoi_parts()
    assert "| `mipd` | whole | 2 | 25.0 ± 0.0 | 30.0 ± 14.1 | 30.0 ± 0.0 |" in told
    assert "| `clhoi` | without context | 1 | 12.5 | - | - |" in told and "after 2 epochs" in told
