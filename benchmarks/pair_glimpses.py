"""What the Diorama teacher makes of crops with a human and an object, without having been taught any crowd.

    python benchmarks/pair_glimpses.py --out benchmarks/results/pair-glimpses.json

Couples are drawn from the test split of `crowd`; right is the crop whose nearest verb, among the verbs that are acts,
is one that the couple performs. Also for couples that perform an act which a zero-shot setting keeps out of training.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result import publish

from edgegsr.data.diorama import script
from edgegsr.data.pairs import open_pairs
from edgegsr.shipped import find_teacher
from edgegsr.teacher.glimpses import MARGIN, GlimpseSource
from edgegsr.teacher.vision import open_teacher
from edgegsr.text.kinds import ontology_of
from edgegsr.text.shipped import ENCODER, tables_for


def measure(images: int) -> dict[str, Any]:
    split = open_pairs("crowd", "test", images)
    kinds, tables = split.pairs.kinds, tables_for(ontology_of(split.pairs.kinds))
    with tempfile.TemporaryDirectory() as folder:
        seen = GlimpseSource(open_teacher(find_teacher("diorama")), split, Path(folder), ENCODER).seen.float()
    acts = np.array([i for i, verb in enumerate(kinds.verbs) if verb in script.verbs()])
    best = acts[(seen @ tables.verbs[torch.from_numpy(acts)].T).argmax(-1).numpy()]
    true = split.couples.verbs
    right, acting = true[np.arange(len(true)), best], true[:, acts].any(1)
    out = np.isin(acts, kinds.pairs[kinds.unseen["uv"], 0])
    unseen = true[:, acts[out]].any(1)
    return {
        "couples": int(acting.sum()),
        "top1": float(right[acting].mean()),
        "couples_of_uv": int(unseen.sum()),
        "top1_of_uv": float(right[unseen].mean()),
        "acts": len(acts),
        "margin": MARGIN,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish({"benchmark": "pair_glimpses", "images": given.images, **measure(given.images)}, given.out)


if __name__ == "__main__":
    main()
