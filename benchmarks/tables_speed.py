"""README's tables of what is small and fast."""

from __future__ import annotations

from typing import Any

from table_cells import load, markdown, percent


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
