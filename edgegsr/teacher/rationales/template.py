"""The writer that needs no model: frames, annotations and boxes as sentences, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from edgegsr.situation import Box
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.sentences import sentence
from edgegsr.teacher.rationales.subject import Subject

WRITER, PROMPT_ID = "template", "template-1"
SIZES = ((0.05, "small"), (0.25, "medium"), (float("inf"), "large"))  # by the share of the image, below
POSITIONS = (
    ("upper left", "top", "upper right"),
    ("left", "center", "right"),
    ("lower left", "bottom", "lower right"),
)
MOST_TOKENS = 77  # of a text, as its encoder counts
PIECES = re.compile(r"\w{1,6}|[^\w\s]")

CountTokens = Callable[[str], int]


def rough_tokens(text: str) -> int:
    """About how many tokens a text has for any encoder, its two marks included; rather too many than too few."""
    return 2 + len(PIECES.findall(text))


def write(
    subject: Subject, distractors: Distractors, seed: int = 0, count_tokens: CountTokens = rough_tokens
) -> Rationale:
    """The rationale of one image in the words of its annotators, beside near ones that are wrong."""
    dice = random.Random(f"{seed} {subject.image}")
    wrong = {role: dice.choice(nouns).word for role in subject.nouns if (nouns := distractors.nouns(subject, role))}
    glimpse = sentence(subject.frame, subject.words)
    neg_verb, glimpse_neg = _wrong_glimpse(subject, glimpse, wrong, distractors, dice)
    places = {role: whereabouts(box, subject.size_wh) for role, box in subject.boxes_xyxy.items()}
    return Rationale(
        image=subject.image,
        verb=subject.frame.verb,
        glimpse_pos=short(glimpse, count_tokens),
        glimpse_neg=short(glimpse_neg, count_tokens),
        gaze_pos=gaze({role: clause(word, places.get(role)) for role, word in subject.words.items()}, count_tokens),
        gaze_neg=gaze(wrong_clauses(wrong, places, dice), count_tokens),
        neg_verb=neg_verb,
        writer=WRITER,
        prompt_id=PROMPT_ID,
        seed=seed,
    )


def _wrong_glimpse(
    subject: Subject, glimpse: str, wrong: Mapping[str, str], distractors: Distractors, dice: random.Random
) -> tuple[str, str]:
    """A near verb and the same nouns in its abstract; where there is none, no verb and one noun swapped."""
    verbs = distractors.verbs(subject.frame.verb)
    start = dice.randrange(len(verbs)) if verbs else 0
    for verb in verbs[start:] + verbs[:start]:
        if (said := sentence(distractors.ontology.frame(verb), subject.words)) != glimpse:
            return verb, said
    role = dice.choice(sorted(wrong)) if wrong else ""
    return "", sentence(subject.frame, {**subject.words, role: wrong[role]}) if wrong else ""


def wrong_clauses(wrong: Mapping[str, str], places: Mapping[str, str], dice: random.Random) -> dict[str, str]:
    """The clauses of wrong nouns, each where another role is."""
    boxed = [role for role in wrong if role in places]
    turn = dice.randrange(1, len(boxed)) if len(boxed) > 1 else 0
    moved = {role: places[boxed[(i + turn) % len(boxed)]] for i, role in enumerate(boxed)}
    return {role: clause(word, moved.get(role)) for role, word in wrong.items()}


def clause(word: str, place: str | None) -> str:
    return f"{word}, {place}" if place else word


def whereabouts(box_xyxy: Box, size_wh: tuple[int, int]) -> str:
    """Size and position in an image: "small, lower right"."""
    x1, y1, x2, y2 = box_xyxy
    width, height = size_wh
    x1, x2, y1, y2 = max(x1, 0), min(x2, width), max(y1, 0), min(y2, height)
    share = (x2 - x1) * (y2 - y1) / (width * height)
    size = next(word for below, word in SIZES if share < below)
    column, row = (min(max(int(3 * centre), 0), 2) for centre in ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height))
    return f"{size}, {POSITIONS[row][column]}"


def gaze(clauses: Mapping[str, str], count_tokens: CountTokens = rough_tokens) -> str:
    """One clause a role, "agent: woman, large, center; tool: knife", without the last ones where they are too many."""
    said = [f"{role}: {text}" for role, text in clauses.items()]
    while len(said) > 1 and count_tokens("; ".join(said)) > MOST_TOKENS:
        said.pop()
    return "; ".join(said)


def short(text: str, count_tokens: CountTokens = rough_tokens) -> str:
    """The text without the last clauses where it is too long; one clause stays whatever its length."""
    clauses = re.split(r"(?<=[,;.])\s+", text)
    while len(clauses) > 1 and count_tokens(" ".join(clauses)) > MOST_TOKENS:
        clauses.pop()
    return " ".join(clauses).rstrip(",; ") if len(clauses) > 1 else clauses[0]
