"""Interactions as people count them: what is said twice of the same two is said once. numpy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgegsr.boxes import iou
from edgegsr.situation import Box, Interaction

SAME = 0.5  # overlap from which two humans are one; things of one word are, where they touch


@dataclass(frozen=True)
class Couple:
    """A human, an object, and every verb that is said of the two with how likely it is; boxes of the likeliest."""

    human_xyxy: Box
    object_xyxy: Box | None
    noun: str
    verbs: dict[str, float]

    def is_of(self, other: Interaction) -> bool:
        """Whether this is said of the same human and object."""
        if self.noun != other.noun or float(iou(self.human_xyxy, other.human_xyxy)) < SAME:
            return False
        if self.object_xyxy is None or other.object_xyxy is None:
            return self.object_xyxy == other.object_xyxy
        return float(iou(self.object_xyxy, other.object_xyxy)) > 0


def couples(interactions: Iterable[Interaction]) -> list[Couple]:
    """Whom interactions are about, likeliest first."""
    found: list[Couple] = []
    for each in sorted(interactions, key=lambda said: -said.score):
        mine = next((couple for couple in found if couple.is_of(each)), None)
        if mine is None:
            found.append(mine := Couple(each.human_xyxy, each.object_xyxy, each.noun, {}))
        mine.verbs.setdefault(each.verb, each.score)
    return found
