"""Three people annotate a scene: mostly right, sometimes vaguer, sometimes nothing, and they disagree.

Boxes come from the stage and are what is visible; only nouns differ between annotators.
"""

from __future__ import annotations

from edgegsr.annotations import ANNOTATORS
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.script import Put, nouns, verbs
from edgegsr.data.diorama.stage import Scene

# how often an annotator writes: the everyday word, a vaguer one, nothing, another plausible one
DRAWN = {"exact": 0.80, "vague": 0.12, "blank": 0.03, "other": 0.05}
UNDRAWN = {"exact": 0.55, "vague": 0.05, "blank": 0.30, "other": 0.10}  # what one only infers: the soup in the pot
EMPTY = {"blank": 0.93, "other": 0.07}


def annotate(scene: Scene, dice: Dice) -> list[dict[str, str]]:
    """Three objects role -> noun id, "" where the annotator leaves the role empty."""
    return [{role: _answer(scene, role, dice) for role in scene.fillers} for _ in range(ANNOTATORS)]


def _answer(scene: Scene, role: str, dice: Dice) -> str:
    noun = scene.fillers[role]
    drawn = scene.boxes[role] is not None or role == "place"
    way = dice.weigh(DRAWN if drawn else UNDRAWN) if noun else dice.weigh(EMPTY)
    if way == "vague":
        return str(nouns()[noun]["kind"]) or noun
    if way == "other":
        return dice.pick(_plausible(scene.verb, role) or (noun,))
    return noun if way == "exact" else ""


def _plausible(verb: str, role: str) -> tuple[str, ...]:
    script = verbs()[verb]
    if role == "place":
        return script.places
    return next((put.nouns for put in script.puts if isinstance(put, Put) and put.role == role), ())
