"""`edgegsr compress --ptq` of a student of pairs: its scales are found on photos, and dev says what that costs.

Nothing is cut and nothing is trained.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from edgegsr.both_run import BothRun
from edgegsr.compress.compress import settle
from edgegsr.compress.config import Wishes
from edgegsr.compress.quantize import calibration_photos, refuse_quantized
from edgegsr.compress.rounded import rounded_run
from edgegsr.compress.school import PairSchool, School
from edgegsr.distill.pairs.train import facts_of_pairs
from edgegsr.errors import require
from edgegsr.pair_run import PairRun
from edgegsr.run import TABLES, WEIGHTS


def compress_pairs(run: PairRun, out: Path, wishes: Wishes, school: PairSchool, threads: int) -> PairRun:
    """The run in 8 bits in `out`, with a report of what that costs. The same call leaves a finished run alone."""
    check(run, wishes, school)
    settle(out, asked_of_pairs(run, wishes, school, threads))
    photos = partial(calibration_photos, school.learn, run.student.config.side, wishes.quantize)
    return rounded_run(run, out, photos, wishes, school, threads)


def check(run: PairRun | BothRun, wishes: Wishes, *schools: School | PairSchool) -> None:
    """Refuses what cannot be done to a run with pairs in it."""
    refuse_quantized(run)
    require(not wishes.trained, f"{run.folder}: is a run of pairs, which is not cut or trained on; give --ptq alone")
    for school in schools:
        require(len(school.learn) > 0, f"--ptq: wanted photos to calibrate on, got 0 in {school.learn.name}")


def asked_of_pairs(run: PairRun, wishes: Wishes, school: PairSchool, threads: int) -> dict[str, Any]:
    """What decides what comes out."""
    setting = run.config.get("pairs", {})
    weights = hashlib.sha256((run.folder / WEIGHTS).read_bytes() + (run.folder / TABLES).read_bytes()).hexdigest()
    of = (setting.get("unseen", ""), setting.get("rule", ""), weights)
    decided, data = facts_of_pairs(school.learn, school.judge, *of, None)
    return {**decided, "data": data, **wishes.table(), "threads": threads}
