"""What a training tells: metrics.jsonl for programs, TensorBoard for curves, a live line for people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from edgegsr.distill.tally import Tally
from edgegsr.files import write_whole, writing
from edgegsr.progress import clock
from edgegsr.run import BOARD, METRICS

SPARSE_SECONDS = 20  # between plain lines where no terminal listens


class Journal:
    """Writes on from `step`: what an earlier process wrote later is cut away. One that is not active does nothing."""

    def __init__(self, folder: Path, step: int, steps: int, active: bool = True) -> None:
        self.path, self.active, self.board = folder / METRICS, active, None
        self.line = Line(step, steps, active)
        if active:
            write_whole(self.path, "".join(text + "\n" for text in kept_lines(self.path, step)))
            self.board = _board(folder / BOARD, step)

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """One line of metrics.jsonl, and its numbers as points of curves."""
        if not self.active:
            return
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        if self.board is not None:
            with writing(self.path.parent / BOARD):
                for name, value in numbers(values, kind):
                    self.board.add_scalar(name, value, step)

    def show(self, step: int, epoch: str, tally: Tally) -> None:
        """Where the training is, for people."""
        self.line.show(step, epoch, tally.means()["loss"], tally.images_per_s)

    def say(self, text: str) -> None:
        """A line that stays, for people."""
        self.line.say(text)

    def close(self) -> None:
        self.line.close()
        if self.board is not None:
            self.board.close()


class Line:
    """Where the training is: a bar on a terminal, a sparse plain line elsewhere. On stderr."""

    def __init__(self, step: int, steps: int, active: bool) -> None:
        self.steps, self.start, self.first = steps, time.monotonic(), step
        self.said = self.start
        self.console = Console(stderr=True, quiet=not active)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rest]}"))
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.task = self.bar.add_task("training", total=steps, completed=step, rest="")
        self.bar.start()

    def show(self, step: int, epoch: str, loss: float, images_per_s: float) -> None:
        """The state after `step` updates."""
        now = time.monotonic()
        left = (now - self.start) / max(step - self.first, 1) * (self.steps - step)
        rest = f"step {step}/{self.steps} · loss {loss:.3f} · {images_per_s:,.0f} img/s · {clock(left)} left"
        self.bar.update(self.task, completed=step, description=epoch, rest=rest)
        if not self.console.is_terminal and (now - self.said >= SPARSE_SECONDS or step == self.steps):
            self.say(f"{epoch} · {rest}")
            self.said = now

    def say(self, text: str) -> None:
        """A line that stays."""
        self.bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        self.bar.stop()


def kept_lines(path: Path, step: int) -> list[str]:
    """The lines of a metrics file up to `step`, without one that a kill has cut in two."""
    if not path.is_file():
        return []
    return [text for text in path.read_text("utf-8", "replace").splitlines() if _step_of(text) <= step]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file as objects."""
    return [json.loads(text) for text in kept_lines(path, 2**62)]


def numbers(values: Mapping[str, Any], prefix: str) -> list[tuple[str, float]]:
    """Every number of nested tables, under its path."""
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += numbers(value, f"{prefix}/{name}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{prefix}/{name}", value))
    return found


def _step_of(text: str) -> float:
    """The step of a line; past every step for a line that is none."""
    try:
        return float(json.loads(text)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _board(folder: Path, step: int) -> Any:
    """A TensorBoard writer that hides what came after `step`, or None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    with writing(folder):
        return SummaryWriter(str(folder), purge_step=step + 1 if step else None)  # type: ignore[no-untyped-call]
