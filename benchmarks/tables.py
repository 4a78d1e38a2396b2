"""Writes the tables of README.md from results/*.json; with --check only says whether they fit.

    python benchmarks/tables.py

A table stands between <!-- results:NAME --> and <!-- /results -->.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- results:(\w+) -->\n).*?(<!-- /results -->)", re.S)
COLUMNS = {
    "verb_top1": "verb top-1",
    "verb_top5": "verb top-5",
    "grounded_top1": "grounded, top-1 verb",
    "grounded": "grounded, true verb",
}


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
        rows.append((f"`{name}`", _many(found), *_top1(found), *grounded))
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
    rows = [(name, _many(found), *_top1(found)) for name, found in table["variants"].items()]
    about = (
        f"The same student and measures after {table['epochs']} epochs, with the switch of one part at a time. "
        "Made by `python benchmarks/mipd.py --tables parts --out benchmarks/results/diorama-mipd.json`."
    )
    return f"{about}\n\n{markdown(('variant', 'seeds', *TOP1), rows)}"


TOP1 = ("top-1 seen", "top-1 rare", "top-1 unseen", "harmonic", "harmonic, calibrated")


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


def compress() -> str:
    """What is kept of the student that ships when it is pruned, counts in 8 bits, and both."""
    result = load("diorama-compress")
    before, groups, metrics = result["before"], ("seen", "rare", "unseen"), ("verb_top1", "value", "grounded")
    rows = [
        (
            "as it came",
            "",
            f"{before['parameters'] / 1e6:.2f}",
            f"{before['gflops']:.2f}",
            "100",
            *(" / ".join(percent(before["test"][group][metric]) for group in groups) for metric in metrics),
        )
    ]
    for name, found in result["after"].items():
        last = list(found["per_seed"].values())[-1]
        kept = [" / ".join(f"{100 * found['kept'][group][metric]:.1f}" for group in groups) for metric in metrics]
        file = f"{100 * found['weights']:.0f}" if "weights" in found else "-"
        size = (f"{last['parameters'] / 1e6:.2f}", f"{last['gflops']:.2f}", file)
        rows.append((name, str(len(found["per_seed"])), *size, *kept))
    shares = result.get("latency", {}).get("of_before", [])
    took = f"the pruned graph takes {100 * max(shares):.0f} % of the time in ONNX Runtime, " if shares else ""
    settings = result["settings"]
    about = (
        f"`{result['run']}` on test, seen / rare / unseen, mean over verbs: its scores in %, then what is kept of "
        f"each, in % of it, in the mean over seeds. `--drop-layers {settings['drop_layers']} "
        f"--latency {settings['latency']}x`, "
        f"{took}{settings['epochs']} epochs of recovery after the last cut, {settings['qat_epochs']} with rounding; "
        "*file* in % of the float32 weights. Made by `python benchmarks/compress.py --out "
        "benchmarks/results/diorama-compress.json`."
    )
    heads = ("", "seeds", "weights, M", "GFLOPs", "file", *("top-1 verb", "value, true verb", "grounded, true verb"))
    return f"{about}\n\n{markdown(heads, rows)}"


def speed() -> str:
    """What the parts do in how long, with the script of each."""
    rows = []
    for name, (script, shown) in SPEEDS.items():
        result = load(name)
        where = f"{result['machine']['cpu']}, {result['machine']['cores']} cores"
        rows.append((*shown(result), f"`benchmarks/{script}`", where))
    return markdown(("what", "measured", "script", "machine"), rows)


def _scoring(r: dict[str, Any]) -> tuple[str, str]:
    return (
        f"score {r['images']:,} images, files included, one core",
        f"{r['seconds_total']:.1f} s, {r['peak_rss_mb']} MB",
    )


def _swig_load(r: dict[str, Any]) -> tuple[str, str]:
    return f"load {r['images']:,} SWiG records", f"{r['seconds']:.1f} s, {r['peak_rss_bytes'] / 1e6:.0f} MB"


def _diorama(r: dict[str, Any]) -> tuple[str, str]:
    return "stage, draw and light scenes at about 224 px, one core", f"{r['scenes_per_s']:.0f} scenes/s"


def _loader(r: dict[str, Any]) -> tuple[str, str]:
    found = {s["side"]: s["images_per_second"] for s in r["settings"] if s["augmented"] and s["workers"] == 0}
    return "load and augment, one process, 128 and 224 px", f"{found[128]:,} and {found[224]:,} img/s"


def cpu() -> str:
    """One photo in every engine on a CPU."""
    result = load("cpu-latency")
    rows = []
    for name, subject in result["subjects"].items():
        for engine, found in subject["engines"].items():
            size = found["file_bytes"]
            rows.append(
                (
                    f"{name} ({subject['side']} px, {subject['gflops']:.2f} GFLOPs)",
                    engine,
                    f"{found['p50_ms']:.2f}",
                    f"{found['p99_ms']:.2f}",
                    f"{found['faster_than_onnxruntime_fp32']:.2f}",
                    f"{size / 1e6:.1f}" if size else "-",
                )
            )
    about = (
        f"Milliseconds for one photo, the network alone, {result['threads']} threads on {result['machine']['cpu']}; "
        f"every engine in a process of its own, {result['blocks']} rounds of blocks in turn; *times as fast* as ONNX "
        "Runtime in float32, round by round. INT8 as calibrated. Made by "
        "`python benchmarks/cpu_latency.py --out benchmarks/results/cpu-latency.json`."
    )
    return f"{about}\n\n{markdown(('student', 'engine', 'p50', 'p99', 'times as fast', 'MB'), rows)}"


def bundles() -> str:
    """What `edgegsr bench` says of the student that ships, its bundles and its teacher."""
    result = load("diorama-bench")
    rows = []
    for name, found in result["subjects"].items():
        scores, told = found["accuracy"]["groups"], found["scenarios"]["single-stream"]
        groups = ("seen", "rare", "unseen")
        took, network = told["load"], told["steps"].get("network")
        teacher = next(other for other, each in result["subjects"].items() if each["kind"] == "teacher")
        rows.append(
            (
                name,
                f"{found['engine']} {found['precision']}",
                " / ".join(percent(scores[group]["verb_top1"]) for group in groups),
                " / ".join(percent(scores[group].get("grounded")) for group in groups),
                f"{took['p50_ms']:.2f}",
                f"{took['claim']['ms']:.2f}",
                f"{network['p50_ms']:.2f}" if network else "-",
                f"{told['faster_than'][teacher]['times']:.1f}" if teacher != name else "1",
                f"{found['cold_start_ms']['all']['p50_ms'] / 1000:.2f}",
                f"{found['graph_bytes'] / 1e6:.1f}" if found.get("graph_bytes") else "-",
            )
        )
    settings, threads = result["settings"], next(iter(result["subjects"].values()))["threads"]
    about = (
        f"{settings['images']:,} images of Diorama's {settings['split']}, seen / rare / unseen, mean over verbs in %; "
        f"from the bytes of a photo to its situation in milliseconds, {threads} threads on "
        f"{result['machine']['cpu']}, in turns; *claimed*: p90 at most, with 99 % confidence. "
        "Made by the commands in `benchmarks/bundles.py`."
    )
    heads = ("", "engine", "top-1", "grounded", "p50", "claimed", "network", "times as fast", "start, s", "MB")
    return f"{about}\n\n{markdown(heads, rows)}"


def peers() -> str:
    """Beside what a user would take instead."""
    result = load("peers")
    rows = [
        (
            f"{name} ({peer['side']} px, {peer['gflops']:.1f} GFLOPs, {peer['parameters'] / 1e6:.1f} M)",
            engine,
            f"{found['p50_ms']:.1f}",
            f"{found['p99_ms']:.1f}",
            found["against"].removeprefix("nano, "),
            "{} ({} to {})".format(*(f"{times:.1f}" for times in (found["times_ours"], *found["times_ours_spread"]))),
        )
        for name, peer in result["peers"].items()
        for engine, found in peer["engines"].items()
    ]
    about = (
        f"Milliseconds for one image, the network alone, {result['threads']} threads on {result['machine']['cpu']}; "
        "*times ours*: how many times as long as `nano` at 320 px with SWiG's words in the engine beside it, in pairs "
        "of blocks in turns, and between which four of five pairs lie. "
        "Made by `python benchmarks/peers.py --out benchmarks/results/peers.json`."
    )
    clip, peak = result["aims"]["CLIP ViT-B/16 in torch"], load("int8-peak")
    hoped, reached = 100 * peak["aim"]["share_of_peak_at_least"], 100 * peak["nano"]["share_of_peak"]
    aims = (
        f"Hoped for were {clip['times_ours_at_least']} times CLIP ViT-B/16 in torch, and {hoped:.0f} % of what this "
        f"CPU can do in 8 bits, of which `nano` reaches {reached:.1f} % (`python benchmarks/int8_peak.py`; why: "
        "`benchmarks/log.md`). CoFormer is timed where a checkout is given."
    )
    table = markdown(("peer", "engine", "p50", "p99", "against ours in", "times ours"), rows)
    return f"{about}\n\n{table}\n\n{aims}"


ZERO_SHOT = {"rf_uc": "RF-UC", "nf_uc": "NF-UC", "uo": "UO", "uv": "UV"}


def hoi() -> str:
    """Students of pairs with and without a teacher, in every zero-shot setting."""
    result = load("diorama-hoi")
    settings, rows = result["settings"], []
    for method, found in settings.get("all", {}).items():
        cells = [_apart(found, f"{setting}_unseen", f"{setting}_seen") for setting in ZERO_SHOT]
        learned = "no annotation" if method == "clhoi" else "every kind"
        rows.append((f"`{method}`", learned, _many(found), _spread(found, "full"), *cells))
    methods = {method: None for setting in ZERO_SHOT for method in settings.get(setting, {})}
    for method in methods:
        there = {setting: settings.get(setting, {}).get(method) for setting in ZERO_SHOT}
        cells = ["-" if of is None else f"{_apart(of, 'unseen', 'seen')} ({_many(of)})" for of in there.values()]
        rows.append((f"`{method}`", "all but the unseen kinds", "in brackets", "-", *cells))
    about = (
        f"`{result['student']}`, {result['epochs']} epochs from a detector of boxes and objects, the 1,500 images of "
        "test, mAP in %, mean ± standard deviation over seeds; of every zero-shot setting unseen / seen kinds. Made by "
        "`python benchmarks/hoi.py --out benchmarks/results/diorama-hoi.json`."
    )
    if finds := [ZERO_SHOT[setting] for setting in result.get("finds", ())]:
        found = f"couples that `{result['detector']['run']}` finds"
        about += f" In {' and '.join(finds)} methods with a teacher also learn of {found}."
    heads = ("`--method`", "learned from", "seeds", "full", *ZERO_SHOT.values())
    return f"{about}\n\n{markdown(heads, rows)}\n\n{_hoped_of_pairs(settings)}"


def _hoped_of_pairs(settings: dict[str, Any]) -> str:
    """How far methods are from what was hoped for, where there is something to hold them against."""
    gains = []
    for setting, found in settings.items():
        for method in [name for name in ("gplhoi", "mipd") if setting in ZERO_SHOT and {name, "none"} <= found.keys()]:
            taught, plain = found[method]["per_seed"], found["none"]["per_seed"]
            shared = sorted(taught.keys() & plain.keys())
            if not shared:
                continue
            unseen, seen = (
                f"{100 * mean(taught[seed][part] - plain[seed][part] for seed in shared):+.1f}"
                for part in ("unseen", "seen")
            )
            gains.append(f"`{method}` in {ZERO_SHOT[setting]} {unseen} and {seen}")
    every = settings.get("all", {})
    share = "without annotations 60 % of what every annotation gives, which is not trained yet"
    if {"none", "clhoi"} <= every.keys():
        reached = every["clhoi"]["mean"]["full"] / every["none"]["mean"]["full"]
        share = f"without annotations 60 % of what every annotation gives; it is {100 * reached:.0f} %"
    wanted = "Hoped for, against `none` of the same seeds: unseen +3 and seen not below -0.5"
    return f"{wanted}; it is {', '.join(gains)}. And {share}."


def _many(found: dict[str, Any]) -> str:
    return str(len(found["per_seed"]))


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


def _training(r: dict[str, Any]) -> tuple[str, str]:
    return f"train `{r['student']}`, the whole loop", f"{r['images_per_s']:.0f} img/s"


def _demo(r: dict[str, Any]) -> tuple[str, str]:
    return "`edgegsr demo`, without the install", f"{r['seconds'] / 60:.1f} min"


SPEEDS = {  # result: its script and what to show of it
    "scoring": ("scoring_speed.py", _scoring),
    "swig-load": ("swig_load.py", _swig_load),
    "diorama-speed": ("diorama_speed.py", _diorama),
    "loader-speed": ("loader_speed.py", _loader),
    "train-speed": ("train_speed.py", _training),
    "demo": ("demo_time.py", _demo),
}


def load(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


TABLES: dict[str, Callable[[], str]] = {
    "baseline": baseline,
    "mipd": mipd,
    "parts": parts,
    "nano": nano,
    "compress": compress,
    "cpu": cpu,
    "bundles": bundles,
    "peers": peers,
    "hoi": hoi,
    "both_heads": both_heads,
    "two_stage": two_stage,
    "speed": speed,
}


def filled(text: str) -> str:
    """The text with every table made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}\n{m[3]}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 3 when README.md is out of date")
    given = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    if given.check:
        return 0 if filled(text) == text else 3
    README.write_text(filled(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
