"""What is in the air while something happens: drops, sparks, steam, speed lines, rain.

An effect fills a radius of about 0.2 around the pen's origin and points along +x where it has a direction; a stream
falls to y = 0.35. Rain and snow fill the whole scene.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from edgegsr.data.diorama.canvas import Colour, Pen, Point, blend, shade
from edgegsr.data.diorama.dice import Dice

WATER: Colour = (92, 164, 222)
LIGHT_WATER: Colour = (150, 202, 238)
INK: Colour = (52, 52, 60)
WHITE: Colour = (250, 250, 250)
MIST: Colour = (158, 168, 180)  # behind white, for white on white
LEAF_COLOURS: list[Colour] = [(206, 128, 50), (188, 84, 46), (222, 170, 64), (124, 142, 60)]
PARTY_COLOURS: list[Colour] = [(226, 70, 74), (250, 196, 60), (70, 160, 220), (96, 186, 96), (190, 100, 200)]


def fan(dice: Dice, i: int, n: int, spread: float) -> float:
    """The angle of ray i of n around +x, jittered."""
    return spread * ((i + 0.5) / n - 0.5) + dice.uniform(-0.5, 0.5) * spread / n


def drop(pen: Pen, x: float, y: float, size: float, angle: float, colour: Colour) -> None:
    """A drop that flies along `angle`, its tip behind."""
    c, s = math.cos(angle) * size, math.sin(angle) * size
    outline = [(-1.6, 0.0), (-0.5, -0.6), (0.2, -0.7), (0.75, -0.4), (0.75, 0.4), (0.2, 0.7), (-0.5, 0.6)]
    pen.poly([(x + c * dx - s * dy, y + s * dx + c * dy) for dx, dy in outline], colour)


def ray(pen: Pen, angle: float, near: float, far: float, width: float, colour: Colour) -> None:
    """A wedge from radius `near`, where it is thin, to `far`."""
    c, s = math.cos(angle), math.sin(angle)
    x, y, dx, dy = c * far, s * far, -s * width / 2, c * width / 2
    pen.poly([(c * near, s * near), (x + dx, y + dy), (x - dx, y - dy)], colour)


def star(pen: Pen, x: float, y: float, size: float, inner: float, points: int, colour: Colour) -> None:
    outline = []
    for i in range(2 * points):
        radius = size if i % 2 == 0 else size * inner
        angle = math.pi * i / points - math.pi / 2
        outline.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    pen.poly(outline, colour)


def drops(pen: Pen, dice: Dice) -> None:
    for i in range(7):
        angle, far = fan(dice, i, 7, 1.5), (0.09, 0.2, 0.14)[i % 3] + dice.uniform(-0.02, 0.02)
        drop(pen, far * math.cos(angle), far * math.sin(angle), dice.uniform(0.02, 0.03), angle, WATER)


def spray(pen: Pen, dice: Dice) -> None:
    for i in range(12):
        angle, far = fan(dice, i, 12, 1.0), (0.1, 0.18, 0.26, 0.14)[i % 4] + dice.uniform(-0.03, 0.03)
        size = 0.008 + 0.05 * far
        pen.oval(far * math.cos(angle), far * math.sin(angle), size, size, LIGHT_WATER if i % 3 else WATER)


def stream(pen: Pen, dice: Dice) -> None:
    bend = dice.uniform(0.02, 0.04)
    edge = [(bend * (1 - (1 - t) ** 2), 0.35 * t) for t in (0.0, 0.15, 0.35, 0.6, 1.0)]
    pen.poly([(x + 0.02, y) for x, y in edge] + [(x - 0.02, y) for x, y in reversed(edge)], pen.tint)
    pen.poly([(x - 0.002, y) for x, y in edge] + [(x - 0.01, y) for x, y in reversed(edge)], shade(pen.tint, 1.35))
    pen.oval(bend, 0.35, 0.055, 0.016, pen.tint)


def splash(pen: Pen, dice: Dice) -> None:
    peaks = [(-0.2, -0.12), (-0.1, -0.19), (0.0, -0.23), (0.1, -0.19), (0.2, -0.12)]
    outline: list[Point] = [(-0.14, 0.03)]
    for x, y in peaks:
        outline += [(x + dice.uniform(-0.015, 0.015), y * dice.uniform(0.8, 1.05)), (x * 0.62 + 0.035, -0.05)]
    pen.poly([*outline[:-1], (0.14, 0.03)], LIGHT_WATER)
    pen.oval(0, 0.03, 0.19, 0.04, WATER)
    for x in (-0.24, -0.13, 0.02, 0.14, 0.25):
        y = -0.24 + 0.25 * abs(x) + dice.uniform(-0.03, 0.02)
        drop(pen, x, y, 0.02, math.pi / 2, WATER)


def bubbles(pen: Pen, dice: Dice) -> None:
    for i in range(5):
        angle, far, r = fan(dice, i, 5, 2 * math.pi), dice.uniform(0.06, 0.17), dice.uniform(0.022, 0.045)
        x, y = far * math.cos(angle), far * math.sin(angle)
        pen.oval(x, y, r, r, (170, 208, 232))
        pen.oval(x - r * 0.15, y - r * 0.15, r * 0.72, r * 0.72, (232, 244, 250))


def sparks(pen: Pen, dice: Dice) -> None:
    star(pen, 0, 0, 0.085, 0.4, 6, (255, 236, 140))
    for i in range(9):
        angle = fan(dice, i, 9, 2 * math.pi)
        near = dice.uniform(0.07, 0.11)
        ray(pen, angle, near, near + dice.uniform(0.06, 0.12), 0.024, (255, 176, 40) if i % 2 else (255, 222, 80))


def smoke(pen: Pen, dice: Dice) -> None:
    for i in range(6):
        size = 0.05 + 0.014 * i
        x, y = 0.04 * math.sin(1.3 * i) + dice.uniform(-0.02, 0.02), 0.05 - 0.06 * i
        pen.oval(x, y, size, size * 0.85, shade((118, 118, 122), 1 + 0.08 * i))


def steam(pen: Pen, dice: Dice) -> None:
    phase = dice.uniform(0, 3)
    for x in (-0.08, 0.0, 0.08):
        wave = [(x + 0.022 * math.sin(phase + x * 20 + 28 * h), -h) for h in (0.0, 0.05, 0.1, 0.15, 0.2)]
        for half, colour in ((0.02, MIST), (0.012, WHITE)):
            pen.poly([(px - half, py) for px, py in wave] + [(px + half, py) for px, py in reversed(wave)], colour)


def dust(pen: Pen, dice: Dice) -> None:
    for i in range(6):
        x = 0.075 * (i - 2.5) + dice.uniform(-0.02, 0.02)
        r = dice.uniform(0.03, 0.06)
        y, colour = -0.7 * r + dice.uniform(-0.02, 0.02), blend((176, 152, 118), (214, 198, 170), dice.throw())
        pen.oval(x, y, r, 0.8 * r, colour)


def scatter(pen: Pen, dice: Dice, n: int, radius: float, size: float, colours: list[Colour]) -> None:
    """Angular bits all around, none on the same bearing."""
    for i in range(n):
        angle, far = fan(dice, i, n, 2 * math.pi), dice.uniform(0.25, 1.0) * radius
        x, y, turn = far * math.cos(angle), far * math.sin(angle), dice.uniform(0, 3)
        c, s = size * math.cos(turn), size * math.sin(turn)
        pen.poly([(x + c, y + s), (x - s, y + c), (x - c * 0.9, y - s * 0.6), (x + s * 0.7, y - c)], dice.pick(colours))


def crumbs(pen: Pen, dice: Dice) -> None:
    scatter(pen, dice, 9, 0.15, 0.019, [(196, 146, 84), (170, 118, 62), (222, 184, 124)])


def sawdust(pen: Pen, dice: Dice) -> None:
    pen.poly([(-0.13, 0.1), (-0.05, 0.05), (0.03, 0.04), (0.13, 0.1)], (222, 186, 128))
    scatter(pen, dice, 10, 0.15, 0.014, [(232, 200, 146), (206, 164, 102)])


def grass_clippings(pen: Pen, dice: Dice) -> None:
    for i in range(10):
        angle, far = fan(dice, i, 10, 2.2) - 0.5, dice.uniform(0.06, 0.22)
        x, y, turn = far * math.cos(angle), far * math.sin(angle), dice.uniform(0, 3)
        c, s = 0.035 * math.cos(turn), 0.035 * math.sin(turn)
        colour = dice.pick([(72, 132, 48), (104, 160, 62)])
        pen.poly([(x - c, y - s), (x - s * 0.3, y + c * 0.3), (x + c, y + s)], colour)


def leaves(pen: Pen, dice: Dice) -> None:
    for i in range(7):
        angle, far = fan(dice, i, 7, 2 * math.pi), dice.uniform(0.07, 0.22)
        x, y, turn = far * math.cos(angle), far * math.sin(angle), dice.uniform(0, 6.28)
        c, s = math.cos(turn) * 0.045, math.sin(turn) * 0.045
        outline = [(-1.3, 0), (-0.9, 0), (-0.3, -0.5), (0.4, -0.4), (1, 0), (0.4, 0.4), (-0.3, 0.5), (-0.9, 0.08)]
        pen.poly([(x + c * dx - s * dy, y + s * dx + c * dy) for dx, dy in outline], dice.pick(LEAF_COLOURS))


def motion(pen: Pen, dice: Dice) -> None:
    """Speed lines; what moves has left them behind, on the side of -x."""
    for i, y in enumerate((-0.09, 0.0, 0.09)):
        x1, x2 = -0.22 - dice.uniform(0, 0.05) - (0.04 if i == 1 else 0), -0.02
        for w, colour in ((0.02, MIST), (0.01, WHITE)):
            middle, end = ((x1 + x2) / 2, 1.08 * y), (x2 + w, 0.9 * y)
            upper, lower = ([(x, y + side * w) for x, y in (middle, end)] for side in (-1, 1))
            pen.poly([(x1 - w, 1.25 * y), *upper, *reversed(lower)], colour)


def impact(pen: Pen, dice: Dice) -> None:
    start = dice.uniform(0, 0.8)
    for i in range(8):
        ray(pen, start + i * math.pi / 4, 0.06, 0.15 if i % 2 else 0.2, 0.03, (250, 214, 70))


def notes(pen: Pen, dice: Dice) -> None:
    for x, y in ((-0.09, 0.06 + dice.uniform(-0.03, 0.03)), (0.08, -0.06 + dice.uniform(-0.03, 0.03))):
        pen.oval(x, y, 0.042, 0.032, INK)
        pen.box(x + 0.022, y - 0.17, x + 0.042, y, INK)
        pen.poly([(x + 0.022, y - 0.17), (x + 0.11, y - 0.1), (x + 0.1, y - 0.055), (x + 0.042, y - 0.12)], INK)


def shout(pen: Pen, dice: Dice) -> None:
    for i in range(3):
        angle = (i - 1) * 0.5 + dice.uniform(-0.06, 0.06)
        c, s = math.cos(angle), math.sin(angle)
        pen.limb((0.06 * c, 0.06 * s), (0.19 * c, 0.19 * s), 0.016, 0.032, (216, 70, 50))


def confetti(pen: Pen, dice: Dice) -> None:
    scatter(pen, dice, 12, 0.24, 0.024, PARTY_COLOURS)


def zzz(pen: Pen, dice: Dice) -> None:
    half = [(-1, -1), (1, -1), (1, -0.6), (-0.3, 0.62), (1, 0.62)]
    letter = [*half, *((-x, -y) for x, y in half)]
    for i in range(3):
        x, y, size = -0.08 + 0.1 * i, 0.06 - 0.11 * i + dice.uniform(-0.015, 0.015), 0.026 + 0.014 * i
        pen.poly([(x + size * dx, y + size * dy) for dx, dy in letter], (74, 84, 140))


def snowflakes(pen: Pen, dice: Dice) -> None:
    for i in range(40):
        x, y = -1.6 + 0.4 * (i % 8) + dice.uniform(0, 0.4), -1.7 + 0.42 * (i // 8) + dice.uniform(0, 0.42)
        r = dice.uniform(0.018, 0.032)
        star(pen, x, y, r, 0.92, 4, WHITE)


def rain(pen: Pen, dice: Dice) -> None:
    slant = dice.uniform(-0.25, 0.25)
    for i in range(45):
        x, y = -1.6 + 0.356 * (i % 9) + dice.uniform(0, 0.35), -1.8 + 0.42 * (i // 9) + dice.uniform(0, 0.42)
        length = dice.uniform(0.16, 0.26)
        foot = x + slant * length
        pen.poly([(x, y), (foot - 0.011, y + length), (foot + 0.011, y + length)], (168, 200, 236))


def flames(pen: Pen, dice: Dice) -> None:
    left = [(-0.62, 0), (-0.9, -0.5), (-0.6, -1.15), (-0.4, -0.75), (-0.05, -1.75)]
    tongue = [*left, (0.3, -0.9), (0.55, -1.3), (0.9, -0.5), (0.62, 0)]
    lean = dice.uniform(-0.15, 0.15)
    for size, colour in ((0.16, (222, 72, 34)), (0.115, (246, 150, 44)), (0.07, (255, 224, 110))):
        pen.poly([(size * (dx - lean * dy), 0.08 + size * dy * 1.1) for dx, dy in tongue], colour)


def paint_strokes(pen: Pen, dice: Dice) -> None:
    colours = [pen.tint, pen.tint2, (88, 150, 96), (236, 190, 70), (86, 126, 190)]
    for i, colour in enumerate(colours):
        y = -0.13 + 0.065 * i
        x1, x2 = -0.14 + dice.uniform(-0.02, 0.05), 0.13 + dice.uniform(-0.07, 0.02)
        pen.limb((x1, y + dice.uniform(-0.02, 0.02)), (x2, y + dice.uniform(-0.03, 0.03)), 0.05, 0.028, colour)


def ripples(pen: Pen, dice: Dice) -> None:
    colour = (206, 228, 240)
    for i in range(3):
        rx = 0.1 + 0.1 * i + dice.uniform(-0.01, 0.01)
        ring = [(rx * math.cos(a * 0.314), rx * math.sin(a * 0.314)) for a in range(21)]
        pen.poly([(x, 0.24 * y) for x, y in ring] + [(x * 0.96, 0.24 * y - 0.012) for x, y in reversed(ring)], colour)


def shine(pen: Pen, dice: Dice) -> None:
    for x, y, size in ((-0.02, 0.02, 0.11), (0.13, -0.11, 0.065), (-0.13, -0.13, 0.05)):
        star(pen, x + dice.uniform(-0.02, 0.02), y + dice.uniform(-0.02, 0.02), size, 0.22, 4, (255, 248, 200))


EFFECTS: dict[str, Callable[[Pen, Dice], None]] = {
    "drops": drops,
    "spray": spray,
    "stream": stream,
    "splash": splash,
    "bubbles": bubbles,
    "sparks": sparks,
    "smoke": smoke,
    "steam": steam,
    "dust": dust,
    "crumbs": crumbs,
    "leaves": leaves,
    "motion": motion,
    "impact": impact,
    "notes": notes,
    "shout": shout,
    "confetti": confetti,
    "zzz": zzz,
    "snowflakes": snowflakes,
    "rain": rain,
    "flames": flames,
    "paint_strokes": paint_strokes,
    "ripples": ripples,
    "grass_clippings": grass_clippings,
    "sawdust": sawdust,
    "shine": shine,
}
