"""What a teacher knows without being taught: the verbs of a split by their nearest texts, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.progress import track
from edgegsr.scoring.predictions import RANKS
from edgegsr.teacher.sight import Teacher
from edgegsr.text import TextTables
from edgegsr.text.embed import embed

TIMED = 12  # images, one by one


def zero_shot(teacher: Teacher, split: Split, groups: Groups, tables: TextTables, batch: int = 32) -> dict[str, Any]:
    """Verb top-1 and top-5 by group, a mean over verbs, beside what one image costs; this alone without texts."""
    cost = {"gflops": _gflops(teacher, split), "latency_ms": _latency_ms(teacher, split)}
    if teacher.text_encoder is None:
        return cost
    if teacher.text_encoder != tables.encoder:
        tables = embed(split.annotations.ontology, teacher.text_encoder)
    ranks = torch.cat(list(_ranks(teacher, split, tables.verbs, batch))).numpy()
    by_group = {}
    for group, verbs in groups._asdict().items():
        rows = [split.annotations.verbs == split.annotations.ontology.verb_index[verb] for verb in verbs]
        shown = [ranks[row] for row in rows if row.any()]
        if shown:
            best, five = (float(np.mean([(rank < n).mean() for rank in shown])) for n in (1, RANKS))
            by_group[group] = {"verb_top1": best, "verb_top5": five}
    return {**cost, "groups": by_group}


def _ranks(teacher: Teacher, split: Split, verbs: Tensor, batch: int) -> Iterator[Tensor]:
    """How many verbs are nearer than the true one, image by image."""
    truth = torch.from_numpy(split.annotations.verbs).long()
    starts = range(0, len(split), batch)
    for start in track(starts, f"{teacher.name} looks at {split.name}"):
        rows = range(start, min(start + batch, len(split)))
        tokens = teacher.see([split.pixels(i) for i in rows], [False] * len(rows)).tokens
        near = teacher.to_text(tokens[:, 0]).cpu() @ verbs.T
        yield (near > near.gather(1, truth[rows.start : rows.stop, None])).sum(1)


def _gflops(teacher: Teacher, split: Split) -> float:
    with FlopCounterMode(display=False) as counter:
        teacher.see([split.pixels(0)], [False])
    return round(float(counter.get_total_flops()) / 1e9, 3)


def _latency_ms(teacher: Teacher, split: Split) -> float:
    """The median of single images, preprocessing included, after a warm-up."""
    times = []
    for i in range(min(TIMED, len(split))):
        image = split.pixels(i)
        started = time.perf_counter()
        teacher.see([image], [False])
        times.append(1000 * (time.perf_counter() - started))
    return round(float(median(times[len(times) // 4 :])), 2)
