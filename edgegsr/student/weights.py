"""The weights of a student as one safetensors file, with their hash in it. The vocabulary is not in it."""

from __future__ import annotations

import hashlib
import json
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
HASH = "hash"  # in the header; files from before say nothing
KEPT_IN = (torch.float16, torch.bfloat16, torch.int8)  # beside the type of the student itself


def save_weights(student: nn.Module, path: str | Path) -> None:
    """Writes the file, all of it or nothing."""
    write_whole(path, _hashed(student.state_dict()))


def save_packed(student: nn.Module, path: str | Path) -> None:
    """The same in 8 and 16 bits; what was rounded before is as it was."""
    write_whole(path, _hashed(packed(student)))


def hash_of(*parts: Mapping[str, Tensor]) -> str:
    """Of every weight with its name."""
    digest = hashlib.sha256()
    for part in parts:
        for name, tensor in sorted(part.items()):
            digest.update(name.encode() + tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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
        content = Path(path).read_bytes()
        found = load(content)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: wanted the safetensors of a student: {error}") from error
    if (told := _told(content).get(HASH)) and told != _hash_of_file(found):
        raise InputError(f"{path}: holds other weights than were written there; copy it again, or train it again")
    return found


def _hashed(tensors: Mapping[str, Tensor]) -> bytes:
    written = apart(tensors)
    return save(written, {HASH: _hash_of_file(written)})


def _hash_of_file(tensors: Mapping[str, Tensor]) -> str:
    """Of the weights, and of what type each is."""
    types = " ".join(f"{name} {tensor.dtype}" for name, tensor in sorted(tensors.items()))
    return hashlib.sha256(f"{hash_of(tensors)} {types}".encode()).hexdigest()


def _told(content: bytes) -> Mapping[str, str]:
    """What a safetensors file says of itself; `load` has checked its header."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    told: Mapping[str, str] = header.get("__metadata__") or {}
    return told
