"""A student in torch as a subject of `edgegsr bench`: `python -m edgegsr.student.subject`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgegsr.bench.subject import Predictor, serve


def _student() -> Callable[[Mapping[str, Any]], Predictor]:
    import torch

    from edgegsr.interactions import KINDS_FILE
    from edgegsr.pair_run import open_pair_run
    from edgegsr.run import open_run
    from edgegsr.student.pair_predictor import EagerPairPredictor
    from edgegsr.student.predictor import EagerPredictor

    def opened(told: Mapping[str, Any]) -> Predictor:
        if told.get("threads"):
            torch.set_num_threads(told["threads"])
        place = Path(told["place"])
        if (place / KINDS_FILE).is_file():
            return EagerPairPredictor(open_pair_run(place))
        return EagerPredictor(open_run(place))

    return opened


if __name__ == "__main__":
    serve(_student)
