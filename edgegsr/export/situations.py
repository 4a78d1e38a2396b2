"""What export has to know of a run of situations: its words, its graph, and how it is held against its student."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from onnx import ModelProto

from edgegsr.bundle import (
    ASK_GRAPH,
    GRAPH,
    INPUTS,
    OUTPUTS,
    TABLE_INPUTS,
    TOKENS,
    VOCABULARY,
    Bundle,
    Gates,
    Normal,
)
from edgegsr.export.form import Form
from edgegsr.export.judge import Checks, scores
from edgegsr.export.modelcard import model_card
from edgegsr.export.parity import Parity, drift_of_asking, parity
from edgegsr.export.part import asked_part
from edgegsr.export.text import write_words
from edgegsr.export.vocabulary import Vocab, words_of
from edgegsr.files import write_whole
from edgegsr.run import Run
from edgegsr.runtime.session import Engine, Session, open_asker
from edgegsr.runtime.vocabulary import Room, Vocabulary
from edgegsr.scoring.brief import Dev
from edgegsr.student.cost import Cost
from edgegsr.student.model import Student
from edgegsr.student.quantizers import unrounded


@dataclass(frozen=True)
class Situations:
    """A run of situations on its way into a bundle, whose words are folded into it or inputs."""

    run: Run
    checks: Checks
    vocab: Vocab
    form: Form

    def __post_init__(self) -> None:
        self.vocab.room(self.run)  # which refuses words that do not fit into it

    @property
    def student(self) -> Student:
        return self.run.student

    @property
    def room(self) -> Room | None:
        return self.vocab.room(self.run)

    @property
    def normal(self) -> Normal | None:
        return self.form.normal(self.student)

    @property
    def gates(self) -> Gates:
        inputs = INPUTS if self.room is None else (*INPUTS, *TABLE_INPUTS)
        return Gates(inputs, (*OUTPUTS, *[TOKENS] * self.form.ask))

    def write_words(self, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Puts the words into a bundle: what its manifest says of them, and what is known of who reads new ones."""
        ontology = self.run.ontology
        room, read_by = write_words(self.run, self.vocab, folder)
        write_whole(folder / VOCABULARY, ontology.to_json())
        told = {"verbs": len(ontology.verbs), "nouns": len(ontology.nouns), "folded": room is None}
        return told | (room.facts() if room else {}), {"text": read_by} if read_by is not None else {}

    def words(self) -> Mapping[str, Any]:
        """Those that are inputs of the graph."""
        return words_of(self.run, self.room)

    def graph(self, plain: bool = False) -> ModelProto:
        """The graph of the student; `plain`, in floats whatever it counts in."""
        student = unrounded(self.student, self.run.tables) if plain else self.student
        return self.form.graph(student, self.room)

    def parts(self, graph: ModelProto) -> dict[str, ModelProto]:
        """The ONNX files that a graph makes."""
        return {GRAPH: graph, **({ASK_GRAPH: asked_part(graph)} if self.form.ask else {})}

    def session(self, engine: Engine) -> Session:
        """What is asked about a photo, in the words that the student has learned."""
        return partial(self._spoken.ask, engine)

    @property
    def _spoken(self) -> Vocabulary:
        return Vocabulary(self.run.ontology, inputs=self.words())

    def near(self, session: Session, graph: ModelProto, opened: Callable[[ModelProto], Engine]) -> Parity:
        """How far a graph is from the student."""
        return parity(self.student, session, self.checks.photos, self.checks.images)

    def asked_again(self, session: Session, bundle: Bundle, engine: str) -> dict[str, Any]:
        """How far the second graph is from the first, where there are two."""
        if not self.form.ask:
            return {}
        asker = partial(self._spoken.ask_again, open_asker(bundle, engine, self.checks.threads))
        drift = drift_of_asking(session, asker, self.checks.photos, bundle.side, self.checks.images)
        return {"ask": {"drift": drift}}

    def scores(self, sessions: Sequence[Session]) -> list[Dev]:
        """Of the student and of each graph."""
        return scores(self.student, sessions, self.checks)

    def card(self, name: str, spent: Cost, near: Parity, speed: str) -> str:
        return model_card(self.run, name, spent, near, speed, self.form, self.room)
