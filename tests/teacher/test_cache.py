"""Shards: whole or not there, found by key. Cached knowledge: of the right view, the right boxes, the right texts."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

import toyworld  # noqa: E402
from stub_teacher import StubTeacher, teach  # noqa: E402

from edgegsr.annotations import Annotations  # noqa: E402
from edgegsr.data.augment import NONE  # noqa: E402
from edgegsr.data.loader import loader  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.situation import Frame, Ontology  # noqa: E402
from edgegsr.teacher.cache import Cached, read_facts, views_named, views_of  # noqa: E402
from edgegsr.teacher.knowledge import Scenes  # noqa: E402
from edgegsr.teacher.rationales.rationale import mirrored  # noqa: E402
from edgegsr.teacher.shards import ABANDONED_S, LONGEST_S, Shards, ShardWriter, key_of, sweep  # noqa: E402
from edgegsr.teacher.texts import read_notes  # noqa: E402
from edgegsr.text.tokens import TokenReader  # noqa: E402


def fill(folder: Path, numbers: range, rank: int = 0, shard_mb: float = 1e-5) -> None:
    with ShardWriter(folder, rank, shard_mb) as writer:
        for number in numbers:
            writer.add(key_of(str(number)), rows=torch.full((number % 3, 2), number, dtype=torch.float16))


def row(shards: Shards, number: int) -> torch.Tensor:
    ((file, place),) = shards.places([key_of(str(number))]).tolist()
    return shards.files[file].row(place)["rows"]


def test_rows_come_back_under_their_keys_whatever_their_length(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    shards = Shards(tmp_path)
    assert len(shards) == 20 and len(shards.files) > 3
    for number in range(20):
        assert torch.equal(row(shards, number), torch.full((number % 3, 2), number).half())
    assert shards.lacking([key_of("3"), key_of("x"), key_of("x")]) == [key_of("x")]


def test_a_reader_sees_what_another_process_has_written_since(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    shards = Shards(tmp_path)
    before = row(shards, 4)
    fill(tmp_path, range(5, 9), rank=1)
    assert len(shards) == 5
    shards.refresh()
    assert len(shards) == 9 and torch.equal(row(shards, 8)[0], torch.tensor([8.0, 8.0]).half())
    assert torch.equal(before, row(shards, 4))


def test_what_has_come_together_is_written_however_the_end_comes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path) as writer:
        writer.add(key_of("1"), rows=torch.ones(1, 2))
        raise KeyboardInterrupt
    assert len(Shards(tmp_path)) == 1


def test_small_rows_do_not_wait_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("edgegsr.teacher.shards.time.monotonic", lambda: now)
    with ShardWriter(tmp_path) as writer:
        writer.add(key_of("1"), rows=torch.ones(1, 2))
        assert len(Shards(tmp_path)) == 0
        now = LONGEST_S
        writer.add(key_of("2"), rows=torch.ones(1, 2))
        assert len(Shards(tmp_path)) == 2
        now += 1
        writer.add(key_of("3"), rows=torch.ones(1, 2))
        assert len(Shards(tmp_path)) == 2


def test_a_damaged_shard_is_left_out_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, range(9))
    torn, foreign, *_ = sorted(tmp_path.iterdir())
    torn.write_bytes(torn.read_bytes()[:-1])
    foreign.write_bytes(b"no tensors")
    with caplog.at_level(logging.WARNING):
        shards = Shards(tmp_path)
    assert 0 < len(shards) < 9
    assert f"{torn}: is left out, what it held will be made again" in caplog.text
    fill(tmp_path, range(9))
    shards.refresh()
    assert len(shards) == 9


def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    fill(tmp_path, range(4))
    names = sorted(tmp_path.iterdir())
    fill(tmp_path, range(4))
    assert sorted(tmp_path.iterdir()) == names


def test_drafts_of_the_killed_are_swept_and_fresh_ones_are_not(tmp_path: Path) -> None:
    old, new = tmp_path / ".0000-a.safetensors.12", tmp_path / ".0000-b.safetensors.13"
    for draft in (old, new):
        draft.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * ABANDONED_S,) * 2)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


def test_reading_holds_no_shard_in_memory(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.add(key_of("a"), rows=torch.ones(1, 8_000_000, dtype=torch.float16))
    shards = Shards(tmp_path)
    anonymous = private_kb()
    assert float(shards.files[0].row(0)["rows"][0, 7_999_999]) == 1
    assert private_kb() - anonymous < 4_000


def private_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines() if Path("/proc/self/status").exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def test_cached_tokens_are_those_of_each_view(cache: Path, split_train: Split, encoder: str) -> None:
    rows, flipped = torch.tensor([3, 3, 11]), torch.tensor([False, True, True])
    about = Cached(cache, split_train).about(rows, flipped)
    images = [split_train.pixels(row) for row in rows.tolist()]
    sight = StubTeacher(encoder).see(images, flipped.tolist())
    assert about.tokens.dtype == torch.float32
    assert torch.equal(about.tokens, sight.tokens.half().float())
    assert torch.equal(about.shown, sight.shown)
    grid = about.tokens[:2, 1:].unflatten(1, (4, 4))
    assert torch.allclose(grid[0].flip(1), grid[1], atol=1e-2) and not torch.allclose(grid[0], grid[1], atol=1e-2)


def test_texts_are_those_of_the_rationales_of_each_view(cache: Path, split_train: Split, encoder: str) -> None:
    rows, flipped = torch.tensor([0, 15, 8]), torch.tensor([True, False, False])
    about, reader = Cached(cache, split_train).about(rows, flipped), TokenReader(encoder)
    notes = {note.rationale.image: note for note in read_notes(cache).values()}
    assert about.texts.shape[:2] == (3, 4) and about.text_mask.any(-1).all()
    for b, (number, flip) in enumerate(zip(rows.tolist(), flipped.tolist())):
        rationale = notes[split_train.annotations.images[number]].rationale
        texts = (mirrored(rationale) if flip else rationale).texts
        for i, vectors in reader.read(texts):
            assert int(about.text_mask[b, i].sum()) == len(vectors)
            assert torch.allclose(about.texts[b, i, : len(vectors)], vectors, atol=0.03)
            assert not about.texts[b, i, len(vectors) :].any()


@pytest.fixture(scope="module")
def sided(world: Path) -> Split:
    """The pushing images of the toy world as a verb whose roles name sides."""
    pushing = toyworld.open_split(world, "train").annotations.take(range(6, 12))
    frames = (*(Frame(f"verb{i}", ("agent",)) for i in range(1)), Frame("holding", ("agent", "leftitem", "rightitem")))
    lonely = Frame("leftward", ("agent",))  # has no mirror image among the verbs
    ontology = Ontology((*frames, lonely), pushing.ontology.nouns)
    verbs = np.array([1, 1, 1, 1, 1, 2], np.int32)
    has_box = pushing.has_box & (np.arange(6) < np.array([3] * 5 + [1])[:, None])
    truth = Annotations(
        ontology, pushing.images, pushing.sizes_wh, verbs, pushing.nouns, pushing.boxes_xyxy - 8, has_box
    )
    return Split("train", truth, world / "images_512")


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_boxes_lie_where_the_students_batch_has_them(flip: float, sided: Split) -> None:
    scenes, flips = Scenes(sided), 0
    for batch in loader(sided, 32, 3, train=True, augmentation=replace(NONE, flip=flip)):
        boxes, has_box = scenes.boxes(batch.rows, batch.flipped)
        assert torch.equal(has_box, batch.has_box)
        torch.testing.assert_close(boxes, batch.boxes_xyxy.float())
        assert not boxes[~has_box].any() and boxes.min() >= 0 and boxes.max() <= 1
        flips += int(batch.flipped.sum())
    assert flips == (5 if flip else 0)


def test_what_has_no_words_in_the_mirror_is_not_mirrored(sided: Split) -> None:
    assert views_of(sided, ["plain", "flipped"])[-3:] == [(4, False), (4, True), (5, False)]


def test_images_that_lack_are_counted_and_the_command_that_adds_them_is_named(
    world: Path, encoder: str, split_train: Split, tmp_path: Path
) -> None:
    teach(world, tmp_path, StubTeacher(encoder), split=split_train.take(range(14)), views=["plain"])
    with pytest.raises(InputError) as error:
        Cached(tmp_path, split_train)
    said = str(error.value)
    assert f"{tmp_path}: lacks 18 views, 2 rationales" in said and "of the 16 images of 'train'" in said
    assert f"edgegsr teach --data {world} --teacher stub --grid 4 --text {encoder} --out {tmp_path}" in said
    plain = Cached(tmp_path, split_train.take(range(14)), ["plain"])
    with pytest.raises(InputError, match="wanted mirrored views, but it was opened without"):
        plain.about(torch.tensor([0]), torch.tensor([True]))


def test_a_cache_of_other_images_is_no_cache_to_add_to(
    world: Path, encoder: str, split_train: Split, tmp_path: Path
) -> None:
    teach(world, tmp_path, StubTeacher(encoder), split=split_train.take(range(8)))
    with pytest.raises(
        InputError, match=r"holds what stub sees of other images, and of none of .*; give a cache of these"
    ):
        Cached(tmp_path, split_train.take(range(8, 16)))


def test_lines_about_other_annotations_do_not_count(cache: Path, split_train: Split) -> None:
    truth = split_train.annotations
    moved = replace(truth, boxes_xyxy=truth.boxes_xyxy + np.float32(1))
    with pytest.raises(InputError, match=r"lacks 16 rationales of the 16 images"):
        Cached(cache, replace(split_train, annotations=moved))


def test_a_changed_image_is_another_image(cache: Path, split_train: Split, tmp_path: Path) -> None:
    shutil.copytree(split_train.folder, tmp_path / "images")
    name = split_train.annotations.images[0]
    shutil.copy(split_train.folder / split_train.annotations.images[1], tmp_path / "images" / name)
    with pytest.raises(InputError, match="lacks 1 rationales of the 16 images"):  # the tokens are those of the other
        Cached(cache, replace(split_train, folder=tmp_path / "images"))


def test_what_is_no_cache_is_one_line(cache: Path, split_train: Split, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"wanted a cache that `edgegsr teach` has written, with cache\.json, found no"
    ):
        read_facts(tmp_path / "nowhere")
    (tmp_path / "cache.json").write_text("{")
    with pytest.raises(InputError, match=r"cache\.json: wanted the description of a cache"):
        read_facts(tmp_path)
    (tmp_path / "cache.json").write_text(json.dumps({"format": "edgegsr-cache-0"}))
    with pytest.raises(InputError, match=r"wanted the format edgegsr-cache-1"):
        Cached(tmp_path, split_train)
    (tmp_path / "cache.json").write_text(json.dumps({"format": "edgegsr-cache-1", "facts": {"teacher": "stub"}}))
    with pytest.raises(InputError, match=r"cache\.json: facts\.revision is missing, wanted a text; teach into another"):
        read_facts(tmp_path)
    with pytest.raises(InputError, match="--views: wanted plain, flipped or plain,flipped, got 'plain,mirrored'"):
        views_named("plain,mirrored")
    shutil.copytree(cache, tmp_path / "cache")
    (tmp_path / "cache" / "projection.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"projection\.safetensors: wanted weight and bias of a teacher"):
        Cached(tmp_path / "cache", split_train)
    shutil.copy(cache / "projection.safetensors", tmp_path / "cache")
    with (tmp_path / "cache" / "rationales.jsonl").open("a") as file:
        file.write('{"image": 3}\n')
    with pytest.raises(InputError, match=r"rationales\.jsonl, line 17"):
        Cached(tmp_path / "cache", split_train)
