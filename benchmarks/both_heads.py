"""How long one look takes that says situation, pairs, or both: bundles of one training, in turns on this CPU.

    python benchmarks/both_heads.py models/diorama-both --out benchmarks/results/both-heads.json

Each half is exported by itself and both together, for every target; in int8 what `edgegsr compress --ptq --max-drop 1`
makes of it.
How right they are is judged where they are made, not here: a few photos do. Every bundle has a process of its own, and
short blocks of all take turns; nothing else should run beside it.
`of_apart` is how long both take in shares of one after the other.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from blocks import in_turns, medians, percentiles, served
from result import publish

from edgegsr.both_run import BothRun, open_both_run
from edgegsr.bundle import PAIRS, SITUATIONS, open_bundle
from edgegsr.compress.compress import compress
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes
from edgegsr.compress.school import BothSchool, PairSchool, School
from edgegsr.data.pairs import open_pairs
from edgegsr.data.source import groups_of, open_data
from edgegsr.distill.config import TrainConfig
from edgegsr.export.export import export
from edgegsr.export.judge import Checks
from edgegsr.export.target import find_target
from edgegsr.runtime.session import BEST, open_session
from edgegsr.shipped import find_run

BOTH, FEW = "both", 64
TARGETS = ("onnx-fp32", "onnx-int8", "openvino-fp32", "openvino-bf16", "openvino-int8")


def rounded(run: BothRun, out: Path) -> BothRun:
    """The run in 8 bits."""
    words = run.situations.ontology
    learn, judge = open_data("diorama", "train", ontology=words), open_data("diorama", "dev", FEW, words)
    situations = School(learn, judge, groups_of("diorama", words), "none", None, TrainConfig())
    pairs = PairSchool(open_pairs("crowd", "train"), open_pairs("crowd", "dev", FEW), "none", None, TrainConfig())
    wishes = Wishes(PruneConfig(), QuantizeConfig(ptq=True, max_drop=1), find_target("onnx-int8"))
    return compress(run, out, wishes, BothSchool(situations, pairs), 1)


def exported(run: BothRun, target: str, out: Path, threads: int) -> dict[str, Any]:
    """Bundles of each half and of both, and what was found out about them."""
    words = run.situations.ontology
    photos, crowds = open_data("diorama", "dev", FEW, words), open_pairs("crowd", "dev", FEW)
    of_verbs = groups_of("diorama", words)
    halves = {
        SITUATIONS: (run.situations, Checks(photos, of_verbs, FEW, threads, True)),
        PAIRS: (run.pairs, Checks(crowds, None, FEW, threads, True)),
        BOTH: (run, Checks(photos, of_verbs, FEW, threads, True, crowds)),
    }
    return {name: export(of, out / name, find_target(target), checks) for name, (of, checks) in halves.items()}


def looking(folder: Path, threads: int) -> Callable[[], object]:
    """A bundle as one look at a photo, without the photo's own preparation."""
    bundle = open_bundle(folder)
    session = open_session(bundle, bundle.engine, threads)
    pixels = np.random.default_rng(0).integers(0, 256, (bundle.side, bundle.side, 3), np.uint8)
    return lambda: session(pixels, BEST)


def timed(folder: Path, names: list[str], threads: int, blocks: int, seconds: float) -> dict[str, Any]:
    """Each bundle, and both against one after the other."""
    with served({name: partial(looking, folder / name, threads) for name in names}) as lines:
        found = in_turns(lines, blocks, seconds)
    apart = medians(found[SITUATIONS]) + medians(found[PAIRS])
    share = float(np.median(medians(found[BOTH]) / apart))
    return {**{name: percentiles(found[name]) for name in names}, "of_apart": round(share, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="of both heads, in float32")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()

    run, targets = open_both_run(find_run(given.run)), {}
    with tempfile.TemporaryDirectory() as where:
        small = rounded(run, Path(where) / "int8") if any("int8" in name for name in given.targets) else run
        for name in given.targets:
            folder = Path(where) / name
            found = exported(small if "int8" in name else run, name, folder, given.threads)
            bytes_of = {half: told["graph_bytes"] for half, told in found.items()}
            took = timed(folder, list(found), given.threads, given.blocks, given.seconds)
            targets[name] = {**took, "graph_bytes": bytes_of}
    result = {"benchmark": "both_heads", "run": given.run.name, "batch": 1, "threads": given.threads}
    publish({**result, "blocks": given.blocks, "block_seconds": given.seconds, "targets": targets}, given.out)


if __name__ == "__main__":
    main()
