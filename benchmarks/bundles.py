"""The bundles of the student that ships beside it, its teacher and its boards: what `edgegsr bench` says of them.

    python benchmarks/compress.py --seeds 0 --runs runs/compress --out compress.json     # whole-0 and pruned-0
    edgegsr export diorama-nano --name nano --out runs/nano
    for each in whole "nano, INT8", pruned "pruned, INT8":
        edgegsr export runs/compress/WHICH-0 --target openvino-int8 --name NAME --allow-regression --out runs/WHICH-int8
    edgegsr bench runs/nano runs/whole-int8 diorama-nano runs/pruned-int8 --student diorama-nano --teacher diorama \
        --threads 2 --device jetson --out runs/family
    python benchmarks/bundles.py runs/family --out benchmarks/results/diorama-bench.json

    edgegsr bench runs/nano diorama-nano --threads 2 --no-accuracy --loadgen --out runs/loadgen
    python benchmarks/bundles.py runs/loadgen --out benchmarks/results/loadgen.json

Kept is what people compare: no single blocks, layers or photos.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from result import publish

from edgegsr.bench.compare import read_result

LONG = {"histogram", "blocks_p50_ms", "timeline", "verb_right", "bounds", "caveats", "before", "after", "machine"}


def brief(told: Any) -> Any:
    """The same without what is long."""
    if isinstance(told, dict):
        return {name: brief(value) for name, value in told.items() if name not in LONG}
    return [brief(each) for each in told] if isinstance(told, list) else told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path, help="the folder that `edgegsr bench` wrote")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish({"benchmark": "bundles", **brief(read_result(given.bench))}, given.out)


if __name__ == "__main__":
    main()
