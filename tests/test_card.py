from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegsr.card import read_card, read_toml, to_toml
from edgegsr.errors import InputError


@dataclass(frozen=True)
class Paint:
    colour: str = "red"
    layers: int = 1

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise InputError(f"layers must be above 0, got {self.layers}")


@dataclass(frozen=True)
class Door:
    width: float
    paint: Paint = field(default_factory=Paint)
    hinges: tuple[int, ...] = ()
    size_wh: tuple[int, int] = (80, 200)
    opens: Literal["in", "out"] = "in"
    locked: bool = False
    sign: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "door.toml"
    path.write_text(text)
    return path


def message(card: Mapping[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        read_card({"door": card}, Door, "door")
    return str(caught.value)


def test_table_of_a_file_becomes_the_dataclass(tmp_path: Path) -> None:
    path = write(tmp_path, '[door]\nwidth = 80\nhinges = [1, 2]\n[door.paint]\ncolour = "blue"\n[other]\nx = 1\n')
    assert read_card(path, Door, "door") == Door(80.0, Paint("blue"), (1, 2))


def test_whole_card_can_be_the_table() -> None:
    assert read_card({"width": 1.5}, Door) == Door(1.5)


def test_whole_number_where_a_number_is_wanted_becomes_one() -> None:
    assert isinstance(read_card({"width": 3}, Door).width, float)


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ({"widht": 1.0}, "card: door.widht is not a known key; did you mean 'width'?"),
        (
            {"width": 1.0, "paint": {"color": "red"}},
            "card: door.paint.color is not a known key; did you mean 'colour'?",
        ),
        ({}, "card: door.width is missing, wanted a number"),
        ({"width": "wide"}, 'card: door.width must be a number, got "wide"'),
        ({"width": True}, "card: door.width must be a number, got true"),
        ({"width": float("nan")}, "card: door.width must be a number, got nan"),
        ({"width": 1.0, "paint": 3}, "card: door.paint must be a table, got 3"),
        ({"width": 1.0, "paint": {"layers": 1.0}}, "card: door.paint.layers must be a whole number, got 1.0"),
        ({"width": 1.0, "paint": {"layers": 0}}, "card: door.paint.layers must be above 0, got 0"),
        ({"width": 1.0, "hinges": [1, "2"]}, 'card: door.hinges[1] must be a whole number, got "2"'),
        ({"width": 1.0, "size_wh": [1, 2, 3]}, "card: door.size_wh must be a list of 2 values, got [1, 2, 3]"),
        ({"width": 1.0, "opens": "up"}, "card: door.opens must be one of 'in', 'out', got \"up\""),
        ({"width": 1.0, "locked": 1}, "card: door.locked must be true or false, got 1"),
        ({"width": 1.0, "sign": 1}, "card: door.sign must be a text, got 1"),
        ({"width": 1.0, "extras": 1}, "card: door.extras must be a table, got 1"),
    ],
)
def test_error_names_key_wanted_and_got(card: dict[str, Any], text: str) -> None:
    assert message(card) == text


def test_error_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[door]\nwidth = 'x'\n")
    with pytest.raises(InputError, match=r"door\.toml: door\.width must be a number"):
        read_card(path, Door, "door")


def test_missing_table_and_unknown_table_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "[dor]\nwidth = 1\n")
    with pytest.raises(InputError, match=r"wanted a table \[door\], got only \['dor'\]"):
        read_card(path, Door, "door")
    with pytest.raises(InputError, match="dor is not a known table; did you mean 'door'"):
        read_card(path, Door, "door", known=("door", "window"))


def test_broken_or_absent_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"door\.toml: wanted TOML, got .*line 1"):
        read_toml(write(tmp_path, "width == 1"))
    with pytest.raises(InputError, match=r"none\.toml: cannot be read: No such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"bytes\.toml: wanted TOML"):
        read_toml(tmp_path / "bytes.toml")


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(
    st.builds(
        Door,
        width=st.floats(allow_nan=False, allow_infinity=False),
        paint=st.builds(Paint, colour=texts, layers=st.integers(1, 9)),
        hinges=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(tuple),
        opens=st.sampled_from(["in", "out"]),
        locked=st.booleans(),
        sign=st.none() | texts,
        extras=st.dictionaries(texts, values | st.dictionaries(texts, values, max_size=2), max_size=3),
    )
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, door: Door) -> None:
    path = tmp_path_factory.mktemp("card") / "door.toml"
    path.write_text(to_toml({"door": door}), "utf-8")
    assert read_card(path, Door, "door") == door


def test_value_that_toml_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="TOML has no form for nan"):
        to_toml({"width": float("nan")})
