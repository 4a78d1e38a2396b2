"""Cards: a table of a TOML file as a frozen dataclass, and back. Standard library only.

Every key is known, every value has the type of its field, and what is wrong is said with file, key, wanted and got.
Ranges are the dataclass's own business: its `__post_init__` raises an InputError that begins with the field's name.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from edgegsr.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "nothing"}


def read_card(
    source: str | Path | Mapping[str, Any], kind: type[T], table: str = "", known: Collection[str] | None = None
) -> T:
    """The `table` of a card as a `kind`; `known` names the tables that a card may have.

    `source` is a TOML file or an already parsed one; the table "" is the whole card.
    """
    where, card = ("card", source) if isinstance(source, Mapping) else (str(source), read_toml(source))
    for name in card if known is not None else ():
        _check_known(where, name, known or (), "table")
    if table and table not in card:
        raise InputError(f"{where}: wanted a table [{table}], got only {sorted(card)}")
    return _dataclass(card[table] if table else card, kind, f"{where}:", table)


def read_toml(path: str | Path) -> dict[str, Any]:
    """The parsed file."""
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: wanted TOML, got {error}") from error


def with_value(table: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The table with one value replaced; a key of an inner table has a dot."""
    name, dot, rest = key.partition(".")
    below = table.get(name)
    return {**table, name: with_value(below if isinstance(below, Mapping) else {}, rest, value) if dot else value}


def to_toml(value: Any) -> str:
    """A dataclass or a mapping as TOML that `read_card` reads back; fields that are None are left out."""
    return "\n\n".join(_tables(as_table(value), ())) + "\n"


def _dataclass(raw: Any, kind: type[T], where: str, key: str) -> T:
    if not isinstance(raw, Mapping):
        raise InputError(f"{where} {key} must be a table, got {_show(raw)}")
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.init]  # type: ignore[arg-type]
    for name in raw:
        _check_known(where, name, names, "key", key)
    for field in fields(kind):  # type: ignore[arg-type]
        if field.init and field.name not in raw and field.default is MISSING and field.default_factory is MISSING:
            wanted = _describe(hints[field.name])
            raise InputError(f"{where} {_join(key, field.name)} is missing, wanted {wanted}")
    values = {name: _value(raw[name], hints[name], where, _join(key, name)) for name in raw}
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where} {_join(key, str(error))}") from error


def _value(raw: Any, hint: Any, where: str, key: str) -> Any:
    """The raw value as the type `hint` wants, or an InputError."""
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(raw, hint, where, key)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(raw, list | tuple) and (inner[-1] is ... or len(raw) == len(inner)):
        each = [inner[0]] * len(raw) if inner[-1] is ... else inner
        return tuple(_value(v, h, where, f"{key}[{i}]") for i, (v, h) in enumerate(zip(raw, each)))
    if origin in (Union, UnionType) and (options := [h for h in inner if h is not NoneType]):
        return None if raw is None else _value(raw, options[0], where, key)
    if origin is Literal and raw in inner:
        return raw
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(raw, Mapping):
        return dict(raw)
    if hint is float and type(raw) in (int, float) and math.isfinite(raw):
        return float(raw)
    if hint is Any or (hint in (int, str, bool) and type(raw) is hint):
        return raw
    raise InputError(f"{where} {key} must be {_describe(hint)}, got {_show(raw)}")


def _describe(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        return f"a list of {WORDS.get(inner[0], 'values')}s" if inner[-1] is ... else f"a list of {len(inner)} values"
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin in (Union, UnionType):
        return " or ".join(_describe(h) for h in inner if h is not NoneType)
    return WORDS.get(hint, "a table")


def _check_known(where: str, name: str, names: Collection[str], what: str, key: str = "") -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(names))}"
    raise InputError(f"{where} {_join(key, name)} is not a known {what}; {hint}")


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _show(raw: Any) -> str:
    return json.dumps(raw, default=str) if isinstance(raw, bool | str | list) else str(raw)


def as_table(value: Any) -> dict[str, Any]:
    items = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else dict(value)
    return {name: item for name, item in items.items() if item is not None}


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The blocks of a table: its plain values first, then its tables."""
    inner = {k: as_table(v) for k, v in table.items() if is_dataclass(v) or isinstance(v, Mapping)}
    plain = [f"{_key(k)} = {_literal(v)}" for k, v in table.items() if k not in inner]
    head = [f"[{'.'.join(map(_key, path))}]"] if path and (plain or not inner) else []
    blocks = ["\n".join(head + plain)] if head + plain else []
    return blocks + [block for k, v in inner.items() for block in _tables(v, (*path, k))]


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else _text(name)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    raise TypeError(f"TOML has no form for {value!r}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, and surrogate pairs, which it does not have
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
