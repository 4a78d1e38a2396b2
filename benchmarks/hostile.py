"""Thousands of mutated photos and bundles: each is looked at or refused in one line, and nothing else ever happens.

    python benchmarks/hostile.py --bundle BUNDLE --worded BUNDLE --seed 0 --out benchmarks/results/hostile.json

Each case runs in a process of its own making that has to answer in time, so that a crash and a hang are seen. A finding
has the seed and the number of its case: `--only photos:17` runs that one again. Exits with 3 where there are findings.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from harm_bundles import harmed_bundle
from harm_photos import PHOTOS, harmed_photo
from result import publish

from edgegsr.bundle import TEXT_GRAPH
from edgegsr.errors import InputError
from edgegsr.progress import track
from edgegsr.runtime import SituationRecognizer

MOST_BYTES = 4 << 30  # of addresses that a process may ask for
LONGEST = 1500  # letters of an error
FINE = ("read", "refused")

Case = tuple[str, Callable[[], str]]  # what was done, and what tells how it goes
Cases = Callable[[Path, int, int], Case]  # by a folder, a seed and a number
Maker = Callable[[Path, str], Cases]  # for a whole bundle and an engine


def judged(look: Callable[[], Any], names: str) -> str:
    """read, refused, or what is wrong with how it went."""
    try:
        recognizer, situation = look()
        situation.check(recognizer.ontology)
    except InputError as error:
        said = str(error)
        if not said.isprintable() or len(said) > LONGEST or names not in said:
            return f"an error that is not one short line about {names}: {said[:LONGEST]!r}"
        return "refused"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:LONGEST]}"
    return "read"


def photo_cases(bundle: Path, engine: str) -> Cases:
    """Every second photo as bytes, the others as files."""
    recognizer = SituationRecognizer(bundle, engine, threads=1)

    def case(folder: Path, seed: int, number: int) -> Case:
        what, content = harmed_photo(seed, number)
        path = folder / "photo"
        path.write_bytes(content)
        photo, name = (content, "the photo's bytes") if number % 2 else (path, str(path))
        return what, lambda: judged(lambda: (recognizer, recognizer.predict(photo)), f"{name}: ")

    return case


def bundle_cases(bundle: Path, engine: str) -> Cases:
    def case(folder: Path, seed: int, number: int) -> Case:
        where = folder / "bundle"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()

        def look() -> Any:
            recognizer = SituationRecognizer(where, engine, threads=1)
            if TEXT_GRAPH in recognizer.bundle.words:
                recognizer.set_vocabulary(nouns=["ball", "park"])
            if recognizer.bundle.ask:
                recognizer.look(PHOTOS["jpeg"]).ask(recognizer.ontology.verbs[-1])
            return recognizer, recognizer.predict(PHOTOS["jpeg"])

        return harmed_bundle(bundle, where, seed, number), lambda: judged(look, str(where))

    return case


KINDS = {"photos": photo_cases, "bundles": bundle_cases, "worded": bundle_cases}


def serve(make: Maker, bundle: Path, engine: str, seed: int, folder: Path, line: Any) -> None:
    """In a process of its own: says of each number what was done, and then how it went."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    screen = folder / "screen"
    file = os.open(screen, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1), os.dup2(file, 2)
    case = make(bundle, engine)
    line.send(None)
    while (number := line.recv()) is not None:
        what, look = case(folder, seed, number)
        line.send(what)
        os.truncate(screen, 0)
        began = time.perf_counter()
        how = look()
        if how in FINE and (written := screen.read_bytes()):
            how = f"{how}, but wrote {written[:LONGEST]!r}"
        line.send((how, time.perf_counter() - began))


def cases(
    make: Maker, numbers: Iterable[int], bundle: Path, engine: str, seed: int, deadline: float
) -> Iterator[tuple[int, str, str, float]]:
    """Number, what was done, how it went, seconds; after a crash or a hang a new process goes on."""
    context, process, line = get_context("spawn"), None, None
    with tempfile.TemporaryDirectory() as place:
        for number in numbers:
            if process is None:
                folder = Path(tempfile.mkdtemp(dir=place))
                line, theirs = context.Pipe()
                process = context.Process(target=serve, args=(make, bundle, engine, seed, folder, theirs), daemon=True)
                process.start()
                theirs.close()
                line.recv()
            line.send(number)
            what = line.recv()
            try:
                how, seconds = line.recv() if line.poll(deadline) else (f"hangs for {deadline:g} s", deadline)
            except EOFError:
                process.join()
                how, seconds = f"crashes with exit code {process.exitcode}", 0.0
            if how.startswith(("hangs", "crashes")):
                process.kill()
                process = None
            yield number, what, how, seconds
        if process is not None:
            line.send(None)
            process.join()


def run(
    bundle: Path,
    counts: dict[str, Iterable[int]],
    seed: int,
    engine: str = "onnxruntime",
    deadline: float = 20,
    worded: Path | None = None,
) -> dict[str, Any]:
    """What came of the cases of each kind, and every one that went wrong; `worded` has words as inputs."""
    result: dict[str, Any] = {"benchmark": "hostile", "seed": seed, "engine": engine, "findings": []}
    for kind, numbers in counts.items():
        hows, slowest = Counter[str](), 0.0
        whole = worded if kind == "worded" and worded else bundle
        for number, what, how, seconds in track(
            cases(KINDS[kind], numbers, whole, engine, seed, deadline), kind, len(list(numbers))
        ):
            hows[how if how in FINE else "wrong"] += 1
            slowest = max(slowest, seconds)
            if how not in FINE:
                result["findings"].append({"kind": kind, "number": number, "what": what, "how": how})
        result[kind] = {**hows, "slowest_s": round(slowest, 2)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="a small one: it is written anew for each case")
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--bundles", type=int, default=3_000)
    parser.add_argument("--worded", type=Path, help="one whose words are inputs, mutated as well")
    parser.add_argument("--worded-bundles", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--deadline", type=float, default=20, help="seconds for a case")
    parser.add_argument("--only", help="KIND:NUMBER, such as bundles:17")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    counts: dict[str, Iterable[int]] = {"photos": range(given.photos), "bundles": range(given.bundles)}
    if given.worded:
        counts["worded"] = range(given.worded_bundles)
    if given.only:
        kind, number = given.only.split(":")
        counts = {kind: [int(number)]}
    result = run(given.bundle, counts, given.seed, given.engine, given.deadline, given.worded)
    publish(result, given.out)
    sys.exit(3 if result["findings"] else 0)


if __name__ == "__main__":
    main()
