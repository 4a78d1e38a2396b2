"""States of an unfinished training: one safetensors file each, there whole or not at all.

A state holds tensors and, as JSON in the header, plain facts. The newest two are kept: should the machine lose power
while one reaches the disk, the other is still good.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.student.weights import apart

FORMAT = "edgegsr-state-1"
KEPT = 2

log = logging.getLogger("edgegsr")


@dataclass(frozen=True)
class Checkpoint:
    """A training after `step` updates."""

    step: int
    tensors: Mapping[str, Tensor]  # on the CPU
    facts: Mapping[str, Any]
    path: Path

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, without it."""
        start = f"{prefix}/"
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Writes the state after `step` updates and drops all but the newest ones."""
    path = folder / f"step-{step:09d}.safetensors"
    for draft in folder.glob(".step-*"):  # of a process that was killed while it wrote
        draft.unlink(missing_ok=True)
    write_whole(path, to_bytes(apart(tensors), {"format": FORMAT, "step": str(step), "facts": json.dumps(facts)}))
    for old in states(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: Path) -> Checkpoint | None:
    """The newest state that can be read, or None where there is none."""
    found = states(folder)
    for path in reversed(found):
        try:
            return read(path)
        except InputError as error:  # noqa: PERF203
            log.warning("%s; going back to the state before it", error)
    if found:
        raise InputError(f"{folder}: none of the {len(found)} saved states can be read; train into another folder")
    return None


def read(path: Path) -> Checkpoint:
    """The state in a file."""
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise InputError(f"{path}: wanted the format {FORMAT}, got {header.get('format')!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Checkpoint(int(header["step"]), tensors, json.loads(header["facts"]), path)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: wanted a whole state of a training, got {error}") from error


def states(folder: Path) -> list[Path]:
    """The files of all saved states, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def moments(optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """What AdamW remembers, by the names of the parameters."""
    return {
        f"{key}/{names[parameter]}": torch.as_tensor(value)
        for parameter, memory in optimizer.state.items()
        for key, value in memory.items()
    }


def put_moments(optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str], saved: Mapping[str, Tensor]) -> None:
    """Gives AdamW its memory back, where its parameters are now."""
    for key in ("step", "exp_avg", "exp_avg_sq"):
        for parameter, name in names.items():
            if (value := saved.get(f"{key}/{name}")) is not None:
                where = parameter if key != "step" else torch.tensor(0.0)
                optimizer.state[parameter][key] = torch.empty_like(where, requires_grad=False).copy_(value)
