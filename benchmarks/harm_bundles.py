"""Bundles of which something is wrong; a seed and a number always give the same one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from harm_bytes import BYTES, NUMBERS, VALUES, Dice, dice_of, one_of
from harm_graphs import GRAPHS

from edgegsr.bundle import ASK_GRAPH, GRAPH, MANIFEST, PREPROCESS, TABLES, TEXT_GRAPH, TOKENIZER, VOCABULARY, seal

NAMES = (
    "../up",
    "/etc/passwd",
    "a/b/c",
    "n" * 300,
    "con:",
    "\x1b[2J",
    "two\nlines",
    "",
    ".",
    "manifest.json",
    "é",
    "a b",
)


def harmed_bundle(bundle: Path, folder: Path, seed: int, number: int) -> str:
    """Writes a bundle of which something is wrong into a folder, and tells what."""
    dice = dice_of(seed, number)
    shutil.copytree(bundle, folder, dirs_exist_ok=True)
    group = one_of(dice, ("file", "manifest", "sealed bytes", "sealed json", "sealed graph", "sealed graph"))
    return f"{group}: {GROUPS[group](folder, dice)}"


def harm_a_file(folder: Path, dice: Dice) -> str:
    path = one_of(dice, files_of(folder))
    how = one_of(dice, [*BYTES, *FILES])
    if how in BYTES:
        path.write_bytes(BYTES[how](path.read_bytes(), dice))
    else:
        FILES[how](path, dice)
    return f"{path.name} {how}"


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def swap(path: Path, dice: Dice) -> None:
    other = one_of(dice, files_of(path.parent))
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its), other.write_bytes(mine)


def put(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def elsewhere(path: Path, dice: Dice) -> None:
    """The folder in a bundle that a file lies in is a link; beside a file of the bundle itself lies such a folder."""
    inner = path.parent if not (path.parent / MANIFEST).exists() else path.with_name("inner")
    inner.mkdir(exist_ok=True)
    away = inner.parent.parent / "away"
    shutil.rmtree(away, ignore_errors=True)
    inner.rename(away)
    inner.symlink_to(away)


def emptied(path: Path, dice: Dice) -> None:
    """The folder of a file has nothing else in it any more."""
    for other in files_of(path.parent):
        if other != path and other.name != MANIFEST:
            other.unlink()


FILES: dict[str, Callable[[Path, Dice], object]] = {
    "missing": lambda path, dice: path.unlink(),
    "empty": lambda path, dice: path.write_bytes(b""),
    "swapped": swap,
    "renamed": lambda path, dice: path.rename(path.with_name(f"{path.name}.old")),
    "linked outside": lambda path, dice: put(path, lambda p: p.symlink_to("/etc/hostname")),
    "linked to itself": lambda path, dice: put(path, lambda p: p.symlink_to(p)),
    "linked to zeros": lambda path, dice: put(path, lambda p: p.symlink_to("/dev/zero")),
    "a folder": lambda path, dice: put(path, Path.mkdir),
    "a pipe": lambda path, dice: put(path, os.mkfifo),
    "beside a pipe": lambda path, dice: os.mkfifo(path.with_name("pipe")),
    "in a linked folder": elsewhere,
    "alone in its folder": emptied,
    "beside a stranger": lambda path, dice: path.with_name("two\nlines").touch(),
}


def harm_the_manifest(folder: Path, dice: Dice) -> str:
    path = folder / MANIFEST
    told = json.loads(path.read_text())
    how = one_of(dice, ("leaf", "leaf", "name", "many", "bytes"))
    if how == "leaf":
        told = with_leaf(told, dice)
    elif how == "many":
        told["files"] |= {f"f{i}": {"bytes": 0, "sha256": ""} for i in range(int(one_of(dice, (10, 900, 20_000))))}
    else:
        name = one_of(dice, list(told["files"]))
        if how == "name":
            told["files"][one_of(dice, NAMES)] = told["files"].pop(name)
        else:
            told["files"][name]["bytes"] = one_of(dice, NUMBERS)
    path.write_text(json.dumps(told))
    return how


def with_leaf(told: Any, dice: Dice) -> Any:
    """The same JSON with one value, at any depth, that is another."""
    if not isinstance(told, (dict, list)) or not told or dice.random() < 0.1:
        return one_of(dice, VALUES)
    if isinstance(told, dict):
        key = one_of(dice, list(told))
        rest = {k: v for k, v in told.items() if k != key}
        how = dice.random()
        if how < 0.1:
            return rest
        return {**rest, one_of(dice, NAMES): told[key]} if how < 0.2 else {**rest, key: with_leaf(told[key], dice)}
    at = int(dice.integers(len(told)))
    return [*told[:at], *([with_leaf(told[at], dice)] * int(one_of(dice, (0, 1, 1, 1, 2)))), *told[at + 1 :]]


def harm_and_seal_bytes(folder: Path, dice: Dice) -> str:
    also = [name for name in (ASK_GRAPH, TABLES, TEXT_GRAPH, TOKENIZER) if (folder / name).is_file()]
    name, how = one_of(dice, (GRAPH, GRAPH, VOCABULARY, PREPROCESS, *also, *also)), one_of(dice, list(BYTES))
    (folder / name).write_bytes(BYTES[how]((folder / name).read_bytes(), dice))
    reseal(folder)
    return f"{name} {how}"


def harm_and_seal_json(folder: Path, dice: Dice) -> str:
    also = [
        name for name in (TOKENIZER, MANIFEST, MANIFEST) if (folder / TABLES).is_file() and (folder / name).is_file()
    ]
    name = one_of(dice, (VOCABULARY, VOCABULARY, PREPROCESS, *also))
    if name == MANIFEST:  # what it says of the room for words
        told = json.loads((folder / name).read_text())
        told["vocabulary"] = with_leaf(told["vocabulary"], dice)
        (folder / name).write_text(json.dumps(told))
    elif dice.random() < 0.1:
        text = one_of(dice, ("[" * 100_000, '{"a":' * 100_000, "9" * 5000, '"' + "x" * 1_000_000, "null", "\ud800"))
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    elif name == PREPROCESS:
        told = json.loads((folder / name).read_text())
        side = {"side": one_of(dice, (*NUMBERS, *VALUES, 16, 31, 33, 64, 4096))}
        floats = {**told, **FLOATS}
        told = one_of(dice, (side, {**told, "type": "float32"}, floats, with_leaf(floats, dice)))
        (folder / name).write_text(json.dumps(told))
    else:
        (folder / name).write_text(json.dumps(with_leaf(json.loads((folder / name).read_text()), dice)))
    if dice.random() < 0.5:  # or what the graphs say of themselves would be all that is looked at
        silence(folder)
    reseal(folder)
    return name


def silence(folder: Path) -> None:
    """Graphs that say nothing of themselves, as those of older bundles."""
    for path in folder.rglob("*.onnx"):
        model = onnx.load_from_string(path.read_bytes())
        del model.metadata_props[:]
        path.write_bytes(model.SerializeToString())


def harm_and_seal_the_graph(folder: Path, dice: Dice) -> str:
    there = [name for name in (GRAPH, ASK_GRAPH, TEXT_GRAPH) if (folder / name).is_file()]
    path, done = folder / one_of(dice, there), []
    model = onnx.load_from_string(path.read_bytes())
    for _ in range(int(dice.integers(1, 3))):
        done.append(one_of(dice, list(GRAPHS)))
        GRAPHS[done[-1]](model, dice)
    path.write_bytes(model.SerializeToString())
    reseal(folder)
    return f"{path.relative_to(folder)} {' '.join(done)}"


def reseal(folder: Path) -> None:
    """Hashes that hold again."""
    told = json.loads((folder / MANIFEST).read_text())
    seal(folder, {key: value for key, value in told.items() if key not in ("files", "format")})


FLOATS = {"type": "float32", "normalised": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
GROUPS: dict[str, Callable[[Path, Dice], str]] = {
    "file": harm_a_file,
    "manifest": harm_the_manifest,
    "sealed bytes": harm_and_seal_bytes,
    "sealed json": harm_and_seal_json,
    "sealed graph": harm_and_seal_the_graph,
}
