"""The steps of a training, whatever it teaches: update, tell, judge, keep the state, stop when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgegsr.data.loader import epoch_batches
from edgegsr.distill import checkpoint
from edgegsr.distill.config import TrainConfig
from edgegsr.distill.identity import fingerprint
from edgegsr.distill.journal import Journal
from edgegsr.distill.stop import StopSign
from edgegsr.distill.tally import Tally
from edgegsr.distill.training import Told, Training
from edgegsr.errors import InputError, TrainingStopped
from edgegsr.run import CONFIG, STATE

NAMED = 16  # images in a message


class Turn(NamedTuple):
    """One step of this process: epoch and step from 0."""

    epoch: int
    step: int
    batch: Any  # what is shown, and what is true of it
    about: Any = None  # what a teacher says of it


class Syllabus(NamedTuple):
    """What a training goes through and how it is judged."""

    images: Sequence[Sequence[str]]  # that it learns from, by kind of data, to name those of a step that fails
    per_epoch: int  # steps
    from_step: Callable[[int], Iterator[Turn]]
    judge: Callable[[], Mapping[str, Any]]  # the scores of the averaged student on dev
    spoken: Callable[[Mapping[str, Any]], str]  # the same as a line


def go(
    out: Path,
    training: Training,
    syllabus: Syllabus,
    description: str,
    saved: checkpoint.Checkpoint | None,
    journal: Journal,
    sign: StopSign,
    on_step: Callable[[int], None] | None = None,
) -> None:
    """Takes every step that is left; at the end of each the folder holds what the next one needs."""
    settings, steps, done = training.settings, training.steps, saved.step if saved else 0
    if saved:
        journal.say(f"{out}: going on from step {done} of {steps}")
    tally, tick = Tally(saved.facts["tally"] if saved else None), time.monotonic()
    for epoch, step, batch, about in syllabus.from_step(done):
        told = training.update(batch, step, sign.raised, about)
        if not training.healthy(told):
            raise _poisoned(told, syllabus.images, settings, out, step, training.world, journal)
        now, done = time.monotonic(), step + 1
        images = settings.batch * len(syllabus.images)  # as many of each split
        tally.add({**told.losses, "loss": told.loss, "grad_norm": told.grad_norm}, images, now - tick)
        journal.show(done, f"epoch {epoch + 1}/{settings.epochs}", tally)
        if done % settings.log_every == 0 or done == steps:
            lr = training.optimizer.param_groups[0]["lr"]
            journal.write("train", done, {"epoch": done / syllabus.per_epoch, "lr": lr, **tally.summary()})
            tally = Tally()
        judged = done % syllabus.per_epoch == 0 and ((epoch + 1) % settings.eval_every == 0 or done == steps)
        if judged:
            scores = syllabus.judge()
            journal.write("dev", done, {"epoch": epoch + 1, **scores})
            journal.say(f"epoch {epoch + 1}/{settings.epochs}, dev % · {syllabus.spoken(scores)}")
        if training.is_main and (judged or told.stop or done % settings.checkpoint_every == 0):
            training.save(out / STATE, done, {"fingerprint": fingerprint(description), "tally": tally.to_json()})
        if on_step:
            on_step(done)
        if told.stop and done < steps:
            raise TrainingStopped(f"{out}: stopped after step {done} of {steps}; the same command goes on from there")
        tick = time.monotonic()


def check_state(saved: checkpoint.Checkpoint, description: str) -> None:
    """Refuses the state of another training."""
    if saved.facts["fingerprint"] != fingerprint(description):
        raise InputError(f"{saved.path}: is of another training than {CONFIG} beside it; give another --out")


def _poisoned(
    told: Told,
    every: Sequence[Sequence[str]],
    settings: TrainConfig,
    out: Path,
    step: int,
    world: int,
    journal: Journal,
) -> TrainingStopped:
    """Says which step, what was not finite, which images were looked at, and from where it can go on."""
    images = [name for names in every for name in _shown(names, settings, step, world)]
    journal.write("stopped", step + 1, {"images": images})
    found = ", ".join(f"{name} {value:.3g}" for name, value in {**told.losses, "gradient": told.grad_norm}.items())
    more = f" and {len(images) - NAMED} more (see metrics.jsonl)" if len(images) > NAMED else ""
    last = next(reversed(checkpoint.states(out / STATE)), None)
    return TrainingStopped(
        f"{out}: step {step + 1} is not finite ({found}); its images: {', '.join(images[:NAMED])}{more}. "
        f"Last good state: {last.name if last else 'none'}. Look at the images, or take a lower train.lr elsewhere"
    )


def _shown(names: Sequence[str], settings: TrainConfig, step: int, world: int) -> list[str]:
    """The images that all processes together look at in a step."""
    (epoch, place), share = divmod(step, -(-len(names) // settings.batch)), settings.batch // world
    parts = [epoch_batches(len(names), share, settings.seed, epoch, rank, world)[place] for rank in range(world)]
    return [names[row] for rows in parts for row in rows.tolist()]
