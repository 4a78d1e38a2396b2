"""`edgegsr compress --ptq` of both heads on one trunk: two runs in 8 bits whose trunk is rounded alike.

Both halves are calibrated on the same photos, of situations and of pairs, so their encoders find the same scales.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from torch import Tensor

from edgegsr.both_run import BothRun, open_both_run
from edgegsr.bundle import PAIRS, SITUATIONS
from edgegsr.compress.compress import asked_of, settle
from edgegsr.compress.config import Wishes
from edgegsr.compress.quantize import calibration_photos, check_calibration, refuse_quantized
from edgegsr.compress.rounded import rounded_run
from edgegsr.compress.school import PairSchool, School
from edgegsr.errors import require


def compress_both(
    run: BothRun, out: Path, wishes: Wishes, situations: School, pairs: PairSchool, threads: int
) -> BothRun:
    """Both runs in 8 bits in `out`, each with a report. The same call leaves finished ones alone."""
    refuse_quantized(run)
    require(not wishes.trained, f"{run.folder}: is a run of both heads, which is not cut or trained on; give --ptq")
    check_calibration(situations, pairs)
    asked = {
        SITUATIONS: asked_of(run.situations, wishes, situations, threads),
        PAIRS: asked_of(run.pairs, wishes, pairs, threads),
    }
    for half, other in ((SITUATIONS, PAIRS), (PAIRS, SITUATIONS)):
        settle(out / half, {**asked[half], "beside": asked[other]["data"]})

    @cache
    def photos() -> tuple[Tensor, ...]:
        side = run.student.config.side
        return tuple(x for of in (situations, pairs) for x in calibration_photos(of.learn, side, wishes.quantize))

    done = rounded_run(run.situations, out / SITUATIONS, photos, wishes, situations, threads, [pairs])
    situations.finish(done)
    rounded_run(run.pairs, out / PAIRS, photos, wishes, pairs, threads, [situations])
    return open_both_run(out)
