"""The things of the staged world: what each looks like, which colours it may have and how large it is."""

from __future__ import annotations

from functools import cache

from edgegsr.data.diorama.canvas import Canvas, Pen
from edgegsr.data.diorama.things.animals import ANIMAL_POSES, ANIMALS, BACKS, MOUTHS
from edgegsr.data.diorama.things.carry import CARRY
from edgegsr.data.diorama.things.desk import DESK
from edgegsr.data.diorama.things.food import FOOD
from edgegsr.data.diorama.things.garden import GARDEN
from edgegsr.data.diorama.things.ground import GROUND
from edgegsr.data.diorama.things.home import HOME
from edgegsr.data.diorama.things.kitchen import KITCHEN
from edgegsr.data.diorama.things.music import MUSIC
from edgegsr.data.diorama.things.play import PLAY
from edgegsr.data.diorama.things.thing import Thing
from edgegsr.data.diorama.things.tools import TOOLS
from edgegsr.data.diorama.things.town import TOWN
from edgegsr.data.diorama.things.vehicles import HANDLES, SEATS, VEHICLES
from edgegsr.data.diorama.things.wheels import WHEELS

__all__ = ["ANIMAL_POSES", "BACKS", "HANDLES", "MOUTHS", "SEATS", "THINGS", "Thing", "extent"]

THINGS: dict[str, Thing] = {
    **TOOLS,
    **KITCHEN,
    **FOOD,
    **DESK,
    **CARRY,
    **PLAY,
    **MUSIC,
    **HOME,
    **GARDEN,
    **GROUND,
    **TOWN,
    **VEHICLES,
    **WHEELS,
    **ANIMALS,
}


@cache
def extent(name: str) -> tuple[float, float, float, float]:
    """The box (x1, y1, x2, y2) around the thing in its own coordinates."""
    canvas = Canvas()
    THINGS[name].draw(Pen(canvas, 1))
    return canvas.bounds()
