"""What a drawable thing is, and the colours that its material usually has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgegsr.data.diorama.canvas import Colour, Pen

Kind = Literal["held", "standing", "lying", "hung"]
Colours = tuple[Colour, ...]
Draw = Callable[[Pen], None]

WHITE: Colour = (246, 245, 240)
INK: Colour = (46, 48, 56)
STEEL: Colour = (180, 187, 196)
RUBBER: Colour = (50, 50, 54)
STRAW: Colour = (226, 186, 92)
LEAF: Colour = (86, 148, 66)
BARK: Colour = (118, 82, 54)
GLASS: Colour = (178, 214, 230)
PALE_WOOD: Colour = (206, 160, 104)

WOODS: Colours = ((176, 122, 70), (142, 92, 52), (206, 160, 104), (112, 72, 46), (190, 134, 92))
METALS: Colours = ((176, 182, 190), (140, 148, 158), (202, 206, 210), (110, 116, 126))
BRIGHTS: Colours = (
    (214, 62, 52),
    (42, 108, 190),
    (240, 176, 40),
    (58, 150, 84),
    (232, 116, 44),
    (134, 72, 160),
    (30, 158, 168),
    (222, 92, 140),
)
CLOTHS: Colours = ((188, 70, 66), (70, 104, 160), (98, 142, 104), (206, 168, 108), (128, 92, 140), (224, 214, 196))
DARKS: Colours = ((52, 54, 62), (74, 60, 52), (46, 60, 84), (84, 86, 92))
PALES: Colours = ((246, 245, 240), (232, 226, 210), (214, 228, 238), (240, 222, 214))
GREENS: Colours = ((86, 148, 66), (66, 126, 62), (116, 164, 72), (96, 140, 90), (60, 112, 74))
EARTHS: Colours = ((120, 84, 56), (142, 104, 70), (98, 70, 50), (158, 122, 84))


@dataclass(frozen=True)
class Thing:
    """A drawing with the colours its copies may have.

    held: the grip is (0, 0) and the working end points up, unless `upright`; standing: the ground is touched at
    (0, 0); lying: flat, (0, 0) is the middle of its lower edge; hung: (0, 0) is its centre. Fronts face right.
    `upright` marks held things that are used as drawn and must not be turned along the arm.
    """

    draw: Draw
    tints: Colours
    tints2: Colours
    kind: Kind = "held"
    upright: bool = False


def held(draw: Draw, tints: Colours, tints2: Colours = (WHITE,)) -> Thing:
    """A thing that turns with the hand; its working end points up."""
    return Thing(draw, tints, tints2)


def upright(draw: Draw, tints: Colours, tints2: Colours = (WHITE,)) -> Thing:
    """A held thing that stays as drawn: a cup, a book, a suitcase."""
    return Thing(draw, tints, tints2, "held", True)


def standing(draw: Draw, tints: Colours, tints2: Colours = (WHITE,)) -> Thing:
    return Thing(draw, tints, tints2, "standing", True)


def lying(draw: Draw, tints: Colours, tints2: Colours = (WHITE,)) -> Thing:
    return Thing(draw, tints, tints2, "lying", True)


def hung(draw: Draw, tints: Colours, tints2: Colours = (WHITE,)) -> Thing:
    return Thing(draw, tints, tints2, "hung", True)
