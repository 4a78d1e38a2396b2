"""Where a training begins: with the student of another run, as it is or made smaller, and with what taught it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.student.both import SomeStudent
from edgegsr.student.weights import hash_of

LESSON = "lesson.safetensors"  # of a finished run: what taught the student, for later trainings to go on with
STUDENT = "student."


@dataclass(frozen=True)
class Start(Generic[SomeStudent]):
    """A student to go on with, and weights of the lesson beside it, which may lack some."""

    student: SomeStudent
    lesson: Mapping[str, Tensor]
    watcher: SomeStudent | None = None  # another student, whose answers are to be kept to as well

    def copied(self) -> SomeStudent:
        return copy.deepcopy(self.student)

    def into(self, lesson: nn.Module) -> None:
        """Gives a new lesson the weights that are known; what another teacher has left is of no use to it."""
        there = lesson.state_dict()
        beside = {name: tensor for name, tensor in self.lesson.items() if name in there}
        if odd := next((name for name, tensor in beside.items() if tensor.shape != there[name].shape), None):
            print(f"{LESSON}: is of another teacher ({odd} has another shape); the lesson begins anew", file=sys.stderr)
            beside = {}
        student = {f"{STUDENT}{name}": tensor for name, tensor in self.student.state_dict().items()}
        lesson.load_state_dict({**student, **beside}, strict=False)

    @property
    def hash(self) -> str:
        """Of every weight that it gives."""
        return hash_of(self.student.state_dict(), self.lesson)


def save_lesson(lesson: nn.Module, folder: Path) -> None:
    """Keeps what a finished training has learned beside its student; nothing where that is nothing."""
    beside = {name: tensor for name, tensor in lesson.state_dict().items() if not name.startswith(STUDENT)}
    if beside:
        write_whole(folder / LESSON, save({name: _small(tensor) for name, tensor in beside.items()}))


def _small(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() else tensor


def read_lesson(folder: Path) -> dict[str, Tensor]:
    """What taught the student of a run, or nothing where that is not kept."""
    path = folder / LESSON
    if not path.is_file():
        return {}
    try:
        found = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: wanted the safetensors of a lesson: {error}; delete it to go on without") from error
    if bad := next((name for name, t in found.items() if not torch.isfinite(t.float()).all()), None):
        raise InputError(f"{path}: {bad} holds NaN or infinity; delete the file to go on without")
    return found
