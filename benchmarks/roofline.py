"""How far the estimate of boards that are not here is off, against what others have published.

python benchmarks/roofline.py --out benchmarks/results/roofline.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from result import publish

from edgegsr.bench.roofline import Errors, errors, law, published, without_a_board


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    found, points = law(), published(family="orin")
    publish(
        {
            "benchmark": "roofline",
            "shares": {", ".join(kind): round(share, 4) for kind, share in found.shares.items()},
            "start_ms": {f"{board}, {precision}": round(ms, 3) for (board, precision), ms in found.starts_ms.items()},
            "fitted": mean_and_largest(errors(found, points)),
            "thor": mean_and_largest(errors(found, published(family="thor"))),
            "another_release": mean_and_largest(errors(found, published(held_out=True))),
            "boards_left_out": mean_and_largest(without_a_board(points)),
            "of_points": [
                {**point._asdict(), "predicted_ms": round(found.predict_ms(*point[:4]), 3)} for point in published()
            ],
        },
        given.out,
    )


def mean_and_largest(found: Errors) -> dict[str, float]:
    return {"mean": round(found.mean, 4), "largest": round(found.largest, 4), "points": found.points}


if __name__ == "__main__":
    main()
