from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from edgegsr.compress.school import School
    from edgegsr.data.split import Split
    from edgegsr.run import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "student"))


@pytest.fixture
def student() -> Any:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch_pruning")
    from tiny_student import random_tables, tiny_config

    from edgegsr.student.model import Student

    torch.manual_seed(0)
    student = Student(tiny_config(), random_tables())
    for module in student.modules():  # running statistics as a training leaves them
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    return student.eval()


@pytest.fixture(scope="package", autouse=True)
def untraced() -> Iterator[None]:
    """What a step takes is timed in PyTorch, without a graph; those of the command line are from ONNX Runtime."""
    if not importlib.util.find_spec("torch"):
        yield
        return
    import torch

    from edgegsr.bench.clock import timed
    from edgegsr.compress import figures

    def latency(student: Any, threads: int) -> Any:
        side = student.config.side
        pixels = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        return timed(lambda: student.eval()(pixels), 0, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "latency", latency)
        yield


@pytest.fixture(scope="package")
def pair_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Written down as a training leaves it, with running statistics that folding has to mind."""
    torch = pytest.importorskip("torch")
    import pairworld

    from edgegsr.card import to_toml
    from edgegsr.pair_run import open_pair_run
    from edgegsr.student.weights import save_weights

    run = pairworld.run(tmp_path_factory.mktemp("pair_run") / "run")
    for module in run.student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    run.folder.mkdir()
    (run.folder / "config.toml").write_text(to_toml(run.config))
    (run.folder / "kinds.json").write_text(run.kinds.to_json())
    run.tables.save(run.folder / "tables.safetensors")
    save_weights(run.student, run.folder / "student.safetensors")
    return open_pair_run(run.folder)


@pytest.fixture(scope="package")
def pair_school(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("accelerate")
    pytest.importorskip("torch_pruning")
    import pairworld

    from edgegsr.compress.school import PairSchool
    from edgegsr.distill.config import TrainConfig

    photos = pairworld.photos(tmp_path_factory.mktemp("photos"))
    settings = TrainConfig(batch=2, epochs=1, warmup_epochs=0.1, log_every=1)
    return PairSchool(replace(photos, name="train"), photos, "none", None, settings)


@pytest.fixture
def pixels() -> Any:
    import torch

    return torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def school(whole: Run, split_train: Split, split_dev: Split) -> School:
    pytest.importorskip("accelerate")
    pytest.importorskip("torch_pruning")
    pytest.importorskip("nncf")
    from edgegsr.compress.school import School
    from edgegsr.data.splits import groups
    from edgegsr.distill.config import read_train

    settings = read_train({"train": whole.config["train"]})
    return School(split_train, split_dev, groups(split_train.annotations), "none", None, settings)
