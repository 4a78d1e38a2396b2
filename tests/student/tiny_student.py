"""A student of some thousand weights, and words for it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from edgegsr.student.config import StudentConfig, read_student  # noqa: E402
from edgegsr.text import TextTables  # noqa: E402

torch.set_num_threads(1)  # for tensors this small, more threads only wait for one another

HGNET: dict[str, Any] = {
    "stem_channels": [3, 8, 16],
    "stage_mid_channels": [8, 8, 16],
    "stage_out_channels": [16, 32, 64],
    "stage_num_blocks": [1, 1, 1],
    "stage_numb_of_layers": [2, 2, 2],
    "stage_light_block": [False, False, True],
    "stage_kernel_size": [3, 3, 5],
}


def tiny_config(encoder: dict[str, Any] | None = None, **student: Any) -> StudentConfig:
    table = {
        "side": 64,
        "strides": [8, 16],
        "width": 32,
        "heads": 2,
        "encoder": encoder or {"backbone": "hgnet_v2", "options": HGNET},
    }
    return read_student({"student": table | student})


def random_tables(
    role_counts: tuple[int, ...] = (1, 2, 3, 6), nouns: int = 9, width: int = 24, seed: int = 0
) -> TextTables:
    rng = torch.Generator().manual_seed(seed)

    def units(*shape: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(*shape, width, generator=rng), dim=-1)

    verbs = len(role_counts)
    has_role = torch.arange(6) < torch.tensor(role_counts)[:, None]
    return TextTables(units(verbs), units(verbs, 6) * has_role[..., None], units(nouns), "random")
