"""The talk with a model about one image: it writes, is checked and judged, writes anew, or the template stands in.

A dialogue yields questions and is sent answers. So one and the same talk is held by threads that each wait for a
server, and by a local model that takes many dialogues at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from edgegsr.teacher.rationales.check import Refused, check
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.prompts import Prompts, prompts
from edgegsr.teacher.rationales.rationale import TEXTS, Rationale
from edgegsr.teacher.rationales.subject import Subject
from edgegsr.teacher.rationales.template import CountTokens, rough_tokens, write


@dataclass(frozen=True)
class Manner:
    """How a model is talked with, whichever it is."""

    writer: str
    distractors: Distractors
    seed: int = 0
    tries: int = 3  # answers that a model may give to one image
    judged: bool = True  # whether it is asked if the image shows what it wrote
    count_tokens: CountTokens = rough_tokens
    prompts: Prompts = field(default_factory=prompts)


@dataclass(frozen=True)
class Question:
    """One request to a model: an image and a text."""

    kind: Literal["write", "judge"]
    subject: Subject
    text: str
    attempt: int

    def key(self, who: str) -> str:
        """Names the answer that `who`, a model with its settings, gives to this."""
        asked = [who, self.kind, self.attempt, self.subject.image, self.text]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]


class Unanswered(Exception):
    """Why there is no answer, in a few words that are counted; `detail` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class Outcome(NamedTuple):
    """How a talk ended."""

    rationale: Rationale
    refused: tuple[str, ...] = ()  # why answers were not used
    fallback: str = ""  # why the template stands in
    silent: bool = False  # because no answer came
    detail: str = ""


Dialogue = Generator[Question, str, Outcome]


def talk(subject: Subject, manner: Manner) -> Dialogue:
    """Asks for the rationale of one image until an answer can be used."""
    own = write(subject, manner.distractors, manner.seed, manner.count_tokens)
    refused: list[str] = []
    if not own.neg_verb:
        return Outcome(own, fallback="no wrong verb")
    wrong = manner.distractors.ontology.frame(own.neg_verb)
    try:
        for attempt in range(manner.tries):
            asked = manner.prompts.writing(subject, wrong, manner.distractors, "".join(refused[-1:]))
            answer = yield Question("write", subject, asked, attempt)
            try:
                said = check(answer, subject, wrong, manner.count_tokens)
                for name, text in zip(TEXTS, said) if manner.judged else ():
                    if text:
                        asked = manner.prompts.judging(text)
                        _judge(name, (yield Question("judge", subject, asked, attempt)))
            except Refused as reason:
                refused.append(str(reason))
                continue
            spoken = replace(own, writer=manner.writer, prompt_id=manner.prompts.prompt_id, **said._asdict())
            return Outcome(spoken, tuple(refused))
    except Unanswered as failure:
        return Outcome(own, tuple(refused), str(failure), True, failure.detail)
    return Outcome(own, tuple(refused), refused[-1])


def _judge(name: str, answer: str) -> None:
    """Raises unless the image shows what a positive says, and does not show what a negative says."""
    verdict = answer.strip().strip(".!*\"'`").lower()
    if verdict not in ("yes", "no"):
        raise Refused("neither yes nor no")
    if (verdict == "yes") != name.endswith("pos"):
        raise Refused(f"{name} is {'shown' if verdict == 'yes' else 'not shown'}")


def converse(dialogue: Dialogue, answer: Callable[[Question], str]) -> Outcome:
    """Holds one dialogue to its end."""
    try:
        question = next(dialogue)
        while True:
            question = _turn(dialogue, question, answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def _turn(dialogue: Dialogue, question: Question, answer: Callable[[Question], str]) -> Question:
    try:
        said = answer(question)
    except Unanswered as failure:
        return dialogue.throw(failure)
    return dialogue.send(said)


def converse_together(
    dialogues: Sequence[Dialogue], answer: Callable[[Sequence[Question]], Sequence[str]]
) -> list[Outcome]:
    """Holds dialogues side by side; `answer` gets the open questions of one kind at a time."""
    ends: dict[int, Outcome] = {}
    open: dict[int, Question] = {}

    def go_on(i: int, said: str | None) -> None:
        try:
            open[i] = next(dialogues[i]) if said is None else dialogues[i].send(said)
        except StopIteration as end:
            open.pop(i, None)
            ends[i] = end.value

    for i in range(len(dialogues)):
        go_on(i, None)
    while open:
        kind = next(iter(open.values())).kind
        turn = [i for i, question in open.items() if question.kind == kind]
        for i, said in zip(turn, answer([open[i] for i in turn])):
            go_on(i, said)
    return [ends[i] for i in range(len(dialogues))]
