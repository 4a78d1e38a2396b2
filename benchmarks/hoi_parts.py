"""Students of pairs without each part of what taught them, on crowds: mAP on test.

    python benchmarks/hoi_parts.py --jobs 2 --out benchmarks/results/diorama-hoi-parts.json

Every row is a training of its own, begun with a detector as those of `hoi.py` are and shorter: what counts is how far a
row is from the whole method. MIPD and GPL-HOI-style are taught in the setting that keeps verbs out of training, where
nothing but the method can teach them, and CL-HOI-style without any annotation. It goes on where it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from abreast import measured
from hoi import ALL, Cell, about_of, enter, measure, options_of, taught_by
from result import publish, resumed

WHOLE = "whole"
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "mipd": {
        WHOLE: (),
        "without its vector": ("mipd.glimpse=false",),
        "without its ranking": ("mipd.ranking=false",),
        "without its labels of kinds out of training": ("mipd.unseen_kinds=false",),
        "with a gaze": ("mipd.pair_gaze=true",),
    },
    "gplhoi": {
        WHOLE: (),
        "without scene": ("gplhoi.scene=false",),
        "without region": ("gplhoi.region=false",),
        "without pose": ("gplhoi.pose=false",),
        "without prompts of texts": ("gplhoi.text_prompts=false",),
        "without prompts of pictures": ("gplhoi.visual_prompts=false",),
        "a third for each group": ("gplhoi.weighed=false",),
        "without texts as teacher": ("gplhoi.texts=false",),
        "couples to one another": ("gplhoi.form=relation",),
        "without labels of kinds out of training": ("gplhoi.unseen_kinds=false",),
        "without names of kinds out of training": ("gplhoi.unseen_names=false",),
    },
    "clhoi": {
        WHOLE: (),
        "without translator and context": ("clhoi.translator=false", "clhoi.context=false"),
        "without context": ("clhoi.context=false",),
        "without where they are": ("clhoi.spatial=false",),
        "without how they look": ("clhoi.visual=false",),
        "without the caption": ("clhoi.caption_loss=false",),
        "without interactions of the image": ("clhoi.interaction_loss=false",),
        "without calibration": ("clhoi.calibration_loss=false",),
        "without what is said of couples": ("clhoi.couples=false",),
        "the best couple instead of all": ("clhoi.peak=true",),
        "what is likely is true": ("clhoi.soft=false",),
    },
}
SETTING = {"mipd": "uv", "gplhoi": "uv", "clhoi": ALL}


def cells_of(method: str, seed: int, how: tuple[Any, ...], runs: Path, cache: Path) -> dict[str, Cell]:
    """Every row of a method as a training; each has a folder of its own."""
    return {
        part: Cell(method, SETTING[method], seed, *how, runs / part.replace(" ", "-"), cache, values)
        for part, values in PARTS[method].items()
    }


def is_there(row: dict[str, Any], cell: Cell) -> bool:
    """Whether a row has this training already; one of other values it refuses."""
    if row and row["set"] != list(cell.values):
        sys.exit(f"a row of {cell.method} is of {row['set']} and not of {list(cell.values)}; give another --out")
    return str(cell.seed) in row.get("per_seed", {})


def main() -> None:
    parser = options_of(__doc__, epochs=2, runs="runs/hoi-parts")
    parser.add_argument("--methods", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()

    result = resumed(about_of("diorama_hoi_parts", given), "methods", given.out)
    how = (given.student, given.epochs, given.amp, given.start, given.detector)
    rows = {
        cell: part
        for seed in given.seeds
        for method in given.methods
        for part, cell in cells_of(method, seed, how, given.runs, given.cache).items()
        if not is_there(result["methods"].get(method, {}).get(part, {}), cell)
    }
    for cell in {cell._replace(seed=0): cell for cell in rows}.values():
        taught_by(cell)  # once, before several trainings want the same at once
    for cell, scores in measured(measure, rows, given.jobs):
        parts = result["methods"].setdefault(cell.method, {})
        enter(parts, rows[cell], cell.seed, scores)
        parts[rows[cell]]["set"] = list(cell.values)
        publish(result, given.out)


if __name__ == "__main__":
    main()
