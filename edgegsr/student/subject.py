"""A student in torch as a subject of `edgegsr bench`: `python -m edgegsr.student.subject`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgegsr.bench.subject import Predictor, serve


def _student() -> Callable[[Mapping[str, Any]], Predictor]:
    import torch

    from edgegsr.run import open_run
    from edgegsr.student.predictor import EagerPredictor

    def opened(told: Mapping[str, Any]) -> Predictor:
        if told.get("threads"):
            torch.set_num_threads(told["threads"])
        return EagerPredictor(open_run(Path(told["place"])))

    return opened


if __name__ == "__main__":
    serve(_student)
