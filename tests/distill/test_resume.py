"""A training that was stopped in any way goes on to the very weights of one that was not."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import toyworld  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill import checkpoint, journal, losses  # noqa: E402
from edgegsr.distill.average import Average  # noqa: E402
from edgegsr.distill.identity import compare  # noqa: E402
from edgegsr.distill.stop import StopSign  # noqa: E402
from edgegsr.errors import InputError, TrainingStopped  # noqa: E402
from edgegsr.interactions import KINDS_FILE  # noqa: E402
from edgegsr.run import METRICS, QUANTIZERS, REPORT, Run  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402

Learn = Callable[..., Run]
STEPS = 12  # 16 images in batches of 4, three epochs


class Killed(BaseException):
    """Ends the process as abruptly as a test can without ending the test."""


def dying(step: int) -> Callable[[int], None]:
    def on_step(done: int) -> None:
        if done == step:
            raise Killed

    return on_step


def weights(run: Path) -> bytes:
    return (run / "student.safetensors").read_bytes()


def lines(run: Path) -> list[dict[str, Any]]:
    """The metrics, without what the clock says."""
    return [{k: v for k, v in line.items() if k != "images_per_s"} for line in journal.read_metrics(run / METRICS)]


@pytest.mark.parametrize("step", [1, 3, 4, 7, 8, 11, 12])
def test_killed_after_any_step_it_ends_in_the_same_weights_and_metrics(
    step: int, learn: Learn, whole: Run, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=dying(step))
    taken: list[int] = []
    learn(tmp_path / "run", on_step=taken.append)
    assert taken == list(range(STEPS - len(taken) + 1, STEPS + 1))
    assert step - (STEPS - len(taken)) < 3  # no more than the last interval is done again
    assert weights(tmp_path / "run") == weights(whole.folder)
    assert lines(tmp_path / "run") == lines(whole.folder)


def test_sigkill_in_another_process_changes_nothing(learn: Learn, whole: Run, world: Path, tmp_path: Path) -> None:
    step = random.randrange(1, STEPS)
    command = [sys.executable, toyworld.__file__, str(world), str(tmp_path / "run"), "bn", str(step)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(command, env=env, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    learn(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole.folder), f"killed after step {step}"


def test_a_folder_has_one_training_at_a_time(learn: Learn, whole: Run, world: Path, tmp_path: Path) -> None:
    command = [sys.executable, toyworld.__file__, str(world), str(tmp_path / "run"), "bn", "99"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    said: list[str] = []

    def begin_another(done: int) -> None:
        if done == 1:  # before any state is kept
            said.append(subprocess.run(command, env=env, capture_output=True, text=True).stderr)
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=begin_another)
    wanted = f"run: another training is at work here (process {os.getpid()}); wait for it, or give another --out"
    assert wanted in said[0]
    assert subprocess.run(command, env=env).returncode == 0  # the lock has ended with its training
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_ctrl_c_saves_where_it_is_and_says_how_to_go_on(learn: Learn, whole: Run, tmp_path: Path) -> None:
    def press(done: int) -> None:
        if done == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingStopped, match="stopped after step 5 of 12; the same command goes on from there"):
        learn(tmp_path / "run", on_step=press)
    taken: list[int] = []
    learn(tmp_path / "run", on_step=taken.append)
    assert taken[0] == 6
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_the_signal_handlers_of_before_come_back(learn: Learn, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in StopSign.SIGNALS]
    during: list[object] = []
    learn(tmp_path / "run", on_step=lambda done: during.append(signal.getsignal(signal.SIGINT)))
    assert before[0] not in during
    assert [signal.getsignal(number) for number in StopSign.SIGNALS] == before


def test_damaged_newest_state_falls_back_to_the_one_before(
    learn: Learn, whole: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=dying(7))
    _, new = checkpoint.states(tmp_path / "run" / "state")
    new.write_bytes(new.read_bytes()[:-100])
    (new.parent / ".step-000000009.safetensors.1").write_bytes(b"half a state")
    learn(tmp_path / "run")
    assert "going back to the state before it" in caplog.text
    assert weights(tmp_path / "run") == weights(whole.folder)
    assert not list(new.parent.glob(".step-*"))


def test_only_damaged_states_are_an_error(learn: Learn, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=dying(3))
    (state,) = checkpoint.states(tmp_path / "run" / "state")
    state.write_bytes(b"")
    with pytest.raises(InputError, match="none of the 1 saved states can be read; train into another folder"):
        learn(tmp_path / "run")


def test_finished_run_is_left_alone(learn: Learn, whole: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")}
    learn(whole.folder, on_step=dying(1))
    assert "this training is finished, nothing is left to do" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")} == before


def test_report_that_a_kill_prevented_is_written_by_the_next_call(learn: Learn, whole: Run, tmp_path: Path) -> None:
    learn(tmp_path / "run")
    (tmp_path / "run" / REPORT).unlink()
    learn(tmp_path / "run", on_step=dying(12))
    assert (tmp_path / "run" / REPORT).is_file() and weights(tmp_path / "run") == weights(whole.folder)
    assert lines(tmp_path / "run") == lines(whole.folder)


def test_metrics_file_is_cut_back_to_the_state(whole: Run, tmp_path: Path) -> None:
    path = tmp_path / METRICS
    path.write_text((whole.folder / METRICS).read_text() + '{"kind": "train", "st')
    assert {line["step"] for line in journal.read_metrics(path)} == {2, 4, 6, 8, 10, 12}
    assert all('"step": 1' not in text for text in journal.kept_lines(path, 9))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"overrides": {"epochs": 5}}, "train.epochs: 3 there, 5 here"),
        ({"seed": 3}, "train.seed: 0 there, 3 here"),
        ({"overrides": {"weights.noun": 2.0, "augment.flip": 0}}, "train.weights.noun: 1.0 there, 2.0 here"),
        ({"card": toyworld.NO_BATCH_NORM}, "student.encoder.backbone: 'hgnet_v2' there, 'convnext' here"),
    ],
)
def test_folder_of_another_training_is_refused(given: dict[str, Any], said: str, learn: Learn, whole: Run) -> None:
    with pytest.raises(InputError, match="holds another training") as error:
        learn(whole.folder, **given)
    assert said in str(error.value) and "give another --out" in str(error.value)


def test_a_training_of_which_no_step_is_kept_gives_way_to_another(learn: Learn, whole: Run, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=dying(1), seed=3)
    assert not checkpoint.states(tmp_path / "run" / "state")
    for name in (KINDS_FILE, QUANTIZERS):  # as a student of pairs in 8 bits would have left them
        (tmp_path / "run" / name).write_text("{}")
    assert learn(tmp_path / "run").folder == tmp_path / "run"
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_other_training_images_are_refused(learn: Learn, whole: Run, split_train: Split, split_dev: Split) -> None:
    from edgegsr.distill.train import train

    with pytest.raises(InputError, match=r"data\.train\.images: 16 there, 15 here"):
        train(toyworld.CARD, split_train.take(range(15)), split_dev, toyworld.tables(), whole.folder)


def test_workers_and_checkpoint_interval_may_change(learn: Learn, whole: Run, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        learn(tmp_path / "run", on_step=dying(5))
    learn(tmp_path / "run", overrides={"workers": 2, "checkpoint_every": 100})
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_folder_with_other_files_is_refused(learn: Learn, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"wanted an empty folder or a run, found thesis\.txt; give another --out"):
        learn(tmp_path)


def test_run_of_another_format_is_refused(learn: Learn, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("format = 99\n")
    with pytest.raises(InputError, match="wanted a run of format 1, got 99"):
        learn(tmp_path)


def test_place_that_cannot_be_a_folder_is_refused(learn: Learn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        learn(tmp_path / "file" / "run")


# permission bits do not stop the superuser who may run the tests, so the system's answer is played back
@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only file system")])
def test_full_or_read_only_disk_is_one_line_and_what_was_written_stays(
    number: int, said: str, learn: Learn, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    move = Path.replace

    def full(draft: Path, path: Path) -> Path:
        if path.name == "step-000000006.safetensors":
            raise OSError(number, os.strerror(number), str(path))
        written.append(path)
        return move(draft, path)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=f"step-000000006.safetensors: cannot be written: {said}") as error:
        learn(tmp_path / "run")
    assert "run the same command again" in str(error.value)
    monkeypatch.undo()
    assert all(path.is_file() for path in written)
    assert [state.name for state in checkpoint.states(tmp_path / "run" / "state")][-1] == "step-000000003.safetensors"
    learn(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_nan_stops_with_step_images_and_last_good_state(
    learn: Learn, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    honest = losses.box_l1

    def poisoned(*given: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return honest(*given) * (float("nan") if len(calls) == 8 else 1)

    monkeypatch.setattr(losses, "box_l1", poisoned)
    with pytest.raises(TrainingStopped) as stopped:
        learn(tmp_path / "run")
    monkeypatch.undo()
    message = str(stopped.value)
    assert "step 8 is not finite" in message and "l1 nan" in message and "step-000000006.safetensors" in message
    images = journal.read_metrics(tmp_path / "run" / METRICS)[-1]["images"]
    assert len(images) == 4 and all(image in message for image in images)
    for state in checkpoint.states(tmp_path / "run" / "state"):
        assert all(tensor.isfinite().all() for tensor in checkpoint.read(state).tensors.values())
    learn(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole.folder)


def test_infinite_weights_are_never_saved(learn: Learn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: Average, student: Student, step: int) -> None:
        student.presence[0].weight.data.fill_(float("inf"))

    monkeypatch.setattr(Average, "update", explode)
    with pytest.raises(
        TrainingStopped, match=r"step 1: model/student.presence.0.weight is not finite; nothing was saved"
    ):
        learn(tmp_path / "run", overrides={"checkpoint_every": 1})
    assert not checkpoint.states(tmp_path / "run" / "state")


def test_where_a_detector_lies_may_change_and_which_one_it_is_may_not() -> None:
    there = {"teacher": {"detector": "/old/place", "detector_revision": "1"}}
    compare(Path("run"), there, {"teacher": {"detector": "new/place", "detector_revision": "1"}})
    with pytest.raises(InputError, match=r"teacher\.detector_revision: '1' there, '2' here"):
        compare(Path("run"), there, {"teacher": {"detector": "/old/place", "detector_revision": "2"}})
