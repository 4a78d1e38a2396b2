"""The rooms: backdrops with a wall at the back, in muted colours so that people and things stand out."""

from __future__ import annotations

from edgegsr.data.diorama.backdrop import (
    BOTTOM,
    EAST,
    FOOT,
    LEFT,
    RIGHT,
    TOP,
    WEST,
    beside,
    bumps,
    comb,
    fill,
    lattice,
    mirrored,
    near,
    rays,
    room,
    rungs,
    shape,
    steps,
    tiles,
    window,
)
from edgegsr.data.diorama.canvas import Colour, Pen, blend, shade
from edgegsr.data.diorama.dice import Dice

WALLS: list[Colour] = [(222, 214, 196), (208, 216, 206), (206, 212, 220), (224, 208, 200), (214, 208, 216)]
WOODS: list[Colour] = [(190, 160, 124), (176, 148, 116), (202, 176, 140)]
VIEW = (190, 214, 230)
WHITE = (240, 238, 232)

HAMMER = [(-0.11, -0.24), (0.09, -0.24), (0.13, -0.17), (0.02, -0.15), (0.025, 0.12), (-0.025, 0.12), (-0.02, -0.15)]
SPANNER = mirrored([(0.03, -0.2), (0.07, -0.28), (0.07, -0.16), (0.025, -0.12), (0.025, 0.14)])
SAW = [(-0.1, -0.26), (0.14, -0.24), (0.1, 0.14), (0.02, 0.14)]


def clock(pen: Pen, x: float, y: float, rim: Colour) -> None:
    pen.oval(x, y, 0.105, 0.105, rim)
    pen.oval(x, y, 0.085, 0.085, WHITE)
    pen.poly([(x - 0.01, y), (x, y - 0.07), (x + 0.012, y - 0.01), (x + 0.05, y + 0.01), (x, y + 0.015)], (70, 70, 75))


def picture(pen: Pen, x: float, y: float, w: float, h: float, colour: Colour) -> None:
    pen.box(x - w / 2 - 0.025, y - 0.025, x + w / 2 + 0.025, y + h + 0.025, (150, 122, 92))
    pen.box(x - w / 2, y, x + w / 2, y + h, blend(colour, WHITE, 0.5))
    peaks = [(-0.5, 1), (-0.15, 0.35), (0.1, 0.7), (0.3, 0.5), (0.5, 1)]
    pen.poly([(x + w * dx, y + h * dy) for dx, dy in peaks], colour)


def kitchen(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick(WALLS))
    front = near(dice, dice.pick([(158, 178, 170), (186, 160, 126), (156, 172, 194), (196, 168, 142)]))
    x, _ = beside(dice, 0.3, 0.5)
    room(pen, wall, near(dice, (196, 186, 172)))
    pen.box(LEFT, -1.1, RIGHT, -0.7, shade(wall, 1.4))
    tiles(pen, -1.1, -0.7, 0.13, shade(wall, 0.92))
    pen.box(LEFT, -0.72, RIGHT, FOOT - 0.04, front)
    lattice(pen, WEST + x, -0.72, EAST + x, FOOT - 0.04, 12, 1, 0.02, shade(front, 0.84))
    pen.box(LEFT, -0.76, RIGHT, -0.71, (150, 138, 126))
    for x1, x2 in ((LEFT, x - 0.3), (x + 0.3, RIGHT)):
        pen.box(x1, -1.7, x2, -1.08, front)
    comb(pen, [x - 1.1, x - 0.7, x + 0.68, x + 1.08], 0.02, -1.1, -1.7, shade(front, 0.84))
    steel = (168, 172, 176)
    spoons = [-x * 0.6 + dx for dx in (-0.2, -0.09, 0.02, 0.13)]
    comb(pen, spoons, 0.035, -0.84, -1.03, blend(wall, (120, 112, 108), 0.7))
    pen.box(x - 0.09, TOP, x + 0.09, -1.2, shade(steel, 0.92))
    shape(pen, x, 0, mirrored([(0.1, -1.22), (0.27, -1.04), (0.27, -1.0)]), steel)


def living_room(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick(WALLS))
    wood = near(dice, dice.pick(WOODS))
    a, b = beside(dice, 0.45, 0.62)
    room(pen, wall, wood)
    rays(pen, 0.3, 0.03, shade(wood, 0.9))
    rug = near(dice, dice.pick([(176, 130, 120), (140, 152, 168), (168, 160, 128)]))
    pen.oval(dice.uniform(-0.2, 0.2), 0.1, 0.75, 0.17, rug)
    picture(pen, b, dice.uniform(-1.28, -1.15), 0.42, 0.3, near(dice, (142, 164, 150)))
    sofa = blend(wall, near(dice, dice.pick([(120, 130, 160), (150, 110, 100), (120, 140, 110)])), 0.55)
    half = [(0.4, -0.74), (0.42, -0.55), (0.5, -0.6), (0.57, -0.56), (0.55, FOOT)]
    shape(pen, b, 0, mirrored(half), sofa)
    pen.box(b - 0.42, -0.48, b + 0.42, -0.4, shade(sofa, 0.85))
    window(pen, a, -1.35, 0.5, 0.5, VIEW, WHITE)
    lamp = b + (0.7 if a > b else -0.7)
    pen.limb((lamp, FOOT), (lamp, -0.95), 0.03, 0.03, (130, 116, 100))
    pen.poly([(lamp - 0.14, -0.9), (lamp - 0.08, -1.12), (lamp + 0.08, -1.12), (lamp + 0.14, -0.9)], (238, 220, 170))


def bedroom(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(196, 200, 218), (212, 198, 206), (198, 210, 206), (218, 208, 190)]))
    wood = near(dice, dice.pick(WOODS))
    a, b = beside(dice, 0.45, 0.58)
    cloth = near(dice, dice.pick([(146, 140, 176), (176, 138, 146), (132, 158, 164)]))
    room(pen, wall, shade(wood, 1.15))
    shape(pen, a, 0, mirrored([(0.3, -0.98), (0.48, -0.86), (0.48, FOOT)]), blend(wall, shade(wood, 0.86), 0.6))
    for x in (a - 0.21, a + 0.21):
        bumps(pen, x - 0.18, x + 0.18, -0.62, 0.36, 0.13, -0.5, blend(wall, WHITE, 0.7))
    pen.poly([(a - 0.46, -0.54), (a + 0.46, -0.54), (a + 0.5, -0.2), (a - 0.5, -0.2)], blend(wall, cloth, 0.45))
    table = a + (0.66 if b > a else -0.66)
    pen.box(table - 0.13, -0.58, table + 0.13, -0.26, wood)
    pen.box(table - 0.015, -0.72, table + 0.015, -0.58, (120, 110, 100))
    pen.poly(
        [(table - 0.12, -0.7), (table - 0.07, -0.88), (table + 0.07, -0.88), (table + 0.12, -0.7)], (244, 226, 168)
    )
    window(pen, b, -1.4, 0.44, 0.62, dice.pick([VIEW, (86, 100, 140)]), WHITE)
    for x in (b - 0.38, b + 0.22):
        bumps(pen, x, x + 0.16, -0.5, 0.08, -0.02, -1.5, cloth)


def bathroom(pen: Pen, dice: Dice) -> None:
    tile = near(dice, dice.pick([(184, 210, 218), (190, 214, 202), (206, 204, 222), (214, 214, 208)]))
    a, b = beside(dice, 0.42, 0.55)
    room(pen, shade(tile, 1.1), shade(tile, 0.82))
    tiles(pen, -2.1, FOOT, 0.18, shade(tile, 0.9))
    rays(pen, 0.25, 0.03, shade(tile, 0.74))
    pen.oval(a, -1.08, 0.2, 0.25, (150, 160, 166))
    pen.oval(a, -1.08, 0.17, 0.22, (222, 236, 242))
    pen.poly([(a - 0.08, -1.0), (a + 0.06, -1.22), (a + 0.1, -1.2), (a - 0.05, -0.96)], (246, 250, 252))
    shape(pen, a, 0, mirrored([(0.28, -0.72), (0.18, -0.56), (0.06, -0.52), (0.08, FOOT)]), WHITE)
    tap = [(-0.02, 0), (-0.02, -0.1), (0.1, -0.1), (0.1, -0.05), (0.03, -0.06), (0.03, 0)]
    shape(pen, a, -0.72, tap, (150, 156, 162))
    curtain = near(dice, dice.pick([(168, 190, 214), (214, 184, 180), (186, 206, 168)]))
    bumps(pen, b - 0.36, b + 0.36, -0.36, 0.12, -0.05, -1.25, curtain)
    comb(pen, steps(b - 0.25, b + 0.3, 0.12), 0.025, -0.4, -1.25, shade(curtain, 0.9))
    pen.box(b - 0.5, -1.28, b + 0.5, -1.25, (150, 156, 162))


def office(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(206, 210, 216), (214, 212, 204), (200, 210, 208)]))
    a, b = beside(dice, 0.45, 0.6)
    room(pen, wall, near(dice, (148, 156, 170)))
    pen.box(a - 0.38, -1.4, a + 0.38, -0.85, (176, 204, 224))
    comb(pen, [a - 0.38, a + 0.14], 0.24, -1.2, -0.85, (150, 170, 190))
    lattice(pen, a - 0.4, -1.42, a + 0.4, -0.83, 1, 9, 0.025, (232, 232, 228))
    clock(pen, b, -1.2, (90, 96, 110))
    desk = near(dice, (178, 160, 138))
    lattice(pen, a - 0.5, -0.62, a + 0.5, -0.2, 2, 1, 0.06, shade(desk, 0.9))
    pen.box(a - 0.06, -0.72, a + 0.06, -0.6, (124, 130, 140))
    pen.box(a - 0.2, -0.93, a + 0.2, -0.68, (106, 114, 126))
    cabinet = near(dice, (164, 172, 180))
    pen.box(b - 0.3, -0.98, b + 0.3, -0.24, cabinet)
    for y, colour in ((-0.94, (150, 120, 110)), (-0.7, (112, 132, 156)), (-0.46, (132, 146, 120))):
        comb(pen, steps(b - 0.24, b + 0.2, 0.075), 0.055, y, y + 0.18, blend(colour, cabinet, 0.25))


def classroom(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(224, 216, 190), (208, 216, 196), (222, 208, 192)]))
    board = near(dice, dice.pick([(74, 104, 88), (66, 92, 82), (72, 82, 88)]))
    x = dice.uniform(-0.25, 0.25)
    room(pen, wall, near(dice, (192, 168, 134)))
    pen.box(x - 0.92, -1.28, x + 0.92, -0.62, (168, 134, 96))
    pen.box(x - 0.88, -1.24, x + 0.88, -0.66, board)
    chalk = blend(board, WHITE, 0.75)
    for left in (x - 0.8, x + 0.3):
        y = dice.uniform(-1.18, -1.1)
        rungs(pen, [y, y + 0.1, y + 0.2], 0.025, left, left + dice.uniform(0.35, 0.48), chalk)
    pen.poly([(x - 0.2, -0.95), (x, -1.17), (x + 0.2, -0.95), (x + 0.15, -0.95), (x, -1.11), (x - 0.15, -0.95)], chalk)
    pen.box(x - 0.5, -0.64, x + 0.5, -0.61, shade(wall, 1.5))
    desk = (186, 150, 106)
    for left in (-1.75, -1.0, -0.25, 0.5, 1.25):
        at = left + 0.25 * x
        lattice(pen, at - 0.04, -0.42, at + 0.54, -0.1, 1, 1, 0.045, near(dice, desk, 6))


def workshop(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(186, 180, 170), (176, 184, 186), (192, 180, 160)]))
    peg = near(dice, (206, 184, 148))
    x = dice.uniform(-0.2, 0.2)
    room(pen, wall, near(dice, (164, 156, 146)))
    pen.box(x - 1.5, -1.5, x + 1.5, -0.76, peg)
    comb(pen, steps(x - 1.44, x + 1.44, 0.12), 0.012, -1.5, -0.76, shade(peg, 0.93))
    steel = blend(peg, (120, 126, 134), 0.6)
    handle = blend(peg, near(dice, dice.pick([(150, 92, 72), (92, 108, 140), (112, 128, 84)])), 0.6)
    for s in (-1, 1):
        h, w, d = (x + s * dx for dx in (0.42, 0.66, 0.88))
        shape(pen, h, -1, HAMMER, handle)
        shape(pen, w, -1, SPANNER, steel)
        shape(pen, d, -1, SAW, shade(steel, 1.2))
    wood = near(dice, (172, 136, 96))
    lattice(pen, x - 1.7, -0.66, x + 1.7, -0.22, 4, 1, 0.09, shade(wood, 0.86))
    pen.box(x - 1.75, -0.7, x + 1.75, -0.6, wood)
    shape(pen, x, -0.7, mirrored([(0.03, -0.07), (0.03, -0.14), (0.1, -0.14), (0.1, 0)]), (104, 116, 132))


def garage(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(176, 174, 170), (186, 178, 166), (168, 176, 180)]))
    door = near(dice, dice.pick([(200, 204, 206), (186, 194, 202), (206, 200, 190)]))
    a, b = beside(dice, 0.3, 0.45)
    side = 1 if b > 0 else -1
    room(pen, wall, near(dice, (150, 150, 150)))
    pen.box(a - 0.72, -1.36, a + 0.72, FOOT, shade(door, 0.62))
    pen.box(a - 0.66, -1.3, a + 0.66, FOOT, door)
    rungs(pen, steps(-1.24, -0.36, 0.11), 0.022, a - 0.66, a + 0.66, shade(door, 0.84))
    pen.box(a - 0.09, -0.42, a + 0.09, -0.38, (110, 112, 116))
    shelf = b + side * 0.38
    lattice(pen, shelf - 0.34, -1.25, shelf + 0.34, -0.26, 1, 3, 0.04, (128, 116, 104))
    for y, shift in ((-0.95, -0.2), (-0.63, 0.08)):
        comb(pen, [shelf + shift - 0.08, shelf + shift + 0.06], 0.12, y - 0.16, y, near(dice, (150, 124, 112), 25))
    for y in (-0.56, -0.4):
        pen.oval(shelf, y + 0.02, 0.2, 0.09, (84, 84, 88) if y > -0.5 else (98, 98, 102))
    pen.oval(a + dice.uniform(-0.2, 0.2), 0.15, 0.3, 0.06, (132, 132, 134))
    for x in (a - 0.9, a + 0.8):
        pen.poly(
            [(x, FOOT), (x + 0.1, FOOT), (x + 0.1 + (x - a) * 0.8, BOTTOM), (x + (x - a) * 0.8, BOTTOM)],
            (198, 182, 110),
        )


def gym(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(214, 206, 190), (198, 208, 214), (206, 212, 200)]))
    floor = near(dice, (206, 164, 112))
    a, b = beside(dice, 0.42, 0.6)
    room(pen, wall, floor)
    rays(pen, 0.22, 0.02, shade(floor, 0.93))
    pen.box(LEFT, -0.08, RIGHT, -0.05, (232, 226, 210))
    pen.poly([(a - 1.3, 0.14), (a + 1.3, 0.14), (a + 1.3, 0.18), (a - 1.3, 0.18)], (110, 134, 172))
    wood = near(dice, (186, 142, 92))
    for x in (a, a + (0.75 if a > 0 else -0.75)):
        lattice(pen, x - 0.33, -1.5, x + 0.33, FOOT, 1, 10, 0.035, wood)
    pen.box(b - 0.3, -1.4, b + 0.3, -1.02, WHITE)
    lattice(pen, b - 0.3, -1.4, b + 0.3, -1.02, 1, 1, 0.025, (150, 90, 80))
    pen.poly([(b - 0.12, -1.08), (b + 0.12, -1.08), (b + 0.07, -0.9), (b - 0.07, -0.9)], (226, 222, 214))
    pen.box(b - 0.13, -1.1, b + 0.13, -1.07, (208, 104, 60))
    for i, colour in enumerate([(96, 124, 164), (112, 140, 180), (96, 124, 164)]):
        pen.box(b - 0.4, -0.3 - i * 0.08, b + 0.4, -0.22 - i * 0.08, colour)


def stage(pen: Pen, dice: Dice) -> None:
    cloth = near(dice, dice.pick([(140, 46, 48), (150, 52, 60), (112, 40, 70)]))
    back = near(dice, dice.pick([(112, 102, 128), (100, 112, 132), (126, 108, 112)]))
    boards = near(dice, (158, 118, 82))
    fill(pen, back)
    x = dice.uniform(-0.4, 0.4)
    pen.poly([(x - 0.06, -1.6), (x + 0.06, -1.6), (0.46, FOOT), (-0.46, FOOT)], blend(back, (250, 236, 190), 0.35))
    fill(pen, boards, FOOT)
    rays(pen, 0.26, 0.035, shade(boards, 0.84))
    pen.oval(0, 0.05, 0.6, 0.16, blend(boards, (255, 236, 180), 0.3))
    edge = dice.uniform(0.62, 0.72)
    for x1, x2 in ((LEFT, -edge), (edge, RIGHT)):
        pen.poly([(x1, TOP), (x2, TOP), (x2 + 0.04, -0.2), (x1, -0.2)], cloth)
        folds = steps(max(x1, WEST), min(x2, EAST) - 0.06, 0.13)
        comb(pen, folds, 0.05, -0.2, TOP, shade(cloth, 0.8))
    bumps(pen, LEFT, RIGHT, -1.22, 0.4, -0.12, TOP, shade(cloth, 1.08))
    rungs(pen, [-1.24], 0.035, LEFT, RIGHT, (196, 160, 90))


def shop(pen: Pen, dice: Dice) -> None:
    wall = near(dice, dice.pick([(216, 210, 196), (204, 212, 212), (216, 204, 204)]))
    x = dice.uniform(-0.2, 0.2)
    room(pen, wall, near(dice, (200, 198, 192)))
    stripe = near(dice, dice.pick([(178, 96, 88), (96, 138, 116), (98, 122, 164)]))
    pen.box(LEFT, -1.55, RIGHT, -1.22, shade(wall, 1.5))
    comb(pen, steps(WEST, EAST, 0.24), 0.12, -1.22, -1.55, blend(wall, stripe, 0.75))
    pen.box(LEFT, -1.16, RIGHT, -0.2, (160, 146, 128))
    goods = dice.shuffle(
        [(178, 128, 108), (136, 152, 112), (120, 140, 168), (190, 168, 112), (158, 124, 152), (122, 158, 156)]
    )
    for i, y in enumerate((-0.93, -0.64, -0.35)):
        for j in range(2):
            xs = [WEST + x + k * 0.36 + j * 0.18 + dice.uniform(0, 0.03) for k in range(14)]
            comb(pen, xs, dice.uniform(0.1, 0.15), y - dice.uniform(0.12, 0.19), y, goods[i * 2 + j])
    rungs(pen, [-0.93, -0.64, -0.35], 0.05, LEFT, RIGHT, (218, 208, 188))
    comb(pen, [x - 0.82, x + 0.78], 0.05, -1.18, -0.2, (128, 116, 102))
