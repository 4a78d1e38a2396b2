"""Two processes train what one trains: each looks at half of every batch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import pairmade  # noqa: E402
import toyworld  # noqa: E402

from edgegsr.distill import checkpoint, journal  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.pair_run import PairRun, open_pair_run  # noqa: E402
from edgegsr.run import METRICS, Run, open_run  # noqa: E402


@pytest.fixture(scope="module")
def launched(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder that two processes have trained into."""

    def launch(kind: str) -> Path:
        out = tmp_path_factory.mktemp("launched") / kind
        in_two(out, toyworld.__file__, str(world), str(out), kind)
        return out

    return launch


def in_two(out: Path, *program: str) -> None:
    """Runs a program that trains into a folder, in two processes."""
    flags = (
        "--multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port 0"
    )
    command = [sys.executable, "-m", "accelerate.commands.launch", *flags.split(), *program]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    env |= {"CUDA_VISIBLE_DEVICES": ""}  # the launcher's own --cpu starts a single process
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    assert {path.name for path in out.parent.glob("* of *")} == {f"{out.name}, 0 of 2", f"{out.name}, 1 of 2"}


def gradients(run: Path) -> dict[str, torch.Tensor]:
    """AdamW's first moment after one step: the clipped gradient, but for a factor."""
    (state,) = checkpoint.states(run / "state")
    return {n: t for n, t in checkpoint.read(state).part("adam").items() if n.startswith("exp_avg/")}


def test_two_processes_have_the_gradient_and_the_scores_of_one(
    launched: Callable[[str], Path], learn: Callable[..., Run], tmp_path: Path
) -> None:
    two = launched("one-step")
    one = learn(tmp_path / "run", toyworld.ONE_STEP).folder
    alone, shared = gradients(one), gradients(two)
    assert alone.keys() == shared.keys() and len(alone) > 20
    for name, gradient in alone.items():
        torch.testing.assert_close(shared[name], gradient, rtol=1e-3, atol=1e-6, msg=name)
    told = [[line for line in journal.read_metrics(run / METRICS) if line["kind"] == "dev"] for run in (one, two)]
    assert told[0] == told[1]


@pytest.mark.long
def test_two_processes_learn_with_batch_norm_too(launched: Callable[[str], Path], whole: Run) -> None:
    two = launched("bn")
    loss = [
        [line["loss"] for line in journal.read_metrics(run / METRICS) if line["kind"] == "train"]
        for run in (whole.folder, two)
    ]
    assert loss[1] == pytest.approx(loss[0], rel=0.15)  # BatchNorm sees half a batch in each process
    weights = open_run(two).student.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_batch_that_does_not_divide_among_processes_is_refused(
    learn: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import Accelerator

    monkeypatch.setattr(Accelerator, "num_processes", property(lambda self: 3))
    with pytest.raises(InputError, match=r"train\.batch must be a multiple of the 3 processes, got 4"):
        learn(tmp_path / "run")


@pytest.mark.long
def test_two_processes_have_the_gradient_of_one_where_texts_teach_pairs(crowd: Path, tmp_path: Path) -> None:
    in_two(tmp_path / "two", pairmade.__file__, str(crowd), str(tmp_path / "two"), "gplhoi")
    alone, shared = gradients(pairmade.learn(crowd, tmp_path / "one", "gplhoi").folder), gradients(tmp_path / "two")
    assert alone.keys() == shared.keys() and any("groups" in name for name in alone)
    for name, gradient in alone.items():
        torch.testing.assert_close(shared[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_two_processes_learn_pairs_from_no_annotation_and_share_the_asking(
    crowd: Path, pair_run: PairRun, tmp_path: Path
) -> None:
    who = (pairmade.__file__, str(crowd), str(tmp_path / "two"), "clhoi", str(pair_run.folder))
    in_two(tmp_path / "two", *who)
    asked = sorted(path.name for path in (tmp_path / "cache" / "testimony" / "captions").glob("*.safetensors"))
    assert {name[:4] for name in asked} == {"0000", "0001"}
    weights = open_pair_run(tmp_path / "two").student.state_dict()
    assert all(tensor.isfinite().all() for tensor in weights.values())
