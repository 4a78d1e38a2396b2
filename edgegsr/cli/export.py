"""`edgegsr export`, `text` and `verify`: bundles, words for them, and whether they are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    MISSED,
    AnyData,
    Json,
    RunFolder,
    both_data,
    complain,
    last_line,
    leave_out,
    need_same_kinds,
    need_training,
    of_both,
    of_pairs,
    table,
)
from edgegsr.errors import InputError, shown

if TYPE_CHECKING:
    from edgegsr.export.judge import Checks

ROUNDS = {  # whether the graph does
    False: "nothing in this graph is rounded to 8 bits, so no layer of it would count in INT8, which {target} is for; "
    "run `edgegsr compress RUN --ptq` and export that",
    True: "this graph rounds to 8 bits, and {target} is for float16: its layers would count in INT8 all the same",
}


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The bundle to write; one that lies there is replaced.")],
    target: Annotated[
        str,
        typer.Option(
            help="A profile, or onnx-fp32, onnx-fp16, onnx-int8, onnx-int8-arm64, openvino-fp32, openvino-bf16, "
            "openvino-int8; for a board with TensorRT orin-nano-trt-int8 and the like."
        ),
    ] = "onnx-fp32",
    data: AnyData = None,
    images: Annotated[int, typer.Option(min=1, help="Photos of dev on which it is compared with the student.")] = 128,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen, for good.")
    ] = False,
    vocab: Annotated[
        str, typer.Option(help="folded into the graph, or input: words that may change on the device.")
    ] = "folded",
    capacity: Annotated[
        Optional[str], typer.Option(help="Room for VERBS,NOUNS of --vocab input; by default a quarter more.")
    ] = None,
    with_text_encoder: Annotated[
        bool, typer.Option("--with-text-encoder", help="With --vocab input: its reader of new words goes along.")
    ] = False,
    with_ask: Annotated[
        bool, typer.Option("--with-ask", help="With a graph that asks about other verbs by what was seen of a photo.")
    ] = False,
    pixels: Annotated[
        str, typer.Option(help="bytes, normalised in the graph, or float: normalised by the app, (1, 3, S, S).")
    ] = "bytes",
    licence: Annotated[
        str,
        typer.Option(help="What it may be used under, such as Apache-2.0; in the card, the manifest and the graph."),
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="Of the latency that is measured.")] = 2,
    name: Annotated[str, typer.Option(help="What the bundle is called; by default as its folder.")] = "",
    allow_regression: Annotated[
        bool,
        typer.Option(
            "--allow-regression",
            help="Keep a bundle that is slower or scores less than it should, but none that says something else.",
        ),
    ] = False,
    sign: Annotated[Optional[Path], typer.Option(help="Sign it with this Ed25519 private key, a PEM file.")] = None,
    as_json: Json = False,
) -> None:
    """Make a bundle that runs without torch, and prove that it says what its student says."""
    need_training("export", "onnx", "onnxscript")
    from edgegsr.export.export import export
    from edgegsr.export.form import Form
    from edgegsr.export.gates import helps
    from edgegsr.export.target import find_target
    from edgegsr.export.vocabulary import Vocab, capacity_named
    from edgegsr.shipped import LICENCE, find_run

    folder = find_run(run)
    both = of_both(run)
    if of_pairs(run) or both:
        given = {"--calibrated": calibrated, "--vocab input": vocab == "input", "--capacity": capacity}
        given |= {"--with-text-encoder": with_text_encoder, "--with-ask": with_ask}
        leave_out(given, f"for students of situations, and {run} is a run of {'both heads' if both else 'pairs'}")
    kept = Vocab(vocab, capacity_named(capacity), with_text_encoder)
    form = Form(pixels, with_ask, licence or LICENCE * (folder != run))
    aim = find_target(target)
    opening = _both if both else _pairs if of_pairs(run) else _situations
    opened, checks = opening(folder, data, images, threads, allow_regression)
    if calibrated:
        from edgegsr.student.calibration import calibrate, read_calibration

        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    found = export(opened, out, aim, checks, kept, name, sign, form)
    numerics, perf = found["numerics"], found["perf"]
    rows = [
        (name, f"{drift:.1e}", f"{100 * numerics['same'][name]:.1f}" if name in numerics["same"] else "-")
        for name, drift in numerics["drift"].items()
    ]
    table(f"{out}: {numerics['images']} photos, student and graph", ("output", "largest drift", "same, %"), rows)
    if (same := numerics["same"].get("interactions")) is not None:
        cells = numerics["same"]["starts"]
        print(f"the same interactions on {same:.1%} of them, pairs that begin in the same cells on {cells:.1%}")
    took = perf.get("told")
    if "findings" in numerics:
        _show_findings(f"TensorRT {aim.version}, by rules", numerics["findings"])
    if took is None:
        took = f"p50 {perf['p50_ms']:.2f} ms, p99 {perf['p99_ms']:.2f} ms on {perf['cpu']}, {perf['threads']} threads"
        took += ", the network alone"
    if "dev" in numerics:
        pairs = of_pairs(run)
        names = {} if pairs else {"verb_top1": "top-1", "value": "value", "grounded": "grounded"}
        names |= {"mean_ap": "mAP"} if pairs or both else {}
        told = [
            (f"{who}, {group}", *("-" if (of := dev[group].get(name)) is None else f"{100 * of:.1f}" for name in names))
            for group in numerics["dev"]["student"]
            for who, dev in numerics["dev"].items()
        ]
        title = "over the kinds that dev shows" if pairs else "all verbs; value and grounded with the true verb"
        table(title, ("dev, %", *names.values()), told)
    if "text" in numerics:
        text = numerics["text"]
        near = ", ".join(f"{cosine:.4f} in {kind}" for kind, cosine in text["least_cosine"].items())
        print(f"text encoder in {text['precision']}, {text['bytes']:,} bytes; least cosine of a word {near}")
    if "ask" in numerics:
        print(f"asked again: at most {max(numerics['ask']['drift'].values()):.1e} away from the whole graph")
    if "layers" in numerics:
        print("{in_8_bits} of {wanted_in_8_bits} layers count in 8 bits".format(**numerics["layers"]))
    print(f"{found['graph_bytes'] / 1e6:.1f} MB{'. ' if 'told' in perf else ', '}{took}")
    if turns := perf.get("in_turns_ms"):
        print("in turns: " + ", ".join(f"{precision} {ms:.2f} ms" for precision, ms in turns.items()))
    last_line(as_json, {"out": str(out), **found})
    for line in found["missed"]:
        complain(f"{out}: {'kept though' if found['written'] else 'not written'}: {line}", MISSED)
    if not found["written"]:
        complain(f"{out}: {helps(aim.gates, numerics, aim.precision)}", MISSED)
        raise typer.Exit(MISSED)


def _situations(
    folder: Path, data: str | None, images: int, threads: int, allow_regression: bool
) -> tuple[Any, Checks]:
    """The run in a folder, and what its bundle is held against."""
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.export.judge import Checks
    from edgegsr.run import open_run

    opened, data = open_run(folder), data or "diorama"
    photos, groups = open_data(data, "dev", None, opened.ontology), groups_of(data, opened.ontology)
    return opened, Checks(photos, groups, images, threads, allow_regression)


def _pairs(folder: Path, data: str | None, images: int, threads: int, allow_regression: bool) -> tuple[Any, Checks]:
    """The same of a run of pairs."""
    from edgegsr.data.pairs import open_pairs
    from edgegsr.export.judge import Checks
    from edgegsr.pair_run import open_pair_run

    opened, data = open_pair_run(folder), data or "crowd"
    photos = open_pairs(data, "dev")
    need_same_kinds(folder, opened.kinds, data, photos.pairs.kinds)
    return opened, Checks(photos, None, images, threads, allow_regression)


def _both(folder: Path, data: str | None, images: int, threads: int, allow_regression: bool) -> tuple[Any, Checks]:
    """The same of a run of both heads, each of which is held against what it learned from."""
    from edgegsr.both_run import open_both_run
    from edgegsr.data.pairs import open_pairs
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.export.judge import Checks

    mine, theirs = both_data(data)
    opened = open_both_run(folder)
    ontology = opened.situations.ontology
    photos, groups = open_data(mine, "dev", None, ontology), groups_of(mine, ontology)
    beside = open_pairs(theirs, "dev")
    need_same_kinds(folder, opened.pairs.kinds, theirs, beside.pairs.kinds)
    return opened, Checks(photos, groups, images, threads, allow_regression, beside)


def text(
    ontology: Annotated[Path, typer.Argument(help="Verbs with their frames and nouns, as a bundle's vocabulary.json.")],
    out: Annotated[Path, typer.Option(help="The tables to write, a safetensors file.")],
    encoder: Annotated[str, typer.Option(help="Text encoder: hub id or folder.")] = "all-MiniLM-L6-v2",
    as_json: Json = False,
) -> None:
    """Read the words of an ontology: the tables for `set_vocabulary` of a bundle without a text encoder."""
    need_training("text")
    from edgegsr.situation import Ontology
    from edgegsr.text import embed

    try:
        words = Ontology.from_json(ontology.read_text("utf-8"), str(ontology))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{ontology}: cannot be read: {error}") from error
    tables = embed(words, encoder)
    tables.save(out)
    print(f"{out}: {len(words.verbs)} verbs and {len(words.nouns)} nouns in vectors of {tables.width}")
    last_line(as_json, {"out": str(out), "encoder": tables.encoder, "width": tables.width})


def verify(
    bundle: Annotated[Path, typer.Argument(help="The folder that `export` wrote.")],
    target: Annotated[
        str | None,
        typer.Option(help="Also say what TensorRT would hold against the graph: orin-nano-trt-int8 or a profile."),
    ] = None,
    key: Annotated[Optional[Path], typer.Option(help="The public key that it has to be signed for, PEM.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether a bundle is what its manifest says and holds nothing else."""
    from edgegsr.bundle import BUILT, open_bundle
    from edgegsr.shipped import find_bundle
    from edgegsr.signature import SIGNATURE

    found = open_bundle(find_bundle(bundle), key)
    findings = _held_against(found.graph, target) if target else []
    files = found.manifest["files"]
    table(
        str(bundle), ("file", "bytes", "sha256"), [(n, f"{f['bytes']:,}", f["sha256"][:16]) for n, f in files.items()]
    )
    if key is None and (found.folder / SIGNATURE).is_file():
        print(f"signed, and not checked by whom; give --key ({SIGNATURE})")
    extra = f" but {BUILT}/, which was built where it runs" * (found.folder / BUILT).is_dir()
    missed = _kept_though(found.folder)
    for line in missed:
        print(shown(f"kept though it misses a gate: {line}"))
    print(f"whole, and nothing else in it{extra}" + f", signed with the key of {shown(key)}" * (key is not None))
    last_line(
        as_json,
        {"bundle": str(bundle), **found.manifest, "missed": missed, **({"findings": findings} if target else {})},
    )
    if refused := sum(each["refused"] for each in findings):
        complain(
            f"{shown(bundle)}: TensorRT of {target} would refuse it: {refused} of {len(findings)} findings", MISSED
        )
        raise typer.Exit(MISSED)


def _kept_though(bundle: Path) -> list[str]:
    """What a bundle lacks that was kept with --allow-regression."""
    from edgegsr.bundle import NUMERICS
    from edgegsr.files import read_json

    found = read_json(bundle / NUMERICS) if (bundle / NUMERICS).is_file() else {}
    lines = found.get("missed") if isinstance(found, dict) else None
    return [str(line) for line in lines] if isinstance(lines, list) else []


def _held_against(graph: bytes, target: str) -> list[dict[str, Any]]:
    """What the TensorRT of a board would hold against a graph, also as a table."""
    need_training("--target", "onnx")
    import onnx

    from edgegsr.export.target import find_target
    from edgegsr.export.tensorrt_rules import check

    aim = find_target(target)
    if aim.engine != "tensorrt" or not aim.version:
        raise InputError(
            f"--target: wanted a profile with a version of TensorRT, got one of {aim.engine}; leave it out"
        )
    major, minor = map(int, aim.version.split("."))
    model = onnx.load_model_from_string(graph)
    findings = check(model, (major, minor), aim.multiple)
    told = [asdict(each) for each in findings]
    rounds = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    if rounds != (aim.precision == "int8"):
        print(ROUNDS[rounds].format(target=target))
    _show_findings(f"TensorRT {aim.version}, by rules; no engine was built", told)
    if not told:
        print(f"no rule of TensorRT {aim.version} is broken; no engine was built")
    return told


def _show_findings(title: str, findings: Sequence[Mapping[str, Any]]) -> None:
    """What TensorRT would hold against graphs, as a table."""
    rows = [
        (
            each["rule"],
            "refused" if each["refused"] else "slow",
            each.get("file", ""),
            each["node"] or "-",
            each["what"],
        )
        for each in findings
    ]
    if rows:
        table(title, ("rule", "", "file", "node", "what"), rows)
