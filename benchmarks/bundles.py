"""The bundles of the student that ships beside it, its teacher and its boards: what `edgegsr bench` says of them.

    edgegsr export diorama-nano --name nano --out family/nano
    edgegsr compress diorama-nano --qat --out family/nano-run       # --latency 0.6x: benchmarks/compress.py
    edgegsr export family/nano-run --target openvino-int8 --name "nano, INT8" --out family/nano-int8
    edgegsr bench family/nano family/nano-int8 diorama-nano … --student diorama-nano --teacher diorama --threads 2 \
        --device jetson --loadgen --out family/bench
    python benchmarks/bundles.py family/bench --out benchmarks/results/diorama-bench.json

Kept is what people compare: no single blocks, layers or photos.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from result import publish

from edgegsr.bench.compare import read_result

LONG = {"histogram", "blocks_p50_ms", "timeline", "verb_right", "layers", "caveats", "before", "after", "machine"}


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
