"""What rolls, floats, is pushed or ridden. Fronts face right, pushed things are pushed from the left."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Colour, Pen, Point, shade
from edgegsr.data.diorama.things.shapes import arc, ring, rounded, stroke
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    DARKS,
    GLASS,
    INK,
    METALS,
    RUBBER,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    standing,
)

# Where the hands of who pushes, pulls or steers it are, and where who rides it sits.
HANDLES: dict[str, Point] = {
    "cart": (0.82, -0.42),
    "shopping_cart": (-0.36, -0.56),
    "wheelbarrow": (-0.56, -0.34),
    "wagon": (0.62, -0.44),
    "stroller": (-0.34, -0.58),
    "lawn_mower": (-0.52, -0.56),
    "vacuum_cleaner": (-0.42, -0.55),
    "plow": (-0.56, -0.5),
    "bicycle": (0.27, -0.62),
    "motorcycle": (0.24, -0.6),
    "tractor": (0.12, -0.68),
}
SEATS: dict[str, Point] = {
    "bicycle": (-0.16, -0.56),
    "motorcycle": (-0.14, -0.44),
    "tractor": (-0.26, -0.56),
    "boat": (-0.1, -0.06),
    "car": (-0.1, -0.42),
    "cart": (-0.05, -0.42),
    "wagon": (0, -0.24),
    "sled": (-0.1, -0.19),
    "swing": (0, -0.32),
    "chair": (0, -0.28),
    "stool": (0, -0.28),
    "bench": (0, -0.28),
    "sofa": (0, -0.29),
    "bed": (0.1, -0.31),
    "stump": (0, -0.24),
    "log": (0, -0.2),
}


def wheel(pen: Pen, x: float, r: float, hub: Colour = STEEL) -> None:
    """A tyre that stands on the ground."""
    pen.oval(x, -r, r, r, RUBBER)
    pen.oval(x, -r, r * 0.52, r * 0.52, hub)


def spokes(pen: Pen, x: float, r: float, colour: Colour) -> None:
    """A wheel one can see through."""
    pen.line([(x - r * 0.9, -r), (x + r * 0.9, -r)], 0.012, STEEL)
    pen.line([(x, -r * 1.9), (x, -r * 0.1)], 0.012, STEEL)
    ring(pen, x, -r, r, 0.035, colour)


def car(pen: Pen) -> None:
    cabin = [(-0.78, -0.5), (-0.55, -0.8), (-0.45, -0.85), (0.2, -0.85), (0.32, -0.8), (0.62, -0.5)]
    pen.poly(cabin, pen.tint)
    pen.poly([(-0.66, -0.5), (-0.48, -0.78), (-0.12, -0.78), (-0.12, -0.5)], GLASS)
    pen.poly([(-0.04, -0.78), (0.2, -0.78), (0.48, -0.5), (-0.04, -0.5)], GLASS)
    hull = [(-1.18, -0.16), (-1.16, -0.46), (-1.05, -0.53), (0.62, -0.53), (1.0, -0.47), (1.16, -0.36), (1.2, -0.16)]
    pen.poly(hull, pen.tint)
    pen.poly([(-1.18, -0.16), (-1.17, -0.27), (1.19, -0.27), (1.2, -0.16)], shade(pen.tint, 0.72))
    pen.box(-0.05, -0.43, 0.05, -0.4, shade(pen.tint, 0.55))
    pen.oval(1.12, -0.37, 0.05, 0.055, (252, 232, 150))
    pen.box(-1.18, -0.44, -1.1, -0.34, (200, 50, 46))
    for x in (-0.68, 0.7):
        wheel(pen, x, 0.2)


def truck(pen: Pen) -> None:
    pen.box(-1.4, -1.2, 0.5, -0.28, pen.tint2)
    pen.box(-1.4, -0.36, 0.5, -0.24, shade(pen.tint2, 0.75))
    pen.poly([(0.55, -0.2), (0.55, -0.98), (1.0, -0.98), (1.2, -0.6), (1.38, -0.54), (1.4, -0.2)], pen.tint)
    pen.poly([(0.72, -0.9), (0.95, -0.9), (1.1, -0.6), (0.72, -0.6)], GLASS)
    pen.box(-1.3, -0.28, 1.36, -0.17, shade(pen.tint, 0.55))
    pen.oval(1.36, -0.4, 0.04, 0.06, (252, 232, 150))
    for x in (-1.02, -0.52, 1.0):
        wheel(pen, x, 0.2)


def bus(pen: Pen) -> None:
    rounded(pen, -1.5, -1.2, 1.5, -0.16, 0.1, pen.tint)
    for x in (-1.36, -0.82, -0.28, 0.26):
        pen.box(x, -1.05, x + 0.44, -0.68, GLASS)
    pen.poly([(1.2, -1.05), (1.44, -1.05), (1.5, -0.62), (1.2, -0.62)], GLASS)
    pen.box(0.82, -1.05, 1.12, -0.18, shade(GLASS, 0.72))
    pen.box(-1.5, -0.5, 1.5, -0.42, pen.tint2)
    for x in (-0.95, 0.55):
        wheel(pen, x, 0.2)


def tractor(pen: Pen) -> None:
    pen.limb((0.45, -0.66), (0.45, -0.9), 0.05, 0.04, INK)
    pen.poly([(-0.35, -0.3), (-0.35, -0.48), (0.1, -0.5), (0.15, -0.68), (0.66, -0.64), (0.7, -0.3)], pen.tint)
    pen.box(0.56, -0.6, 0.66, -0.36, shade(pen.tint, 0.6))
    pen.line([(0.1, -0.52), (0.1, -0.66)], 0.03, INK)
    pen.limb((-0.4, -0.56), (-0.4, -0.76), 0.06, 0.06, INK)
    pen.poly(
        [*arc(-0.3, -0.34, 0.4, 0.4, 190, 330, 8), *arc(-0.3, -0.34, 0.33, 0.33, 330, 190, 8)], shade(pen.tint, 0.8)
    )
    pen.oval(-0.3, -0.33, 0.33, 0.33, RUBBER)
    pen.oval(-0.3, -0.33, 0.19, 0.19, pen.tint2)
    wheel(pen, 0.52, 0.19, pen.tint2)


def plow(pen: Pen) -> None:
    for x, f in ((-0.6, 0.7), (-0.52, 1.0)):
        stroke(pen, [(x, -0.5), (x + 0.22, -0.42), (-0.12, -0.16)], 0.04, shade(pen.tint, f))
    pen.limb((-0.2, -0.24), (0.66, -0.34), 0.055, 0.045, pen.tint)
    pen.poly([(-0.28, 0), (-0.16, -0.24), (0.0, -0.26), (0.16, -0.02), (0.1, 0)], pen.tint2)
    pen.poly([(-0.28, 0), (-0.16, -0.24), (-0.08, -0.12), (0.1, 0)], shade(pen.tint2, 0.75))
    ring(pen, 0.44, -0.1, 0.1, 0.03, INK)
    pen.line([(0.44, -0.1), (0.44, -0.3)], 0.026, shade(pen.tint, 0.7))


def bicycle(pen: Pen) -> None:
    for x in (-0.33, 0.35):
        spokes(pen, x, 0.2, RUBBER)
    pen.line([(-0.33, -0.2), (-0.16, -0.46), (0.24, -0.47), (0.0, -0.19), (-0.33, -0.2)], 0.032, pen.tint)
    pen.line([(0.35, -0.2), (0.22, -0.56)], 0.03, shade(pen.tint, 0.8))
    stroke(pen, [(-0.0, -0.19), (-0.17, -0.53)], 0.028, pen.tint)
    stroke(pen, [(0.22, -0.55), (0.24, -0.62), (0.33, -0.62), (0.34, -0.57)], 0.026, INK)
    pen.limb((-0.25, -0.55), (-0.1, -0.545), 0.05, 0.03, INK)


def motorcycle(pen: Pen) -> None:
    for x in (-0.43, 0.46):
        wheel(pen, x, 0.2)
    pen.limb((0.46, -0.2), (0.26, -0.55), 0.045, 0.045, STEEL)
    pen.poly([(-0.24, -0.12), (-0.26, -0.34), (0.2, -0.36), (0.16, -0.12)], shade(STEEL, 0.7))
    pen.limb((-0.6, -0.13), (0.02, -0.15), 0.07, 0.05, STEEL)
    pen.poly(
        [(-0.64, -0.42), (-0.4, -0.44), (0.0, -0.36), (0.08, -0.52), (0.26, -0.52), (0.3, -0.34), (-0.3, -0.28)],
        pen.tint,
    )
    stroke(pen, [(-0.42, -0.45), (-0.25, -0.42), (-0.02, -0.42)], 0.07, INK)
    stroke(pen, [(0.26, -0.54), (0.27, -0.62), (0.18, -0.62)], 0.035, INK)
    pen.oval(0.35, -0.5, 0.06, 0.065, (252, 232, 150))


def boat_back(pen: Pen) -> None:
    """The inside of the far side, behind who sits in it."""
    pen.poly([(-0.78, -0.22), (0.85, -0.26), (0.7, -0.1), (-0.7, -0.1)], shade(pen.tint, 0.5))
    for x in (-0.35, 0.25):
        pen.box(x - 0.09, -0.19, x + 0.09, -0.14, shade(pen.tint, 0.75))


def boat_front(pen: Pen) -> None:
    """The near side, which hides the legs of who sits in it; the waterline is y = 0."""
    side = [
        (-0.8, -0.22),
        (-0.3, -0.17),
        (0.3, -0.18),
        (0.72, -0.24),
        (0.92, -0.3),
        (0.76, -0.06),
        (0.6, 0.08),
        (-0.62, 0.08),
    ]
    pen.poly([*side, (-0.74, -0.04)], pen.tint)
    pen.poly([(-0.74, -0.04), (0.74, -0.04), (0.6, 0.08), (-0.62, 0.08)], shade(pen.tint, 0.72))
    stroke(pen, [(-0.8, -0.21), (-0.3, -0.165), (0.3, -0.175), (0.72, -0.235), (0.92, -0.3)], 0.045, pen.tint2)


def boat(pen: Pen) -> None:
    boat_back(pen)
    boat_front(pen)


VEHICLES: dict[str, Thing] = {
    "car": standing(car, (*BRIGHTS, *METALS[:1], WHITE, INK)),
    "truck": standing(truck, BRIGHTS, (WHITE, (214, 220, 226), (250, 220, 130), (170, 200, 220))),
    "bus": standing(bus, ((246, 190, 50), (206, 56, 48), (52, 110, 180), (70, 150, 100)), (WHITE, INK)),
    "tractor": standing(
        tractor, ((66, 140, 66), (206, 60, 46), (52, 100, 170), (230, 130, 40)), ((246, 206, 70), (236, 230, 214))
    ),
    "plow": standing(plow, WOODS, METALS),
    "bicycle": standing(bicycle, BRIGHTS),
    "motorcycle": standing(motorcycle, (*BRIGHTS[:5], *DARKS[:1])),
    "boat": standing(boat, (*WOODS, *BRIGHTS[:4], WHITE), (WHITE, *WOODS[:2], (206, 60, 50))),
    "boat_back": standing(boat_back, (*WOODS, *BRIGHTS[:4], WHITE)),
    "boat_front": standing(boat_front, (*WOODS, *BRIGHTS[:4], WHITE), (WHITE, *WOODS[:2], (206, 60, 50))),
}
