import numpy as np
import pytest

from edgegsr.data import swig
from edgegsr.errors import InputError


def test_a_row_gives_its_pixels(dataset, records):
    split = swig.open_split(dataset({"train": records}), "train")
    assert [split.pixels(i).shape for i in range(3)] == [(48, 64, 3), (60, 40, 3), (50, 50, 3)]
    assert split.pixels(0).dtype == np.uint8


def test_a_large_image_is_decoded_no_smaller_than_asked(dataset, records):
    records["raining_2.jpg"] |= {"width": 400, "height": 800}
    split = swig.open_split(dataset({"train": records}), "train")
    assert split.pixels(1, side=200).shape == (200, 100, 3)
    assert split.pixels(1, side=201).shape == (400, 200, 3)


def test_taken_rows_keep_their_images(dataset, records):
    split = swig.open_split(dataset({"train": records}), "train")
    taken = split.take([2, 0])
    assert len(taken) == 2
    assert taken.path(0) == split.folder / "drinking_3.jpg"
    assert np.array_equal(taken.pixels(1), split.pixels(0))


def test_an_image_that_is_not_there_is_named(dataset, records):
    split = swig.open_split(dataset({"train": records}), "train")
    split.path(0).unlink()
    with pytest.raises(InputError, match=r"drinking_1\.jpg: wanted a JPEG, PNG, WebP or BMP image, got no such file"):
        split.pixels(0)
