"""The teacher's patches lie where the student sees the same thing, however its view was cropped, zoomed or mirrored."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")

import numpy as np  # noqa: E402
from torch import Tensor  # noqa: E402

from edgegsr.boxes import Letterbox  # noqa: E402
from edgegsr.data.augment import Augmentation, View, plain_view  # noqa: E402
from edgegsr.data.loader import loader  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill.mipd.patches import under  # noqa: E402
from edgegsr.teacher.knowledge import Scenes  # noqa: E402

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])


def places(grid: int) -> Tensor:
    """(1, grid * grid, 2) tokens that say where they are: x, y of the middle of each cell."""
    centres = (torch.arange(grid) + 0.5) / grid
    return torch.cartesian_prod(centres, centres).flip(1)[None]


def test_the_whole_image_at_the_same_grid_is_what_the_teacher_saw() -> None:
    tokens, shown = torch.randn(1, 25, 3), torch.rand(1, 25) < 0.5
    patches, inside = under(tokens, shown, WHOLE, 5)
    assert torch.allclose(patches, tokens, atol=1e-5) and torch.equal(inside, shown)


def test_every_cell_is_told_what_lies_at_its_own_place() -> None:
    whole = torch.tensor([[-0.4, -0.2, 1.2, 1.4]])  # cropped: the square of the image is 1.6 times as large
    patches, inside = under(places(12), torch.ones(1, 144), whole, 7)
    wanted = (places(7) - whole[:, None, :2]) / 1.6
    assert torch.allclose(patches, wanted, atol=1e-5) and inside.all()


def test_what_lies_beside_the_image_has_no_teacher() -> None:
    whole = torch.tensor([[0.5, 0.0, 1.0, 0.5]])  # shown small, in the upper right quarter
    _, inside = under(places(6), torch.ones(1, 36), whole, 4)
    wanted = torch.zeros(4, 4, dtype=torch.bool)
    wanted[:2, 2:] = True
    assert torch.equal(inside.view(4, 4), wanted)


def test_boxes_of_teacher_and_student_differ_by_where_the_whole_image_lies(split_train: Split) -> None:
    how = Augmentation(flip=0.5, crop=1, zoom=0.5, brightness=0)
    batches = loader(split_train, 64, 8, train=True, augmentation=how)
    batches.set_position(0)
    batch = next(iter(batches))
    boxes, has_box = Scenes(split_train).boxes(batch.rows, batch.flipped)
    low, high = batch.whole_xyxy[:, None, :2], batch.whole_xyxy[:, None, 2:]
    carried = low.repeat(1, 1, 2) + boxes * (high - low).repeat(1, 1, 2)
    assert torch.equal(has_box, batch.has_box) and has_box.any()
    assert (carried - batch.boxes_xyxy)[has_box].abs().max() < 1.5 / 64  # sizes are rounded to whole pixels


@pytest.mark.parametrize("size_wh", [(200, 120), (90, 90), (33, 400)])
def test_a_plain_view_shows_the_whole_square(size_wh: tuple[int, int]) -> None:
    assert np.allclose(plain_view(size_wh, 96).whole(size_wh), [0, 0, 1, 1], atol=1 / 96)


def test_a_mirrored_view_has_the_square_of_the_mirrored_image() -> None:
    size_wh, side = (120, 80), 64
    view = View(side, (30, 0, 120, 80), side, Letterbox((90, 80), side).pad_xy)
    mirrored = replace(view, flipped=True)
    x1, y1, x2, y2 = view.whole(size_wh)
    assert np.allclose(mirrored.whole(size_wh), [1 - x2, y1, 1 - x1, y2])
