"""Whether unseen verbs are there and only read wrongly: verb vectors of the baseline read against other tables.

    python benchmarks/unseen_readings.py      after benchmarks/baseline.py; needs the development extra

Dev split, every verb a candidate, in %. Diagnosis for log.md, not a protocol.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from result import publish
from torch import Tensor
from torch.nn.functional import normalize

from edgegsr.data.loader import loader
from edgegsr.data.source import groups_of, open_data
from edgegsr.run import Run, open_run
from edgegsr.text import embed
from edgegsr.text.shipped import ENCODER


def readings(looks: Tensor, tables: dict[str, Tensor], verbs: Tensor, seen: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Name and logits of each way to read: looks (N, t) of images whose verbs are (N,), `seen` (S,) verb indices."""
    for name, table in tables.items():
        yield name, looks @ table.T
    trained = tables["both"]
    middle = trained[seen].mean(0)
    centred = normalize(trained - middle, dim=-1).T
    yield "centred on the seen verbs", normalize(looks - middle, dim=-1) @ centred
    yield "image and text centred apart", normalize(looks - looks[torch.isin(verbs, seen)].mean(0), dim=-1) @ centred


@torch.no_grad()
def look(run: Run) -> tuple[Tensor, Tensor]:
    """The verb vectors of dev and the true verbs."""
    batches = list(loader(open_data("diorama", "dev", ontology=run.ontology), run.student.config.side, 64, train=False))
    looks = [run.student.encode(batch.pixels).verb_embedding for batch in batches]
    return torch.cat(looks), torch.cat([batch.verbs for batch in batches])


def measure(runs: list[Run]) -> dict[str, Any]:
    words = runs[0].ontology
    groups = groups_of("diorama", words)
    seen, unseen = (torch.tensor([words.verb_index[v] for v in part]) for part in (groups.seen, groups.unseen))
    tables = {"both": runs[0].tables.verbs}
    tables |= {template: embed(words, ENCODER, template=template).verbs for template in ("word", "definition")}
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        looks, verbs = look(run)
        for name, logits in readings(looks, tables, verbs, seen):
            right = (logits.argmax(-1) == verbs).float()
            for group, members in (("seen", seen), ("unseen", unseen)):
                share = 100 * right[torch.isin(verbs, members)].mean().item()
                found.setdefault(name, {}).setdefault(group, []).append(share)
    return {
        name: {group: {"mean": round(mean(v), 2), "spread": round(stdev(v), 2)} for group, v in part.items()}
        for name, part in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", default=[Path(f"runs/baseline/pico-{i}") for i in range(3)])
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish({"benchmark": "unseen_readings", "top1": measure([open_run(run) for run in given.runs])}, given.out)


if __name__ == "__main__":
    main()
