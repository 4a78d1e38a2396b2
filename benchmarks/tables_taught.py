"""README's tables of how well students were taught."""

from __future__ import annotations

import json
from typing import Any

from table_cells import ROOT, load, markdown, percent, seeds_of

COLUMNS = {
    "verb_top1": "verb top-1",
    "verb_top5": "verb top-5",
    "grounded_top1": "grounded, top-1 verb",
    "grounded": "grounded, true verb",
}
TOP1 = ("top-1 seen", "top-1 rare", "top-1 unseen", "harmonic", "harmonic, calibrated")


def baseline() -> str:
    """The undistilled student on Diorama by group, chance beside it."""
    result = load("diorama-baseline")
    size = sum(result["parameters"].values()) / 1e6
    rows = []
    for candidates, label in (("generalised", "all verbs are candidates"), ("restricted", "verbs of the own group")):
        mean, spread, chance = (result[key][candidates] for key in ("mean", "spread", "chance"))
        for group in ("seen", "rare", "unseen"):
            cells = [f"{100 * mean[group][c]:.1f} ± {100 * spread[group][c]:.1f}" for c in COLUMNS]
            rows.append((group, label, *cells))
            rows.append(("*by chance*", "", *(percent(chance[group].get(c)) for c in COLUMNS)))
    about = (
        f"`{result['student']}` ({size:.2f} M parameters, {sum(result['gflops'].values()):.2f} GFLOPs), "
        "`--method none`, "
        f"test split of {result['images']['test']:,} images, mean over verbs in %, {len(result['seeds'])} seeds "
        "(mean ± standard deviation). "
        "Made by `python benchmarks/baseline.py --out benchmarks/results/diorama-baseline.json`."
    )
    return f"{about}\n\n{markdown(('verbs', 'candidates', *COLUMNS.values()), rows)}"


def mipd() -> str:
    """What students gain from the Diorama teacher, method by method."""
    result = load("diorama-mipd")
    table, teacher = result["tables"]["methods"], result["teacher"]
    groups = ("seen", "rare", "unseen")
    rows = []
    for name, found in table["variants"].items():
        grounded = [_score(found, "generalised", group, "grounded") for group in groups]
        rows.append((f"`{name}`", seeds_of(found), *_top1(found), *grounded))
    zero_shot = [percent(teacher["groups"][group]["verb_top1"]) for group in groups]
    harmonic = percent(teacher["harmonic"]["verb_top1"])
    rows.append(("*the teacher, zero-shot*", "", *zero_shot, harmonic, harmonic, "-", "-", "-"))
    about = (
        f"`{result['student']}` ({result['parameters'] / 1e6:.2f} M parameters, {result['gflops']:.2f} GFLOPs; the "
        f"teacher takes {teacher['gflops']:.2f}), {table['epochs']} epochs, test split of "
        f"{result['images']['test']:,} images, every verb a candidate, mean over verbs in %, mean ± standard deviation "
        "over seeds. *Harmonic* is that of seen and unseen; *calibrated* with the handicap that dev chose. Made by "
        "`python benchmarks/mipd.py --tables methods --out benchmarks/results/diorama-mipd.json`."
    )
    heads = ("`--method`", "seeds", *TOP1, *(f"grounded {group}" for group in groups))
    return f"{about}\n\n{markdown(heads, rows)}"


def parts() -> str:
    """What each part of MIPD is worth."""
    table = load("diorama-mipd")["tables"]["parts"]
    rows = [(name, seeds_of(found), *_top1(found)) for name, found in table["variants"].items()]
    about = (
        f"The same student and measures after {table['epochs']} epochs, with the switch of one part at a time. "
        "Made by `python benchmarks/mipd.py --tables parts --out benchmarks/results/diorama-mipd.json`."
    )
    return f"{about}\n\n{markdown(('variant', 'seeds', *TOP1), rows)}"


def _top1(found: dict[str, Any]) -> list[str]:
    plain = [_score(found, "generalised", group, "verb_top1") for group in ("seen", "rare", "unseen", "harmonic")]
    return [*plain, _score(found, "calibrated", "harmonic", "verb_top1")]


def _score(found: dict[str, Any], how: str, group: str, metric: str) -> str:
    mean, spread = found["mean"], found["spread"]
    value = f"{100 * mean[how][group][metric]:.1f}"
    return f"{value} ± {100 * spread[how][group][metric]:.1f}" if spread else value


def nano() -> str:
    """What the student that ships scores, its teacher beside it."""
    scores = json.loads((ROOT / "models" / "diorama-nano" / "scores.json").read_text("utf-8"))
    groups, teacher = ("seen", "rare", "unseen", "harmonic"), scores["teacher"]
    rows = []
    for how, name in (("generalised", "diorama-nano"), ("calibrated", "the same, `--calibrated`")):
        part = scores[how]
        rows.append(
            (name, *(percent(part[g]["verb_top1"]) for g in groups), *(percent(part[g]["grounded"]) for g in groups))
        )
    told = [percent(teacher["groups"][group]["verb_top1"]) for group in groups[:-1]]
    rows.append(("*its teacher, zero-shot*", *told, percent(teacher["harmonic"]["verb_top1"]), *"----"))
    about = (
        f"{scores['parameters'] / 1e6:.1f} M parameters, {scores['gflops']:.2f} GFLOPs (its teacher takes "
        f"{teacher['gflops']:.2f}), `--method {scores['method']}`, {scores['epochs']} epochs, seed {scores['seed']}, "
        f"test split of {scores['test_images']:,} images, mean over verbs in %. *Grounded* with the true verb. Made by "
        "the commands in `benchmarks/ship.py`."
    )
    heads = ("", *(f"top-1 {group}" for group in groups), *(f"grounded {group}" for group in groups))
    return f"{about}\n\n{markdown(heads, rows)}"
