"""A run in 8 bits by what photos make of it, and dev says what that costs: nothing is cut and nothing is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from edgegsr.compress.calibrate import calibrated
from edgegsr.compress.config import Wishes
from edgegsr.compress.figures import Figures
from edgegsr.compress.report import report
from edgegsr.compress.school import Schooling
from edgegsr.compress.steps import AnyRun, Made, made
from edgegsr.files import write_whole
from edgegsr.run import REPORT


def rounded_run(
    run: AnyRun,
    out: Path,
    photos: Callable[[], Sequence[Tensor]],
    wishes: Wishes,
    school: Schooling[AnyRun],
    threads: int,
    more: Sequence[Schooling[Any]] = (),
) -> AnyRun:
    """The run in `out`, with its report; a finished one is left alone. `more` are schools that gave photos as well."""
    figures = Figures(out, school.score, threads)
    figures.add("as it came", run)

    def rounded() -> Made:
        return calibrated(copy.deepcopy(run.student).fold(), photos()), {}

    done = made(out, run, rounded, packed=True)
    figures.add("INT8, as kept", done)
    write_whole(out / REPORT, report(done, figures.steps, wishes, school, threads, more=more))
    return done
