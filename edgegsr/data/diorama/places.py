"""Where scenes happen: for each place its backdrop and what one stands on there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgegsr.data.diorama import indoors, outdoors
from edgegsr.data.diorama.canvas import Pen
from edgegsr.data.diorama.dice import Dice


@dataclass(frozen=True)
class Place:
    """A backdrop; `ground` is the noun of what people stand on, or swim in."""

    draw: Callable[[Pen, Dice], None]
    indoor: bool
    ground: str


PLACES: dict[str, Place] = {
    "kitchen": Place(indoors.kitchen, True, "floor"),
    "living_room": Place(indoors.living_room, True, "floor"),
    "bedroom": Place(indoors.bedroom, True, "floor"),
    "bathroom": Place(indoors.bathroom, True, "floor"),
    "office": Place(indoors.office, True, "floor"),
    "classroom": Place(indoors.classroom, True, "floor"),
    "workshop": Place(indoors.workshop, True, "floor"),
    "garage": Place(indoors.garage, True, "floor"),
    "gym": Place(indoors.gym, True, "floor"),
    "stage": Place(indoors.stage, True, "stage"),
    "shop": Place(indoors.shop, True, "floor"),
    "garden": Place(outdoors.garden, False, "grass"),
    "park": Place(outdoors.park, False, "grass"),
    "street": Place(outdoors.street, False, "road"),
    "beach": Place(outdoors.beach, False, "sand"),
    "field": Place(outdoors.field, False, "dirt"),
    "forest": Place(outdoors.forest, False, "dirt"),
    "mountain": Place(outdoors.mountain, False, "snow"),
    "lake": Place(outdoors.lake, False, "water"),
    "sea": Place(outdoors.sea, False, "water"),
    "stadium": Place(outdoors.stadium, False, "grass"),
    "farm": Place(outdoors.farm, False, "grass"),
    "yard": Place(outdoors.yard, False, "dirt"),
}
