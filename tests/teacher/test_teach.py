"""Teaching: each thing once, whatever was killed, however many work on it, and nothing that does not fit."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

import stub_teacher  # noqa: E402
from stub_teacher import StubTeacher, teach  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError, TrainingStopped  # noqa: E402
from edgegsr.teacher import texts as texts_of_cache  # noqa: E402
from edgegsr.teacher.cache import Cached, read_json  # noqa: E402
from edgegsr.teacher.knowledge import Knowledge  # noqa: E402
from edgegsr.teacher.rationales.dialogue import Outcome  # noqa: E402
from edgegsr.teacher.rationales.template import write  # noqa: E402
from edgegsr.teacher.rationales.writers import RationaleOptions  # noqa: E402
from edgegsr.teacher.room import size  # noqa: E402
from edgegsr.teacher.shards import Shards  # noqa: E402
from edgegsr.teacher.texts import options_of, read_notes, writer_of  # noqa: E402

VIEWS = 32  # 16 images, plain and flipped
EVERYTHING = torch.arange(16).repeat(2), torch.arange(2).repeat_interleave(16).bool()


def knowledge(cache: Path, split: Split) -> Knowledge:
    return Cached(cache, split).about(*EVERYTHING)


def assert_alike(mine: Knowledge, yours: Knowledge) -> None:
    for name in mine._fields[:6]:
        close = 0.05 if name == "texts" else 0.0  # bf16 rounds a text as its batch has it
        torch.testing.assert_close(getattr(mine, name), getattr(yours, name), rtol=0.0, atol=close, msg=name)


def program(*arguments: object, launch: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the stub teacher in processes of their own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *(launch or []), stub_teacher.__file__, *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (options_of("vlm", "nowhere/at/all", {}), "--vlm: nowhere/at/all: no such folder"),
        (options_of("endpoint", None, {"url": "localhost:8000", "model": "m"}), "--endpoint"),
        (
            options_of("endpoint", None, {"url": "http://localhost:1", "model": "m", "key_env": "NOT_SET_HERE"}),
            "--api-key-env: the environment variable NOT_SET_HERE is not set",
        ),
    ],
)
def test_a_writer_that_cannot_write_is_refused_before_anything_is_looked_at(
    options: RationaleOptions, message: str, world: Path, encoder: str, tmp_path: Path
) -> None:
    teacher = StubTeacher(encoder)
    with pytest.raises(InputError, match=message):
        teach(world, tmp_path / "cache", teacher, rationales=options)
    assert teacher.looked == []


def test_cache_tells_from_whom_it_is_and_what_it_holds(cache: Path, encoder: str) -> None:
    told = read_json(cache)
    assert told["format"] == "edgegsr-cache-1"
    assert told["facts"]["revision"] == "r1" and told["facts"]["preprocessing"] == "letterbox 48"
    assert (told["facts"]["width"], told["facts"]["grid"], told["facts"]["text_width"]) == (3, 4, 16)
    assert told["facts"]["text_encoder"] == encoder and told["facts"]["writer"] == "template-1 seed 0"
    counts = told["counts"]
    assert (counts["images"], counts["views"]) == (16, {"plain": 16, "flipped": 16})
    assert counts["rationales"] == {"template": 16} and counts["fallbacks"] == {}
    assert counts["texts"] == len(Shards(cache / "texts"))
    assert told["seconds"] > 0 and "torch" in told["versions"]
    assert len(read_notes(cache)) == 16


def test_a_finished_cache_is_left_as_it_is(cache: Path, world: Path, encoder: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    teacher = StubTeacher(encoder)
    told = teach(world, cache, teacher)
    assert told["new"] == {"views": 0, "rationales": 0, "texts": 0, "collages": 0} and told["views_per_s"] is None
    assert teacher.looked == []
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_killed_it_goes_on_and_looks_at_nothing_twice(
    world: Path, cache: Path, split_train: Split, encoder: str, tmp_path: Path
) -> None:
    killed = program(world, tmp_path / "cache", encoder, 17)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = len(Shards(tmp_path / "cache" / "tokens"))
    assert 12 <= kept <= 16  # but for the last three, all that was looked at
    with pytest.raises(InputError, match=rf"lacks {VIEWS - kept} views, 16 rationales of the 16 images"):
        Cached(tmp_path / "cache", split_train)
    teacher = StubTeacher(encoder)
    told = teach(world, tmp_path / "cache", teacher)
    assert len(teacher.looked) == told["new"]["views"] == VIEWS - kept
    assert_alike(knowledge(tmp_path / "cache", split_train), knowledge(cache, split_train))


def test_two_processes_write_what_one_writes(
    world: Path, cache: Path, split_train: Split, encoder: str, tmp_path: Path
) -> None:
    flags = (
        "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port 0"
    )
    launch = ["-m", "accelerate.commands.launch", *flags.split()]
    done = program(world, tmp_path / "cache", encoder, launch=launch)
    assert done.returncode == 0, done.stderr[-4000:]
    both = [Shards(folder / "tokens") for folder in (cache, tmp_path / "cache")]
    assert both[0]._places.keys() == both[1]._places.keys()
    for part in ("tokens", "texts"):
        ranks = [path.name[:4] for path in (tmp_path / "cache" / part).iterdir()]
        assert ranks.count("0000") > 3 and ranks.count("0001") > 3
    here, there = read_json(cache), read_json(tmp_path / "cache")
    assert here["facts"] == there["facts"] and here["counts"]["texts"] == there["counts"]["texts"]
    assert (tmp_path / "cache/rationales.jsonl").read_text() == (cache / "rationales.jsonl").read_text()
    assert_alike(knowledge(tmp_path / "cache", split_train), knowledge(cache, split_train))


def test_ctrl_c_keeps_what_is_finished(world: Path, encoder: str, tmp_path: Path) -> None:
    class Interrupted(StubTeacher):
        def see(self, *given: Any) -> Any:
            if len(self.looked) == 14:
                raise KeyboardInterrupt
            return super().see(*given)

    with pytest.raises(TrainingStopped, match="stopped; what is finished is kept, the same command goes on from it"):
        teach(world, tmp_path / "cache", Interrupted(encoder))
    assert len(Shards(tmp_path / "cache" / "tokens")) == 14


def test_a_photo_under_two_names_is_looked_at_once(split_train: Split, encoder: str, tmp_path: Path) -> None:
    shutil.copytree(split_train.folder, tmp_path / "images")
    images = [tmp_path / "images" / name for name in split_train.annotations.images]
    shutil.copy(images[0], images[1])
    teacher = StubTeacher(encoder)
    twice = replace(split_train, folder=tmp_path / "images")
    teach(tmp_path, tmp_path / "cache", teacher, split=twice)
    assert len(teacher.looked) == VIEWS - 2
    about = knowledge(tmp_path / "cache", twice)
    assert torch.equal(about.tokens[0], about.tokens[1])


def test_more_images_are_added_and_fewer_take_nothing_away(
    world: Path, split_train: Split, encoder: str, tmp_path: Path
) -> None:
    for rows, new in ((range(6), 12), (range(16), 20), (range(3), 0)):
        told = teach(world, tmp_path / "cache", StubTeacher(encoder), split=split_train.take(rows))
        assert told["new"]["views"] == new and told["images"] == len(rows)
    knowledge(tmp_path / "cache", split_train)


def test_data_sets_with_the_same_names_stand_beside_each_other(
    world: Path, split_train: Split, encoder: str, tmp_path: Path
) -> None:
    teach(world, tmp_path / "cache", StubTeacher(encoder))
    truth = split_train.annotations
    other = replace(split_train, annotations=replace(truth, nouns=truth.nouns[:, ::-1].copy()))
    assert teach(world, tmp_path / "cache", StubTeacher(encoder), split=other)["new"]["rationales"] == 16
    for split in (split_train, other):
        assert teach(world, tmp_path / "cache", StubTeacher(encoder), split=split)["new"]["rationales"] == 0


def test_another_encoder_or_writer_keeps_the_tokens(
    world: Path, split_train: Split, encoder: str, tmp_path: Path
) -> None:
    teach(world, tmp_path / "cache", StubTeacher(encoder))
    other = shutil.copytree(encoder, tmp_path / "encoder")
    torch.manual_seed(1)
    weights = __import__("transformers").BertModel.from_pretrained(encoder)
    torch.nn.init.normal_(weights.embeddings.word_embeddings.weight)
    weights.save_pretrained(other)
    for given in ({"text": str(other)}, {"rationales": RationaleOptions(seed=5)}):
        told = teach(world, tmp_path / "cache", StubTeacher(encoder), **given)
        assert told["new"]["views"] == 0 and told["new"]["texts"] + told["new"]["rationales"] > 0
    assert read_json(tmp_path / "cache")["facts"]["writer"] == "template-1 seed 5"
    knowledge(tmp_path / "cache", split_train)


def test_another_teacher_is_refused(cache: Path, world: Path, encoder: str) -> None:
    before = (cache / "cache.json").read_text()
    with pytest.raises(
        InputError, match=r"holds what stub sees with grid 4, wanted stub with grid 4; they differ in revision; name"
    ):
        teach(world, cache, StubTeacher(encoder, revision="r2"))
    assert (cache / "cache.json").read_text() == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_cache_is_not_written_to(kind: str, world: Path, encoder: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    out, said = {"folder": (tmp_path, "found thesis.txt"), "file": (tmp_path / "thesis.txt", "got a file")}[kind]
    with pytest.raises(InputError, match=f"{said}; name another --out"):
        teach(world, out, StubTeacher(encoder))


def test_what_the_disk_does_not_hold_is_refused_before_the_start(
    world: Path, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, teacher = namedtuple("usage", "total used free"), StubTeacher(encoder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 5_000, 5_000))
    with pytest.raises(InputError) as error:
        teach(world, tmp_path / "cache", teacher)
    assert str(error.value) == (
        f"{tmp_path / 'cache'}: wanted room for 88 kB (32 views x 198 B, texts about 82 kB), got 5.0 kB free; "
        "take a smaller --grid than 4, only --views plain, a --limit, or an --out on another disk"
    )
    assert not teacher.looked
    monkeypatch.undo()
    teach(world, tmp_path / "cache", StubTeacher(encoder, "r2"))  # what was refused stands in nobody's way
    assert "cache: will take about 88 kB more (32 views x 198 B, texts about 82 kB); " in capsys.readouterr().err


def test_a_disk_that_fills_up_is_one_line_and_nothing_finished_is_lost(
    world: Path, split_train: Split, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, written = Path.replace, list[Path]()

    def full(draft: Path, path: Path) -> Path:
        if path.parent.name == "tokens" and len(written) == 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.extend([path] * (path.parent.name == "tokens"))
        return move(draft, path)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"cannot be written: No space left on device; .* run the same command again"):
        teach(world, tmp_path / "cache", StubTeacher(encoder))
    monkeypatch.undo()
    assert len(Shards(tmp_path / "cache" / "tokens")) == 12
    assert not list((tmp_path / "cache" / "tokens").glob(".*"))
    teacher = StubTeacher(encoder)
    teach(world, tmp_path / "cache", teacher)
    assert len(teacher.looked) == VIEWS - 12
    knowledge(tmp_path / "cache", split_train)


def test_a_broken_image_is_named_and_what_came_before_it_is_kept(
    split_train: Split, encoder: str, tmp_path: Path
) -> None:
    shutil.copytree(split_train.folder, tmp_path / "images")
    name = split_train.annotations.images[9]
    (tmp_path / "images" / name).write_bytes(b"no image")
    with pytest.raises(InputError, match=name):
        teach(
            tmp_path, tmp_path / "cache", StubTeacher(encoder), split=replace(split_train, folder=tmp_path / "images")
        )
    assert len(Shards(tmp_path / "cache" / "tokens")) == 18
    (tmp_path / "images" / name).unlink()
    with pytest.raises(InputError, match="No such file or directory; `edgegsr data check` lists all such images"):
        teach(
            tmp_path, tmp_path / "cache", StubTeacher(encoder), split=replace(split_train, folder=tmp_path / "images")
        )


def test_only_a_training_split_is_taught(world: Path, split_dev: Split, encoder: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted the split 'train', got 'dev'"):
        teach(world, tmp_path / "cache", StubTeacher(encoder), split=split_dev)
    assert not (tmp_path / "cache").exists()


def test_images_that_a_server_left_unanswered_are_asked_about_again(
    world: Path, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def moody(manner: Any, options: Any, folder: Path, report: Any) -> Any:
        def writer(todo: Any) -> Any:
            asked.append([subject.image for subject in todo])
            for i, subject in enumerate(todo):
                own = write(subject, manner.distractors)
                busy, bad = len(asked) == 1 and i % 4 == 0, i == 1
                reason = "budget" if busy else "no JSON" if bad else ""
                written = own if reason else replace(own, writer="endpoint", glimpse_pos=f"the model on {i}")
                report.count(Outcome(written, fallback=reason, silent=busy))
                yield written

        return writer

    monkeypatch.setitem(texts_of_cache.WRITERS, "endpoint", moody)
    options = options_of("endpoint", None, {"url": "http://localhost/v1", "model": "tiny", "max_requests": None})
    first = teach(world, tmp_path / "cache", StubTeacher(encoder), rationales=options)
    assert first["rationales"] == {"endpoint": 11, "template": 5} and first["fallbacks"] == {"budget": 4, "no JSON": 1}
    again = teach(world, tmp_path / "cache", StubTeacher(encoder), rationales=options)
    assert len(asked[1]) == 4 and again["new"]["rationales"] == 4
    assert again["fallbacks"] == {"no JSON": 2} == read_json(tmp_path / "cache")["counts"]["fallbacks"]
    teach(world, tmp_path / "cache", StubTeacher(encoder), rationales=options)
    assert len(asked) == 2
    lines = (tmp_path / "cache" / "rationales.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["fallback"] == "no JSON" for line in lines) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("poet", None, {}), "--rationales: wanted one of template, vlm, endpoint, got 'poet'"),
        (("vlm", None, {}), "--rationales vlm: wanted --vlm, the model that writes"),
        (("template", "qwen", {}), "--rationales template: wanted no --vlm"),
        (("endpoint", None, {"url": "http://x"}), "--rationales endpoint: wanted --endpoint"),
        (("template", None, {"url": "http://x"}), "asks no server; leave out --endpoint"),
        (("template", None, {}, {"vlm.model": "x"}), "--set vlm.model: has an option of its own; give --vlm"),
        (("template", None, {}, {"endpoint.tries": 2}), "--set endpoint.tries: is not of --rationales template"),
        (("template", None, {}, {"tries": 0}), "--set and its kin: tries must be at least 1, got 0"),
        (
            ("endpoint", None, {"url": "http://x", "model": "m"}, {"endpoint.patience": 1}),
            "--set and its kin: endpoint.patience is not a known key",
        ),
    ],
)
def test_a_writer_that_lacks_something_is_refused_before_any_work(given: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        options_of(*given)
    assert said in str(error.value)


def test_what_is_set_of_a_writer_tells_its_texts_apart() -> None:
    more = {"tries": 2, "endpoint.timeout_s": 120, "endpoint.settings": {"temperature": 1}}
    usual, other = (options_of("endpoint", None, {"url": "http://x", "model": "m"}, set) for set in ({}, more))
    assert (other.tries, other.endpoint.timeout_s, other.endpoint.model) == (2, 120.0, "m")
    assert writer_of(usual).endswith("tries 3 judged seed 0")
    assert writer_of(other).endswith("tries 2 judged seed 0 settings {'temperature': 1}")


def test_sizes_are_told_as_people_say_them() -> None:
    assert [size(n) for n in (0, 999, 1_000, 9_950, 131_584, 19.7e9, 3e12, 5e15)] == [
        "0 B", "999 B", "1.0 kB", "10 kB", "132 kB", "20 GB", "3.0 TB", "5000 TB",
    ]  # fmt: skip
