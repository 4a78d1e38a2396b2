"""The run of the toy world in 8 bits, for every test of exports that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from edgegsr.data.split import Split
    from edgegsr.run import Run


@pytest.fixture(scope="session")
def rounded(whole: Run, split_dev: Split) -> Run:
    """The run in 8 bits, as calibration makes it."""
    pytest.importorskip("nncf")
    torch = pytest.importorskip("torch")
    import dataclasses

    import numpy as np

    from edgegsr.compress.calibrate import calibrated
    from edgegsr.images import letterbox
    from edgegsr.student.model import Student

    student = Student(whole.student.config, whole.tables, pretrained=False)
    student.load_state_dict(whole.student.state_dict())
    squares = [letterbox(split_dev.pixels(i), student.config.side)[0] for i in range(len(split_dev))]
    return dataclasses.replace(whole, student=calibrated(student.fold(), [torch.from_numpy(np.stack(squares))]))


@pytest.fixture(scope="session")
def rounded_graph(rounded: Run) -> ModelProto:
    """Its graph, before any engine's recipe, with what it has seen among its outputs."""
    pytest.importorskip("onnxscript")
    from edgegsr.export.onnx import graph_of

    return graph_of(rounded.student, tokens=True)


@pytest.fixture(scope="package")
def folded(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose words stay."""
    pytest.importorskip("onnxscript")
    from bundlemade import TARGET, checks

    from edgegsr.export.export import export

    out = tmp_path_factory.mktemp("folded") / "bundle"
    assert export(whole, out, TARGET, checks(split_dev))["missed"] == []
    return out
