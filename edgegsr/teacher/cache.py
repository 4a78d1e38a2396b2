"""The folder that `teach` writes, and a source of knowledge that reads it.

    cache.json                what it holds and from whom
    tokens/*.safetensors      what the teacher sees in each view of each photo, fp16
    rationales.jsonl          what is said about each image
    texts/*.safetensors       the token vectors of each text, fp16
    projection.safetensors    the teacher's way among its own texts, where it has one
    photos.json               hashes of image files, to be read once
    zero_shot.json            what the teacher itself scores on dev

Everything is found by the hash of what it was made from: a photo under two names is there once, and nothing of another
teacher, view or encoder can be taken for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from edgegsr.card import read_card
from edgegsr.data.mirror import mirror
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.files import listing
from edgegsr.teacher.collages import FOLDER as COLLAGES
from edgegsr.teacher.collages import Collages
from edgegsr.teacher.knowledge import Knowledge, Scenes, padded
from edgegsr.teacher.photos import digests
from edgegsr.teacher.shards import Shard, Shards, key_of
from edgegsr.teacher.sight import Teacher
from edgegsr.teacher.texts import abouts_of, read_notes, standing, text_key
from edgegsr.teacher.zero_shot import kept
from edgegsr.text.tokens import TokenReader

FACTS, TOKENS, TEXTS, PROJECTION = "cache.json", "tokens", "texts", "projection.safetensors"
FORMAT = "edgegsr-cache-1"
View = Literal["plain", "flipped"]
VIEWS: tuple[View, ...] = ("plain", "flipped")
NOWHERE = -1


@dataclass(frozen=True)
class Facts:
    """From whom a cache is: all that what it tells depends on besides the images and their annotations."""

    teacher: str
    revision: str
    preprocessing: str
    width: int
    grid: int
    teacher_texts: str | None  # the encoder among whose vectors the teacher puts images
    text_encoder: str
    text_revision: str
    text_width: int
    writer: str

    def view_key(self, photo: str, flipped: bool) -> bytes:
        """What the tokens of a photo in one view hang on."""
        return key_of("view", photo, VIEWS[flipped], self.revision, self.preprocessing, str(self.grid))

    @property
    def told(self) -> dict[str, str]:
        """What the config of a run says of its teacher."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}


def facts_of(teacher: Teacher, reader: TokenReader, writer: str) -> Facts:
    return Facts(
        teacher=teacher.name,
        revision=teacher.revision,
        preprocessing=teacher.preprocessing,
        width=teacher.width,
        grid=teacher.grid,
        teacher_texts=teacher.text_encoder,
        text_encoder=reader.name,
        text_revision=reader.revision,
        text_width=reader.width,
        writer=writer,
    )


def read_facts(folder: Path) -> Facts:
    """From whom the cache in a folder is."""
    told = read_json(folder)
    try:
        return read_card(told, Facts, "facts")
    except InputError as error:
        raise InputError(f"{folder / FACTS}: {str(error).removeprefix('card: ')}; teach into another folder") from error


def read_json(folder: Path) -> dict[str, Any]:
    """The cache.json of a folder."""
    path = folder / FACTS
    if not path.is_file():
        found = listing(folder) if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: wanted a cache that `edgegsr teach` has written, with {FACTS}, found {found}")
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: wanted the description of a cache: {error}; it cannot be made again, teach into another folder"
        ) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InputError(f"{path}: wanted the format {FORMAT}; teach into another folder")
    return told


def views_of(split: Split, views: Iterable[View]) -> list[tuple[int, bool]]:
    """(row, flipped) of all views that a student may see, those of an image together.

    What the ontology has no mirrored words for is never mirrored.
    """
    truth = split.annotations
    possible = mirror(truth.ontology).possible[truth.verbs].tolist()
    wanted = sorted(VIEWS.index(view) for view in views)
    return [(row, bool(flip)) for row, may in enumerate(possible) for flip in wanted if may or not flip]


def views_named(names: str) -> list[View]:
    """The views of a list such as "plain,flipped"."""
    views = [view for view in VIEWS if view in names.split(",")]
    if not views or set(names.split(",")) - set(views):
        raise InputError(f"--views: wanted {VIEWS[0]}, {VIEWS[1]} or {','.join(VIEWS)}, got {names!r}")
    return views


class Cached:
    """Knowledge from a cache, about a training split whose images it all holds in these views."""

    def __init__(self, folder: str | Path, split: Split, views: Sequence[View] = VIEWS) -> None:
        self.folder, self.split, self.scenes = Path(folder), split, Scenes(split)
        self._collages: dict[int, tuple[npt.NDArray[np.int64], Sequence[Shard]]] = {}
        facts = read_facts(self.folder)
        self.width, self.grid, self.text_width = facts.width, facts.grid, facts.text_width
        self.text_encoder, self.facts, self.projection = facts.text_encoder, facts.told, _projection(self.folder)
        pairs = views_of(split, views)
        photos = digests([split.path(row) for row in range(len(split))], self.folder)
        notes = standing(read_notes(self.folder), abouts_of(split, photos), facts.writer)
        seen = [facts.view_key(photos[row], flip) for row, flip in pairs]
        said = [
            text_key(text, facts.text_revision)
            for row, flip in pairs
            if (note := notes[row]) is not None
            for text in note.texts(flip)
        ]
        tokens, texts = Shards(self.folder / TOKENS), Shards(self.folder / TEXTS)
        lacking = {
            "views": len(tokens.lacking(seen)),
            "rationales": sum(note is None for note in notes),
            "texts": len(texts.lacking(said)),
        }
        if len(tokens) and lacking["views"] == len(set(seen)):
            raise InputError(
                f"{self.folder}: holds what {facts.teacher} sees of other images, and of none of "
                f"{split.folder.parent}; give a cache of these, or a model, which looks at them anew"
            )
        if any(lacking.values()):
            raise InputError(
                f"{self.folder}: lacks {', '.join(f'{n:,} {what}' for what, n in lacking.items() if n)} of the "
                f"{len(split):,} images of {split.name!r}; {_advice(self.folder, split, facts, views)}"
            )
        index = np.array(pairs, np.int64).reshape(-1, 2).T
        self._seen, self._said = np.full((len(split), 2, 2), NOWHERE), np.full((len(split), 2, 4, 2), NOWHERE)
        self._seen[index[0], index[1]] = tokens.places(seen)
        self._said[index[0], index[1]] = texts.places(said).reshape(-1, 4, 2)
        self._tokens, self._texts = tokens.files, texts.files

    @property
    def scores(self) -> Mapping[str, Any]:
        """What the teacher itself scores, zero-shot."""
        return kept(self.folder)

    def about(self, rows: Tensor, flipped: Tensor) -> Knowledge:
        """rows (B,) of the training split, flipped (B,) bool; on the CPU."""
        seen, said = (places[rows.numpy(), flipped.long().numpy()] for places in (self._seen, self._said))
        if (seen == NOWHERE).any():
            raise InputError(f"{self.folder}: wanted mirrored views, but it was opened without; flip no images")
        tokens = torch.empty(len(rows), 1 + self.grid**2, self.width)
        shown = torch.empty(len(rows), self.grid**2, dtype=torch.bool)
        for b, row in enumerate(_rows(self._tokens, seen)):
            tokens[b], shown[b] = row["tokens"][0], row["shown"][0]
        boxes, has_box = self.scenes.boxes(rows, flipped)
        texts = [row["vectors"] for row in _rows(self._texts, said.reshape(-1, 2))]
        return Knowledge(tokens, shown, boxes, has_box, *padded(texts, self.text_width))

    def collage_tokens(self, numbers: Tensor, count: int) -> Tensor:
        """(M, d) the global tokens of collages, of which each image has `count`."""
        places, files = self.hold(count)
        return torch.cat([row["token"] for row in _rows(files, places[numbers.numpy()])]).float()

    def hold(self, count: int) -> tuple[npt.NDArray[np.int64], Sequence[Shard]]:
        """Where so many collages of each image lie; refused where one lacks."""
        if count not in self._collages:
            self._collages[count] = self._places_of_collages(count)
        return self._collages[count]

    def _places_of_collages(self, count: int) -> tuple[npt.NDArray[np.int64], Sequence[Shard]]:
        facts, shards = read_facts(self.folder), Shards(self.folder / COLLAGES)
        photos = digests([self.split.path(row) for row in range(len(self.split))], self.folder)
        keys = Collages(self.split, count).keys(photos, facts.revision, facts.preprocessing)
        if missing := shards.lacking(keys):
            advice = _advice(self.folder, self.split, facts, VIEWS)
            raise InputError(
                f"{self.folder}: lacks {len(missing):,} of the {len(keys):,} collages of {self.split.name!r}; do "
                f"without them by --set mipd.collages=0; {advice} --collages {count}"
            )
        return shards.places(keys), shards.files


def _rows(files: Sequence[Shard], places: npt.NDArray[np.int64]) -> Iterable[Mapping[str, Tensor]]:
    return (files[file].row(number) for file, number in places.tolist())


def _projection(folder: Path) -> tuple[Tensor, Tensor] | None:
    if not (folder / PROJECTION).is_file():
        return None
    try:
        tensors = load_file(folder / PROJECTION)
        return tensors["weight"], tensors["bias"]
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{folder / PROJECTION}: wanted weight and bias of a teacher: {error}") from error


def _advice(folder: Path, split: Split, facts: Facts, views: Sequence[View]) -> str:
    """How to add to a cache what it lacks of a split."""
    writer = facts.writer.split()[0]
    options = {
        "--data": split.folder.parent,
        "--teacher": facts.teacher,
        "--grid": facts.grid,
        "--text": facts.text_encoder,
        "--rationales": "" if writer.startswith("template") else f"{writer} ...",
        "--views": "" if set(views) == set(VIEWS) else ",".join(views),
        "--out": folder,
    }
    command = " ".join(["edgegsr teach", *(f"{name} {value}" for name, value in options.items() if value)])
    return f"this adds them (with the --limit that you gave, if any): {command}"
