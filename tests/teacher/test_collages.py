"""What a teacher sees in collages is kept by what they are made of, and reaches the student's batches."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("transformers")

import numpy as np  # noqa: E402
from stub_teacher import StubTeacher, teach  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill.config import TrainConfig  # noqa: E402
from edgegsr.distill.mipd.config import MipdConfig  # noqa: E402
from edgegsr.distill.mipd.handfuls import handfuls  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.teacher.cache import Cached  # noqa: E402
from edgegsr.teacher.collages import Collages  # noqa: E402
from edgegsr.teacher.live import Live  # noqa: E402


@pytest.fixture(scope="module")
def pasted(world: Path, encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pasted") / "cache"
    assert teach(world, out, StubTeacher(encoder), collages=2)["new"]["collages"] == 32
    return out


def test_what_is_kept_of_a_collage_is_what_the_teacher_sees_in_it(
    pasted: Path, split_train: Split, encoder: str
) -> None:
    numbers = torch.tensor([3, 31, 0, 3])
    kept = Cached(pasted, split_train).collage_tokens(numbers, 2)
    assert kept.shape == (4, 3) and torch.equal(kept[0], kept[3]) and not torch.equal(kept[0], kept[1])
    assert torch.equal(kept, Live(StubTeacher(encoder), split_train).collage_tokens(numbers, 2))


def test_nothing_is_looked_at_twice_and_more_are_added(pasted: Path, world: Path, encoder: str) -> None:
    again = StubTeacher(encoder)
    assert teach(world, pasted, again, collages=2)["new"]["collages"] == 0 and again.looked == []
    more = teach(world, pasted, StubTeacher(encoder), collages=3)["new"]["collages"]
    assert 0 < more <= 16  # images without a fitting box stay as they are, and are known


def test_a_cache_without_collages_says_how_to_get_them(cache: Path, split_train: Split) -> None:
    with pytest.raises(InputError, match=r"lacks \d+ of the 80 collages.*mipd.collages=0.*edgegsr teach.*--collages 5"):
        Cached(cache, split_train).collage_tokens(torch.tensor([0]), 5)


def test_a_collage_shows_its_part_at_any_size(split_train: Split) -> None:
    collages = Collages(split_train, 2)
    assert len(collages) == 32
    i = next(i for i in range(32) if collages.draw(i).row != collages.draw(i).other)
    alone = Collages(split_train, 2)._square(collages.draw(i).row, 96)
    x1, y1, x2, y2 = (round(96 * edge) for edge in collages.draw(i).target)
    changed = (collages.pixels(i, 96) != alone).any(-1)
    assert changed[y1:y2, x1:x2].any()
    changed[y1:y2, x1:x2] = False
    assert not changed.any()
    small, large = collages.pixels(i, 24).astype(float), collages.pixels(i, 96).astype(float)
    assert np.abs(small - large.reshape(24, 4, 24, 4, 3).mean((1, 3))).mean() < 12


def test_handfuls_are_the_same_after_a_kill_and_differ_between_processes(split_train: Split) -> None:
    settings = TrainConfig(batch=8, mipd=MipdConfig(collages=2, collage_share=0.5))
    whole = list(handfuls(split_train, settings, 32, range(4), 0, 1))
    resumed = list(handfuls(split_train, settings, 32, range(2, 4), 0, 1))
    for (pixels, numbers), (again, same) in zip(whole[2:], resumed, strict=True):
        assert torch.equal(pixels, again) and torch.equal(numbers, same)
    assert whole[0][0].shape == (4, 32, 32, 3) and whole[0][0].dtype == torch.uint8
    shares = [next(iter(handfuls(split_train, settings, 32, range(1), rank, 2)))[1] for rank in (0, 1)]
    assert len(shares[0]) == 2 and not torch.equal(*shares)


@pytest.mark.parametrize("off", [{"collages": 0}, {"collage_share": 0.0}, {"glimpse": False}])
def test_switched_off_no_collage_is_made(off: dict[str, object], split_train: Split) -> None:
    settings = TrainConfig(mipd=MipdConfig(**off))  # type: ignore[arg-type]
    assert list(handfuls(split_train, settings, 32, range(3), 0, 1)) == [None] * 3
