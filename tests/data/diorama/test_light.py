from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("cv2")

from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.light import FALLS, fall_off, grain, light, shadow, soften, tone

Pixels = npt.NDArray[np.uint8]


def gradient(h: int = 64, w: int = 96) -> Pixels:
    y, x = np.mgrid[:h, :w]
    return np.stack([x * 255 // (w - 1), y * 255 // (h - 1), (x + y) * 255 // (w + h - 2)], -1).astype(np.uint8)


def grey(level: int) -> Pixels:
    return np.full((64, 96, 3), level, np.uint8)


def test_light_keeps_shape_and_type_and_leaves_its_input_alone() -> None:
    pixels = gradient()
    before = pixels.copy()
    for i in range(30):
        lit = light(pixels, Dice("shape", i))
        assert lit.shape == pixels.shape
        assert lit.dtype == np.uint8
    assert (pixels == before).all()


def test_the_same_dice_throw_the_same_light() -> None:
    assert (light(gradient(), Dice("same")) == light(gradient(), Dice("same"))).all()
    assert (light(gradient(), Dice("same")) != light(gradient(), Dice("other"))).any()


def test_a_lit_gradient_has_the_bytes_it_had_when_this_was_written() -> None:
    digest = hashlib.sha256()
    for i in range(40):
        digest.update(light(gradient(), Dice("golden", i)).tobytes())
    assert digest.hexdigest() == "83257449e46cb0d0f4465ce8afcfb94c363c92f4b2e7bb2f3fd0cb996c6e37ed"


def test_scenes_are_darker_and_brighter_but_never_lost() -> None:
    means = np.array([light(grey(150), Dice("mean", i)).mean() for i in range(200)])
    assert 70 < means.min() < 105
    assert 160 < means.max() < 200


def test_a_neutral_tone_curve_changes_nothing() -> None:
    assert (tone(128, 128, 0)[0] == np.arange(256)[:, None]).all()


def test_the_fall_of_light_is_mild_everywhere() -> None:
    for kind in range(len(FALLS)):
        gain = shadow((224, 224), kind)
        assert gain.min() > 128 * 0.55
        assert gain.max() < 128 * 1.15


def test_even_light_changes_nothing() -> None:
    assert (fall_off(gradient(), shadow((64, 96), 0)) == gradient()).all()


def test_softening_keeps_flat_colour_and_size() -> None:
    assert (soften(grey(200)) == 200).all()
    assert soften(gradient(5, 7)).shape == (5, 7, 3)


@pytest.mark.parametrize("level", [1, 2, 4])
def test_grain_has_its_level_and_no_bias(level: int) -> None:
    difference = grain(grey(128), level, 3, 9).astype(int) - 128
    assert abs(difference.mean()) < 0.15
    assert abs(difference.std() - level) < 0.35


def test_grain_moves_from_scene_to_scene() -> None:
    assert (grain(grey(128), 2, 0, 0) != grain(grey(128), 2, 5, 0)).any()
