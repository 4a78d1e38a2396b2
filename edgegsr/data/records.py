"""The records of the official SWiG files: JSON that hides no duplicate key, and one examiner of what a record must be.

`swig.read` raises the first fault, `check.check` lists them all; both ask the same examiner, so they cannot disagree.
"""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from edgegsr.annotations import ANNOTATORS
from edgegsr.errors import InputError, shown
from edgegsr.situation import MAX_ROLES

MOST_BYTES = 1 << 29  # of a file of annotations
LIMIT = 2**31  # coordinates and sizes live in 32-bit columns
_UNSAFE = re.compile(r"[/\\\0]|\.\.")


class Twice(dict[str, Any]):
    """A JSON object some of whose keys stand twice; the last value of each is kept."""

    keys_twice: tuple[str, ...] = ()


class Fault(NamedTuple):
    """One thing that is wrong with one image: what was wanted, what came."""

    image: str
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"image {self.image!r}: wanted {self.wanted}, got {self.got}"


def read_json(path: Path) -> Any:
    """The tree of a JSON file; an object with a duplicate key comes as `Twice`."""
    try:
        check_size(path)
        with paused_gc():
            return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_object)
    except OSError as error:
        raise InputError(f"{path}: wanted a readable JSON file, got: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: wanted JSON, got: {error}") from error


def check_size(path: Path) -> None:
    """Refuses a file that is larger than any of annotations."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise InputError(f"{path}: wanted at most {MOST_BYTES >> 20} MB, got {size >> 20} MB")


def read_records(path: Path) -> dict[str, Any]:
    """Image name -> record of one annotation file, still unexamined."""
    tree = read_json(path)
    if not isinstance(tree, dict) or not tree:
        raise InputError(f"{path}: wanted an object 'image name -> record' with at least one image, got {brief(tree)}")
    return tree


@contextmanager
def paused_gc() -> Iterator[None]:
    """No garbage collection inside: it would walk millions of fresh objects again and again and free none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    counts = Counter(key for key, _ in pairs)
    twice = Twice(made)
    twice.keys_twice = tuple(key for key, count in counts.items() if count > 1)
    return twice


def learn_frames(records: Mapping[str, Any], frames: dict[str, tuple[str, ...]]) -> None:
    """Adds the verbs that `frames` does not have, each with the roles of its first record; () where that has none."""
    for record in records.values():
        verb = record.get("verb") if isinstance(record, dict) else None
        if isinstance(verb, str) and verb not in frames:
            frames[verb] = _roles_of(record)


def _roles_of(record: dict[str, Any]) -> tuple[str, ...]:
    answers = record.get("frames")
    roles = answers[0] if isinstance(answers, list) and answers else record.get("bb")
    return tuple(roles) if isinstance(roles, dict) else ()


def faults(image: str, record: Any, frames: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """Everything that makes this record unusable; `frames`: the roles of every known verb, () = any."""
    if bad := name_fault(image):
        yield Fault(image, *bad)
    if not isinstance(record, dict):
        yield Fault(image, "a record with verb, height, width, bb and frames", brief(record))
        return
    yield from _duplicates(image, "the record", record)
    if not {"bb", "height", "width"} & record.keys():
        yield Fault(
            image, "'bb', 'height' and 'width'", "none of them: a file of imSitu, which has no boxes; use SWiG's"
        )
        return
    for key in ("height", "width"):
        if not is_size(record.get(key)):
            yield Fault(image, f"{key}: a whole number of pixels above 0", brief(record.get(key)))
    verb = record.get("verb")
    if not verb or not isinstance(verb, str) or verb not in frames:
        yield Fault(image, f"verb: one of the {len(frames)} known verbs", brief(verb))
    roles = frames.get(verb, ()) if isinstance(verb, str) else ()
    yield from _box_faults(image, record.get("bb"), roles)
    yield from _frame_faults(image, record.get("frames"), roles)


def _box_faults(image: str, bb: Any, roles: Sequence[str]) -> Iterator[Fault]:
    if not isinstance(bb, dict):
        yield Fault(image, "bb: an object 'role -> [x1, y1, x2, y2]'", brief(bb))
        return
    yield from _duplicates(image, "bb", bb)
    yield from _role_faults(image, "bb", bb, roles)
    for role, box in bb.items():
        if bad := box_fault(box):
            yield Fault(image, f"bb, role {role!r}: {bad}", brief(box))


def _frame_faults(image: str, frames: Any, roles: Sequence[str]) -> Iterator[Fault]:
    if not isinstance(frames, list) or len(frames) != ANNOTATORS:
        got = f"{len(frames)} of them" if isinstance(frames, list) else brief(frames)
        yield Fault(image, f"frames: a list of {ANNOTATORS} annotators' objects 'role -> noun'", got)
        return
    for i, frame in enumerate(frames, 1):
        where = f"frames, annotator {i}"
        if not isinstance(frame, dict):
            yield Fault(image, f"{where}: an object 'role -> noun'", brief(frame))
            continue
        yield from _duplicates(image, where, frame)
        yield from _role_faults(image, where, frame, roles)
        for role, noun in frame.items():
            if not isinstance(noun, str):
                yield Fault(image, f"{where}, role {role!r}: a noun id or ''", brief(noun))


def _role_faults(image: str, where: str, found: Mapping[str, Any], roles: Sequence[str]) -> Iterator[Fault]:
    if not 1 <= len(found) <= MAX_ROLES or not all(found):
        yield Fault(image, f"{where}: 1 to {MAX_ROLES} named roles", brief(list(found)))
    elif roles and found.keys() != set(roles):
        yield Fault(image, f"{where}: the roles {sorted(roles)}", str(sorted(found)))


def _duplicates(image: str, where: str, found: Mapping[str, Any]) -> Iterator[Fault]:
    if isinstance(found, Twice):
        yield Fault(image, f"{where}: every key once", f"{list(found.keys_twice)} twice")


def name_fault(image: str) -> tuple[str, str] | None:
    """What is wrong with an image name, as (wanted, got): it must stay inside the folder of images."""
    if image and image.isprintable() and not _UNSAFE.search(image):
        return None
    return "a plain file name without '/', '\\', '..' or control characters", repr(image)


def check_images(where: Path, images: Sequence[str]) -> None:
    """Refuses the images of a file that are no names, or stand twice."""
    if bad := next((name for name in images if not isinstance(name, str) or name_fault(name)), None):
        raise InputError(f"{where}: wanted names of image files, got {shown(bad)[:60]!r}")
    if len(last := {name: i for i, name in enumerate(images)}) != len(images):
        name = next(name for i, name in enumerate(images) if last[name] != i)
        raise InputError(f"{where}: image {name!r}: wanted every image once, got it twice")


def box_fault(box: Any) -> str | None:
    """What this box should have been, or None where it is sound. x1 = -1 says that there is no box."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) for v in box):
        return "four numbers [x1, y1, x2, y2]"
    if not all(-LIMIT < v < LIMIT for v in box):  # false for NaN too
        return "four finite numbers"
    if box[0] != -1 and (box[2] < box[0] or box[3] < box[1]):
        return "x1 <= x2 and y1 <= y2, or -1 four times"
    return None


def is_size(value: Any) -> TypeGuard[int]:
    """Whether this is a usable height or width."""
    return type(value) is int and 0 < value < LIMIT


def same_aspect(file_wh: tuple[int, int], record_wh: tuple[int, int]) -> bool:
    """Whether one size is the other one rescaled, give or take the rounding to whole pixels."""
    wanted = [length * max(file_wh) / max(record_wh) for length in record_wh]
    return all(abs(got - want) <= max(2, 0.01 * want) for got, want in zip(file_wh, wanted, strict=True))


def brief(value: Any) -> str:
    """The value as an error can show it: short."""
    if isinstance(value, dict | list) and len(value) > 6:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
