from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def pixels() -> Any:
    import torch

    return torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
