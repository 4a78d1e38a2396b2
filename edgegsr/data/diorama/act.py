"""One verb performed: who stands how, what is put where, in painting order.

An `Act` works in stage units around the feet of its agent, who faces right; the stage mirrors, scales and moves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from edgegsr.data.diorama import figures
from edgegsr.data.diorama.canvas import Canvas, Colour, Pen, Point
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.effects import EFFECTS
from edgegsr.data.diorama.places import PLACES
from edgegsr.data.diorama.script import Put, Verb
from edgegsr.data.diorama.spots import BACK, BEHIND, FAR, FIRST, FRONT, HELD, LAST, SPOTS, Spot
from edgegsr.data.diorama.things import ANIMAL_POSES, HANDLES, MOUTHS, THINGS, extent

ROPE: Colour = (150, 112, 70)
LIQUIDS: dict[str, Colour] = {"water": (92, 164, 222), "milk": (250, 250, 246), "juice": (244, 150, 40)}
PREDICATES = {
    "hand": "holds", "hold": "holds", "tilt": "holds", "level": "holds", "floor": "holds", "rod": "holds",
    "over": "holds",
    "under": "is on", "mount": "is on", "aboard": "is in", "scale": "hangs on", "rest": "leans on", "below": "is above",
    "behind": "pulls", "follower": "leads", "partner": "faces", "far_partner": "faces", "embrace": "embraces",
    "facing": "touches", "front": "is before", "close": "is before", "far": "looks at", "table": "is at",
    "pupil": "faces",
}  # fmt: skip
PARTNERS: dict[
    str, tuple[float, bool, tuple[str, ...], tuple[str, ...], int]
] = {  # x, faces left, postures, arms, layer
    "partner": (0.66, True, ("stand",), ("hang", "carry", "forward_low"), BEHIND),
    "far_partner": (1.02, True, ("stand", "walk", "dance"), ("hang", "raised", "hips"), BEHIND),
    "embrace": (0.25, True, ("stand",), ("hug", "hang"), BEHIND),
    "pupil": (-0.62, False, ("sit",), ("desk", "crossed"), BEHIND),
    "mate": (0.42, True, ("sit_low",), ("crossed", "hips"), 30),
}


@dataclass
class Entity:
    """Somebody or something on the stage; `id` owns its pixels."""

    id: int
    noun: str
    role: str = ""
    verb: str = ""  # what a person or animal is doing
    posture: str = ""
    arms: str = ""


@dataclass
class Act:
    verb: Verb
    place: str
    dice: Dice
    ids: Iterator[int]
    posture: str = ""
    arms: str = ""
    base: Point = (0.0, 0.0)
    hand: Point = (0.0, -0.5)
    mouth: Point = (0.06, -0.85)
    feet: Point = (0.1, 0.0)
    front: float = 0.2
    turn: float = 0.0
    height: float = 1.0
    entities: list[Entity] = field(default_factory=list)
    relations: list[tuple[int, str, int]] = field(default_factory=list)
    fillers: dict[str, str] = field(default_factory=dict)  # role -> noun, "" for an empty role
    spots: dict[str, Point] = field(default_factory=dict)
    strokes: list[tuple[int, Callable[[Pen], None]]] = field(default_factory=list)

    def rehearse(self, agent: str = "") -> Act:
        """Decides everything; nothing is painted yet."""
        self.posture = self.dice.pick(self.verb.posture) if self.verb.posture else ""
        self.arms = self.dice.pick(self.verb.arms) if self.verb.arms else ""
        puts = [put for put in self.verb.puts if not (put.optional and self.dice.chance(0.5))]
        for put in self.verb.puts:
            if not put.is_prop:
                self.fillers[put.role] = ""
        for put in puts:
            if put.where in FIRST:
                self._put(put)
        self._agent(agent)
        for late in (False, True):
            for put in puts:
                if put.where not in FIRST and (put.where in LAST) == late:
                    self._put(put)
        for effect, anchor in self.verb.effects:
            self._effect(effect, anchor)
        return self

    def paint(self, canvas: Canvas, at: Point, scale: float, mirror: bool) -> None:
        pen = Pen(canvas, 0, at, scale * self.height, mirror=mirror)
        for _, stroke in sorted(self.strokes, key=lambda item: item[0]):
            stroke(pen)

    # -- what anchors may ask for ---------------------------------------------------------------------------

    def upright(self, noun: str) -> bool:
        return THINGS[noun].upright

    def prop(self, noun: str, spot: Spot) -> Point:
        """Puts a thing that no role names; answers with where it stands."""
        self._thing(Entity(next(self.ids), noun), spot)
        return spot.at

    def cord(self, a: Point, b: Point, layer: int, width: float = 0.014, colour: Colour = ROPE, owner: int = 0) -> None:
        self.strokes.append((layer, lambda pen: pen.child(owner=owner).limb(a, b, width, width, colour)))

    # -- the agent ------------------------------------------------------------------------------------------

    @property
    def agent(self) -> Entity | None:
        return self.entities[0] if self.entities and self.entities[0].verb else None

    def _agent(self, noun: str) -> None:
        if not self.posture:
            return
        who = Entity(next(self.ids), noun, self.verb.frame.roles[0], self.verb.name, self.posture, self.arms)
        if self.verb.cast:
            who.noun = self.dice.pick(self.verb.cast)
            self._animal(who, Spot((0.0, 0.0), 30), self.posture)
            _, y1, x2, _ = extent(who.noun)
            self.front = x2
            mouth = MOUTHS.get(who.noun, (0.0, y1))
            self.hand = (mouth[0] + 0.02, -0.05) if self.posture == "graze" else mouth
            self.mouth = self.hand
            self.spots["peak"] = (0.0, y1 + 0.05)
        else:
            if self.posture == "sit" and not any(put.where == "under" for put in self.verb.puts):
                self.prop("chair", Spot((-0.03, 0.0), BEHIND - 4))
            person = figures.cast(self.dice, noun)
            who.noun, self.height = person.noun, person.height
            pose = self._person(who, person, self.base, False, 30, self.posture, self.arms)
            self.hand = (pose.hand[0] + self.base[0], pose.hand[1] + self.base[1])
            self.mouth = (pose.mouth[0] + self.base[0], pose.mouth[1] + self.base[1])
            self.feet = (pose.near_leg[1][0] + self.base[0], pose.near_leg[1][1] + self.base[1])
            self.turn = pose.turn
            self.spots["over"] = (pose.head[0] + self.base[0] + 0.02, pose.head[1] + self.base[1] - 0.22)
            self.spots["body"] = (pose.hip[0] + self.base[0], pose.hip[1] + self.base[1] + 0.08)
        self.entities.insert(0, who)
        self.fillers[who.role] = who.noun
        for other in self.entities[1:]:
            self.relations.append((who.id, "is on", other.id))

    def _person(
        self, who: Entity, person: figures.Person, at: Point, mirror: bool, layer: int, posture: str, arms: str
    ) -> figures.Pose:
        pose = figures.pose(posture, arms, self.dice)
        pose.open_mouth = self.verb.open_mouth and who.verb != ""
        scale = 1.0 if who.verb else person.height / self.height

        def stroke(part: Callable[[Pen, figures.Person, figures.Pose], None]) -> Callable[[Pen], None]:
            return lambda pen: part(pen.child(at, scale, mirror=mirror, owner=who.id), person, pose)

        self.strokes += [
            (layer - 10, stroke(figures.draw_behind)),
            (layer, stroke(figures.draw_body)),
            (layer + 20 if who.verb else layer + 1, stroke(figures.draw_arm)),
        ]
        return pose

    # -- things and others ----------------------------------------------------------------------------------

    def _put(self, put: Put) -> None:
        noun = self.dice.pick(put.nouns) if put.nouns else ""
        role = "" if put.is_prop else put.role
        if put.where == "ground":
            noun = PLACES[self.place].ground
        elif put.where in ("part", "none", "empty"):
            pass
        elif put.where == "cord":
            self._cord(Entity(next(self.ids), noun, role))
        elif put.where == "thumb":
            self.cord(
                self.hand, (self.hand[0] + 0.005, self.hand[1] - 0.06), 49, 0.024, (226, 172, 128), self.entities[0].id
            )
        elif put.where == "pole":
            end = (self.hand[0] - 0.2, 0.0)
            self.cord((self.hand[0] + 0.03, self.hand[1] - 0.07), end, HELD, 0.016, (70, 74, 84))
        elif put.where == "arc":
            self._arc(Entity(next(self.ids), noun, role))
        elif put.where in PARTNERS and noun in figures.PEOPLE:
            self._partner(Entity(next(self.ids), noun, role), put.where)
        else:
            where = {"far_partner": "far", "embrace": "over"}.get(put.where, put.where)
            spot = Spot(self.hand, HELD) if put.where == "embrace" else SPOTS[where](self, noun)
            entity = Entity(next(self.ids), noun, role)
            self._thing(entity, spot, pose="run" if put.where == "flee" else "stand")
            self.entities.append(entity)
            if self.agent:
                self.relations.append((self.agent.id, PREDICATES.get(put.where, "acts on"), entity.id))
            self._note_spot(put.where, noun, spot)
        if role:
            self.fillers[role] = noun

    def _note_spot(self, where: str, noun: str, spot: Spot) -> None:
        """Keeps the points that effects and later anchors ask for."""
        if noun in LIQUIDS:
            return
        x1, y1, x2, y2 = extent(noun)
        x, y = spot.at
        middle = (x + (-(x1 + x2) if spot.mirror else x1 + x2) / 2, y + (y1 + y2) / 2)
        if where in ("hand", "hold", "tilt", "level", "floor", "rod") and "tip" not in self.spots:
            reach = (x2, y1 * 0.8) if where == "level" and self.upright(noun) else (0.0, y1)
            cos, sin = math.cos(spot.turn), math.sin(spot.turn)
            self.spots["tip"] = (x + cos * reach[0] - sin * reach[1], y + sin * reach[0] + cos * reach[1])
        elif where in ("front", "close"):
            self.spots["front"] = self.spots["top"] = (middle[0], y + y1)
            self.spots["item"] = (x + x1 + 0.12, middle[1] - 0.05)
        elif where in ("behind", "follower"):
            end = HANDLES.get(noun) or MOUTHS.get(noun) or (x2 - 0.05, y1 * 0.55)
            self.spots["behind"] = (x + end[0] - 0.03, y + end[1])
        elif where != "table":
            self.spots[where] = middle

    def _thing(self, entity: Entity, spot: Spot, pose: str = "stand") -> None:
        if entity.noun in ANIMAL_POSES:
            self._animal(entity, spot, pose)
            return
        if entity.noun in LIQUIDS:
            tint = tint2 = LIQUIDS[entity.noun]
            draw: Callable[[Pen], None] = lambda pen: EFFECTS["stream"](pen, self.dice)  # noqa: E731
        else:
            thing = THINGS[entity.noun]
            tint, tint2, draw = self.dice.pick(thing.tints), self.dice.pick(thing.tints2), thing.draw
        self.strokes.append(
            (
                spot.layer,
                lambda pen: draw(pen.child(spot.at, spot.scale, spot.turn, spot.mirror, entity.id, tint, tint2)),
            )
        )

    def _animal(self, who: Entity, spot: Spot, posture: str) -> None:
        thing = THINGS[who.noun]
        poses = ANIMAL_POSES.get(who.noun, {})
        draw = poses.get(posture, thing.draw)
        who.posture = posture
        tint, tint2 = self.dice.pick(thing.tints), self.dice.pick(thing.tints2)
        self.strokes.append(
            (spot.layer, lambda pen: draw(pen.child(spot.at, spot.scale, spot.turn, spot.mirror, who.id, tint, tint2)))
        )

    def _partner(self, who: Entity, where: str) -> None:
        x, left, postures, arms, layer = PARTNERS[where]
        person = figures.cast(self.dice, who.noun)
        who.posture, who.arms = self.dice.pick(postures), self.dice.pick(arms)
        at = (x + self.dice.uniform(-0.03, 0.06), self.base[1] if where == "mate" else 0.0)
        if who.posture == "sit":
            self.prop("chair", Spot((at[0] - 0.02, 0.0), FAR))
        self._person(who, person, at, left, layer, who.posture, who.arms)
        self.entities.append(who)
        if self.agent:
            self.relations.append((self.agent.id, PREDICATES.get(where, "is beside"), who.id))

    def _cord(self, rope: Entity) -> None:
        end = self.spots.get("behind", (self.hand[0] - 0.3, -0.2))
        self.cord(self.hand, end, HELD, owner=rope.id)
        self.entities.append(rope)
        self.relations.append((self.entities[0].id, "holds", rope.id))

    def _arc(self, things: Entity) -> None:
        """Three or four copies in the air above the hands, one entity together."""
        count = 3 + self.dice.integer(2)
        for i in range(count):
            angle = math.pi * (0.12 + 0.76 * (i + self.dice.uniform(-0.2, 0.2)) / (count - 1))
            at = (self.hand[0] - 0.03 - 0.24 * math.cos(angle), self.hand[1] - 0.10 - 0.42 * math.sin(angle))
            self._thing(things, Spot(at, FRONT, self.dice.uniform(-1, 1), scale=0.8))
        self.entities.append(things)
        self.relations.append((self.entities[0].id, "throws", things.id))

    # -- effects --------------------------------------------------------------------------------------------

    def _effect(self, effect: str, anchor: str) -> None:
        at, turn, scale = self._effect_spot(effect, anchor)
        dice = Dice(self.dice.throw())
        layer = {"sky": 90, "body": BEHIND, "back": BACK, "item": BEHIND + 2}.get(
            anchor, FRONT + (effect != "motion") * 2 - 1
        )
        mirror = effect == "motion" and self.verb.name == "catching"
        self.strokes.append((layer, lambda pen: EFFECTS[effect](pen.child(at, scale, turn, mirror), dice)))

    def _effect_spot(self, effect: str, anchor: str) -> tuple[Point, float, float]:
        fixed: dict[str, Point] = {
            "hand": self.hand,
            "mouth": (self.mouth[0] + 0.12, self.mouth[1]),
            "muzzle": (self.hand[0] + 0.12, self.hand[1] - 0.04),
            "back": (-0.38, self.base[1] - (0.08 if effect in ("dust", "splash") else 0.45)),
            "feet": (-0.62, 0.0),
            "far": (0.85, 0.22),
            "sky": (0.0, 0.0),
            "below": (0.0, -0.02),
            "table": self.spots.get("top", self.hand),
        }
        at = fixed.get(anchor) or self.spots.get(anchor, self.hand)
        if effect == "smoke" and anchor == "top":
            at = (at[0], at[1] - 0.05)
        turn = math.radians(-90) if effect == "motion" and anchor in ("above", "under_hand") else 0.0
        if effect == "drops":
            turn = math.radians(60)
        big = {"flames": 2.0, "smoke": 2.2 if anchor == "peak" else 1.1, "splash": 1.3, "confetti": 1.8, "ripples": 1.6}
        return at, turn, big.get(effect, 1.0)
