"""What a teacher knows without being taught: the verbs of a split by their nearest texts, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.errors import InputError
from edgegsr.progress import track
from edgegsr.scoring.predictions import RANKS
from edgegsr.student.evaluate import candidate_verbs, harmonic
from edgegsr.teacher.sight import Teacher
from edgegsr.text import TextTables
from edgegsr.text.embed import embed
from edgegsr.text.encoders import same_encoder

TIMED = 12  # images, one by one


def zero_shot(
    teacher: Teacher,
    split: Split,
    groups: Groups,
    tables: TextTables,
    batch: int = 32,
    candidates: str = "generalised",
) -> dict[str, Any]:
    """Verb top-1 and top-5 by group, a mean over verbs, beside what one image costs; this alone without texts."""
    cost = {"gflops": _gflops(teacher, split), "latency_ms": _latency_ms(teacher, split)}
    if teacher.text_encoder is None:
        return cost
    if not same_encoder(teacher.text_encoder, tables.encoder):
        tables = embed(split.annotations.ontology, teacher.text_encoder)
    allowed = candidate_verbs(split.annotations, groups._asdict(), candidates)
    ranks = torch.cat(list(_ranks(teacher, split, tables.verbs, allowed, batch))).numpy()
    return {**cost, "candidates": candidates, **_scores(ranks, split.annotations, groups)}


def _scores(ranks: npt.NDArray[np.int64], truth: Annotations, groups: Groups) -> dict[str, Any]:
    found = {}
    for group, verbs in {**groups._asdict(), "all": truth.ontology.verbs}.items():
        rows = [truth.verbs == truth.ontology.verb_index[verb] for verb in verbs]
        shown = [ranks[row] for row in rows if row.any()]
        if shown:
            best, five = (float(np.mean([(rank < n).mean() for rank in shown])) for n in (1, RANKS))
            found[group] = {"verb_top1": best, "verb_top5": five}
    if not {"seen", "unseen"} <= found.keys():
        return {"groups": found}
    return {"groups": found, "harmonic": {n: harmonic(found["seen"][n], found["unseen"][n]) for n in found["seen"]}}


def _ranks(
    teacher: Teacher, split: Split, verbs: Tensor, allowed: npt.NDArray[np.bool_] | None, batch: int
) -> Iterator[Tensor]:
    """How many verbs come before the true one, image by image; of equally near ones the first in the table."""
    truth = torch.from_numpy(split.annotations.verbs).long()
    starts = range(0, len(split), batch)
    for start in track(starts, f"{teacher.name} looks at {split.name}"):
        rows = slice(start, min(start + batch, len(split)))
        images = [split.pixels(i) for i in range(rows.start, rows.stop)]
        near = teacher.to_text(teacher.see(images, [False] * len(images)).tokens[:, 0]).float().cpu() @ verbs.T
        if not near.isfinite().all():  # a NaN is farther from nothing, and would be right every time
            raise InputError(f"{teacher.name}: wanted finite tokens, got others in {split.name!r}; take another")
        if allowed is not None:
            near = near.masked_fill(~torch.from_numpy(allowed[rows]), -torch.inf)
        yield (torch.argsort(near, dim=1, descending=True, stable=True) == truth[rows, None]).int().argmax(1)


def _gflops(teacher: Teacher, split: Split) -> float:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:  # fused attention counts as nothing
        teacher.see([split.pixels(0)], [False])
    return float(counter.get_total_flops()) / 1e9


def _latency_ms(teacher: Teacher, split: Split) -> float:
    """The median of single images, preprocessing included; each was seen before, so that nothing is first measured."""
    times = []
    for i in range(min(TIMED, len(split))):
        image = split.pixels(i)
        teacher.see([image], [False])
        started = time.perf_counter()
        teacher.see([image], [False])[0].cpu()
        times.append(1000 * (time.perf_counter() - started))
    return round(float(median(times)), 3)
