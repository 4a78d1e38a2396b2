"""The folder that goes onto a device: a graph, its words, how a photo becomes its input, what is known about it.

    manifest.json      sha256 and size of every other file, the graph's inputs and outputs, where it comes from
    model.onnx         pixels and a verb in, verbs, nouns, boxes and presence out     vocabulary.json    its words
                       of pairs: pixels in, boxes, objects, verbs, presence out       kinds.json         and which fit
    ask.onnx           what was seen and a verb in, nouns, boxes and presence out (`--with-ask`)
    preprocess.json    how a photo becomes pixels                                     MODEL_CARD.md      for people
    vocabulary.safetensors, text/      where words may change: their vectors, and who reads new ones
    numerics.json      how far it is from the student that it was made from           perf.json          how fast
    manifest.sig       who made it, where somebody has signed

What a device builds for itself lies in `engine/`, which no manifest names; a note beside it says whether it fits.
A bundle is read once, whole, and what is used is what was checked. stdlib.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from edgegsr.errors import InputError, shown
from edgegsr.files import listing, read_file, write_whole
from edgegsr.graphfile import OF_TEXTS, read_graph
from edgegsr.notes import check_notes, notes, notes_of_texts
from edgegsr.signature import SIGNATURE, Key, Sign, check_signature

FORMAT = 1
MANIFEST, GRAPH, VOCABULARY, PREPROCESS = "manifest.json", "model.onnx", "vocabulary.json", "preprocess.json"
NUMERICS, PERF, MODEL_CARD = "numerics.json", "perf.json", "MODEL_CARD.md"
KINDS = "kinds.json"  # of interaction, in the bundle of a graph that says pairs
BUILT = "engine"  # the folder of what a device builds for itself
NEEDED = (GRAPH, VOCABULARY, PREPROCESS)
INPUTS = ("pixels", "verb")
TABLES, TEXT_GRAPH, TOKENIZER = "vocabulary.safetensors", "text/model.onnx", "text/tokenizer.json"
TABLE_INPUTS = ("verb_table", "role_table", "role_count", "handicap", "noun_table", "verb_count", "noun_count")
TEXT_INPUTS, TEXT_OUTPUTS = ("input_ids",), ("vector",)
OUTPUTS = ("verb_logits", "noun_logits", "boxes_xyxy", "presence")
TOKENS = "tokens"  # what was seen of a photo, which goes from one graph to the other where there are two
ASK_GRAPH, ASK_INPUTS, ASK_OUTPUTS = "ask.onnx", (TOKENS, "verb"), OUTPUTS[1:]
ASK_TABLES = ("verb_table", "role_table", "role_count", "noun_table", "noun_count")
PAIR_OUTPUTS = ("humans_xyxy", "objects_xyxy", "object_logits", "pair_verb_logits", "pair_presence")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{,99})?")
MOST_BYTES = 2 << 30  # of a bundle
MOST_JSON = 64 << 20  # bytes of a file of words or settings
MOST_TEXT = 512 << 20  # bytes of a text encoder
MOST_FILES = 1000


class Gates(NamedTuple):
    """What goes into a graph, and what comes out, by name."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


SITUATIONS, PAIRS = "situations", "pairs"
HEADS = {SITUATIONS: Gates(INPUTS, OUTPUTS), PAIRS: Gates(INPUTS[:1], PAIR_OUTPUTS)}  # by what a graph says


def gates_of(heads: Iterable[str]) -> Gates:
    """The gates of a graph that says all of these: what several take goes in once."""
    each = [HEADS[head] for head in heads]
    inputs = dict.fromkeys(name for gates in each for name in gates.inputs)
    return Gates(tuple(inputs), tuple(name for gates in each for name in gates.outputs))


@dataclass(frozen=True)
class Normal:
    """What a program does with pixels whose graph leaves it to them: (byte / 255 - mean) / std, by channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Bundle:
    """A bundle that holds what its manifest says."""

    folder: Path
    manifest: Mapping[str, Any]
    graph: bytes = field(repr=False)
    vocabulary: str = field(repr=False)  # an ontology as JSON
    side: int  # of the square that the graph looks at
    words: Mapping[str, bytes] = field(
        default_factory=dict, repr=False
    )  # by file: vectors of its words, and who reads new ones
    normal: Normal | None = None  # of pixels as floats (3, side, side); bytes (side, side, 3) where there is none
    ask: bytes = field(default=b"", repr=False)  # the graph that answers from what was seen, where there is one
    kinds: str = field(default="", repr=False)  # of interaction, as JSON, where it says pairs
    heads: tuple[str, ...] = (SITUATIONS,)  # what it says

    @property
    def engine(self) -> str:
        """The one that it was made for."""
        return str(self.manifest.get("target", {}).get("engine", "onnxruntime"))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What goes into its graph beside words."""
        return gates_of(self.heads).inputs


def seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes the manifest over all that lies in a folder, which is signed by nobody then."""
    (folder / SIGNATURE).unlink(missing_ok=True)
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name != MANIFEST and not name.startswith(f"{BUILT}/"):
            content = path.read_bytes()
            files[name] = {"bytes": len(content), "sha256": _hash(content)}
    write_whole(folder / MANIFEST, json.dumps({"format": FORMAT, **facts, "files": files}, indent=1))


def sign(folder: Path, by: Sign) -> None:
    """Signs a sealed bundle."""
    write_whole(folder / SIGNATURE, by((folder / MANIFEST).read_bytes()))


def is_bundle(folder: str | PathLike[str]) -> bool:
    return (Path(folder) / MANIFEST).is_file()


def open_bundle(folder: str | PathLike[str], key: Key | None = None) -> Bundle:
    """The bundle, once every file is what the manifest says and the graph does nothing that ours do not.

    With the public `key` of who makes bundles, one that they have not signed is refused first.
    """
    try:
        return _opened(Path(folder), key)
    except OSError as error:
        raise InputError(
            f"{shown(folder)}: cannot be read: {error.strerror or error}; copy the whole bundle again"
        ) from error
    except MemoryError as error:
        raise InputError(f"{shown(folder)}: does not fit into memory; give a smaller bundle") from error


def _opened(folder: Path, key: Key | None) -> Bundle:
    manifest = _manifest(folder, key)
    contents = {name: _content(folder, name, told) for name, told in manifest["files"].items()}
    _check_strangers(folder, contents.keys())
    if lacking := [name for name in NEEDED if name not in contents]:
        raise _damaged(folder, f"the manifest does not name {lacking[0]}")
    told = manifest.get("vocabulary")
    heads = _heads(folder, manifest)
    is_open = SITUATIONS in heads and isinstance(told, dict) and told.get("folded") is False
    preprocess = _preprocess(folder / PREPROCESS, contents[PREPROCESS])
    normal = _normal(folder / PREPROCESS, preprocess)
    graphs = {name: content for name, content in contents.items() if name.endswith(".onnx") and name != TEXT_GRAPH}
    for name, content in graphs.items():
        inputs, outputs = gates_of(heads)
        inputs, outputs = inputs + TABLE_INPUTS * is_open, (*outputs, *[TOKENS] * (ASK_GRAPH in contents))
        if name == ASK_GRAPH:
            inputs, outputs = ASK_INPUTS + ASK_TABLES * is_open, ASK_OUTPUTS
        _check_graph(folder / name, content, inputs, outputs, notes(manifest, preprocess, inputs, outputs))
    return Bundle(
        folder,
        manifest,
        contents[GRAPH],
        _text(folder / VOCABULARY, contents[VOCABULARY]),
        preprocess["side"],
        _words(folder, manifest, contents) if is_open else {},
        normal,
        contents.get(ASK_GRAPH, b""),
        _text(folder / KINDS, contents[KINDS]) if PAIRS in heads else "",
        heads,
    )


def _heads(folder: Path, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the graph says: pairs where there are kinds of interaction, situations unless it says pairs alone."""
    told = manifest.get("outputs")
    named = told if isinstance(told, list) else []
    if KINDS not in manifest["files"]:
        if PAIR_OUTPUTS[0] in named:
            raise _damaged(folder, f"the manifest does not name {KINDS}, and its graph says {PAIR_OUTPUTS[0]}")
        return (SITUATIONS,)
    return (SITUATIONS, PAIRS) if OUTPUTS[0] in named else (PAIRS,)


def _manifest(folder: Path, key: Key | None) -> dict[str, Any]:
    if folder.is_file():
        raise InputError(f"{shown(folder)}: wanted the folder of a bundle, got a file; give the folder that it lies in")
    if not folder.is_dir():
        raise InputError(
            f"{shown(folder)}: no such folder; give the folder that `edgegsr export --out` has written, "
            "diorama-nano or diorama-both"
        )
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise InputError(f"{shown(folder)}: wanted a bundle with a {MANIFEST}, found {listing(folder)}")
    content = _read(path, MOST_JSON + 1)
    if key is not None:
        check_signature(folder, content, key)
    told = _json(path, content)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        got = told.get("format") if isinstance(told, dict) else type(told).__name__
        raise InputError(f"{shown(path)}: wanted a bundle of format {FORMAT}, got {repr(got)[:80]}; export it again")
    target = told.get("target", {})
    if not isinstance(target, dict) or not all(
        isinstance(target.get(name, ""), str) for name in ("engine", "precision")
    ):
        raise _damaged(folder, "'target' must name an 'engine' and a 'precision'")
    files = told.get("files")
    if not isinstance(files, dict) or not all(map(_tells, files.values())):
        raise _damaged(folder, "'files' must name every file with its 'bytes' and 'sha256'")
    if len(files) > MOST_FILES:
        raise _damaged(folder, f"wanted at most {MOST_FILES:,} files, got {len(files):,}")
    if odd := [name for name in files if not NAME.fullmatch(name) or name.startswith(f"{BUILT}/")]:
        raise _damaged(folder, f"{odd[0][:80]!r} is no name of a file in it")
    if (total := sum(each["bytes"] for each in files.values())) > MOST_BYTES:
        raise _damaged(folder, f"wanted at most {MOST_BYTES:,} bytes in all, got {total:,}")
    return told


def _tells(told: Any) -> bool:
    """Whether this is what is said of a file; a truth value is no number of bytes."""
    if not isinstance(told, dict) or not isinstance(told.get("sha256"), str):
        return False
    size = told.get("bytes")
    return type(size) is int and 0 <= size < 1 << 63


def _content(folder: Path, name: str, told: Mapping[str, Any]) -> bytes:
    path = folder / name
    if any(part.is_symlink() for part in (path, *path.parents[: name.count("/")])):
        raise _damaged(folder, f"{name} is a link; a bundle holds its files itself")
    if not path.is_file():
        raise _damaged(folder, f"{name} is {'no file' if path.exists() else 'missing'}")
    content = _read(path, told["bytes"] + 1)
    if len(content) != told["bytes"] or _hash(content) != told["sha256"]:
        raise _damaged(folder, f"{name} is not the file that was sealed")
    return content


def _check_strangers(folder: Path, known: Any) -> None:
    """Refuses what the manifest does not name: in the folder, and in the folders in it."""
    for path in folder.iterdir():
        inner = [path] if path.is_symlink() or not path.is_dir() else path.iterdir()
        for each in inner:
            name = each.relative_to(folder).as_posix()
            if path.name == BUILT and each.is_symlink():
                raise _damaged(folder, f"{shown(name[:80])} is a link; take it out")
            if name not in (MANIFEST, SIGNATURE) and name not in known and not name.startswith(f"{BUILT}/"):
                raise _damaged(folder, f"{shown(name[:80])} is not in the manifest; take it out")


def _words(folder: Path, manifest: Mapping[str, Any], contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that a vocabulary which may change needs."""
    if TABLES not in contents:
        raise _damaged(folder, f"the manifest does not name {TABLES}")
    if TEXT_GRAPH in contents:
        if TOKENIZER not in contents:
            raise _damaged(folder, f"the manifest does not name {TOKENIZER}")
        if len(contents[TEXT_GRAPH]) > MOST_TEXT or len(contents[TOKENIZER]) > MOST_JSON:
            raise _damaged(folder, f"wanted a text encoder of {MOST_TEXT:,} bytes at most")
        says = notes_of_texts(manifest, TEXT_INPUTS, TEXT_OUTPUTS)
        _check_graph(folder / TEXT_GRAPH, contents[TEXT_GRAPH], TEXT_INPUTS, TEXT_OUTPUTS, says, OF_TEXTS)
    return {name: contents[name] for name in (TABLES, TEXT_GRAPH, TOKENIZER) if name in contents}


def _check_graph(
    path: Path,
    content: bytes,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    says: Mapping[str, str],
    more: frozenset[str] = frozenset(),
) -> None:
    graph = read_graph(content, shown(path), more)
    for what, got, wanted in (("inputs", graph.inputs, inputs), ("outputs", graph.outputs, outputs)):
        if got != wanted:
            raise InputError(
                f"{shown(path)}: wanted the {what} {', '.join(wanted)}, got {shown(', '.join(got)[:200]) or 'none'}"
            )
    try:
        check_notes(graph.notes, says)
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}; export it again") from error


def _preprocess(path: Path, content: bytes) -> dict[str, Any]:
    told = _json(path, content)
    side = told.get("side") if isinstance(told, dict) else None
    if type(side) is not int or not 1 <= side <= 4096:
        raise InputError(f"{shown(path)}: side must be 1 to 4096, got {repr(side)[:80]}")
    found: dict[str, Any] = told
    return found


def _normal(path: Path, told: Mapping[str, Any]) -> Normal | None:
    """How floats are made of bytes; nothing where the graph takes bytes."""
    kind = told.get("type", "uint8")
    if kind == "uint8":
        return None
    if kind != "float32":
        raise InputError(f"{shown(path)}: type must be uint8 or float32, got {repr(kind)[:80]}")
    try:
        mean, std = (tuple(map(float, told["normalised"][name])) for name in ("mean", "std"))
    except (KeyError, TypeError, ValueError, OverflowError):
        mean, std = (), ()
    fits = len(mean) == len(std) == 3 and all(abs(each) <= 1e3 for each in mean) and all(1e-3 <= s <= 1e3 for s in std)
    if not fits:
        got = repr(told.get("normalised"))[:80]
        raise InputError(f"{shown(path)}: normalised must have a mean and a std of three numbers, got {got}")
    return Normal(mean, std)


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        return read_file(path, most_bytes)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error


def _text(path: Path, content: bytes) -> str:
    if len(content) > MOST_JSON:
        raise InputError(f"{shown(path)}: wanted at most {MOST_JSON:,} bytes of words or settings, got more")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: wanted text, got {error}") from error


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(_text(path, content))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path)}: wanted JSON, got {error}") from error


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(folder: Path, what: str) -> InputError:
    return InputError(f"{shown(folder / MANIFEST)}: {what}; copy the whole bundle again")
