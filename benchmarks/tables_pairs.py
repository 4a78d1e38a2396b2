"""README's tables of students of pairs."""

from __future__ import annotations

import json
from typing import Any

from table_cells import ROOT, load, markdown, percent, seeds_of

ZERO_SHOT = {"rf_uc": "RF-UC", "nf_uc": "NF-UC", "uo": "UO", "uv": "UV"}


def hoi() -> str:
    """Students of pairs with and without a teacher, in every zero-shot setting."""
    result = load("diorama-hoi")
    settings, rows = result["settings"], []
    for method, found in settings.get("all", {}).items():
        cells = [_apart(found, f"{setting}_unseen", f"{setting}_seen") for setting in ZERO_SHOT]
        learned = "no annotation of these photos" if method == "clhoi" else "every kind"
        rows.append((f"`{method}`", learned, seeds_of(found), _apart(found, "full", "rare"), *cells))
    methods = {method: None for setting in ZERO_SHOT for method in settings.get(setting, {})}
    for method in methods:
        there = {setting: settings.get(setting, {}).get(method) for setting in ZERO_SHOT}
        cells = ["-" if of is None else f"{_apart(of, 'unseen', 'seen')} ({seeds_of(of)})" for of in there.values()]
        rows.append((f"`{method}`", "all but the unseen kinds", "in brackets", "-", *cells))
    about = (
        f"`{result['student']}`, {result['epochs']} epochs from a detector of boxes and objects, the 1,500 images of "
        "test, mAP in %, mean ± standard deviation over seeds; of every zero-shot setting unseen / seen kinds. Made by "
        "`python benchmarks/hoi.py --out benchmarks/results/diorama-hoi.json`."
    )
    if finds := [ZERO_SHOT[setting] for setting in result.get("finds", ())]:
        found = f"couples that `{result['detector']['run']}` finds"
        about += f" In {' and '.join(finds)} methods with a teacher also learn of {found}."
    if "clhoi" in settings.get("all", {}):
        about += (
            " `clhoi` reads no annotation of the photos that it learns from; as all rows it begins with a detector, "
            "which has learned boxes, objects and who has to do with what on annotated crowds of another seed."
        )
    heads = ("`--method`", "learned from", "seeds", "full / rare", *ZERO_SHOT.values())
    return f"{about}\n\n{markdown(heads, rows)}{_without_annotations(settings.get('all', {}))}"


def hoi_parts() -> str:
    """What each part of what teaches a student of pairs is worth."""
    result = load("diorama-hoi-parts")
    rows = [
        (f"`{method}`", part, seeds_of(found), *_scored(found))
        for method, parts in result["methods"].items()
        for part, found in parts.items()
    ]
    about = (
        f"The same student after {result['epochs']} epochs, with a part switched off, or on, in every row, mAP in %; "
        "`clhoi` is judged by every kind, others by those of UV. Made by `python benchmarks/hoi_parts.py --out "
        "benchmarks/results/diorama-hoi-parts.json`."
    )
    return f"{about}\n\n{markdown(('`--method`', 'variant', 'seeds', 'full', 'unseen', 'seen'), rows)}"


def _scored(found: dict[str, Any]) -> list[str]:
    return [_spread(found, name) for name in ("full", "unseen", "seen")]


def hoi_apart() -> str:
    """What a teacher brings, and what other photos would say of that."""
    result = load("diorama-hoi-apart")
    methods = {method: None for found in result["settings"].values() for method in found}
    rows = [
        (f"`{method}`", part, *(_gain(result["settings"].get(setting, {}).get(method), part) for setting in ZERO_SHOT))
        for method in methods
        for part in ("unseen", "seen")
    ]
    about = (
        "What that is more than `none` of the same seeds, and within what 95 % of it lie on as many photos drawn from "
        f"those of {result['split']}; hoped for were +3 of unseen kinds, and seen ones not below -0.5. Made by `python "
        "benchmarks/hoi_apart.py --out benchmarks/results/diorama-hoi-apart.json`."
    )
    return f"{about}\n\n{markdown(('`--method`', 'kinds', *ZERO_SHOT.values()), rows)}"


def _gain(found: dict[str, Any] | None, part: str) -> str:
    if found is None:
        return "-"
    gain, *interval = (f"{100 * value:+.1f}" for value in (found[part]["gain"], *found[part]["interval"]))
    return f"{gain} ({' to '.join(interval)})"


def _without_annotations(every: dict[str, Any]) -> str:
    """How far the method without annotations is from what was hoped for."""
    if not {"none", "clhoi"} <= every.keys():
        return ""
    reached = every["clhoi"]["mean"]["full"] / every["none"]["mean"]["full"]
    return f"\n\n`clhoi` has {100 * reached:.0f} % of what every annotation gives; hoped for were 60."


def _apart(found: dict[str, Any], *names: str) -> str:
    return " / ".join(_spread(found, name) for name in names)


def _spread(found: dict[str, Any], name: str) -> str:
    if name not in found["mean"]:
        return "-"
    value = f"{100 * found['mean'][name]:.1f}"
    return f"{value} ± {100 * found['spread'][name]:.1f}" if found["spread"] else value


def both_heads() -> str:
    """What a second head costs on the same trunk."""
    result = load("both-heads")
    rows = []
    for target, found in result["targets"].items():
        took = [f"{found[half]['p50_ms']:.2f}" for half in ("situations", "pairs", "both")]
        size = f"{found['graph_bytes']['both'] / 1e6:.1f}"
        rows.append((f"`{target}`", *took, f"{found['of_apart']:.2f}", size))
    about = (
        f"`{result['run']}`, the network alone, p50 of one photo in milliseconds, {result['threads']} threads on "
        f"{result['machine']['cpu']}, in turns; *of apart*: both in shares of one after the other. "
        "Made by `python benchmarks/both_heads.py models/diorama-both --out benchmarks/results/both-heads.json`."
    )
    heads = ("target", "situations", "pairs", "both", "of apart", "both, MB")
    return f"{_scored_by_both()}\n\n{about}\n\n{markdown(heads, rows)}"


def _scored_by_both() -> str:
    """What the student of both heads that ships scores, in words."""
    scores = json.loads((ROOT / "models" / "diorama-both" / "scores.json").read_text("utf-8"))
    situations, pairs = scores["situations"], scores["pairs"]
    top1 = " / ".join(percent(situations["generalised"][group]["verb_top1"]) for group in ("seen", "rare", "unseen"))
    return (
        f"In float32 it scores, in %: top-1 verb {top1} (seen / rare / unseen, {situations['test_images']:,} images of "
        f"test), mAP of pairs {percent(pairs['all']['full'])} ({pairs['test_images']:,} crowds, every kind trained)."
    )


def two_stage() -> str:
    """Pair queries beside the two stages that others have."""
    result = load("two-stage")
    engines = tuple(result["settings"][0]["ours"]["engines"])
    ratios = {
        (name, engine, i): told["engines"][engine]["times_ours"]
        for i, each in enumerate(result["settings"])
        for name, told in each["two_stages"].items()
        for engine in engines
    }
    forms = list(result["settings"][0]["two_stages"])
    told_of = dict.fromkeys((forms[0], min(ratios, key=ratios.__getitem__)[0]))  # the usual one, and the closest
    rows = []
    for each in result["settings"]:
        where = f"{each['side']} px, {each['verbs']} verbs, {each['objects']} objects"
        theirs = [(name, each["two_stages"][name]) for name in told_of]
        for name, told in ((f"ours, {each['ours']['pairs']} queries", each["ours"]), *theirs):
            size = f"{told['gflops']['total']:.2f}", f"{told['parameters']['total'] / 1e6:.2f}"
            rows.append((where, name, *size, *(_beside(told["engines"][engine]) for engine in engines)))
    about = (
        "The same encoder and what follows it, random weights, for speed only: p50 of one image in milliseconds, "
        f"{result['threads']} threads on {result['machine']['cpu']}, and how many times as long as ours that is, in "
        "pairs of blocks in turns (between which four of five lie). Told are the usual form of two stages and the "
        f"closest; {len(forms)} in all take {min(ratios.values()):.2f} to {max(ratios.values()):.2f} times as long. "
        f"Made by `python benchmarks/two_stage.py --blocks {result['blocks']} --out benchmarks/results/two-stage.json`."
    )
    return f"{about}\n\n{markdown(('input', 'network', 'GFLOPs', 'M', *engines), rows)}"


def _beside(found: dict[str, Any]) -> str:
    p50 = f"{found['p50_ms']:.1f}"
    if "times_ours" not in found:
        return p50
    low, high = found["times_ours_spread"]
    return f"{p50}, {found['times_ours']:.2f} times ({low:.2f} to {high:.2f})"
