"""What is measured, in a process of its own, so that idle threads of one engine take no cores of another.

    echo '{"place": "BUNDLE", "engine": "openvino", "photos": ["a.jpg"]}' | python -m edgegsr.bench.subject

The first line says what is opened; it looks at the first photo, and then answers every line of JSON with another.
Photos come from memory: what a disk takes is not measured. Runs on a board: numpy, pillow and one engine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from edgegsr.errors import InputError
from edgegsr.situation import Situation

BEGAN = time.monotonic()
WHOLE = ("predict",)  # the only step of a predictor that does not tell its own
PACKAGES = ("edgegsr", "numpy", "onnxruntime", "openvino", "tensorrt", "torch")
RANKS = 5
NO_VERB = ""  # of who asks for interactions

Reply = dict[str, Any]


class Predictor(Protocol):
    """Anything that looks at a photo; one with `predict_in_steps` tells what its time goes to."""

    def predict(self, photo: bytes) -> object: ...


class Served:
    """Predictors of one kind that are asked by lines; of several, each looks at one photo while the others do."""

    def __init__(self, predictors: Sequence[Any], photos: Sequence[str], steps: Sequence[str]) -> None:
        self.predictors, self.predictor, self.photos, self.steps = predictors, predictors[0], photos, steps
        self.content = cache(lambda row: Path(photos[row]).read_bytes())
        self.askers = ThreadPoolExecutor(len(predictors))

    def ask(self, queries: Sequence[Sequence[int]]) -> Reply:
        """The seconds of the steps of each query."""
        for row in {row for query in queries for row in query}:
            self.content(row)
        look = self._one_by_one if len(self.predictors) == 1 else self._at_once
        return {"took": [look(query) for query in queries]}

    def _one_by_one(self, query: Sequence[int]) -> list[float]:
        return [sum(parts) for parts in zip(*(self._look(self.predictor, row) for row in query))]

    def _at_once(self, query: Sequence[int]) -> list[float]:
        """What all photos took together, split among the steps as the askers have spent their time."""
        left, began = iter(query), time.perf_counter()  # who is done takes the next

        def asked(predictor: Any) -> list[list[float]]:
            return [self._look(predictor, row) for row in left]

        parts = [steps for each in self.askers.map(asked, self.predictors) for steps in each]
        took, spent = time.perf_counter() - began, [sum(step) for step in zip(*parts)]
        return [took * step / sum(spent) for step in spent]

    def _look(self, predictor: Any, row: int) -> list[float]:
        return self._in_steps(predictor, row) if self.steps != WHOLE else self._whole(predictor, row)

    def say(self, asked: Sequence[tuple[str, str | None]]) -> Reply:
        """What is said of photos, as `edgegsr score` reads it: frames of the best verb, and of one that is named.

        Or every interaction, where `NO_VERB` is named.
        """
        return {"said": [self._line(Path(photo), verb) for photo, verb in asked]}

    def loadgen(self, scenario: str, pace: str) -> Reply:
        """What MLPerf's LoadGen says when it asks."""
        from edgegsr.bench import loadgen

        look = partial(self._whole, self.predictor)
        return {"loadgen": loadgen.ask(look, len(self.photos), scenario, pace)}

    def peak(self) -> Reply:
        """The most memory that was ever resident, in this process: what getrusage says begins with the parent's."""
        told = Path("/proc/self/status")
        if told.is_file():
            peak = next(line for line in told.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
            return {"peak_bytes": 1024 * int(peak.split()[1])}
        import resource

        return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}  # bytes on a Mac

    def _whole(self, predictor: Any, row: int) -> list[float]:
        content, before = self.content(row), time.perf_counter()
        predictor.predict(content)
        return [time.perf_counter() - before]

    def _in_steps(self, predictor: Any, row: int) -> list[float]:
        content, took, before = self.content(row), [], time.perf_counter()
        for _ in predictor.predict_in_steps(content):
            now = time.perf_counter()
            took.append(now - before)
            before = now
        return took

    def _line(self, photo: Path, verb: str | None) -> Reply:
        content = photo.read_bytes()
        if verb == NO_VERB:
            said = self.predictor.predict(content, sure=0)
            every = getattr(said, "interactions", said)  # of a predictor with both heads
            return {"image": photo.name, "pairs": [each.predicted for each in every]}
        best = self._situation(content)
        frames = {best.verb: _frame(best)} if best.fillers else {}
        if verb is not None and verb not in frames and best.fillers:
            frames[verb] = _frame(self._situation(content, verb))
        return {"image": photo.name, "verbs": [each for each, _ in best.verbs[:RANKS]], "frames": frames}

    def _situation(self, content: bytes, verb: str | None = None) -> Situation:
        said = self.predictor.predict(content, *[verb] * (verb is not None))
        situation: Situation = getattr(said, "situation", said)  # of a predictor with both heads
        return situation


def serve(imported: Callable[[], Callable[[Mapping[str, Any]], Predictor]]) -> None:
    """Answers the lines of standard input until there are no more; what `imported` gives opens what the first says."""
    marks, lines = [BEGAN], os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        told = json.loads(sys.stdin.readline())
        if cpus := told.get("cpus"):
            os.sched_setaffinity(0, cpus)
            told["threads"] = told.get("threads") or len(cpus)  # engines that choose may choose all CPUs
        opened = imported()
        marks.append(time.monotonic())
        predictor = opened(told)
        marks.append(time.monotonic())
        steps = tuple(getattr(predictor, "steps", WHOLE))
        first = Path(told["photos"][0]).read_bytes()
        predictor.predict(first)
        marks.append(time.monotonic())
        predictors = [predictor, *(opened(told) for _ in range(1, told.get("at_once", 1)))]
        for other in predictors[1:]:
            other.predict(first)
        _send(lines, {"ready": {"marks": marks, "steps": steps, "versions": dict(_versions())}})
        served = Served(predictors, told["photos"], steps)
        verbs: dict[str, Callable[..., Reply]] = {
            "ask": served.ask,
            "say": served.say,
            "loadgen": served.loadgen,
            "peak": served.peak,
        }
        for line in sys.stdin:
            verb, *given = json.loads(line)
            _send(lines, verbs[verb](*given))
    except InputError as error:
        _send(lines, {"error": str(error)})
    except (KeyboardInterrupt, BrokenPipeError):
        pass


def _frame(situation: Situation) -> Reply:
    return {
        role: {"noun": filler.noun, "box": None if filler.box_xyxy is None else list(filler.box_xyxy)}
        for role, filler in situation.fillers.items()
    }


def _send(lines: Any, reply: Reply) -> None:
    lines.write(json.dumps(reply) + "\n")
    lines.flush()


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", ".".join(map(str, sys.version_info[:3]))
    for package in PACKAGES:
        if module := sys.modules.get(package):  # what runs, which need not be what pip has installed
            yield package, str(getattr(module, "__version__", "unknown"))


def _bundle() -> Callable[[Mapping[str, Any]], Predictor]:
    from edgegsr.bundle import PAIRS, SITUATIONS, open_bundle
    from edgegsr.runtime import BothRecognizer, InteractionRecognizer, SituationRecognizer

    looks: dict[tuple[str, ...], Callable[..., Predictor]] = {
        (SITUATIONS,): SituationRecognizer,
        (PAIRS,): InteractionRecognizer,
        (SITUATIONS, PAIRS): BothRecognizer,
    }

    def opened(told: Mapping[str, Any]) -> Predictor:
        bundle = open_bundle(told["place"])
        return looks[bundle.heads](bundle, told.get("engine") or None, told.get("threads") or None)

    return opened


if __name__ == "__main__":
    serve(_bundle)
