"""What a run says, situations or interactions, as export asks about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from onnx import ModelProto

from edgegsr.both_run import BothRun
from edgegsr.bundle import Bundle, Gates, Normal
from edgegsr.export.both import Both
from edgegsr.export.form import Form
from edgegsr.export.judge import Checks
from edgegsr.export.pairs import Interactions
from edgegsr.export.parity import Parity
from edgegsr.export.situations import Situations
from edgegsr.export.vocabulary import Vocab
from edgegsr.pair_run import PairRun
from edgegsr.run import Run
from edgegsr.runtime.session import Engine, Session
from edgegsr.scoring.brief import Dev
from edgegsr.student.cost import Cost

AnyRun = Run | PairRun | BothRun


class Said(Protocol):
    """A run on its way into a bundle."""

    @property
    def run(self) -> AnyRun: ...

    @property
    def checks(self) -> Checks: ...

    @property
    def form(self) -> Form: ...

    @property
    def student(self) -> Any: ...

    @property
    def normal(self) -> Normal | None: ...

    @property
    def gates(self) -> Gates: ...

    def write_words(self, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]: ...

    def words(self) -> Mapping[str, Any]: ...

    def graph(self, plain: bool = False) -> ModelProto: ...

    def parts(self, graph: ModelProto) -> dict[str, ModelProto]: ...

    def session(self, engine: Engine) -> Session: ...

    def near(self, session: Session, graph: ModelProto, opened: Callable[[ModelProto], Engine]) -> Parity: ...

    def asked_again(self, session: Session, bundle: Bundle, engine: str) -> dict[str, Any]: ...

    def scores(self, sessions: Sequence[Session]) -> list[Dev]: ...

    def card(self, name: str, spent: Cost, near: Parity, speed: str) -> str: ...


def said_by(run: AnyRun, checks: Checks, vocab: Vocab, form: Form) -> Said:
    """What a run says; photos of pairs, where it says both, stand in `checks.beside`."""
    if isinstance(run, BothRun):
        theirs = replace(checks, photos=checks.beside, groups=None)
        return Both(run, Situations(run.situations, checks, vocab, form), Interactions(run.pairs, theirs, vocab, form))
    if isinstance(run, PairRun):
        return Interactions(run, checks, vocab, form)
    return Situations(run, checks, vocab, form)
