"""The open air: backdrops with a sky and a horizon, in muted colours so that people and things stand out."""

from __future__ import annotations

from edgegsr.data.diorama.backdrop import (
    BOTTOM,
    EAST,
    FOOT,
    GRASSES,
    LEFT,
    RIGHT,
    WEST,
    beside,
    bumps,
    comb,
    fence,
    fill,
    hills,
    lattice,
    mirrored,
    near,
    rays,
    ridge,
    rungs,
    shape,
    sky,
    steps,
    tree,
    window,
)
from edgegsr.data.diorama.canvas import Colour, Pen, blend, shade
from edgegsr.data.diorama.dice import Dice

BARK = (122, 98, 78)
LEAVES: list[Colour] = [(104, 140, 88), (120, 148, 84), (92, 130, 92)]
WATERS: list[Colour] = [(112, 158, 186), (104, 150, 172), (122, 164, 184)]
FOAM = (226, 236, 240)


def garden(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 1)
    grass = near(dice, dice.pick(GRASSES))
    a, _ = beside(dice)
    tree(pen, a, -0.3, 1.0, blend(air, near(dice, dice.pick(LEAVES)), 0.8), BARK)
    bumps(pen, WEST, EAST, -0.66, 0.26, 0.08, FOOT, blend(air, (98, 128, 88), 0.85))
    fence(pen, FOOT, 0.36, 0.15, (232, 230, 222))
    fill(pen, grass, FOOT)
    bumps(pen, WEST, EAST, -0.22, 0.2, 0.07, -0.15, shade(grass, 0.78))
    petals = dice.shuffle([(206, 120, 128), (222, 190, 104), (168, 134, 184), (226, 160, 130)])
    for i in range(7):
        pen.oval(
            -0.95 + i * 0.31 + dice.uniform(-0.05, 0.05), -0.27 + dice.uniform(-0.02, 0.04), 0.045, 0.045, petals[i % 3]
        )


def park(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 1)
    grass = near(dice, dice.pick(GRASSES))
    a, b = beside(dice, 0.5, 0.72)
    bumps(pen, LEFT, RIGHT, -0.5, 0.45, 0.2, FOOT, blend(air, (110, 144, 104), 0.6))
    fill(pen, grass, FOOT)
    x = dice.uniform(-0.2, 0.2)
    right = [(0.06, FOOT), (0.3, -0.16), (0.22, 0), (0.9, 0.5), (1.6, BOTTOM)]
    left = [(-1.7, BOTTOM), (-0.9, 0.5), (-0.35, 0), (0.05, -0.16), (-0.1, FOOT)]
    shape(pen, x, 0, [*right, *left], (206, 192, 160))
    for at, size in ((a, dice.uniform(1.1, 1.3)), (b * 1.1, 0.85), (a * 2.6, 1.1), (b * 3.0, 1.2)):
        tree(pen, at, -0.2, size, blend(air, near(dice, dice.pick(LEAVES)), 0.85), BARK)
    post = b * 0.62
    pen.limb((post, -0.2), (post, -0.98), 0.045, 0.03, (92, 98, 98))
    pen.poly([(post - 0.07, -1.13), (post + 0.07, -1.13), (post + 0.04, -0.97), (post - 0.04, -0.97)], (240, 228, 180))


def street(pen: Pen, dice: Dice) -> None:
    sky(pen, dice, 0)
    fronts = dice.shuffle([(196, 160, 138), (204, 190, 160), (168, 178, 184), (188, 174, 178), (176, 186, 164)])
    start = -2.1 + dice.uniform(-0.3, 0.1)
    for i in range(5):
        x1, x2, y = start + i * 0.86, start + (i + 1) * 0.86, dice.uniform(-1.15, -0.98)
        front = near(dice, fronts[i], 6)
        pen.poly([(x1, FOOT), (x1, y), ((x1 + x2) / 2, y - 0.26), (x2, y), (x2, FOOT)], front)
        if 0 < i < 4:
            comb(pen, [x1 + 0.14, x1 + 0.52], 0.2, y + 0.06, y + 0.3, (128, 144, 160))
    comb(pen, [start + 0.86 * i + 0.33 for i in range(5)], 0.2, -0.66, FOOT, (124, 98, 88))
    fill(pen, (184, 180, 174), FOOT)
    fill(pen, near(dice, (116, 118, 122), 6), -0.11)
    comb(pen, steps(WEST + dice.throw() * 0.3, EAST, 0.6), 0.32, 0.24, 0.29, (222, 220, 210))
    post, _ = beside(dice, 0.4, 0.7)
    pen.limb((post, -0.14), (post, -1.15), 0.05, 0.035, (88, 94, 98))
    shape(pen, post, -1.1, [(0, -0.07), (0.22, -0.07), (0.25, 0), (0.08, 0), (0, -0.03)], (88, 94, 98))


def beach(pen: Pen, dice: Dice) -> None:
    sky(pen, dice, 1)
    sea_blue, sand = near(dice, (110, 164, 186)), near(dice, (226, 206, 160))
    a, b = beside(dice, 0.4, 0.65)
    pen.oval(b * 0.9, -1.1, 0.12, 0.12, (248, 230, 160))
    fill(pen, sea_blue, -0.56)
    pen.poly([(b, -0.56), (b + 0.02, -0.84), (b + 0.16, -0.57)], (240, 240, 236))
    fill(pen, shade(sea_blue, 1.3), -0.4)
    bumps(pen, LEFT, RIGHT, FOOT, 0.5, 0.03, BOTTOM, FOAM)
    bumps(pen, LEFT, RIGHT, FOOT + 0.06, 0.5, 0.03, BOTTOM, sand)
    trunk, leaf = (150, 122, 90), (112, 148, 100)
    pen.line([(a * 1.25, -0.1), (a * 1.22, -0.6), (a * 1.08, -1.05)], 0.07, trunk)

    fronds = [
        (0, 0),
        (0.2, -0.17),
        (0.44, -0.02),
        (0.2, -0.08),
        (0.02, 0),
        (0.28, 0.1),
        (0.3, 0.3),
        (0.16, 0.14),
        (0, 0.02),
    ]
    shape(pen, a * 1.08, -1.06, mirrored(fronds), leaf)
    for i in range(3):
        pen.oval(
            -0.7 + 0.6 * i + dice.uniform(-0.2, 0.2), 0.05 + dice.uniform(-0.1, 0.3), 0.035, 0.02, shade(sand, 0.85)
        )


def field(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 2)
    crop = near(dice, dice.pick([(214, 190, 116), (204, 192, 122), (176, 182, 108)]))
    soil = near(dice, dice.pick([(164, 132, 98), (152, 124, 96)]))
    hills(pen, dice, -0.5, 0.2, FOOT, blend(air, (120, 150, 110), 0.6))
    ridge(pen, dice, -0.5, 0.1, 0.08, FOOT, crop)
    ridge(pen, dice, -0.32, 0.14, 0.08, FOOT, shade(crop, 0.88))
    fill(pen, soil, FOOT)
    rays(pen, 0.28, 0.42, shade(soil, 0.82))
    a, b = beside(dice)
    tree(pen, a * 1.3, -0.46, 0.42, blend(air, LEAVES[0], 0.75), BARK)
    for x in (b, b * 2.2):
        pen.oval(x, -0.5, 0.14, 0.13, shade(crop, 0.92))
        pen.oval(x, -0.5, 0.07, 0.065, shade(crop, 0.8))


def forest(pen: Pen, dice: Dice) -> None:
    haze = near(dice, dice.pick([(172, 196, 164), (160, 188, 170), (186, 196, 156)]))
    ground = near(dice, dice.pick([(120, 134, 88), (128, 122, 88)]))
    fill(pen, haze)
    comb(
        pen,
        [x + dice.uniform(-0.05, 0.05) for x in steps(WEST, EAST, 0.24)],
        0.06,
        FOOT,
        -3.0,
        blend(haze, BARK, 0.35),
    )
    bumps(pen, LEFT, RIGHT, -0.4, 0.22, 0.08, FOOT, blend(haze, (88, 118, 76), 0.6))
    fill(pen, ground, FOOT)
    for x in (-1.9, -1.15, -0.62, 0.55, 1.05, 1.8):
        at, w = x + dice.uniform(-0.1, 0.1), dice.uniform(0.09, 0.13)
        shape(pen, at, 0, mirrored([(w, -3), (w, -0.35), (w + 0.1, -0.18)]), near(dice, (116, 96, 76), 8))
    bumps(pen, LEFT, RIGHT, -1.22, 0.4, -0.14, -3.2, blend(haze, (84, 116, 72), 0.75))
    bumps(pen, LEFT, RIGHT, -1.36, 0.3, -0.12, -3.2, (88, 118, 74))
    for x in beside(dice, 0.3, 0.9):
        fern = [(0, 0), (0.16, -0.1), (0.04, -0.07), (0.1, -0.21), (0, -0.1)]
        shape(pen, x, -0.12, mirrored(fern), (94, 128, 76))


def mountain(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 1)
    rock = blend(air, near(dice, (122, 130, 148)), 0.8)
    for x in (-1.9, -0.75, 0.35, 1.5):
        at, top, w = x + dice.uniform(-0.2, 0.2), dice.uniform(-1.28, -0.95), 0.75
        pen.poly([(at - w, FOOT), (at, top), (at + w, FOOT)], rock)
        cap = [(0, 0), (0.29, 0.3), (0.12, 0.24), (0.02, 0.36), (-0.12, 0.24), (-0.29, 0.3)]
        shape(pen, at, top, cap, (240, 244, 248))
    snow = near(dice, (228, 234, 242), 5)
    ridge(pen, dice, -0.34, 0.3, 0.16, FOOT, blend(air, (78, 108, 98), 0.75))
    fill(pen, snow, FOOT - 0.03)
    hills(pen, dice, 0.02, 0.12, BOTTOM, shade(snow, 0.95))
    for x in beside(dice, 0.6, 0.8):
        fir = [(0, -0.6), (0.15, -0.2), (0.08, -0.2), (0.2, 0)]
        shape(pen, x, -0.15, mirrored(fir), (96, 124, 110))


def lake(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 1)
    water = near(dice, dice.pick(WATERS))
    hills(pen, dice, -0.5, 0.45, FOOT, blend(air, (116, 142, 128), 0.55))
    ridge(pen, dice, -0.36, 0.28, 0.18, FOOT, blend(air, (84, 116, 88), 0.8))
    fill(pen, (170, 172, 128), -0.36)
    fill(pen, water, -0.29)
    pen.poly([(LEFT, -0.29), (RIGHT, -0.29), (RIGHT, -0.2), (LEFT, -0.16)], blend(water, (84, 116, 88), 0.35))
    for i in range(2):
        x, y = -0.6 + 1.0 * i + dice.uniform(-0.2, 0.2), dice.uniform(-0.08, 0.4)
        pen.poly([(x - 0.2, y), (x, y - 0.014), (x + 0.2, y), (x, y + 0.014)], shade(water, 1.35))
    a, b = beside(dice, 0.68, 0.8)
    for x in (a - 0.08, a, a + 0.09):
        pen.limb((x, -0.1), (x + 0.03, -0.5), 0.02, 0.014, (112, 140, 88))
        pen.limb((x + 0.02, -0.42), (x + 0.03, -0.54), 0.045, 0.045, (128, 92, 66))
    side = 1 if b > 0 else -1
    lattice(pen, min(b, side * 3.3), -0.3, max(b, side * 3.3), -0.06, 8, 1, 0.05, (164, 138, 106))


def sea(pen: Pen, dice: Dice) -> None:
    sky(pen, dice, 2)
    water = near(dice, dice.pick([(86, 138, 170), (80, 130, 158), (94, 146, 166)]))
    a, b = beside(dice)
    fill(pen, shade(water, 1.12), -0.42)
    pen.poly([(a - 0.16, -0.46), (a + 0.16, -0.46), (a + 0.1, -0.4), (a - 0.1, -0.4)], (140, 116, 100))
    pen.poly([(a - 0.01, -0.48), (a + 0.01, -0.8), (a + 0.15, -0.48)], (238, 236, 228))
    for y, step, tone in ((-0.26, 0.34, 1.0), (-0.06, 0.5, 0.94), (0.2, 0.7, 0.88)):
        start = LEFT - dice.throw() * step
        bumps(pen, start, RIGHT + step, y - 0.012, step, 0.07, BOTTOM, blend(water, FOAM, 0.7))
        bumps(pen, start, RIGHT + step, y + 0.012, step, 0.07, BOTTOM, shade(water, tone))
    for i in range(2):
        x, y = b + 0.25 * i, -1.05 - 0.12 * i
        gull = [(0, 0), (0.05, -0.06), (0.1, -0.04), (0.05, -0.035), (0, 0.025)]
        shape(pen, x, y, mirrored(gull), (110, 118, 126))


def stadium(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 0)
    pitch = near(dice, (118, 162, 92))
    roof = near(dice, (150, 158, 168))
    pen.poly([(LEFT, -1.26), (RIGHT, -1.26), (RIGHT, FOOT), (LEFT, FOOT)], (156, 156, 162))
    shirts = dice.shuffle([(166, 110, 104), (108, 126, 160), (190, 176, 130), (128, 146, 120), (190, 190, 188)])
    for i, y in enumerate((-1.05, -0.85, -0.65)):
        xs = steps(WEST - dice.throw() * 0.13, EAST, 0.135)
        comb(pen, xs, 0.06, y - 0.12, y, (212, 180, 156))
        bumps(pen, xs[0] - 0.035, EAST, y, 0.135, 0.06, y + 0.09, blend((156, 156, 162), shirts[i], 0.75))
    pen.box(LEFT, -0.5, RIGHT, FOOT, near(dice, dice.pick([(112, 128, 158), (168, 122, 112)])))
    comb(pen, steps(WEST + dice.throw(), EAST, 0.9), 0.45, -0.46, -0.34, (222, 220, 212))
    pen.box(LEFT, -1.4, RIGHT, -1.24, blend(air, roof, 0.9))
    fill(pen, pitch, FOOT)
    rungs(pen, [-0.2, 0.06, 0.42], 0.1, LEFT, RIGHT, shade(pitch, 0.92))
    rungs(pen, [-0.17], 0.035, LEFT, RIGHT, (232, 236, 226))
    x = dice.uniform(-0.6, 0.6)
    pen.poly([(x - 0.02, -0.15), (x + 0.02, -0.15), (x * 2 + 0.08, BOTTOM), (x * 2 - 0.08, BOTTOM)], (232, 236, 226))


def farm(pen: Pen, dice: Dice) -> None:
    air = sky(pen, dice, 1)
    grass = near(dice, dice.pick(GRASSES))
    red = blend(air, near(dice, dice.pick([(166, 72, 60), (156, 66, 62), (172, 84, 66)])), 0.85)
    a, b = beside(dice, 0.38, 0.5)
    hills(pen, dice, -0.46, 0.16, FOOT, blend(air, (132, 160, 110), 0.7))
    silo = a + (0.56 if a > 0 else -0.56)
    bumps(pen, silo - 0.13, silo + 0.13, -1.08, 0.26, 0.14, FOOT, (186, 190, 192))
    shape(pen, a, 0, mirrored([(0, -1.2), (0.28, -1.08), (0.42, -0.82), (0.42, FOOT)]), red)
    roof = [(0, -1.26), (0.3, -1.12), (0.47, -0.8), (0.41, -0.8), (0.26, -1.07), (0, -1.19)]
    shape(pen, a, 0, mirrored(roof), (150, 146, 144))
    pen.box(a - 0.17, -0.72, a + 0.17, FOOT, shade(red, 0.8))
    cross = [(0, -0.54), (0.13, -0.72), (0.17, -0.72), (0.02, -0.51), (0.17, FOOT), (0.13, FOOT), (0, -0.48)]
    shape(pen, a, 0, mirrored(cross), (232, 226, 214))
    fill(pen, grass, FOOT)
    rungs(pen, [-0.58, -0.45], 0.035, b + (0.3 if b < 0 else -0.3), (LEFT if b < 0 else RIGHT), (168, 142, 112))
    posts = [b + 0.42 * i - 0.03 for i in range(-3, 4) if abs(b + 0.42 * i - a) > 0.5]
    comb(pen, posts, 0.06, -0.64, -0.22, (150, 124, 96))
    pen.poly([(a - 0.16, FOOT), (a + 0.16, FOOT), (a * 0.2 + 1.2, BOTTOM), (a * 0.2 - 1.2, BOTTOM)], (190, 166, 126))


def yard(pen: Pen, dice: Dice) -> None:
    sky(pen, dice, 1)
    plank = near(dice, dice.pick([(176, 148, 116), (160, 142, 124), (170, 156, 128)]))
    brick = near(dice, dice.pick([(184, 128, 108), (190, 150, 122), (172, 138, 130)]))
    ground = near(dice, dice.pick([(182, 164, 138), (172, 160, 142)]))
    side = dice.sign()
    edge = side * dice.uniform(0.05, 0.2)
    pen.box(LEFT, -0.92, RIGHT, FOOT, plank)
    comb(pen, steps(LEFT, RIGHT, 0.13), 0.022, -0.95, FOOT, shade(plank, 0.78))
    x1, x2 = (edge, RIGHT) if side > 0 else (LEFT, edge)
    pen.box(x1, -3.2, x2, FOOT, brick)
    rungs(pen, steps(-1.55, -0.3, 0.1), 0.016, LEFT if side < 0 else RIGHT, edge, shade(brick, 1.25))
    fill(pen, ground, FOOT)
    door = edge + side * 0.3
    pen.box(door - 0.17, -1.02, door + 0.17, FOOT, near(dice, (110, 130, 128)))
    pen.box(door - 0.22, FOOT - 0.02, door + 0.22, -0.2, (190, 186, 180))
    window(pen, edge + side * 0.78, -1.1, 0.3, 0.36, (150, 174, 190), (232, 230, 224))
    bin_x = edge - side * 0.62
    pen.poly([(bin_x - 0.14, -0.6), (bin_x + 0.14, -0.6), (bin_x + 0.11, -0.2), (bin_x - 0.11, -0.2)], (128, 136, 138))
    pen.box(bin_x - 0.16, -0.64, bin_x + 0.16, -0.59, (106, 114, 118))
    for i in range(3):
        pen.oval(-0.6 + 0.6 * i + dice.uniform(-0.2, 0.2), dice.uniform(-0.1, 0.35), 0.07, 0.025, shade(ground, 0.9))
