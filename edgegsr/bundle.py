"""The folder that goes onto a device: a graph, its words, how a photo becomes its input, what is known about it.

    manifest.json      sha256 and size of every other file, the graph's inputs and outputs, where it comes from
    model.onnx         pixels and a verb in, verbs, nouns, boxes and presence out     vocabulary.json    its words
    preprocess.json    how a photo becomes pixels                                     MODEL_CARD.md      for people
    numerics.json      how far it is from the student that it was made from           perf.json          how fast

What a device builds for itself lies in `engine/`, which no manifest names; a note beside it says whether it fits.
A bundle is read once, whole, and what is used is what was checked. stdlib.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from edgegsr.errors import InputError
from edgegsr.files import listing, write_whole
from edgegsr.graphfile import Graph, read_graph

FORMAT = 1
MANIFEST, GRAPH, VOCABULARY, PREPROCESS = "manifest.json", "model.onnx", "vocabulary.json", "preprocess.json"
NUMERICS, PERF, MODEL_CARD = "numerics.json", "perf.json", "MODEL_CARD.md"
BUILT = "engine"  # the folder of what a device builds for itself
NEEDED = (GRAPH, VOCABULARY, PREPROCESS)
INPUTS = ("pixels", "verb")
OUTPUTS = ("verb_logits", "noun_logits", "boxes_xyxy", "presence")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
MOST_BYTES = 2 << 30  # of a bundle
MOST_JSON = 64 << 20  # of a file of words or settings


@dataclass(frozen=True)
class Bundle:
    """A bundle that holds what its manifest says."""

    folder: Path
    manifest: Mapping[str, Any]
    graph: bytes
    vocabulary: str  # an ontology as JSON
    side: int  # of the square that the graph looks at


def seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes the manifest over all that lies in a folder."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name != MANIFEST and not name.startswith(f"{BUILT}/"):
            content = path.read_bytes()
            files[name] = {"bytes": len(content), "sha256": _hash(content)}
    write_whole(folder / MANIFEST, json.dumps({"format": FORMAT, **facts, "files": files}, indent=1))


def is_bundle(folder: str | PathLike[str]) -> bool:
    return (Path(folder) / MANIFEST).is_file()


def open_bundle(folder: str | PathLike[str]) -> Bundle:
    """The bundle, once every file is what the manifest says and the graph does nothing that ours do not."""
    folder = Path(folder)
    manifest = _manifest(folder)
    contents = {name: _content(folder, name, told) for name, told in manifest["files"].items()}
    _check_strangers(folder, contents.keys())
    if lacking := [name for name in NEEDED if name not in contents]:
        raise _damaged(folder, f"the manifest does not name {lacking[0]}")
    for name in contents:
        if name.endswith(".onnx"):
            _check_graph(read_graph(contents[name], str(folder / name)), folder / name)
    return Bundle(
        folder,
        manifest,
        contents[GRAPH],
        _text(folder / VOCABULARY, contents[VOCABULARY]),
        _side(folder / PREPROCESS, contents[PREPROCESS]),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that `edgegsr export --out` has written")
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise InputError(f"{folder}: wanted a bundle with a {MANIFEST}, found {listing(folder)}")
    told = _json(path, _read(path, MOST_JSON))
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        got = told.get("format") if isinstance(told, dict) else type(told).__name__
        raise InputError(f"{path}: wanted a bundle of format {FORMAT}, got {got!r}; export it again")
    target = told.get("target", {})
    if not isinstance(target, dict) or not all(
        isinstance(target.get(name, ""), str) for name in ("engine", "precision")
    ):
        raise _damaged(folder, "'target' must name an 'engine' and a 'precision'")
    files = told.get("files")
    if not isinstance(files, dict) or not all(
        isinstance(each, dict) and isinstance(each.get("bytes"), int) and isinstance(each.get("sha256"), str)
        for each in files.values()
    ):
        raise _damaged(folder, "'files' must name every file with its 'bytes' and 'sha256'")
    if odd := [name for name in files if not NAME.fullmatch(name) or name.startswith(f"{BUILT}/")]:
        raise _damaged(folder, f"{odd[0][:80]!r} is no name of a file in it")
    if (total := sum(each["bytes"] for each in files.values())) > MOST_BYTES:
        raise _damaged(folder, f"wanted at most {MOST_BYTES:,} bytes in all, got {total:,}")
    return told


def _content(folder: Path, name: str, told: Mapping[str, Any]) -> bytes:
    path = folder / name
    if any(part.is_symlink() for part in (path, *path.parents[: name.count("/")])):
        raise _damaged(folder, f"{name} is a link; a bundle holds its files itself")
    if not path.is_file():
        raise _damaged(folder, f"{name} is missing")
    content = _read(path, told["bytes"])
    if len(content) != told["bytes"] or _hash(content) != told["sha256"]:
        raise _damaged(folder, f"{name} is not the file that was sealed")
    return content


def _check_strangers(folder: Path, known: Any) -> None:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() and name.split("/")[0] == BUILT:
            raise _damaged(folder, f"{name[:80]!r} is a link; take it out")
        if not path.is_dir() and name != MANIFEST and name not in known and not name.startswith(f"{BUILT}/"):
            raise _damaged(folder, f"{name[:80]!r} is not in the manifest; take it out")


def _check_graph(graph: Graph, path: Path) -> None:
    for what, got, wanted in (("inputs", graph.inputs, INPUTS), ("outputs", graph.outputs, OUTPUTS)):
        if got != wanted:
            raise InputError(f"{path}: wanted the {what} {', '.join(wanted)}, got {', '.join(got)[:200] or 'none'}")


def _side(path: Path, content: bytes) -> int:
    told = _json(path, content)
    side = told.get("side") if isinstance(told, dict) else None
    if not isinstance(side, int) or not 1 <= side <= 4096:
        raise InputError(f"{path}: side must be 1 to 4096, got {side!r}")
    return side


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: wanted text, got {error}") from error


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(_text(path, content))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: wanted JSON, got {error}") from error


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(folder: Path, what: str) -> InputError:
    return InputError(f"{folder / MANIFEST}: {what}; copy the whole bundle again")
