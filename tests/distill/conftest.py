"""A world of coloured rectangles, small enough that a student of some thousand weights learns it in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

import toyworld  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill.train import train  # noqa: E402
from edgegsr.run import Run  # noqa: E402


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Two threads that wait for each other are slower than one on a model of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toyworld.stage(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def split_train(world: Path) -> Split:
    return toyworld.open_split(world, "train")


@pytest.fixture(scope="session")
def split_dev(world: Path) -> Split:
    return toyworld.open_split(world, "dev")


@pytest.fixture(scope="session")
def learn(split_train: Split, split_dev: Split) -> Callable[..., Run]:
    """Trains the tiny student in a folder; keywords as of `train`."""

    def start(out: Path, card: dict[str, Any] = toyworld.CARD, **given: Any) -> Run:
        return train(card, split_train, split_dev, toyworld.tables(), out, **given)

    return start


@pytest.fixture(scope="session")
def whole(learn: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that nothing has interrupted."""
    return learn(tmp_path_factory.mktemp("whole") / "run")
