"""The words in which a model is asked: prompts.toml filled in for one image."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from string import Template

from edgegsr.card import read_card
from edgegsr.situation import Frame
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.subject import Subject
from edgegsr.wording import split_words

PATH = Path(__file__).with_name("prompts.toml")
EXAMPLES = 3  # wrong nouns that are named for each part


@dataclass(frozen=True)
class Prompts:
    """The texts with their placeholders."""

    id: str
    write: str
    again: str
    judge: str

    @property
    def prompt_id(self) -> str:
        """The id and a hash of the texts."""
        return f"{self.id}-{hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:8]}"

    def writing(self, subject: Subject, wrong: Frame, distractors: Distractors, reason: str = "") -> str:
        """Asks for the four texts; `reason` tells what was wrong with the last answer."""
        clauses = dict.fromkeys(subject.nouns, "...")
        nouns = {role: distractors.nouns(subject, role)[:EXAMPLES] for role in subject.nouns}
        asked = Template(self.write).substitute(
            verb=subject.frame.verb,
            definition=_definition(subject.frame),
            parts=_lines({role: noun.word + _in_words(role) for role, noun in subject.nouns.items()}),
            wrong_verb=wrong.verb,
            wrong_definition=_definition(wrong),
            wrong_parts=_lines({role: " or ".join(noun.word for noun in near) for role, near in nouns.items()}),
            shape=json.dumps({"glimpse_pos": "...", "glimpse_neg": "...", "gaze_pos": clauses, "gaze_neg": clauses}),
        )
        return (asked + (Template(self.again).substitute(reason=reason) if reason else "")).strip()

    def judging(self, text: str) -> str:
        """Asks whether the image shows what a text says."""
        return Template(self.judge).substitute(text=text).strip()


@cache
def prompts() -> Prompts:
    """The prompts of this package."""
    return read_card(PATH, Prompts)


def _definition(frame: Frame) -> str:
    return f" ({frame.definition.rstrip('.')})" if frame.definition else ""


def _in_words(role: str) -> str:
    """The words of a role's name, where it is glued from several."""
    return f" ({words})" if (words := split_words(role)) != role else ""


def _lines(values: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in values.items()) or "- (nobody and nothing)"
