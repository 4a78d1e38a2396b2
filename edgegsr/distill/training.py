"""A student in training: one update, and everything that must be remembered between two updates.

Of several processes each takes its share of every batch, and gradients are averaged: but for the order of sums, that is
the training of one process. Not so where a layer mixes images: BatchNorm takes its statistics from the share of its own
process, and the running ones from the first process, so such students come out alike but not equal. (PyTorch's
SyncBatchNorm would see the whole batch, but exists on GPUs only.) Dropout differs too: each process draws its own. Nor
where a loss holds images of a batch against each other, or is a mean over what only some images have: MIPD's ranking
and gaze, CL-HOI's captions and sums, GPL-HOI's relations and what a watcher says of pairs are those of a process's own
share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from torch import Tensor, nn

from edgegsr.distill import checkpoint, schedule
from edgegsr.distill.average import Average
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.heads import BothLesson
from edgegsr.distill.pairs.lesson import PairLesson
from edgegsr.distill.plain import Plain
from edgegsr.distill.start import Start
from edgegsr.errors import InputError, TrainingStopped
from edgegsr.processes import processes
from edgegsr.student.sparse import masks

Lesson = Plain | PairLesson | BothLesson


class Columns(Protocol):
    """Answers about a split, column by column."""

    def columns(self) -> dict[str, Any]: ...


Said = TypeVar("Said", bound=Columns)


class Told(NamedTuple):
    """What all processes together say of one step."""

    losses: dict[str, float]  # weighted
    grad_norm: float  # before clipping
    stop: bool  # one of them was asked to

    @property
    def loss(self) -> float:
        return sum(self.losses.values())


class Training:
    """`lesson` on the devices that Accelerate gives it, for `steps` updates; a `start` is what it goes on with."""

    def __init__(
        self,
        accelerator: Accelerator,
        lesson: Lesson,
        settings: TrainConfig,
        steps: int,
        warmup: int,
        start: Start[Any] | None = None,
    ) -> None:
        self.accelerator, self.lesson, self.settings = accelerator, lesson, settings
        if start:
            start.into(lesson)
            lesson.train()  # a student of another run comes as it is judged, with its statistics at rest
        self.steps, self.warmup = steps, warmup
        optimizer = torch.optim.AdamW(schedule.groups(lesson, settings), lr=settings.lr)
        self.model, self.optimizer = accelerator.prepare(lesson, optimizer)
        self.zeros: list[tuple[nn.Parameter, Tensor]] = []
        self.average = Average(lesson.student, settings.ema_decay)
        if accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16":
            depthwise_in_full(lesson.student)
        if start:
            self._keep_zeros()
            if start.watcher:
                lesson.watch(start.watcher)

    @property
    def is_main(self) -> bool:
        return bool(self.accelerator.is_main_process)

    @property
    def rank(self) -> int:
        return int(self.accelerator.process_index)

    @property
    def world(self) -> int:
        return int(self.accelerator.num_processes)

    def update(self, batch: Any, step: int, stop: bool = False, about: Any = None) -> Told:
        """Takes the step number `step` (from 0), unless what it learns from the batch is not finite."""
        torch.manual_seed(seed_of(self.settings.seed, step, self.rank))
        batch = self._placed(batch)
        rate = schedule.share(step, self.steps, self.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate
        heard = () if about is None else (self._placed(about),)
        said = self.model(*batch.asked, *heard)
        losses = self.lesson.losses(said, batch) | self.lesson.watched(said, batch)
        self.optimizer.zero_grad()
        self.accelerator.backward(torch.stack(tuple(losses.values())).sum())
        norm = self.accelerator.clip_grad_norm_(self.lesson.parameters(), self.settings.clip_norm)
        told = self._together(losses, norm, stop)
        if self.healthy(told):
            self.optimizer.step()
            self._zero()
            self.average.update(self.lesson.student, step + 1)
        return told

    def _keep_zeros(self) -> None:
        """From now on, what is zero in a sparse student stays zero."""
        found = dict(self.lesson.student.named_parameters())
        self.zeros = [(found[name], mask) for name, mask in masks(self.lesson.student).items()]

    @torch.no_grad()
    def _zero(self) -> None:
        for weight, mask in self.zeros:
            weight.mul_(mask)

    def healthy(self, told: Told) -> bool:
        """Whether loss and gradient are finite; with fp16 a gradient may overflow until its scale has come down."""
        scaler = self.accelerator.scaler
        overflow = scaler is not None and scaler.get_scale() >= 1
        return math.isfinite(told.loss) and (math.isfinite(told.grad_norm) or overflow)

    def answers(self, split: Any, ask: Callable[..., Said]) -> Said:
        """What the averaged student says about a split, each process asking for its share of the images."""
        batch = max(self.settings.batch // self.world, 1)
        workers = self.settings.workers
        if self.world > 1:  # running statistics are each process's own; one student answers
            for buffer in self.average.student.buffers():
                broadcast(buffer)
        said = ask(self.average.student, split, batch, workers=workers, rank=self.rank, world=self.world)
        if self.world > 1:
            for column in said.columns().values():  # rows of others are 0
                share = torch.from_numpy(column.astype(np.float64)).to(self.accelerator.device)
                column[...] = self.accelerator.reduce(share, "sum").cpu().numpy().astype(column.dtype)
        return said

    def save(self, folder: Path, step: int, facts: Mapping[str, Any]) -> Path:
        """Writes the state after `step` updates."""
        parts = {"model": self.lesson.state_dict(), "average": self.average.student.state_dict()}
        tensors = {f"{part}/{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
        tensors |= {f"adam/{name}": value for name, value in checkpoint.moments(self._adam, self._names).items()}
        if bad := next((n for n, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()), None):
            raise TrainingStopped(
                f"{folder.parent}: step {step}: {bad} is not finite; nothing was saved. Lower train.lr and start again"
            )
        scaler = self.accelerator.scaler
        return checkpoint.save(folder, step, tensors, {**facts, "scaler": scaler.state_dict() if scaler else None})

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Goes back to a saved state."""
        self.lesson.load_state_dict(saved.part("model"))
        self.average.student.load_state_dict(saved.part("average"))
        checkpoint.put_moments(self._adam, self._names, saved.part("adam"))
        if self.accelerator.scaler is not None and saved.facts.get("scaler"):
            self.accelerator.scaler.load_state_dict(saved.facts["scaler"])

    @property
    def _adam(self) -> torch.optim.Optimizer:
        return self.optimizer.optimizer  # type: ignore[no-any-return]

    @property
    def _names(self) -> dict[Tensor, str]:
        return {parameter: name for name, parameter in self.lesson.named_parameters()}

    def _placed(self, batch: Any) -> Any:
        parts = batch._asdict().items()
        moved = {name: self._there(value) for name, value in parts if isinstance(value, Tensor)}
        inner = {name: self._placed(value) for name, value in parts if hasattr(value, "_asdict")}
        return batch._replace(**moved, **inner)

    def _there(self, value: Tensor) -> Tensor:
        return value.to(self.accelerator.device, non_blocking=True)

    def _together(self, losses: Mapping[str, Tensor], norm: Tensor, stop: bool) -> Told:
        mine = torch.stack([*(loss.detach().float() for loss in losses.values()), norm.new_tensor(float(stop))])
        *means, asked = self.accelerator.reduce(mine, "mean").tolist()
        return Told(dict(zip(losses, means)), float(norm), asked > 0)


def depthwise_in_full(network: nn.Module) -> None:
    """Keeps depthwise convolutions in float32 under autocast: in bfloat16 a CPU takes 4 to 15 times as long."""
    for conv in network.modules():
        if isinstance(conv, nn.Conv2d) and conv.groups > 1:
            conv.forward = partial(_in_full, conv)  # type: ignore[method-assign]


def _in_full(conv: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return nn.Conv2d.forward(conv, x.float())


def open_accelerator(settings: TrainConfig) -> Accelerator:
    """Accelerate, in the precision that the settings ask for."""
    on_gpu = processes().device.type == "cuda"
    if settings.amp == "fp16" and not on_gpu:
        raise InputError('train.amp must be "auto", "no" or "bf16" on a CPU, got "fp16"')
    fast = "bf16" if on_gpu and torch.cuda.is_bf16_supported() else "fp16" if on_gpu else "no"  # on CPUs only if asked
    AcceleratorState._reset_state()  # a second training in this process may want another precision
    return Accelerator(
        mixed_precision=fast if settings.amp == "auto" else settings.amp,
        # a backbone may hold weights that the two strides never touch; which ones is the same in every step
        kwargs_handlers=[DistributedDataParallelKwargs(static_graph=True)],
    )


def share_of(settings: TrainConfig, world: int) -> int:
    """How many images of a batch each of `world` processes takes."""
    if settings.batch % world:
        raise InputError(f"train.batch must be a multiple of the {world} processes, got {settings.batch}")
    return settings.batch // world


def seed_of(seed: int, step: int, rank: int) -> int:
    """The seed of all that is random in one step of one process."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
