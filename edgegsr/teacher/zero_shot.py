"""What a teacher knows without being taught: the verbs of a split by their nearest texts, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
from edgegsr.files import write_whole
from edgegsr.progress import track
from edgegsr.scoring.brief import harmonic
from edgegsr.scoring.predictions import RANKS
from edgegsr.student.cost import TIMED, latency_ms
from edgegsr.student.evaluate import candidate_verbs
from edgegsr.teacher.shards import key_of
from edgegsr.teacher.sight import Teacher
from edgegsr.text import TextTables
from edgegsr.text.embed import embed
from edgegsr.text.encoders import same_encoder

FILE = "zero_shot.json"


class Exam(NamedTuple):
    """What a teacher is judged by: annotated images, the groups of their verbs, and words if they are embedded."""

    split: Split
    groups: Groups
    tables: TextTables | None = None


def examined(teacher: Teacher, exam: Exam, folder: Path) -> dict[str, Any]:
    """The zero-shot scores of a teacher, which `folder` remembers."""
    truth = exam.split.annotations
    shown = [f"{image} {verb}" for image, verb in zip(truth.images, truth.verbs.tolist())]
    key = key_of("zero-shot", teacher.revision, teacher.preprocessing, *map(str, exam.groups), *shown).hex()
    if (there := kept(folder)).get("key") != key:
        there = {"key": key, "split": exam.split.name, "images": len(exam.split)}
        there |= zero_shot(teacher, exam.split, exam.groups, exam.tables)
        write_whole(folder / FILE, json.dumps(there, indent=1))
    return there


def kept(folder: Path) -> dict[str, Any]:
    """What is remembered; nothing is lost with it but time."""
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def zero_shot(
    teacher: Teacher,
    split: Split,
    groups: Groups,
    tables: TextTables | None,
    batch: int = 32,
    candidates: str = "generalised",
) -> dict[str, Any]:
    """Verb top-1 and top-5 by group, a mean over verbs, beside what one image costs; this alone without texts."""
    cost = {"gflops": _gflops(teacher, split), "latency_ms": _latency_ms(teacher, split)}
    if teacher.text_encoder is None:
        return cost
    if tables is None or not same_encoder(teacher.text_encoder, tables.encoder):
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
    """Preprocessing included."""
    images = (split.pixels(i) for i in range(min(TIMED, len(split))))
    return latency_ms(lambda image: teacher.see([image], [False]).tokens.cpu(), images)
