import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from edgegsr.data import swig
from edgegsr.data.split import Kept, kept
from edgegsr.errors import InputError
from edgegsr.images import _draft_wh, reduction


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


@given(st.tuples(st.integers(1, 700), st.integers(1, 700)), st.integers(1, 900))
@settings(max_examples=60)
def test_by_how_much_a_jpeg_is_decoded_smaller_is_what_its_decoder_does(size_wh, side):
    file = io.BytesIO()
    Image.new("RGB", size_wh).save(file, "JPEG")
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(file.getvalue()))
    image.draft("RGB", _draft_wh(size_wh, side))
    assert image.size == tuple(-(-length // reduction(size_wh, side)) for length in size_wh)


def test_a_split_in_memory_gives_the_same_pixels_and_reads_each_file_once(dataset, records, monkeypatch):
    split = swig.open_split(dataset({"train": records}), "train")
    held = kept(split)
    asked = [(i, side) for side in (None, 7, 16, 33, 64, 1000) for i in range(len(split))] * 2
    for i, side in asked:
        assert np.array_equal(held.pixels(i, side), split.pixels(i, side))
    assert isinstance(held, Kept) and len(held.decoded) <= 4 * len(split)
    for path in {split.path(i) for i in range(len(split))}:
        path.unlink()
    for i, side in asked:
        held.pixels(i, side)
    with pytest.raises(ValueError, match="read-only"):
        held.pixels(0)[:] = 0
    assert not isinstance(held.take([0]), Kept)


def test_a_split_too_large_for_memory_stays_on_disk(dataset, records):
    split = swig.open_split(dataset({"train": records}), "train")
    (w, h), *_ = split.annotations.sizes_wh.tolist()
    assert not isinstance(kept(split.take([0]), 3 * w * h - 1), Kept)
    assert isinstance(kept(split.take([0]), 3 * w * h), Kept)
