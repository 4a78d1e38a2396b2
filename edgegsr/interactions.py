"""Annotated human-object pairs as columns: what the loaders give, what scorers judge and students learn. numpy only.

Boxes are continuous edges xyxy, 0-based: the 1-based inclusive pixels x1..x2 of HICO-DET are the edges x1 - 1, x2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.errors import InputError, shown

PERSON = "person"
KINDS_FILE = "kinds.json"  # lies in the folder of a run of pairs, and of no other run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


def same_word(word: str) -> str:
    """How words are compared: COCO writes "baseball bat", HICO-DET "baseball_bat"."""
    return word.strip().lower().replace(" ", "_")


@dataclass(frozen=True)
class Kinds:
    """The kinds of interaction of a dataset: its verbs, its objects, and which verb goes with which object."""

    verbs: tuple[str, ...]
    objects: tuple[str, ...]
    pairs: Ints  # (K, 2): verb and object of each kind
    rare: Bools  # (K,): few training pairs; fewer than 10 in HICO-DET
    unseen: Mapping[str, Bools] = field(default_factory=dict)  # zero-shot setting -> (K,) kinds out of its training

    def __post_init__(self) -> None:
        if self.pairs.shape != (len(self.rare), 2):
            raise InputError(f"kinds: pairs must have the shape {(len(self.rare), 2)}, got {self.pairs.shape}")
        for what, words in (("verbs", self.verbs), ("objects", self.objects)):
            spelled = [same_word(word) for word in words if isinstance(word, str) and word]
            if len(set(spelled)) != len(words):
                raise InputError(f"kinds: wanted {what} that are different words, got {shown(list(words))[:80]}")
        limit = (len(self.verbs), len(self.objects))
        if (wrong := self.pairs[((self.pairs < 0) | (self.pairs >= limit)).any(1)]).size:
            raise InputError(f"kinds: wanted verbs and objects from 0 and below {limit}, got {wrong[0].tolist()}")
        if len(self.index) != len(self.pairs):
            raise InputError("kinds: a verb and an object stand twice together")

    def __len__(self) -> int:
        return len(self.pairs)

    def same_as(self, other: Kinds) -> bool:
        """Whether both number the same words and kinds alike."""
        words = (self.verbs, self.objects) == (other.verbs, other.objects)
        return words and np.array_equal(self.pairs, other.pairs)

    @cached_property
    def index(self) -> dict[tuple[int, int], int]:
        """The kind of a verb and an object."""
        return {(verb, noun): kind for kind, (verb, noun) in enumerate(self.pairs.tolist())}

    @cached_property
    def verb_index(self) -> dict[str, int]:
        return {same_word(verb): i for i, verb in enumerate(self.verbs)}

    @cached_property
    def object_index(self) -> dict[str, int]:
        return {same_word(noun): i for i, noun in enumerate(self.objects)}

    @cached_property
    def valid(self) -> Bools:
        """(objects, verbs): which verbs an object allows."""
        table = np.zeros((len(self.objects), len(self.verbs)), bool)
        table[self.pairs[:, 1], self.pairs[:, 0]] = True
        return table

    def allowed(self, setting: str) -> Bools:
        """(objects, verbs): the kinds that a training in a zero-shot setting may know of; all of them in none."""
        table = self.valid.copy()
        if setting:
            verb, noun = self.pairs[self.unseen[setting]].T
            table[noun, verb] = False
        return table

    def to_json(self) -> str:
        """The kinds as `from_json` reads them."""
        return json.dumps(
            {
                "verbs": self.verbs,
                "objects": self.objects,
                "pairs": self.pairs.tolist(),
                "rare": np.flatnonzero(self.rare).tolist(),
                "unseen": {name: np.flatnonzero(mask).tolist() for name, mask in self.unseen.items()},
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str, where: str = "kinds") -> Kinds:
        try:
            raw = json.loads(text)
            if wrong := [pair for pair in raw["pairs"] if [type(number) for number in pair] != [int, int]]:
                raise InputError(f"kinds: wanted a verb and an object by their numbers, got {shown(wrong[0])[:40]}")
            pairs = np.array(raw["pairs"], np.int32).reshape(-1, 2)
            unseen = {name: mask_of(ids, len(pairs)) for name, ids in raw["unseen"].items()}
            verbs, objects = list(raw["verbs"]), list(raw["objects"])
            return cls(tuple(verbs), tuple(objects), pairs, mask_of(raw["rare"], len(pairs)), unseen)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise InputError(
                f"{where}: wanted kinds of interaction (verbs, objects, pairs, rare, unseen), got {shown(error)[:200]}"
            ) from error

    def names(self, kind: int) -> tuple[str, str]:
        """Verb and object of a kind."""
        verb, noun = self.pairs[kind]
        return self.verbs[verb], self.objects[noun]


def mask_of(ids: Sequence[int], count: int) -> Bools:
    """(count,) True at these places."""
    mask = np.zeros(count, bool)
    if wrong := [i for i in ids if type(i) is not int or not 0 <= i < count]:
        raise InputError(f"kinds: wanted numbers from 0 to {count - 1}, got {shown(wrong[0])[:40]}")
    mask[list(ids)] = True
    mask.setflags(write=False)
    return mask


@dataclass(frozen=True)
class Pairs:
    """N images with M annotated pairs, each of one kind. A human and an object that do two things are two pairs."""

    kinds: Kinds
    images: tuple[str, ...]
    sizes_wh: Ints  # (N, 2); 0 where the file does not say
    image: Ints  # (M,) row of the image
    kind: Ints  # (M,)
    humans_xyxy: Floats  # (M, 4)
    objects_xyxy: Floats  # (M, 4)

    def __post_init__(self) -> None:
        m = len(self.image)
        _check_shapes(
            "pairs",
            self,
            {"sizes_wh": (len(self.images), 2), "kind": (m,), "humans_xyxy": (m, 4), "objects_xyxy": (m, 4)},
        )
        for column, below in ((self.image, len(self.images)), (self.kind, len(self.kinds))):
            if m and not (column.min() >= 0 and column.max() < below):
                got = f"{column.min()} to {column.max()}"
                raise InputError(f"pairs: wanted rows and kinds from 0 to {below - 1}, got {got}")

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of an image by its name."""
        return {image: i for i, image in enumerate(self.images)}

    @cached_property
    def empty(self) -> Bools:
        """(N,) images without a pair."""
        empty: Bools = np.bincount(self.image, minlength=len(self)) == 0
        return empty

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """(K,) pairs of each kind."""
        return np.bincount(self.kind, minlength=len(self.kinds))

    def keep(self, wanted: npt.ArrayLike) -> Pairs:
        """The same images with only these pairs."""
        return self._with(self.images, self.sizes_wh, self.image, np.asarray(wanted))

    def take(self, rows: npt.ArrayLike) -> Pairs:
        """Only these images, in this order, with their pairs."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        place = np.full(len(self), -1, np.int32)
        place[index] = np.arange(len(index), dtype=np.int32)
        image = place[self.image]
        images = tuple(self.images[i] for i in index)
        return self._with(images, self.sizes_wh[index], image, image >= 0)

    def _with(self, images: tuple[str, ...], sizes_wh: Ints, image: Ints, wanted: npt.NDArray[Any]) -> Pairs:
        return Pairs(
            self.kinds, images, sizes_wh, image[wanted], self.kind[wanted], self.humans_xyxy[wanted],
            self.objects_xyxy[wanted],
        )  # fmt: skip


@dataclass(frozen=True)
class Acts:
    """The actions of V-COCO, and the roles in which an action has an object: one slot an action and role."""

    names: tuple[str, ...]
    slots: tuple[tuple[str, str], ...]  # (action, role)

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def word_index(self) -> dict[str, int]:
        """The same by words as they are compared."""
        return {same_word(name): i for i, name in enumerate(self.names)}

    @cached_property
    def slot_index(self) -> dict[tuple[str, str], int]:
        return {slot: i for i, slot in enumerate(self.slots)}

    @cached_property
    def of_slot(self) -> Ints:
        """The action of each slot."""
        return np.array([self.index[action] for action, _ in self.slots], np.int32).reshape(-1)


@dataclass(frozen=True)
class Persons:
    """N images with P persons, what each of them does, and with what: V-COCO's truth. An act may lack its object."""

    acts: Acts
    images: tuple[str, ...]
    sizes_wh: Ints  # (N, 2)
    image: Ints  # (P,) row of the image
    persons_xyxy: Floats  # (P, 4)
    labelled: Bools  # (P,) whether anybody said what this person does
    does: Bools  # (P, A)
    objects_xyxy: Floats  # (P, S, 4); 0 where there is none
    has_object: Bools  # (P, S)
    objects: tuple[str, ...]  # object words
    object: Ints  # (P, S) index into `objects`; -1 where there is none

    def __post_init__(self) -> None:
        p, a, s = len(self.image), len(self.acts.names), len(self.acts.slots)
        wanted = {
            "sizes_wh": (len(self.images), 2),
            "persons_xyxy": (p, 4),
            "labelled": (p,),
            "does": (p, a),
            "objects_xyxy": (p, s, 4),
            "has_object": (p, s),
            "object": (p, s),
        }
        _check_shapes("persons", self, wanted)

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of an image by its name."""
        return {image: i for i, image in enumerate(self.images)}

    def take(self, rows: npt.ArrayLike) -> Persons:
        """Only these images, in this order, with their persons."""
        index = np.arange(len(self))[np.asarray(rows)]
        place = np.full(len(self), -1, np.int32)
        place[index] = np.arange(len(index), dtype=np.int32)
        mine = place[self.image] >= 0
        of_person = ("persons_xyxy", "labelled", "does", "objects_xyxy", "has_object", "object")
        columns = {name: getattr(self, name)[mine] for name in of_person}
        images = tuple(self.images[i] for i in index)
        return replace(self, images=images, sizes_wh=self.sizes_wh[index], image=place[self.image][mine], **columns)


def _check_shapes(what: str, table: Any, wanted: dict[str, tuple[int, ...]]) -> None:
    for name, shape in wanted.items():
        if (got := getattr(table, name).shape) != shape:
            raise InputError(f"{what}: {name} must have the shape {shape}, got {got}")
