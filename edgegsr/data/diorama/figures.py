"""People: articulated figures that face right, posed by where their feet and hands are.

A posture says where hips and feet are, an arm pose where the hands are relative to the shoulder; knees and elbows
follow. Lengths are in body heights, y down, feet of a standing figure at y = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edgegsr.data.diorama.canvas import Colour, Pen, Point, shade
from edgegsr.data.diorama.dice import Dice

TORSO, UPPER_ARM, FOREARM, THIGH, SHIN = 0.31, 0.165, 0.165, 0.25, 0.25


@dataclass(frozen=True)
class Posture:
    hip: Point
    lean: float  # degrees, positive = forward
    near_foot: Point
    far_foot: Point
    knees: tuple[int, int] = (1, 1)  # +1 bends forward, -1 backward (a knee on the ground)


@dataclass(frozen=True)
class Arms:
    near: Point  # hand relative to the shoulder
    far: Point
    turn: float = 90.0  # degrees: where a thing in the near hand points; 0 = up, 90 = forward, 180 = down
    elbows: tuple[int, int] = (1, 1)  # +1 = elbow hangs below or behind the line from shoulder to hand


POSTURES: dict[str, Posture] = {
    "stand": Posture((0, -0.49), 2, (0.05, 0), (-0.06, 0)),
    "walk": Posture((0, -0.48), 4, (0.15, 0), (-0.17, -0.02)),
    "run": Posture((0, -0.48), 16, (0.20, -0.02), (-0.30, -0.20)),
    "jump": Posture((0, -0.80), 6, (0.12, -0.42), (-0.16, -0.40)),
    "kick": Posture((0, -0.49), -12, (0.38, -0.20), (-0.03, 0)),
    "lunge": Posture((0, -0.43), 10, (0.24, 0), (-0.22, 0)),
    "brace": Posture((-0.10, -0.43), 22, (0.10, 0), (-0.34, 0)),
    "haul": Posture((0.10, -0.43), 24, (0.26, 0), (-0.20, 0)),
    "kneel": Posture((-0.04, -0.28), 8, (0.14, 0), (-0.28, -0.02), (1, -1)),
    "squat": Posture((-0.10, -0.20), 28, (0.06, 0), (0.00, 0)),
    "sit": Posture((0, -0.28), 3, (0.23, 0), (0.19, 0)),
    "sit_low": Posture((0, -0.07), -4, (0.40, -0.01), (0.37, -0.01)),
    "lie": Posture((0, -0.07), -86, (0.46, -0.05), (0.44, -0.02)),
    "bend": Posture((-0.06, -0.47), 48, (0.06, 0), (-0.08, 0)),
    "bow": Posture((-0.04, -0.49), 72, (0.03, 0), (-0.03, 0)),
    "crawl": Posture((-0.12, -0.27), 78, (-0.30, -0.01), (-0.42, -0.02), (-1, -1)),
    "climb": Posture((-0.12, -0.72), 4, (0.08, -0.44), (0.06, -0.22)),
    "ride": Posture((0, 0), 4, (0.10, 0.36), (0.02, 0.36)),
    "pedal": Posture((0, 0), 26, (0.10, 0.36), (0.16, 0.22)),
    "fall": Posture((0, -0.42), -56, (0.40, -0.44), (0.36, -0.24)),
    "trip": Posture((0, -0.44), 50, (-0.26, -0.02), (-0.40, -0.22), (1, 1)),
    "ski": Posture((-0.06, -0.36), 30, (0.08, 0), (0.02, 0)),
    "surf": Posture((-0.02, -0.38), 12, (0.20, 0), (-0.20, 0)),
    "swim": Posture((-0.20, 0.00), 82, (-0.62, -0.06), (-0.58, 0.06)),
    "float": Posture((0, 0.0), -78, (0.44, -0.10), (0.42, 0.02)),
    "dance": Posture((0, -0.48), -6, (0.22, -0.22), (-0.04, 0)),
    "lean": Posture((-0.06, -0.48), -12, (0.12, 0), (0.06, 0)),
}

ARMS: dict[str, Arms] = {
    "hang": Arms((0.02, 0.32), (-0.03, 0.32), 170),
    "swing": Arms((0.20, 0.20), (-0.20, 0.18), 90),
    "forward": Arms((0.29, 0.04), (0.27, 0.06), 90),
    "forward_low": Arms((0.23, 0.17), (0.21, 0.18), 100),
    "reach_down": Arms((0.20, 0.25), (0.14, 0.26), 160),
    "push": Arms((0.31, 0.05), (0.30, 0.07), 90),
    "pull": Arms((-0.26, 0.14), (-0.22, 0.17), -90),
    "carry": Arms((0.19, 0.14), (0.20, 0.12), 0),
    "overhead": Arms((0.05, -0.31), (-0.04, -0.31), 0, (-1, 1)),
    "raised": Arms((0.20, -0.25), (-0.20, -0.25), 20, (1, -1)),
    "on_head": Arms((0.08, -0.20), (-0.02, -0.20), 0),
    "strike": Arms((0.00, -0.22), (0.05, -0.17), -35),
    "swing_bat": Arms((-0.02, -0.06), (0.05, -0.02), -30),
    "mouth": Arms((0.13, -0.075), (-0.03, 0.31), -42),
    "mouth_both": Arms((0.125, -0.085), (0.12, -0.08), 60),
    "ear": Arms((0.045, -0.115), (-0.03, 0.31), 0),
    "face": Arms((0.15, -0.12), (0.14, -0.10), 90),
    "read": Arms((0.21, 0.01), (0.20, 0.03), 20),
    "write": Arms((0.24, 0.13), (0.18, 0.16), 145),
    "desk": Arms((0.25, 0.13), (0.27, 0.13), 90),
    "paint": Arms((0.28, -0.04), (0.02, 0.25), 70),
    "wave": Arms((0.13, -0.29), (-0.03, 0.31), 10, (-1, 1)),
    "salute": Arms((0.075, -0.135), (-0.02, 0.32), 0),
    "point": Arms((0.32, -0.08), (-0.03, 0.31), 80),
    "spread": Arms((0.30, -0.06), (-0.30, -0.04), 60),
    "balance": Arms((0.28, 0.06), (-0.28, 0.02), 60),
    "pray": Arms((0.16, 0.0), (0.155, 0.01), 0),
    "aim": Arms((0.32, -0.03), (0.04, -0.03), 0),
    "sweep": Arms((0.20, 0.20), (0.09, 0.08), 142),
    "throw": Arms((-0.16, -0.22), (0.27, -0.08), -30, (-1, 1)),
    "catch": Arms((0.25, -0.16), (0.21, -0.12), 45),
    "juggle": Arms((0.20, 0.10), (0.10, 0.12), 0),
    "shout": Arms((0.12, -0.07), (0.10, -0.05), 90),
    "thumb": Arms((0.31, -0.02), (-0.03, 0.31), 0),
    "drum": Arms((0.22, 0.04), (0.20, 0.10), 120),
    "strum": Arms((0.07, 0.17), (0.26, 0.06), 62),
    "sing": Arms((0.13, -0.04), (-0.22, 0.06), -20),
    "pour": Arms((0.28, -0.02), (0.02, 0.28), 115),
    "stir": Arms((0.25, 0.09), (0.20, 0.16), 170),
    "row": Arms((0.24, 0.10), (0.22, 0.12), 115),
    "steer": Arms((0.26, 0.06), (0.24, 0.08), 90),
    "poles": Arms((0.20, 0.10), (0.16, 0.12), 200),
    "hug": Arms((0.26, 0.0), (0.27, 0.08), 90),
    "climb": Arms((0.22, -0.20), (0.20, -0.04), 0),
    "floor": Arms((0.10, 0.33), (0.02, 0.33), 180),
    "stroke": Arms((0.32, -0.02), (-0.10, 0.22), 90),
    "flail": Arms((-0.10, -0.30), (0.28, -0.14), 0, (-1, 1)),
    "behind_head": Arms((0.02, -0.08), (-0.02, -0.08), 0, (-1, -1)),
    "hips": Arms((0.05, 0.20), (-0.05, 0.20), 90, (-1, 1)),
    "crossed": Arms((0.13, 0.10), (0.12, 0.12), 90),
}

SKINS: tuple[Colour, ...] = (
    (255, 219, 188),
    (241, 194, 150),
    (224, 172, 122),
    (188, 128, 84),
    (141, 85, 52),
    (96, 57, 36),
)
HAIRS: tuple[Colour, ...] = ((30, 24, 22), (62, 40, 26), (110, 68, 36), (176, 120, 54), (214, 176, 100), (150, 60, 30))
GREY: tuple[Colour, ...] = ((205, 205, 205), (232, 232, 230), (170, 170, 175))
CLOTHES: tuple[Colour, ...] = (
    (200, 54, 50), (36, 92, 170), (46, 140, 84), (238, 190, 60), (120, 70, 150), (226, 120, 50), (240, 240, 238),
    (50, 60, 80), (90, 170, 200), (220, 110, 150), (130, 140, 60), (110, 110, 116),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (38, 52, 92),
    (60, 60, 66),
    (110, 84, 60),
    (30, 30, 34),
    (84, 96, 60),
    (150, 140, 120),
    (70, 100, 150),
)
HATS: dict[str, Colour] = {"chef": (250, 250, 250), "builder": (250, 200, 30), "farmer": (222, 184, 110)}
PEOPLE: dict[str, float] = {  # noun -> how often
    "man": 0.27, "woman": 0.27, "boy": 0.12, "girl": 0.12, "old_man": 0.06, "old_woman": 0.06,
    "chef": 0.03, "builder": 0.04, "farmer": 0.03,
}  # fmt: skip
CHILDREN = ("boy", "girl")


@dataclass(frozen=True)
class Person:
    """How somebody looks."""

    noun: str
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    long_hair: bool
    skirt: bool
    beard: bool
    build: float  # width of trunk and limbs
    height: float
    head: float  # radius


def cast(dice: Dice, noun: str = "") -> Person:
    """Somebody of that noun, or anybody."""
    noun = noun or dice.weigh(PEOPLE)
    female = noun in ("woman", "girl", "old_woman") or (noun in HATS and dice.chance(0.4))
    child = noun in CHILDREN
    shirt = (250, 250, 250) if noun == "chef" else dice.pick(CLOTHES)
    return Person(
        noun=noun,
        skin=dice.pick(SKINS),
        hair=dice.pick(GREY if noun.startswith("old") else HAIRS),
        shirt=shirt,
        trousers=dice.pick(TROUSERS),
        long_hair=female,
        skirt=female and noun not in HATS and dice.chance(0.65),
        beard=noun in ("man", "old_man") and dice.chance(0.35),
        build=dice.uniform(0.85, 1.25),
        height=dice.uniform(0.68, 0.80) if child else dice.uniform(0.93, 1.06),
        head=0.098 if child else 0.078,
    )


@dataclass
class Pose:
    """Solved joints, in the local coordinates of the figure."""

    hip: Point
    neck: Point
    shoulder: Point
    head: Point
    near_leg: tuple[Point, Point]  # knee, foot
    far_leg: tuple[Point, Point]
    near_arm: tuple[Point, Point]  # elbow, hand
    far_arm: tuple[Point, Point]
    turn: float  # radians: where a thing in the near hand points
    lean: float
    open_mouth: bool = field(default=False)

    @property
    def hand(self) -> Point:
        return self.near_arm[1]

    @property
    def mouth(self) -> Point:
        return self.head[0] + 0.06, self.head[1] + 0.03


def bend(a: Point, b: Point, first: float, second: float, side: int) -> tuple[Point, Point]:
    """Joint and end of a two-part limb from a towards b; `side` says to which side the joint gives way."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    reach = math.hypot(dx, dy) or 1e-6
    longest = (first + second) * 0.998
    if reach > longest:
        b = (a[0] + dx * longest / reach, a[1] + dy * longest / reach)
        dx, dy, reach = b[0] - a[0], b[1] - a[1], longest
    along = (first * first - second * second + reach * reach) / (2 * reach)
    off = math.sqrt(max(first * first - along * along, 0.0)) * side
    return (a[0] + (dx * along + dy * off) / reach, a[1] + (dy * along - dx * off) / reach), b


def pose(posture: str, arms: str, dice: Dice, hands: dict[str, Point] | None = None) -> Pose:
    """The joints of a posture and an arm pose with a little of the person's own; `hands` pins hands to points."""
    p, a = POSTURES[posture], ARMS[arms]
    hip = (p.hip[0] + dice.uniform(-0.015, 0.015), p.hip[1] + dice.uniform(-0.012, 0.012))
    lean = math.radians(p.lean + dice.uniform(-5, 5))
    up = (math.sin(lean), -math.cos(lean))
    neck = (hip[0] + TORSO * up[0], hip[1] + TORSO * up[1])
    shoulder = (hip[0] + (TORSO - 0.035) * up[0], hip[1] + (TORSO - 0.035) * up[1])
    tilt = lean * 0.55 + math.radians(dice.uniform(-8, 8))
    head = (neck[0] + 0.088 * math.sin(tilt), neck[1] - 0.088 * math.cos(tilt))

    def hand(which: str, offset: Point) -> Point:
        if hands and which in hands:
            return hands[which]
        return (
            shoulder[0] + offset[0] + dice.uniform(-0.018, 0.018),
            shoulder[1] + offset[1] + dice.uniform(-0.018, 0.018),
        )

    def foot(at: Point) -> Point:
        return at[0] + dice.uniform(-0.02, 0.02), at[1]

    return Pose(
        hip,
        neck,
        shoulder,
        head,
        bend(hip, foot(p.near_foot), THIGH, SHIN, p.knees[0]),
        bend(hip, foot(p.far_foot), THIGH, SHIN, p.knees[1]),
        bend(shoulder, hand("near", a.near), UPPER_ARM, FOREARM, -a.elbows[0]),
        bend(shoulder, hand("far", a.far), UPPER_ARM, FOREARM, -a.elbows[1]),
        math.radians(a.turn + dice.uniform(-8, 8)),
        lean,
    )


def draw_behind(pen: Pen, who: Person, p: Pose) -> None:
    """The far arm and leg."""
    dark = shade(who.shirt, 0.78)
    _arm(pen, who, p.shoulder, p.far_arm, dark, shade(who.skin, 0.9))
    _leg(pen, who, p.hip, p.far_leg, 0.8)


def draw_body(pen: Pen, who: Person, p: Pose) -> None:
    """Near leg, trunk and head; things in the hands come after this, the near arm last."""
    b = who.build
    if who.long_hair:
        back = (p.head[0] - 0.045, p.head[1] + 0.045)
        pen.limb((p.head[0] - 0.025, p.head[1]), (back[0] - 0.01, back[1] + 0.06), who.head * 1.7, 0.07, who.hair)
    _leg(pen, who, p.hip, p.near_leg, 1.0)
    if who.skirt:
        knee = ((p.near_leg[0][0] + p.far_leg[0][0]) / 2, (p.near_leg[0][1] + p.far_leg[0][1]) / 2)
        pen.limb(p.hip, knee, 0.14 * b, 0.21 * b, who.shirt)
    pen.limb(p.shoulder, p.hip, 0.15 * b, 0.135 * b, who.shirt)
    _head(pen, who, p)


def draw_arm(pen: Pen, who: Person, p: Pose) -> None:
    _arm(pen, who, p.shoulder, p.near_arm, shade(who.shirt, 0.9), who.skin)


def _arm(pen: Pen, who: Person, shoulder: Point, arm: tuple[Point, Point], sleeve: Colour, skin: Colour) -> None:
    elbow, hand = arm
    b = who.build
    pen.limb(shoulder, elbow, 0.062 * b, 0.052 * b, sleeve)
    pen.limb(elbow, hand, 0.046 * b, 0.038, skin)
    pen.oval(hand[0], hand[1], 0.027, 0.027, skin)


def _leg(pen: Pen, who: Person, hip: Point, leg: tuple[Point, Point], light: float) -> None:
    knee, foot = leg
    b = who.build
    cloth = shade(who.skin if who.skirt else who.trousers, light)
    pen.limb(hip, knee, 0.085 * b, 0.068 * b, cloth)
    pen.limb(knee, foot, 0.064 * b, 0.046, cloth)
    dx, dy = foot[0] - knee[0], foot[1] - knee[1]
    length = math.hypot(dx, dy) or 1.0
    toe = (foot[0] + 0.075 * dy / length, foot[1] - 0.075 * dx / length)
    pen.limb(foot, toe, 0.046, 0.036, (48, 36, 34))


def _head(pen: Pen, who: Person, p: Pose) -> None:
    x, y = p.head
    r = who.head
    pen.limb(p.neck, p.head, 0.05, 0.05, shade(who.skin, 0.92))
    pen.oval(x, y, r * 0.92, r, who.skin)
    pen.oval(x + r * 0.92, y + r * 0.15, r * 0.16, r * 0.13, shade(who.skin, 0.92))
    cap = [(x + r * math.cos(t) * 1.04, y + r * math.sin(t) * 1.06) for t in _CAP]
    pen.poly([*cap, (x - r * 0.35, y + r * 0.35), (x - r * 0.1, y - r * 0.25), (x + r * 0.55, y - r * 0.45)], who.hair)
    pen.oval(x + r * 0.48, y - r * 0.08, r * 0.13, r * 0.17, (25, 22, 22))
    if who.beard:
        pen.limb((x + r * 0.1, y + r * 0.72), (x + r * 0.62, y + r * 0.6), r * 0.55, r * 0.4, who.hair)
    if p.open_mouth:
        pen.oval(x + r * 0.62, y + r * 0.48, r * 0.2, r * 0.24, (90, 20, 24))
    elif not who.beard:
        pen.limb((x + r * 0.42, y + r * 0.52), (x + r * 0.72, y + r * 0.46), r * 0.1, r * 0.1, (150, 60, 56))
    if who.noun in HATS:
        _hat(pen, who, x, y, r)


def _hat(pen: Pen, who: Person, x: float, y: float, r: float) -> None:
    colour = HATS[who.noun]
    if who.noun == "chef":
        pen.poly(
            [
                (x - r * 0.9, y - r * 0.55),
                (x + r * 0.9, y - r * 0.55),
                (x + r * 1.1, y - r * 2.1),
                (x - r * 1.1, y - r * 2.1),
            ],
            colour,
        )
        pen.limb((x - r * 0.7, y - r * 2.1), (x + r * 0.7, y - r * 2.1), r * 1.0, r * 1.0, colour)
    elif who.noun == "builder":
        pen.poly([(x + r * 1.06 * math.cos(t), y - r * 0.3 + r * 1.0 * math.sin(t)) for t in _DOME], colour)
        pen.limb((x - r * 0.9, y - r * 0.34), (x + r * 1.5, y - r * 0.34), r * 0.22, r * 0.16, shade(colour, 0.85))
    else:
        pen.limb((x - r * 1.7, y - r * 0.5), (x + r * 1.7, y - r * 0.5), r * 0.3, r * 0.3, shade(colour, 0.85))
        pen.poly([(x + r * 0.95 * math.cos(t), y - r * 0.5 + r * 0.95 * math.sin(t)) for t in _DOME], colour)


_CAP = [math.radians(d) for d in range(140, 330, 20)]
_DOME = [math.radians(d) for d in range(180, 361, 20)]
