from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw

from edgegsr.runtime.draw import COLOURS, draw
from edgegsr.situation import Filler, Situation

WORDS = {"n1": "boy", "n2": "ball", "n3": "playing_field"}


def kicking(**boxes: tuple[float, ...] | None) -> Situation:
    nouns = {"agent": "n1", "item": "n2", "tool": "", "place": "n3"}
    fillers = {role: Filler(noun, boxes.get(role), 0.5) for role, noun in nouns.items()}
    return Situation("kicking", fillers, 0.873, (("kicking", 0.873), ("throwing", 0.1), ("running_away", 0.02)))


def grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts in the order in which they are drawn."""
    texts: list[str] = []
    real = ImageDraw.ImageDraw.text

    def text(self: ImageDraw.ImageDraw, xy: object, words: str, *args: object, **options: object) -> None:
        texts.append(words)
        real(self, xy, words, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return texts


def test_boxes_carry_labels_and_the_caption_says_the_rest(written: list[str]) -> None:
    draw(grey(640, 480), kicking(agent=(50, 60, 200, 300), item=(300, 300, 380, 380)), WORDS)
    assert written == [
        "agent: boy",
        "item: ball",
        "kicking",
        "87%",
        "throwing 10%   running away 2%",
        "tool: nothing",
        "place: playing field",
    ]


def test_nothing_has_no_box(written: list[str]) -> None:
    with_box, without = (draw(grey(640, 480), kicking(tool=box), WORDS) for box in ((50, 60, 200, 300), None))
    assert with_box.tobytes() == without.tobytes()


def test_without_words_nouns_stand_as_their_ids(written: list[str]) -> None:
    draw(grey(640, 480), kicking(agent=(50, 60, 200, 300)))
    assert "agent: n1" in written


@pytest.mark.parametrize(
    ("size_wh", "photo_wh"),
    [((128, 128), (640, 640)), ((64, 32), (640, 320)), ((1920, 1080), (1920, 1080)), ((640, 480), (640, 480))],
)
def test_small_photos_are_enlarged_and_large_ones_keep_their_size(
    size_wh: tuple[int, int], photo_wh: tuple[int, int]
) -> None:
    picture = draw(grey(*size_wh), kicking())
    assert picture.mode == "RGB" and picture.width == photo_wh[0]
    assert photo_wh[1] + 20 < picture.height < photo_wh[1] + 250


def test_a_box_is_drawn_where_it_is_in_the_colour_of_its_role() -> None:
    picture = np.asarray(draw(grey(128, 128), kicking(item=(32, 48, 96, 112))))  # five times larger on paper
    colour = ImageColor.getrgb(COLOURS[1])
    rows, columns = np.nonzero((picture[:640] == colour).all(axis=-1))
    below_the_label = rows > 48 * 5
    assert (columns[below_the_label].min(), columns[below_the_label].max()) == pytest.approx((160, 480), abs=3)
    assert rows.max() == pytest.approx(560, abs=3)
    assert (picture[300:500, 200:440] == 128).all()  # and only its outline


def test_the_photo_itself_is_left_alone() -> None:
    pixels = grey(640, 480)
    draw(pixels, kicking(agent=(0, 0, 640, 480)))
    assert (pixels == 128).all()


def test_a_narrow_photo_gets_a_ground_wide_enough_for_its_caption(written: list[str]) -> None:
    picture = draw(grey(10, 200), kicking(agent=(2, 20, 8, 100)), WORDS)
    assert picture.width == 360
    assert {"kicking", "87%", "agent: boy", "tool: nothing", "place: playing field"} <= set(written)


def test_long_words_are_cut_to_the_picture(written: list[str]) -> None:
    fillers = {"agent": Filler("a" * 300, (0, 0, 50, 50)), "item": Filler("b" * 300)}
    draw(grey(640, 480), Situation("c" * 300, fillers))
    assert [text[0] + text[-1] for text in written if len(text) > 9] == ["a…", "c…", "i…"]


edge = st.floats(-50, 700)


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(1, 300), st.lists(st.tuples(edge, edge, edge, edge), min_size=1, max_size=6))
def test_any_valid_situation_can_be_drawn(width: int, height: int, corners: list[tuple[float, ...]]) -> None:
    boxes = [(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])) for c in corners]
    fillers = {f"role{i}": Filler(f"noun{i}", box) for i, box in enumerate(boxes)}
    assert isinstance(draw(grey(width, height), Situation("verb", fillers)), Image.Image)


def test_the_same_situation_is_the_same_picture() -> None:
    first, second = (draw(grey(200, 150), kicking(agent=(5, 5, 90, 90)), WORDS) for _ in range(2))
    assert first.tobytes() == second.tobytes()
