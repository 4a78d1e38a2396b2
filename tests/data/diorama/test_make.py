"""Diorama on disk: the official layout, the same from any number of processes, and never half finished."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("cv2")

from edgegsr.data import swig
from edgegsr.data.check import check
from edgegsr.data.diorama import make as maker
from edgegsr.data.diorama import script
from edgegsr.data.staged import STAGED
from edgegsr.errors import InputError

SHARE = 0.02


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return maker.make(tmp_path_factory.mktemp("diorama") / "world", seed=3, share=SHARE, workers=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_is_read_by_the_loader_of_the_real_data(world: Path) -> None:
    split = swig.open_split(world, "test")
    assert split.annotations.ontology.verbs == script.ontology().verbs
    assert len(split.annotations) == len(script.verbs())
    w, h = split.annotations.sizes_wh[0]
    assert split.pixels(0).shape == (h, w, 3)


def test_the_check_finds_nothing_wrong(world: Path) -> None:
    assert check(world).ok


def test_two_processes_make_the_same_files(world: Path, tmp_path: Path) -> None:
    again = maker.make(tmp_path / "again", seed=3, share=SHARE, workers=2)
    assert contents(again) == contents(world)


def test_a_killed_run_goes_on_and_ends_the_same(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, staged = maker._stage_verb, []

    def dies(job: tuple[Path, str, str, str, float]) -> None:
        if len(staged) == 40:
            raise KeyboardInterrupt
        staged.append(job)
        real(job)

    monkeypatch.setattr(maker, "_stage_verb", dies)
    with pytest.raises(KeyboardInterrupt):
        maker.make(tmp_path / "world", seed=3, share=SHARE, workers=1)
    assert not (tmp_path / "world" / STAGED).exists()
    redone: list[object] = []
    monkeypatch.setattr(maker, "_stage_verb", lambda job: (redone.append(job), real(job)))
    maker.make(tmp_path / "world", seed=3, share=SHARE, workers=1)
    assert not set(map(str, redone)) & set(map(str, staged))
    assert contents(tmp_path / "world") == contents(world)


def test_a_folder_with_another_seed_or_other_files_is_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name another --out"):
        maker.make(world, seed=4, share=SHARE)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="wanted an empty folder"):
        maker.make(tmp_path, seed=3)
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_unseen_verbs_are_listed_and_not_in_train(world: Path) -> None:
    unseen = set((world / "SWiG_jsons" / "unseen.txt").read_text().split())
    train = json.loads((world / "SWiG_jsons" / "train.json").read_text())
    assert len(unseen) >= 12
    assert not unseen & {record["verb"] for record in train.values()}


def test_two_that_want_the_same_world_do_not_stage_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path))
    inside: list[int] = []
    most: list[int] = []

    def slow(out: Path, seed: object) -> Path:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return out

    monkeypatch.setattr(maker, "make", slow)
    threads = [threading.Thread(target=maker.staged, args=(7,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]


def test_a_kill_before_the_first_file_can_be_gone_on_from(tmp_path: Path) -> None:
    (tmp_path / "world" / "images_512").mkdir(parents=True)
    (tmp_path / "world" / "parts").mkdir()
    assert maker.make(tmp_path / "world", seed=3, share=0.001, workers=1).is_dir()


def test_a_damaged_marker_is_one_line(tmp_path: Path) -> None:
    (tmp_path / STAGED).write_text("{")
    with pytest.raises(InputError, match="wanted JSON, got"):
        maker.make(tmp_path, seed=3)
