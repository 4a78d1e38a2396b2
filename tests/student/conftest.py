from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def tables() -> Any:
    from tiny_student import random_tables

    return random_tables()


@pytest.fixture
def student(tables: Any) -> Any:
    import torch
    from tiny_student import tiny_config

    from edgegsr.student.model import Student

    torch.manual_seed(0)
    return Student(tiny_config(), tables).eval()


@pytest.fixture
def pixels() -> Any:
    import torch

    return torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
