"""The toy world and a run that was trained on it, for every test that asks for one."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from edgegsr.data.split import Split
    from edgegsr.run import Run

LONGEST = (  # files that begin first, so that no process is left alone with one of them at the end
    "test_demo.py",
    "test_cli_pairs.py",
    "test_compress.py",
    "test_latency.py",
    "test_cli_bench.py",
    "test_cli_both_heads.py",
    "test_export.py",
    "test_both_heads.py",
    "test_vocabulary.py",
    "test_word_reader.py",
    "test_cli_line.py",
    "test_smaller_both.py",
    "test_teach_line.py",
    "test_cli_pair_bundles.py",
    "test_remote_stops.py",
)
SHARED = Path(os.environ.get("EDGEGSR_SHARED_DATA", Path(__file__).resolve().parents[1] / ".." / "shared" / "data"))


settings.register_profile("busy", deadline=None)  # a machine with other work is slow now and then
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def published(folder: str, what: str) -> Path:
    """A folder of published files; tests that need it say so when it is not there."""
    if not (SHARED / folder).is_dir():
        pytest.skip(f"no {what} in {SHARED / folder}")
    return SHARED / folder


@pytest.fixture(scope="session", autouse=True)
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Graphs that PyTorch has made are kept for all tests of a run, where any has to do with it."""
    if "torch" not in sys.modules or importlib.util.find_spec("onnx") is None:
        yield
        return
    import exported
    import torch

    folder = tmp_path_factory.getbasetemp()
    kept = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "exported"
    kept.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", exported.kept_in(kept))
        yield


@pytest.fixture(scope="session", autouse=True)
def timed_in_short() -> Iterator[Callable[..., Iterator[float]]]:
    """Calls are timed for a tenth of the time, and fewer of them; how long they are really timed is given."""
    from edgegsr.bench import clock

    real = clock._calls
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_calls", lambda call, seconds, least: real(call, seconds / 10, min(least, 5)))
        yield real


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quick benchmark takes moments: a few queries in six short blocks."""
    import edgegsr.bench.ahead  # noqa: F401 first, for it foretells how long blocks really are
    from edgegsr.bench import turns
    from edgegsr.bench.load import PACES, Pace

    monkeypatch.setitem(PACES, "quick", Pace(0.1, 4, 1, claims=False))
    monkeypatch.setattr(turns, "BLOCK_S", 0.02)
    monkeypatch.setattr(turns, "TRIED_S", 0.02)


@pytest.fixture(scope="session")
def shared() -> Path:
    return published("swig", "published vocabularies")


@pytest.fixture(scope="session")
def hoi() -> Path:
    return published("hoi", "published annotations of interactions")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of coloured rectangles in the official layout."""
    import toyworld

    return toyworld.stage(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def split_train(world: Path) -> Split:
    import toyworld

    return toyworld.open_split(world, "train")


@pytest.fixture(scope="session")
def split_dev(world: Path) -> Split:
    import toyworld

    return toyworld.open_split(world, "dev")


@pytest.fixture(scope="session")
def learn(split_train: Split, split_dev: Split) -> Callable[..., Run]:
    """Trains the tiny student in a folder; keywords as of `train`."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    import toyworld

    from edgegsr.distill.train import train

    def start(out: Path, card: dict[str, Any] = toyworld.CARD, **given: Any) -> Run:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # two that wait for each other are slower than one on a model of this size
        try:
            return train(card, split_train, split_dev, toyworld.tables(), out, **given)
        finally:
            torch.set_num_threads(threads)

    return start


@pytest.fixture(scope="session")
def whole(learn: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a training that nothing has interrupted."""
    return learn(tmp_path_factory.mktemp("whole") / "run")
