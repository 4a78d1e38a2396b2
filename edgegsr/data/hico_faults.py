"""Where a file in fredzzhang's form of HICO-DET is broken, image by image. Standard library."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from edgegsr.errors import shown

NUMBERS, BOXES = ("hoi", "object", "verb"), ("boxes_h", "boxes_o")  # one of each a pair


class Fault(NamedTuple):
    """What is wrong with an image."""

    image: str
    wanted: str
    got: str


def faults(tree: dict[str, Any]) -> Iterator[Fault]:
    """Everything that no reader could make sense of."""
    lists = ("filenames", "annotation", "size")
    if lacking := [name for name in lists if not isinstance(tree.get(name), list)]:
        yield Fault("", f"a list {lacking[0]!r}", _brief(tree.get(lacking[0])))
        return
    names, records, sizes = (tree[name] for name in lists)
    for image, record in zip(names, records):
        yield from (Fault(shown(image)[:80], wanted, got) for wanted, got in _of_record(record))
    for image, size in zip(names, sizes):
        if not _are(size, 2):
            yield Fault(shown(image)[:80], "a size of two numbers", _brief(size))


def _of_record(record: Any) -> Iterator[tuple[str, str]]:
    columns = (*NUMBERS, *BOXES)
    if not isinstance(record, dict) or not all(isinstance(record.get(name), list) for name in columns):
        yield f"lists {', '.join(columns)}", _brief(record)
        return
    counts = {name: len(record[name]) for name in columns}
    if len(set(counts.values())) > 1:
        yield f"as many of {', '.join(columns)}", ", ".join(map(str, counts.values()))
    for name in NUMBERS:
        yield from ((f"whole numbers in {name}", _brief(each)) for each in record[name] if type(each) is not int)
    for name in BOXES:
        yield from ((f"boxes of four numbers in {name}", _brief(each)) for each in record[name] if not _are(each, 4))


def _are(values: Any, count: int) -> bool:
    """Whether these are so many numbers."""
    if not isinstance(values, list) or len(values) != count:
        return False
    return all(type(value) in (int, float) and math.isfinite(value) for value in values)


def _brief(value: Any) -> str:
    return "nothing" if value is None else shown(value)[:60]
