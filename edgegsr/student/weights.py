"""The weights of a student as one safetensors file. The vocabulary is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.student.quantizers import packed, unpacked

Net = TypeVar("Net", bound=nn.Module)
KEPT_IN = (torch.float16, torch.bfloat16, torch.int8)  # beside the type of the student itself


def save_weights(student: nn.Module, path: str | Path) -> None:
    """Writes the file, all of it or nothing."""
    write_whole(path, save(apart(student.state_dict())))


def save_packed(student: nn.Module, path: str | Path) -> None:
    """The same in 8 and 16 bits; what was rounded before is as it was."""
    write_whole(path, save(apart(packed(student))))


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same on the CPU, each in memory of its own, as safetensors wants them; layers may share some."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        still = tensor.detach().cpu().contiguous()
        found[name] = still.clone() if still.data_ptr() in seen else still
        seen.add(still.data_ptr())
    return found


def load_weights(student: Net, path: str | Path) -> Net:
    """The same student with the weights of the file; every tensor must be there and fit."""
    state = read_tensors(path)
    wanted, foreign = (
        student.state_dict(),
        f"{path}: is of another student than the card beside it, or of an earlier version",
    )
    if odd := sorted(wanted.keys() ^ state.keys()):
        what = "lacks" if odd[0] in wanted else "has the unknown"
        raise InputError(f"{foreign}: {what} tensor {odd[0]!r}, and {len(odd) - 1} more differ")
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"wanted {tuple(wanted[name].shape)}, got {tuple(tensor.shape)}"
            raise InputError(f"{foreign}: {name} {shapes}")
        if tensor.dtype not in (*KEPT_IN, wanted[name].dtype):
            raise InputError(f"{path}: {name} is kept in {tensor.dtype}; wanted {wanted[name].dtype}, float16 or int8")
    try:
        state = unpacked(student, state)
    except InputError as error:
        raise InputError(f"{foreign}: {error}") from error
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds NaN or infinity; train it again")
    student.load_state_dict(state)
    return student


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """What a weights file holds."""
    try:
        return load(Path(path).read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: wanted the safetensors of a student: {error}") from error
