"""`edgegsr compress --ptq` of a student of pairs: its scales are found on photos, and dev says what that costs.

Nothing is cut and nothing is trained.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.compress import settle
from edgegsr.compress.config import Wishes
from edgegsr.compress.figures import Figures
from edgegsr.compress.quantize import calibration_photos, refuse_quantized
from edgegsr.compress.report import report
from edgegsr.compress.school import PairSchool
from edgegsr.compress.steps import Made, made
from edgegsr.distill.pairs.train import facts_of_pairs
from edgegsr.errors import require
from edgegsr.files import write_whole
from edgegsr.pair_run import PairRun
from edgegsr.run import REPORT, TABLES, WEIGHTS


def compress_pairs(run: PairRun, out: Path, wishes: Wishes, school: PairSchool, threads: int) -> PairRun:
    """The run in 8 bits in `out`, with a report of what that costs. The same call leaves a finished run alone."""
    refuse_quantized(run)
    require(not wishes.trained, f"{run.folder}: is a run of pairs, which is not cut or trained on; give --ptq alone")
    require(len(school.learn) > 0, f"--ptq: wanted photos to calibrate on, got 0 in {school.learn.name}")
    settle(out, _asked(run, wishes, school, threads))
    figures = Figures(out, school.score, threads)
    figures.add("as it came", run)

    def rounded() -> Made:
        student = copy.deepcopy(run.student).fold()
        photos = calibration_photos(school.learn, student.config.side, wishes.quantize)
        return calibrated(student, photos), {}

    done = made(out, run, rounded, packed=True)
    figures.add("INT8, as kept", done)
    write_whole(out / REPORT, report(done, figures.steps, wishes, school, threads))
    return done


def _asked(run: PairRun, wishes: Wishes, school: PairSchool, threads: int) -> dict[str, Any]:
    """What decides what comes out."""
    setting = run.config.get("pairs", {})
    weights = hashlib.sha256((run.folder / WEIGHTS).read_bytes() + (run.folder / TABLES).read_bytes()).hexdigest()
    of = (setting.get("unseen", ""), setting.get("rule", ""), weights)
    decided, data = facts_of_pairs(school.learn, school.judge, *of, None)
    return {**decided, "data": data, **wishes.table(), "threads": threads}
