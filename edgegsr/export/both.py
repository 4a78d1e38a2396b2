"""What export has to know of a run of both heads: one graph, held against both halves of its student."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto

from edgegsr.both_run import BothRun
from edgegsr.bundle import GRAPH, PAIRS, SITUATIONS, Bundle, Gates, Normal, gates_of
from edgegsr.export.form import Form
from edgegsr.export.judge import Checks
from edgegsr.export.modelcard import both_card
from edgegsr.export.pairs import Interactions
from edgegsr.export.parity import Parity
from edgegsr.export.situations import Situations
from edgegsr.runtime.session import NO_WORDS, Engine, Session
from edgegsr.scoring.brief import Dev
from edgegsr.student.both import BothStudent
from edgegsr.student.cost import Cost
from edgegsr.student.quantizers import counts_in_8_bits, unrounded


@dataclass(frozen=True)
class Both:
    """A run of both heads on its way into a bundle, whose words are folded into it."""

    run: BothRun
    situations: Situations
    pairs: Interactions

    @property
    def checks(self) -> Checks:
        return self.situations.checks

    @property
    def form(self) -> Form:
        return self.pairs.form

    @property
    def student(self) -> BothStudent:
        return self.run.student

    @property
    def normal(self) -> Normal | None:
        return self.situations.normal

    @property
    def gates(self) -> Gates:
        return gates_of((SITUATIONS, PAIRS))

    def write_words(self, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Puts the words of both into a bundle; vocabulary.json is that of situations."""
        kinds, _ = self.pairs.write_words(folder)
        told, read_by = self.situations.write_words(folder)
        return {**told, PAIRS: {name: kinds[name] for name in ("verbs", "objects", "kinds")}}, read_by

    def words(self) -> Mapping[str, Any]:
        """None are inputs of the graph."""
        return NO_WORDS

    def graph(self, plain: bool = False) -> ModelProto:
        """The graph of the student; `plain`, in floats whatever it counts in."""
        if not plain or not counts_in_8_bits(self.student):
            return self.form.graph(self.student)
        mine, theirs = self.run.situations, self.run.pairs
        halves = unrounded(mine.student, mine.tables), unrounded(theirs.student, theirs.tables)
        return self.form.graph(BothStudent(*halves))

    def parts(self, graph: ModelProto) -> dict[str, ModelProto]:
        """The one ONNX file."""
        return {GRAPH: graph}

    def session(self, engine: Engine) -> Session:
        return engine

    def near(self, session: Session, graph: ModelProto, opened: Callable[[ModelProto], Engine]) -> Parity:
        """How far a graph is from either half."""
        mine, theirs = (half.near(session, graph, opened) for half in (self.situations, self.pairs))
        return Parity(min(mine.images, theirs.images), mine.drift | theirs.drift, mine.same | theirs.same)

    def asked_again(self, session: Session, bundle: Bundle, engine: str) -> dict[str, Any]:
        return {}

    def scores(self, sessions: Sequence[Session]) -> list[Dev]:
        """Of the student and of each graph: those of situations, and of pairs under their own name."""
        halves = (self.situations.scores(sessions), self.pairs.scores(sessions))
        return [{**mine, PAIRS: theirs["all"]} for mine, theirs in zip(*halves)]

    def card(self, name: str, spent: Cost, near: Parity, speed: str) -> str:
        return both_card(self.run, name, spent, near, speed, self.form)
