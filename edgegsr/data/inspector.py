"""The annotation files of a dataset under inspection: every fault and oddity of every record, and counts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgegsr.annotations import ANNOTATORS
from edgegsr.data.findings import Counts, Finding
from edgegsr.data.records import Twice, box_fault, faults, is_size, learn_frames, paused_gc, read_records
from edgegsr.data.swig import CLASSES, SPACE, read_nouns, read_ontology, read_verbs
from edgegsr.errors import InputError
from edgegsr.progress import track
from edgegsr.situation import Ontology

_NAME = re.compile(r"(.+)_[^_]*\.\w+")  # <verb>_<number>.jpg
EXAMPLES = 5


class Inspector:
    """Looks at one annotation file after the other, and remembers: `items`, `counts`, `notes`, and image `sizes`."""

    def __init__(self, folder: Path) -> None:
        self.items: list[Finding] = []
        self.counts: list[Counts] = []
        self.notes: list[str] = []
        self.sizes: dict[str, tuple[int, int] | None] = {}  # of every image named, as its record says
        self._home: dict[str, tuple[str, str]] = {}  # image -> split family and file that it was found in first
        self._votes: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)  # verb -> role sets in use
        self._verbs: set[str] = set()
        self._space = self._read_space(folder / SPACE)
        self._nouns = self._read_nouns(folder / CLASSES)

    def error(self, file: str, image: str, wanted: str, got: str) -> None:
        self.items.append(Finding("error", file, image, wanted, got))

    def warn(self, file: str, image: str, wanted: str, got: str) -> None:
        self.items.append(Finding("warning", file, image, wanted, got))

    def inspect(self, split: str, path: Path) -> None:
        """Looks at every record of one annotation file."""
        try:
            with paused_gc():
                records = read_records(path)
        except InputError as error:
            return self.error(str(path), "", "an annotation file", str(error))
        for image in records.keys_twice if isinstance(records, Twice) else ():
            self.error(str(path), image, "every image once", "this one twice")
        frames = self._frames(records)
        for image, record in track(records.items(), f"records of {path.name}", len(records)):
            for fault in faults(image, record, frames):
                self.error(str(path), *fault)
            self._doubt(str(path), image, record, frames)
            self._meet(split, str(path), image, record)
        return self._count(split, path, records)

    def inspect_list(self, path: Path) -> None:
        """Looks at the list of the verbs that are kept out of training; the annotations come first."""
        known = {frame.verb for frame in self._space.frames} if self._space else self._verbs
        try:
            read_verbs(path, known)
        except InputError as error:
            self.error(str(path), "", "verbs of the data set, one a line", str(error).removeprefix(f"{path}, "))

    def _frames(self, records: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """The roles of each verb: of the space file, or else those that most records have."""
        if self._space is not None:
            return {frame.verb: frame.roles for frame in self._space.frames}
        frames: dict[str, tuple[str, ...]] = {}
        learn_frames(records, frames)
        for record in records.values():
            for verb, roles in _role_sets(record):
                self._votes[verb][roles] += 1
        return frames | {verb: votes.most_common(1)[0][0] for verb, votes in self._votes.items()}

    def _doubt(self, file: str, image: str, record: Any, frames: Mapping[str, Sequence[str]]) -> None:
        """What can be read and is wrong or odd all the same."""
        if not isinstance(record, dict):
            return
        verb, named = record.get("verb"), _NAME.fullmatch(image)
        if named is None or named[1] != verb:
            report = self.error if named is not None and named[1] in frames else self.warn
            report(file, image, f"the name of its verb and a number, {verb}_1.jpg", image)
        bb = record.get("bb")
        for role, box in bb.items() if isinstance(bb, dict) else ():
            if box_fault(box) is None:
                self._doubt_box(file, image, role, box, _size(record))

    def _doubt_box(self, file: str, image: str, role: str, box: list[float], size_wh: tuple[int, int] | None) -> None:
        x1, y1, x2, y2 = box
        if x1 == -1:
            if box != [-1, -1, -1, -1]:
                self.warn(file, image, f"bb, role {role!r}: -1 four times, or a box", f"{box}, read as no box")
        elif size_wh is not None and (min(x1, y1) < 0 or x2 > size_wh[0] or y2 > size_wh[1]):
            self.error(file, image, f"bb, role {role!r}: a box inside {size_wh[0]} x {size_wh[1]}", str(box))
        elif x1 == x2 or y1 == y2:
            self.warn(file, image, f"bb, role {role!r}: a box with an area", str(box))

    def _meet(self, split: str, file: str, image: str, record: Any) -> None:
        """Remembers the image; it may be in dev.json and in a subset of dev, but not in dev and in train."""
        family = split.partition("_")[0]
        first, where = self._home.setdefault(image, (family, file))
        if first != family:
            self.error(file, image, "an image in one split only", f"it is in {where} too")
        self.sizes.setdefault(image, _size(record))

    def _count(self, split: str, path: Path, records: Mapping[str, Any]) -> None:
        answers = Counter(noun for record in records.values() for noun in _answers(record))
        if self._nouns is None and split.startswith("train"):
            self._nouns = frozenset(answers)
        unknown = Counter() if self._nouns is None else _except(answers, self._nouns)
        self._tell_words(path, "nouns of the vocabulary; any other counts as OOV", unknown)
        if self._space is not None:
            self._tell_words(path, f"nouns with words in {SPACE}", _except(answers, self._space.noun_index))
        boxes = [box for record in records.values() for box in _boxes(record)]
        verbs = {str(record.get("verb")) for record in records.values() if isinstance(record, dict)}
        there = sum(box_fault(box) is None and box[0] != -1 for box in boxes)
        self._verbs |= verbs
        self.counts.append(Counts(split, len(records), len(verbs), len(boxes), there, answers[""], unknown.total()))

    def _tell_words(self, path: Path, wanted: str, unknown: Counter[str]) -> None:
        if unknown:
            shown = ", ".join(f"{noun} ({count})" for noun, count in unknown.most_common(EXAMPLES))
            more = f" and {len(unknown) - EXAMPLES} more" if len(unknown) > EXAMPLES else ""
            self.warn(str(path), "", wanted, f"others {unknown.total()} times: {shown}{more}")

    def _read_space(self, path: Path) -> Ontology | None:
        try:
            if path.is_file():
                return read_ontology(path)
            self.notes.append(f"verbs not checked: no {SPACE} beside the annotations; roles are held to the usual ones")
        except InputError as error:
            self.error(str(path), "", "the verbs and nouns of the dataset", str(error))
        return None

    def _read_nouns(self, path: Path) -> frozenset[str] | None:
        try:
            return frozenset(read_nouns(path)) if path.is_file() else None
        except InputError as error:
            self.error(str(path), "", "the noun vocabulary", str(error))
        return None


def _role_sets(record: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(verb, roles) once for the boxes and once for each annotator, where they are there."""
    if not isinstance(record, dict) or not isinstance(verb := record.get("verb"), str):
        return
    answers = record.get("frames")
    for roles in (record.get("bb"), *(answers if isinstance(answers, list) else ())):
        if isinstance(roles, dict) and roles:
            yield verb, tuple(sorted(roles))


def _answers(record: Any) -> Iterator[str]:
    frames = record.get("frames") if isinstance(record, dict) else None
    for answers in frames[:ANNOTATORS] if isinstance(frames, list) else ():
        if isinstance(answers, dict):
            yield from (noun for noun in answers.values() if isinstance(noun, str))


def _except(answers: Counter[str], known: Collection[str]) -> Counter[str]:
    return Counter({noun: count for noun, count in answers.items() if noun and noun not in known})


def _boxes(record: Any) -> list[Any]:
    bb = record.get("bb") if isinstance(record, dict) else None
    return list(bb.values()) if isinstance(bb, dict) else []


def _size(record: Any) -> tuple[int, int] | None:
    width, height = (record.get("width"), record.get("height")) if isinstance(record, dict) else (None, None)
    return (width, height) if is_size(width) and is_size(height) else None
