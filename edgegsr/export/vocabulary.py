"""A student whose words are inputs: the same network, with tables of a fixed room that a device fills as it likes.

Rows past the counts can never win: their logits are ABSENT, which is finite, so that halves and softmaxes survive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from safetensors.numpy import save
from torch import Tensor, nn
from torch.func import functional_call

from edgegsr.errors import InputError
from edgegsr.run import Run
from edgegsr.runtime.vocabulary import FORMAT, Room, Tables, padded
from edgegsr.situation import MAX_ROLES
from edgegsr.student.decoder import ABSENT
from edgegsr.student.model import Prediction, Student
from edgegsr.student.quantizers import rounding_of

NICE = 32  # rooms are multiples of this


@dataclass(frozen=True)
class Vocab:
    """How a bundle gets its words: folded into its graph, or as inputs with room for others."""

    how: str = "folded"
    capacity: tuple[int, int] | None = None  # verbs, and nouns with the empty one; by default a quarter more
    text_encoder: bool = False  # goes along

    def __post_init__(self) -> None:
        if self.how not in ("folded", "input"):
            raise InputError(f"--vocab: wanted folded or input, got {self.how!r}")
        if self.how == "folded" and (self.capacity or self.text_encoder):
            raise InputError("--capacity, --with-text-encoder: are for words that change; give --vocab input as well")

    def room(self, run: Run) -> Room | None:
        """The room of a bundle, or none where its words are folded."""
        if self.how == "folded":
            return None
        there = len(run.ontology.verbs), len(run.ontology.nouns)
        verbs, nouns = self.capacity or (_roomy(there[0]), _roomy(there[1]))
        if verbs < there[0] or nouns < there[1]:
            raise InputError(
                f"--capacity: wanted {there[0]} verbs and {there[1]} nouns at least (the one for an empty role among "
                f"them), got {verbs},{nouns}"
            )
        return Room(verbs, nouns, run.tables.width, run.tables.encoder, run.tables.revision)


def capacity_named(text: str | None) -> tuple[int, int] | None:
    """VERBS,NOUNS as two numbers."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--capacity: wanted VERBS,NOUNS such as 64,512, got {text!r}")
    return int(parts[0]), int(parts[1])


def _roomy(count: int) -> int:
    return -(-(count + count // 4) // NICE) * NICE


def tables_of(run: Run) -> bytes:
    """The words of a run as a file of vectors, with the handicaps of its verbs."""
    rows = {"verbs": run.tables.verbs, "roles": run.tables.roles, "nouns": run.tables.nouns}
    arrays = {name: rows[name].half().contiguous().numpy() for name in rows}
    arrays["handicap"] = _handicap(run.student).numpy()
    return save(arrays, {"format": FORMAT, **run.tables.facts})


def words_of(run: Run, room: Room | None) -> dict[str, Any]:
    """The same words as inputs of a graph; none where they are folded into it."""
    if room is None:
        return {}
    tables, handicap = Tables.read(tables_of(run), str(run.folder))
    assert handicap is not None
    return padded(room, run.ontology, tables, dict(zip(run.ontology.verbs, handicap.tolist())))


def _handicap(student: Student) -> Tensor:
    found = student.verb_words.handicap
    return torch.zeros(len(student.verb_words.table)) if found is None else found.float().cpu()


class OpenStudent(nn.Module):
    """A student asked with the words that it shall speak."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.counted = _Counted(student)
        self.rounding = rounding_of(student)

    def forward(
        self,
        pixels: Tensor,
        verb: Tensor,
        verb_table: Tensor,  # (K, t)
        role_table: Tensor,  # (K, 6, t)
        role_count: Tensor,  # (K,)
        handicap: Tensor,  # (K,) off the cosines of verbs
        noun_table: Tensor,  # (J - 1, t): the noun of an empty role has a learned vector and no row
        verb_count: Tensor,  # (1,)
        noun_count: Tensor,  # (1,)
    ) -> Prediction:
        present = torch.arange(MAX_ROLES) < role_count[:, None]
        words = {
            "verb_words.table": verb_table,
            "verb_words.handicap": handicap,
            "queries.verbs": verb_table,
            "queries.roles": role_table,
            "queries.mask": torch.where(present, 0.0, ABSENT),
            "noun_words.table": noun_table,
        }
        words = {f"student.{name}": table for name, table in words.items()}
        with self.rounding():
            return functional_call(self.counted, words, (pixels, verb, verb_count, noun_count))  # type: ignore[no-any-return]

    @staticmethod
    def tables(room: Room) -> tuple[Tensor, ...]:
        """Inputs of the right shapes, with one verb and one noun."""
        width = room.width
        return (
            torch.zeros(room.verbs, width),
            torch.zeros(room.verbs, MAX_ROLES, width),
            torch.ones(room.verbs, dtype=torch.int64),
            torch.zeros(room.verbs),
            torch.zeros(room.nouns - 1, width),
            torch.ones(1, dtype=torch.int64),
            torch.ones(1, dtype=torch.int64),
        )


class _Counted(nn.Module):
    """The answers of a student about the first words of its tables."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, pixels: Tensor, verb: Tensor, verb_count: Tensor, noun_count: Tensor) -> Prediction:
        view = self.student.encode(pixels)
        verb_logits = _first(self.student.verb_logits(view), verb_count)
        answer = self.student.ask(view, torch.where(verb < 0, verb_logits.argmax(-1), verb))
        return Prediction(verb_logits, _first(answer.noun_logits, noun_count), answer.boxes_xyxy, answer.presence)


def _first(logits: Tensor, count: Tensor) -> Tensor:
    return torch.where(torch.arange(logits.shape[-1]) < count, logits, ABSENT)
