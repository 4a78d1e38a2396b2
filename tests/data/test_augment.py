from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegsr.data.augment import NONE, Augmentation, Colours, draw_colours, draw_view, plain_view, render
from edgegsr.errors import InputError
from edgegsr.images import letterbox

STRONG = Augmentation(flip=0.5, crop=0.8, zoom=0.5, brightness=0.3, contrast=0.3, saturation=0.3, grey=0.3)
SIZES = [(256, 192), (150, 256), (200, 200), (90, 300)]


def drawn(size_wh, boxes, shades, back):
    pixels = np.full((size_wh[1], size_wh[0], 3), back, np.uint8)
    for (x1, y1, x2, y2), shade in zip(np.asarray(boxes, int), shades, strict=True):
        pixels[y1:y2, x1:x2] = shade
    return pixels


def extent(mask):
    """The box of the pixels that are set."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])


def some_boxes(dice, size_wh, count):
    """Boxes that do not touch each other: each in a column of its own."""
    width, height = size_wh
    edges = np.linspace(0, width, count + 1)
    boxes = []
    for left, right in pairwise(edges):
        x1, y1 = dice.integers(left, left + (right - left) / 3), dice.integers(0, height / 2)
        boxes.append([x1, y1, dice.integers(x1 + 12, right - 3), dice.integers(y1 + 14, height + 1)])
    return np.array(boxes, float)


@pytest.mark.parametrize("size_wh", SIZES)
@pytest.mark.parametrize("side", [96, 224])
def test_a_drawn_box_is_found_where_the_transformed_box_says(size_wh, side):
    for seed in range(60):
        dice = np.random.default_rng(seed)
        boxes = some_boxes(dice, size_wh, 1)
        pixels = drawn(size_wh, boxes, [245], 10)
        colours = draw_colours(dice, STRONG)
        view = draw_view(dice, STRONG, size_wh, side, boxes)
        seen = render(pixels, size_wh, view, colours).astype(int).max(axis=2)
        content = render(np.full_like(pixels, 255), size_wh, view)[..., 0] == 255
        between = (seen[content].min() + seen[content].max()) / 2
        assert seen.shape == (side, side)
        assert np.abs(extent((seen > between) & content) - view.forward(boxes)[0]).max() <= 1, (seed, view, colours)


def test_boxes_of_several_roles_keep_their_places():
    for seed in range(60):
        dice = np.random.default_rng(seed)
        boxes = some_boxes(dice, (256, 192), 3)
        pixels = drawn((256, 192), boxes, [(250, 5, 5), (5, 250, 5), (5, 5, 250)], 5)
        view = draw_view(dice, STRONG, (256, 192), 224, boxes)
        seen = render(pixels, (256, 192), view).astype(int)
        grey = (seen == 114).all(axis=2)
        for colour, box in enumerate(view.forward(boxes)):
            assert np.abs(extent((seen[..., colour] > 127) & ~grey) - box).max() <= 1, (seed, view)


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.sampled_from(SIZES), st.integers(32, 320), st.integers(0, 3))
def test_every_box_stays_whole_inside_the_square(seed, size_wh, side, count):
    dice = np.random.default_rng(seed)
    boxes = some_boxes(dice, size_wh, 3)[:count] if size_wh[0] > 100 else some_boxes(dice, size_wh, 1)
    view = draw_view(dice, STRONG, size_wh, side, boxes)
    x1, y1, x2, y2 = view.crop_xyxy
    assert 0 <= x1 < x2 <= size_wh[0] and 0 <= y1 < y2 <= size_wh[1]
    assert x2 - x1 >= 0.6 * size_wh[0] and y2 - y1 >= 0.6 * size_wh[1]
    placed = view.forward(boxes)
    assert (placed >= -1e-6).all() and (placed <= side + 1e-6).all()
    assert (placed[:, :2] < placed[:, 2:]).all()


def test_the_view_that_changes_nothing_is_the_letterbox():
    for seed, size_wh in enumerate(SIZES):
        dice = np.random.default_rng(seed)
        pixels = dice.integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
        boxes = some_boxes(dice, size_wh, 1)
        square, box = letterbox(pixels, 128)
        for view in (plain_view(size_wh, 128), draw_view(dice, NONE, size_wh, 128, boxes)):
            assert np.array_equal(render(pixels, size_wh, view, draw_colours(dice, NONE)), square)
            assert np.allclose(view.forward(boxes), box.forward(boxes))


def test_a_flipped_view_is_the_mirror_image_of_the_other():
    pixels = np.random.default_rng(0).integers(0, 256, (192, 256, 3), dtype=np.uint8)
    box = np.array([[10.0, 20, 60, 80]])
    always, never = Augmentation(flip=1), Augmentation(flip=0)
    for seed in range(20):
        seen = draw_view(np.random.default_rng(seed), never, (256, 192), 128, box)
        mirrored = draw_view(np.random.default_rng(seed), always, (256, 192), 128, box)
        assert mirrored.flipped and not seen.flipped
        assert np.array_equal(render(pixels, (256, 192), mirrored), render(pixels, (256, 192), seen)[:, ::-1])
        left, right = seen.forward(box)[0, [0, 2]]
        assert np.allclose(mirrored.forward(box)[0, [0, 2]], [128 - right, 128 - left])


def test_an_image_that_must_not_be_flipped_is_not():
    views = [
        draw_view(np.random.default_rng(s), Augmentation(flip=1), (9, 9), 32, [], may_flip=False) for s in range(9)
    ]
    assert not any(view.flipped for view in views)


def test_boxes_fit_an_image_that_was_decoded_at_half_the_size():
    for seed in range(40):
        dice = np.random.default_rng(seed)
        boxes = 2 * some_boxes(dice, (256, 192), 1)  # in pixels of the record, 512 x 384
        pixels = drawn((256, 192), boxes / 2, [245], 10)
        view = draw_view(dice, STRONG, (512, 384), 128, boxes)
        seen = render(pixels, (512, 384), view)[..., 0]
        assert np.abs(extent(seen > 150) - view.forward(boxes)[0]).max() <= 1


def test_a_view_wants_an_image_that_is_as_sharp_as_its_crop():
    assert plain_view((800, 600), 128).wanted_side((800, 600)) == 128
    for seed in range(40):
        view = draw_view(np.random.default_rng(seed), STRONG, (800, 600), 128, [])
        x1, _, x2, _ = view.crop_xyxy
        assert (x2 - x1) * view.wanted_side((800, 600)) / 800 >= view.inner.resized_wh[0] * 0.99


def test_shrinking_averages_instead_of_picking_pixels():
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    seen = render(stripes, (240, 240), plain_view((240, 240), 60))
    assert np.abs(seen[:, 2:-2].astype(int) - 127).max() <= 3


def test_padding_keeps_its_grey_in_every_light():
    pixels = np.full((50, 100, 3), 30, np.uint8)
    seen = render(pixels, (100, 50), plain_view((100, 50), 64), Colours(1.5, 0.5, 0.0))
    assert (seen[:16] == 114).all() and (seen[48:] == 114).all()
    assert (seen[16:48] == 45).all()  # the mean light stays under contrast, and brightness takes it half up


@pytest.mark.parametrize(
    ("colours", "wanted"),
    [
        (Colours(), [[200, 100, 50], [0, 0, 0]]),
        (Colours(brightness=0.5), [[100, 50, 25], [0, 0, 0]]),
        (Colours(saturation=0), [[124, 124, 124], [0, 0, 0]]),
        (Colours(contrast=0), [[62, 62, 62], [62, 62, 62]]),
        (Colours(brightness=2), [[255, 200, 100], [0, 0, 0]]),
    ],
)
def test_colours_follow_their_factors(colours, wanted):
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 200, 100, 50
    seen = render(pixels, (16, 8), plain_view((16, 8), 16), colours)[4:12].astype(int)
    assert np.abs(seen[:, [2, 13]] - np.array(wanted)).max() <= 1


def test_the_same_dice_draw_the_same_view():
    views = [draw_view(np.random.default_rng(3), STRONG, (256, 192), 128, [[1, 1, 9, 9]]) for _ in range(2)]
    assert views[0] == views[1]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"flip": 1.5}, "augmentation: flip must be between 0 and 1, got 1.5"),
        ({"zoom_least": 0}, r"augmentation: zoom_least must be between 0\.05 and 1, got 0"),
        ({"grey": "often"}, "augmentation: grey must be between 0 and 1, got 'often'"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(setting, told):
    with pytest.raises(InputError, match=told):
        Augmentation(**setting)
