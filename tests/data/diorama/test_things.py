from __future__ import annotations

import pytest

pytest.importorskip("cv2")

from edgegsr.data.diorama.canvas import Canvas, Pen
from edgegsr.data.diorama.things import ANIMAL_POSES, BACKS, HANDLES, MOUTHS, SEATS, THINGS, Thing, extent

HELD = """broom mop rake shovel hammer saw axe knife spoon fork paintbrush pencil chalk brush comb sponge feather_duster
watering_can hose spray_bottle camera video_camera telephone book newspaper cup glass bottle frying_pan cooking_pot bat
racket fishing_rod bow arrow ball baseball glove club drumstick microphone guitar flute drill torch trowel megaphone
flag balloon kite gift tray pump iron scissors umbrella suitcase bag basket bucket box backpack teddy_bear candle plate
bowl bread apple cake pizza carrot fish meat pancake cheese banana paper notebook oar feather rope_coil
pointer barbell"""
STANDING = """table chair stool bench bed sofa shelf easel whiteboard fence wall ladder tree apple_tree bush flower
potted_plant stump rock grill stove sink drum laptop target cart shopping_cart wheelbarrow wagon stroller lawn_mower
vacuum_cleaner car truck bus tractor plow bicycle motorcycle boat boat_back boat_front wave clothesline flagpole lamp
scale swing volcano pumpkin hay tent grass_tuft campfire market_stall barrel trash_can mailbox sign door"""
LYING = "log leaf_pile snow_pile dirt_pile sand_pile puddle sled skateboard surfboard ski plank rug"
HUNG = "picture window clock shirt curtain"
ANIMALS = "dog cat horse cow sheep goat pig chicken duck bird rabbit elephant"
HELD_IN_THE_MIDDLE = ("bow", "carrot", "banana", "flute", "hose", "torch")
MOST_SHAPES = 14

every_thing = pytest.mark.parametrize("name", THINGS)


def drawn(thing: Thing, tint: int = 0) -> Canvas:
    canvas = Canvas()
    thing.draw(Pen(canvas, 1, tint=thing.tints[tint % len(thing.tints)], tint2=thing.tints2[tint % len(thing.tints2)]))
    return canvas


def check_kind(names: str, kind: str) -> None:
    assert {name: THINGS[name].kind for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_every_thing_of_the_list_exists_with_its_kind() -> None:
    check_kind(HELD, "held")
    check_kind(STANDING + " " + ANIMALS, "standing")
    check_kind(LYING, "lying")
    check_kind(HUNG, "hung")
    assert set(THINGS) == set(" ".join((HELD, STANDING, LYING, HUNG, ANIMALS)).split())


@every_thing
def test_a_thing_is_cheap_to_draw(name: str) -> None:
    assert 1 <= len(drawn(THINGS[name]).starts) <= MOST_SHAPES


@every_thing
def test_all_colours_are_bytes(name: str) -> None:
    thing = THINGS[name]
    for i in range(max(len(thing.tints), len(thing.tints2))):
        assert all(len(c) == 3 and min(c) >= 0 and max(c) <= 255 for c in drawn(thing, i).colours)


@every_thing
def test_a_thing_lies_where_its_kind_says(name: str) -> None:
    x1, y1, x2, y2 = extent(name)
    assert 0.1 <= max(x2 - x1, y2 - y1) < 3.2
    kind = THINGS[name].kind
    if name.startswith("boat"):
        assert y1 < 0 and y2 < 0.1  # its zero is the waterline
    elif kind in ("standing", "lying"):
        assert x1 < 0 < x2
        assert y2 == pytest.approx(0, abs=0.03)
    elif kind == "hung":
        assert abs(x1 + x2) < 0.05 and abs(y1 + y2) < 0.1
    else:
        assert x1 - 0.03 <= 0 <= x2 + 0.03 and y1 - 0.03 <= 0 <= y2 + 0.03


@pytest.mark.parametrize("name", [n for n in HELD.split() if not THINGS[n].upright and n not in HELD_IN_THE_MIDDLE])
def test_a_tool_works_upwards(name: str) -> None:
    _, y1, _, y2 = extent(name)
    assert -y1 > y2


def test_no_two_things_draw_the_same_shapes() -> None:
    shapes = [tuple(drawn(thing).points) for thing in THINGS.values()]
    assert len(set(shapes)) == len(shapes)


def test_animals_take_their_poses() -> None:
    assert set(ANIMAL_POSES) == set(ANIMALS.split())
    for name, poses in ANIMAL_POSES.items():
        assert {"stand", "run", "lie"} <= set(poses)
        assert ("graze" in poses) == (name in ("horse", "cow", "sheep", "goat"))
        assert ("sit" in poses) == (name in ("dog", "cat"))


@pytest.mark.parametrize(("name", "pose"), [(n, p) for n, poses in ANIMAL_POSES.items() for p in poses])
def test_every_pose_stands_on_the_ground_and_is_cheap(name: str, pose: str) -> None:
    canvas = Canvas()
    ANIMAL_POSES[name][pose](Pen(canvas, 1))
    _, y1, _, y2 = canvas.bounds()
    assert len(canvas.starts) <= MOST_SHAPES
    assert y2 < 0.03 and (pose == "fly" or y2 > -0.03)
    if pose in ("lie", "graze"):
        assert y1 > extent(name)[1] - 1e-9


def test_a_grazing_mouth_is_at_the_grass() -> None:
    for name in ("horse", "cow", "sheep", "goat"):
        canvas = Canvas()
        ANIMAL_POSES[name]["graze"](Pen(canvas, 1))
        right = max(x for x, _ in canvas.points)
        assert max(y for x, y in canvas.points if x > right - 0.12) > -0.09


def test_mouths_backs_handles_and_seats_are_on_their_things() -> None:
    assert set(MOUTHS) == set(ANIMALS.split())
    for name, (x, y) in (MOUTHS | HANDLES | SEATS).items():
        x1, y1, x2, y2 = extent(name)
        assert x1 - 0.03 <= x <= x2 + 0.03 and y1 - 0.03 <= y <= y2, name
    for name, back in BACKS.items():
        assert 0.1 < back < -extent(name)[1] + 0.05


def test_colours_of_a_copy_are_seen() -> None:
    canvases = [drawn(THINGS["ball"], i).colours for i in range(3)]
    assert len({tuple(colours) for colours in canvases}) == 3
