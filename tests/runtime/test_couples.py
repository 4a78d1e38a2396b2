"""What is said twice of the same two is told once."""

from __future__ import annotations

from edgegsr.runtime.couples import couples
from edgegsr.situation import Box, Interaction

HUMAN, BROOM = (10.0, 10.0, 60.0, 110.0), (50.0, 60.0, 90.0, 100.0)


def said(verb: str, score: float, right: float = 0.0, noun: str = "broom", thing: Box | None = BROOM) -> Interaction:
    human = (HUMAN[0] + right, HUMAN[1], HUMAN[2] + right, HUMAN[3])
    return Interaction(human, thing, noun, verb, score)


def test_verbs_of_the_same_two_go_together_and_each_is_told_once_by_the_likeliest() -> None:
    found = couples([said("holding", 0.4), said("sweeping", 0.9), said("sweeping", 0.3, right=5), said("holding", 0.6)])
    assert [(couple.human_xyxy, couple.verbs) for couple in found] == [(HUMAN, {"sweeping": 0.9, "holding": 0.6})]


def test_another_place_or_word_is_another_couple_and_so_is_one_without_an_object() -> None:
    others = [said("sweeping", 0.8, right=40), said("sweeping", 0.7, noun="mop"), said("sweeping", 0.6, thing=None)]
    far = said("sweeping", 0.5, thing=(0, 0, 50, 60))  # its corner
    assert len(couples([said("sweeping", 0.9), *others, far])) == 5
    assert couples([]) == []
