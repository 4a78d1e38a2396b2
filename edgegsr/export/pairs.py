"""What export has to know of a run of pairs: its words, its graph, and how it is held against its student."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto

from edgegsr.bundle import GRAPH, HEADS, KINDS, PAIRS, VOCABULARY, Bundle, Gates, Normal
from edgegsr.errors import require
from edgegsr.export.form import Form
from edgegsr.export.judge import Checks, pair_answers
from edgegsr.export.modelcard import pair_card
from edgegsr.export.pair_parity import pair_parity
from edgegsr.export.parity import Parity
from edgegsr.export.rows import telling_starts
from edgegsr.export.vocabulary import Vocab
from edgegsr.files import write_whole
from edgegsr.pair_run import PairRun
from edgegsr.runtime.session import NO_WORDS, Engine, Session
from edgegsr.scoring.brief import Dev, brief_pairs
from edgegsr.scoring.hico import PARTIAL, score
from edgegsr.student.cost import Cost
from edgegsr.student.pair_answers import answer_pairs
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import unrounded
from edgegsr.text.kinds import ontology_of


@dataclass(frozen=True)
class Interactions:
    """A run of pairs on its way into a bundle, whose words are folded into it."""

    run: PairRun
    checks: Checks
    vocab: Vocab
    form: Form

    def __post_init__(self) -> None:
        what = f"{self.run.folder}: is a run of pairs"
        require(
            self.vocab.how == "folded", f"--vocab input: {what}, whose words are folded into the graph; leave it out"
        )
        require(not self.form.ask, f"--with-ask: {what}, of whom nothing is asked again; leave it out")

    @property
    def student(self) -> PairStudent:
        return self.run.student

    @property
    def normal(self) -> Normal | None:
        return self.form.normal(self.student)

    @property
    def gates(self) -> Gates:
        return HEADS[PAIRS]

    def write_words(self, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Puts the words into a bundle: what its manifest says of them."""
        kinds = self.run.kinds
        write_whole(folder / KINDS, kinds.to_json())
        write_whole(folder / VOCABULARY, ontology_of(kinds).to_json())
        counts = {"verbs": len(kinds.verbs), "objects": len(kinds.objects), "kinds": len(kinds)}
        return {**counts, "folded": True}, {}

    def words(self) -> Mapping[str, Any]:
        """None are inputs of the graph."""
        return NO_WORDS

    def graph(self, plain: bool = False) -> ModelProto:
        """The graph of the student; `plain`, in floats whatever it counts in."""
        return self.form.graph(unrounded(self.student, self.run.tables) if plain else self.student)

    def parts(self, graph: ModelProto) -> dict[str, ModelProto]:
        """The one ONNX file."""
        return {GRAPH: graph}

    def session(self, engine: Engine) -> Session:
        return engine

    def near(self, session: Session, graph: ModelProto, opened: Callable[[ModelProto], Engine]) -> Parity:
        """How far a graph is from the student."""
        starting = opened(telling_starts(graph))
        return pair_parity(self.student, self.run.kinds, session, starting, self.checks.photos, self.checks.images)

    def asked_again(self, session: Session, bundle: Bundle, engine: str) -> dict[str, Any]:
        return {}

    def scores(self, sessions: Sequence[Session]) -> list[Dev]:
        """Of the student and of each graph."""
        photos, side = self.checks.photos, self.student.config.side
        said = [
            answer_pairs(self.student, photos, label="the student looks at photos"),
            *(pair_answers(session, photos, side, self.run.kinds) for session in sessions),
        ]
        return [brief_pairs(score(photos.pairs, each.predictions(), PARTIAL)) for each in said]

    def card(self, name: str, spent: Cost, near: Parity, speed: str) -> str:
        return pair_card(self.run, name, spent, near, speed, self.form)
