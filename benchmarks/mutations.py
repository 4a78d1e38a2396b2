"""Photos and bundles as nobody would make them by mistake alone; a seed and a number always give the same one."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from PIL import Image

from edgegsr.bundle import ASK_GRAPH, GRAPH, MANIFEST, PREPROCESS, TABLES, TEXT_GRAPH, TOKENIZER, VOCABULARY, seal

Dice = np.random.Generator
EXTREMES = (0, 1, 2, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 60_000, 50_000_001)
NUMBERS = (0, -1, 1, 2, 3, 7, 255, 4097, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, "", 0, -1, 1.5, 1e308, 1 << 40, 10**400, float("nan"), float("inf"), "x" * 100_000),
    *("\x1b[2J", "two\nlines", "\u202e", "\0", "../../etc/passwd", "/dev/zero", {"a": {"a": {"a": []}}}, [[]] * 1000),
)
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


def dice_of(seed: int, number: int) -> Dice:
    return np.random.default_rng([seed, number])


def one_of(dice: Dice, items: Any) -> Any:
    return items[int(dice.integers(len(items)))]


# --- bytes ----------------------------------------------------------------------------------------------------------


def flipped(content: bytes, dice: Dice) -> bytes:
    out = bytearray(content)
    for at in dice.integers(0, len(out) if dice.random() < 0.5 else min(len(out), 300), int(dice.integers(1, 9))):
        out[at] ^= 1 << int(dice.integers(8))
    return bytes(out)


def cut(content: bytes, dice: Dice) -> bytes:
    return content[: int(dice.integers(0, len(content)))]


def holed(content: bytes, dice: Dice) -> bytes:
    first, last = sorted(dice.integers(0, len(content) + 1, 2).tolist())
    return content[:first] + content[last:]


def zeroed(content: bytes, dice: Dice) -> bytes:
    at, many = int(dice.integers(len(content))), int(dice.integers(1, 200))
    return content[:at] + bytes(len(content[at : at + many])) + content[at + many :]


def repeated(content: bytes, dice: Dice) -> bytes:
    first, many = int(dice.integers(len(content))), int(dice.integers(1, 64))
    part = content[first : first + many]
    return content[:first] + part * int(one_of(dice, (2, 10, 1000, 20_000))) + content[first:]


def extreme(content: bytes, dice: Dice) -> bytes:
    """A number of 1, 2 or 4 bytes near the start that says something else."""
    code = one_of(dice, (">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(code)
    at = int(dice.integers(0, max(1, min(len(content), 200) - size)))
    new = struct.pack(code, one_of(dice, EXTREMES) & ((1 << 8 * size) - 1))
    return content[:at] + new + content[at + size :]


def noisy(content: bytes, dice: Dice) -> bytes:
    at = int(dice.integers(len(content)))
    return content[:at] + dice.bytes(int(dice.integers(1, 60))) + content[at + int(dice.integers(0, 60)) :]


BYTES: dict[str, Callable[[bytes, Dice], bytes]] = {
    "flipped": flipped,
    "cut": cut,
    "holed": holed,
    "zeroed": zeroed,
    "repeated": repeated,
    "extreme": extreme,
    "noisy": noisy,
}


# --- photos ---------------------------------------------------------------------------------------------------------


def photos() -> dict[str, bytes]:
    """Whole photos of every kind and mode that is read."""
    dice = np.random.default_rng(0)
    coarse = Image.fromarray(dice.integers(0, 255, (5, 6, 3), np.uint8)).resize((61, 47), Image.Resampling.BILINEAR)
    alpha, turned = coarse.convert("RGBA"), Image.Exif()
    alpha.putalpha(coarse.convert("L"))
    turned[0x0112] = 6
    deep = Image.fromarray(np.linspace(0, 0xFFFF, 47 * 61, dtype=np.uint16).reshape(47, 61))
    moving: dict[str, Any] = {"save_all": True, "append_images": [coarse.transpose(Image.Transpose.ROTATE_180)]}
    return {
        "jpeg": saved(coarse, "JPEG", exif=turned),
        "jpeg-large": saved(coarse.resize((610, 470)), "JPEG", quality=40),
        "jpeg-progressive": saved(coarse, "JPEG", progressive=True),
        "jpeg-cmyk": saved(coarse.convert("CMYK"), "JPEG"),
        "jpeg-grey": saved(coarse.convert("L"), "JPEG", restart_marker_blocks=3),
        "png": saved(coarse, "PNG", exif=turned),
        "png-alpha": saved(alpha, "PNG"),
        "png-palette": saved(coarse.quantize(16), "PNG", transparency=3),
        "png-16": saved(deep, "PNG"),
        "png-1": saved(coarse.convert("1"), "PNG"),
        "png-moving": saved(coarse, "PNG", **moving),
        "webp": saved(coarse, "WEBP", exif=turned),
        "webp-lossless": saved(alpha, "WEBP", lossless=True),
        "webp-moving": saved(alpha, "WEBP", **moving),
        "bmp": saved(coarse, "BMP"),
        "bmp-palette": saved(coarse.quantize(16), "BMP"),
        "bmp-1": saved(coarse.convert("1"), "BMP"),
    }


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


PHOTOS = photos()


def mutated_photo(seed: int, number: int) -> tuple[str, bytes]:
    """What was done, and the photo that came of it."""
    dice = dice_of(seed, number)
    name = one_of(dice, list(PHOTOS))
    content, done = PHOTOS[name], [name]
    for _ in range(int(one_of(dice, (1, 1, 1, 2, 3)))):
        how = one_of(dice, [*BYTES, "claimed", "spliced"])
        if how == "claimed":
            content = claimed(content, dice)
        elif how == "spliced":
            other = PHOTOS[one_of(dice, list(PHOTOS))]
            content = content[: int(dice.integers(len(content)))] + other[int(dice.integers(len(other))) :]
        else:
            content = BYTES[how](content, dice)
        done.append(how)
        if not content:
            break
    if content.startswith(b"\x89PNG") and dice.random() < 0.7:
        content = checksummed(content)
    return " ".join(done), content


def claimed(content: bytes, dice: Dice) -> bytes:
    """The same photo that says of itself that it has another size."""
    width, height = (int(one_of(dice, EXTREMES)) for _ in range(2))
    if content.startswith(b"\x89PNG"):
        return checksummed(content[:16] + struct.pack(">II", width, height) + content[24:])
    if content.startswith(b"BM"):
        return content[:18] + struct.pack("<II", width, height) + content[26:]
    if content.startswith(b"RIFF"):
        return content[:24] + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3] + content[30:]
    frame = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    size = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return content[: frame + 5] + size + content[frame + 9 :] if frame > 0 else content


def checksummed(content: bytes) -> bytes:
    """A PNG whose chunks have the checksums that its decoder asks for."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + size]
        out += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return bytes(out + content[at:])


# --- bundles --------------------------------------------------------------------------------------------------------


def mutated_bundle(bundle: Path, folder: Path, seed: int, number: int) -> str:
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


def operator(model: Any, dice: Dice) -> None:
    node, other = one_of(dice, model.graph.node), one_of(dice, model.graph.node).op_type
    node.op_type = one_of(dice, (other, other, other, "Loop", "Tile", "Range", "Expand", "NonZero", "Evil", "Concat"))


def domain(model: Any, dice: Dice) -> None:
    one_of(dice, model.graph.node).domain = one_of(dice, ("com.microsoft", "ai.onnx", "ai.onnx.ml", "evil"))


def external(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    tensor.external_data.add(key="location", value=one_of(dice, ("/etc/passwd", "../x", "manifest.json")))
    if dice.random() < 0.5:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")


def dims(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    how = dice.random()
    if tensor.dims and how < 0.6:
        tensor.dims[int(dice.integers(len(tensor.dims)))] = one_of(dice, NUMBERS)
    elif how < 0.8:
        tensor.dims.append(one_of(dice, NUMBERS))
    else:
        del tensor.dims[:]


def kind(model: Any, dice: Dice) -> None:
    one_of(dice, model.graph.initializer).data_type = int(dice.integers(-1, 30))


def data(model: Any, dice: Dice) -> None:
    tensor = one_of(dice, model.graph.initializer)
    if tensor.raw_data:
        tensor.raw_data = BYTES[one_of(dice, list(BYTES))](tensor.raw_data, dice)


def floats(model: Any, dice: Dice) -> None:
    """Weights that are no numbers, or too large ones."""
    every = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and t.raw_data]
    tensor = one_of(dice, every)
    value = one_of(dice, (np.nan, np.inf, -np.inf, 3e38, 0.0))
    tensor.raw_data = np.full(len(tensor.raw_data) // 4, value, np.float32).tobytes()


def integers(model: Any, dice: Dice) -> None:
    """Shapes, axes and places that are others."""
    every = [t for t in model.graph.initializer if t.data_type == TensorProto.INT64 and t.raw_data]
    every += [a.t for n in model.graph.node for a in n.attribute if a.t.data_type == TensorProto.INT64 and a.t.raw_data]
    if every:
        tensor = one_of(dice, every)
        values = np.frombuffer(tensor.raw_data, np.int64).copy()
        values[int(dice.integers(len(values)))] = one_of(dice, NUMBERS)
        tensor.raw_data = values.tobytes()


def attribute(model: Any, dice: Dice) -> None:
    found = one_of(dice, [a for node in model.graph.node for a in node.attribute])
    if found.ints:
        found.ints[int(dice.integers(len(found.ints)))] = one_of(dice, NUMBERS)
    elif dice.random() < 0.3:
        found.type = int(dice.integers(0, 15))
    else:
        found.i, found.f = one_of(dice, NUMBERS), one_of(dice, (np.nan, -1.0, 1e38, 0.0))


def wiring(model: Any, dice: Dice) -> None:
    node, other = one_of(dice, model.graph.node), one_of(dice, model.graph.node)
    how = dice.random()
    if node.input and other.output and how < 0.4:
        node.input[int(dice.integers(len(node.input)))] = one_of(dice, other.output)
    elif node.input and other.input and how < 0.7:
        node.input[int(dice.integers(len(node.input)))] = one_of(dice, other.input)
    elif how < 0.85:
        model.graph.node.remove(node)
    else:
        model.graph.node.add().CopyFrom(node)


def outside(model: Any, dice: Dice) -> None:
    """Inputs and outputs that say something else of themselves."""
    info = one_of(dice, [*model.graph.input, *model.graph.output])
    how, shape = dice.random(), info.type.tensor_type.shape.dim
    if how < 0.2:
        info.name = one_of(dice, ("pixels", "verb", "presence", "two\nlines", ""))
    elif how < 0.5:
        info.type.tensor_type.elem_type = int(dice.integers(0, 30))
    elif shape and how < 0.9:
        one_of(dice, shape).dim_value = one_of(dice, NUMBERS)
    else:
        info.type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT


def exchanged(model: Any, dice: Dice) -> None:
    """Outputs that carry each other's numbers."""
    one, other = (str(one_of(dice, model.graph.output).name) for _ in range(2))
    names = {one: other, other: one}
    for node in model.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]


def version(model: Any, dice: Dice) -> None:
    if dice.random() < 0.5:
        model.opset_import[0].version = one_of(dice, (*NUMBERS, 10**9, 5, 11, 13, 17, 18, 99))
    else:
        model.ir_version = one_of(dice, (*NUMBERS, 4, 8, 99))


def saying(model: Any, dice: Dice) -> None:
    """What a graph says of itself, said otherwise, twice or not at all."""
    how, told = dice.random(), model.metadata_props
    if told and how < 0.4:
        one_of(dice, told).value = str(one_of(dice, VALUES))
    elif told and how < 0.6:
        told.remove(one_of(dice, told))
    else:
        told.add(key=one_of(dice, ("format", "edgegsr", "two\nlines", "x" * 100_000)), value="[" * 10_000)


def crowd(model: Any, dice: Dice) -> None:
    """Countless nodes or constants."""
    node, tensor = one_of(dice, model.graph.node), one_of(dice, model.graph.initializer)
    for i in range(int(one_of(dice, (100, 3000, 30_000)))):
        if dice.random() < 0.5:
            model.graph.initializer.add(name=f"c{i}", data_type=1, dims=[1], raw_data=bytes(4))
        else:
            model.graph.node.add(op_type="Relu", input=[node.output[0]], output=[f"{tensor.name}{i}"])


GRAPHS: dict[str, Callable[[Any, Dice], None]] = {
    **{"operator": operator, "domain": domain, "external": external, "dims": dims, "kind": kind, "data": data},
    **{"floats": floats, "integers": integers, "attribute": attribute, "wiring": wiring, "outside": outside},
    **{"exchanged": exchanged, "version": version, "crowd": crowd, "saying": saying},
}
FLOATS = {"type": "float32", "normalised": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
GROUPS: dict[str, Callable[[Path, Dice], str]] = {
    "file": harm_a_file,
    "manifest": harm_the_manifest,
    "sealed bytes": harm_and_seal_bytes,
    "sealed json": harm_and_seal_json,
    "sealed graph": harm_and_seal_the_graph,
}
