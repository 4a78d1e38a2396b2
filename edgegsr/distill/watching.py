"""A lesson in which another student may watch: what that one says is something to keep to."""

from __future__ import annotations

import copy
from typing import Generic

from torch import nn

from edgegsr.student.both import OneHead


class Watching(nn.Module, Generic[OneHead]):
    """The watcher is no part of what is trained and saved, so it is kept in a list."""

    student: OneHead

    def __init__(self) -> None:
        super().__init__()
        self._watcher: list[OneHead] = []

    def watch(self, watcher: OneHead) -> None:
        """Takes a copy of it to where the lesson is now."""
        device = next(self.student.parameters()).device
        self._watcher = [copy.deepcopy(watcher).to(device).eval().requires_grad_(False)]

    @property
    def watcher(self) -> OneHead | None:
        return self._watcher[0] if self._watcher else None
