from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("cv2")

from edgegsr.data.diorama.canvas import Canvas, Pen
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.effects import EFFECTS
from edgegsr.data.diorama.places import PLACES

SIDE = 224
BACKDROP = 7
SCENE_WIDE = {"rain", "snowflakes"}


def staged(place: str, seed: int) -> Canvas:
    canvas = Canvas()
    PLACES[place].draw(Pen(canvas, BACKDROP), Dice(place, seed))
    return canvas


def camera(zoom: float = 1.0, tilt_degrees: float = 0.0, shift: float = 0.0) -> npt.NDArray[np.float64]:
    """130 pixels a unit; the ground line at 78 % of the height, tilted about the middle of the picture."""
    c, s = (130 * zoom * f(math.radians(tilt_degrees)) for f in (math.cos, math.sin))
    turn = np.array([[c, -s], [s, c]])
    middle = np.array([shift, -0.28 * SIDE / (130 * zoom)])
    return np.hstack([turn, (SIDE / 2 - turn @ middle)[:, None]])


@pytest.mark.parametrize("place", PLACES)
def test_a_place_fills_the_view_of_every_camera(place: str) -> None:
    for seed, (zoom, tilt, shift) in enumerate(
        [(0.6, -8, -0.5), (0.6, 8, 0.5), (0.6, 8, -0.5), (1.4, -8, 0.5), (1, 0, 0)]
    ):
        _, owner = staged(place, seed).render((SIDE, SIDE), camera(zoom, tilt, shift))
        assert (owner == BACKDROP).all()


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_cheap_to_draw(place: str) -> None:
    counts = [len(staged(place, seed).colours) for seed in range(8)]
    assert min(counts) >= 5
    assert max(counts) <= 16


@pytest.mark.parametrize("place", PLACES)
def test_the_same_dice_draw_the_same_place_and_others_another(place: str) -> None:
    first, again, other = (staged(place, seed).render((SIDE, SIDE), camera())[0] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_water_reaches_up_to_the_horizon_where_agents_swim() -> None:
    for place in (name for name, place in PLACES.items() if place.ground == "water"):
        pixels, _ = staged(place, 0).render((SIDE, SIDE), camera())
        red, _, blue = pixels[185, SIDE // 3 : 2 * SIDE // 3].mean(0)
        assert blue > red + 20


def test_no_two_places_look_alike() -> None:
    views = {name: staged(name, 0).render((SIDE, SIDE), camera())[0].astype(int) for name in PLACES}
    names = sorted(views)
    closest = min(np.abs(views[a] - views[b]).mean() for i, a in enumerate(names) for b in names[:i])
    assert closest > 10


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_stays_small_and_cheap(effect: str) -> None:
    reach = 2.2 if effect in SCENE_WIDE else 0.45
    limit = 45 if effect in SCENE_WIDE else 12
    for seed in range(8):
        canvas = Canvas()
        EFFECTS[effect](Pen(canvas, 1), Dice(effect, seed))
        assert 3 <= len(canvas.colours) <= limit
        assert np.abs(np.array(canvas.points)).max() < reach


@pytest.mark.parametrize("effect", ["drops", "spray", "shout"])
def test_a_directed_effect_goes_forward(effect: str) -> None:
    canvas = Canvas()
    EFFECTS[effect](Pen(canvas, 1), Dice(effect))
    assert np.array(canvas.points)[:, 0].min() > 0


def test_speed_lines_stay_behind() -> None:
    canvas = Canvas()
    EFFECTS["motion"](Pen(canvas, 1), Dice("motion"))
    assert np.array(canvas.points)[:, 0].max() <= 0


def test_a_stream_has_the_colour_of_its_liquid() -> None:
    canvas = Canvas()
    EFFECTS["stream"](Pen(canvas, 1, tint=(12, 200, 34)), Dice("stream"))
    assert (12, 200, 34) in canvas.colours
