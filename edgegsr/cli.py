"""The command line: one verb per station. Each parses, calls one function and prints.

Nothing heavy is imported before a command runs, so that `--help` is instant and a board without torch has its verbs.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.errors import InputError, MissingExtra, TrainingStopped, shown

if TYPE_CHECKING:
    from edgegsr.data.split import Split
    from edgegsr.data.splits import Groups
    from edgegsr.distill.config import TrainConfig
    from edgegsr.distill.methods import Method
    from edgegsr.teacher.knowledge import Source
    from edgegsr.text import TextTables

DONE, FAILED, BAD_INPUT, MISSED = 0, 1, 2, 3  # exit codes; 3 is for gates and parity
UNWRITABLE = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}
SHOWN = 40  # findings on the screen

app = typer.Typer(
    name="edgegsr",
    help="Distill, compress and export grounded situation recognition for the edge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Make and check datasets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")


class Candidates(str, Enum):
    generalised = "generalised"
    restricted = "restricted"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Data = Annotated[str, typer.Option(help="A folder in the SWiG layout, 'diorama', or 'diorama:SEED'.")]
Limit = Annotated[Optional[int], typer.Option(min=1, help="Use only this many images.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that prepare images.")]
RunFolder = Annotated[
    Path, typer.Argument(help="The folder that `distill` wrote, or the name of a student that comes along.")
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; a user's mistake is one line and exit code 2."""
    try:
        app(args=_spread(list(sys.argv[1:] if arguments is None else arguments), "--truth"))
    except InputError as error:
        sys.exit(_complain(error, BAD_INPUT))
    except TrainingStopped as error:
        sys.exit(_complain(error, FAILED))
    except BrokenPipeError:
        sys.exit(DONE)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        sys.exit(_complain(f"{error.filename or 'the output'}: {error.strerror}; nothing finished is lost", BAD_INPUT))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Versions, CPU and GPU, boards, and which targets can be built and run here."""
    from edgegsr.doctor import examine

    report = examine()
    for title, headers, rows in report.tables():
        _table(title, headers, rows)
    _last_line(as_json, report.to_json())


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo"),
    as_json: Json = False,
) -> None:
    """Stage a small world, train a pico student alone and with a teacher, draw what it sees: minutes on two cores."""
    _need_training("demo")
    from edgegsr.demo import run

    result = run(out)
    rows = [
        (name, group, *(f"{100 * part[key]:.0f}" for key in ("verb_top1", "verb_top5", "grounded")))
        for name, scores in {**result["dev"], "diorama-nano, shipped": result["shipped"]["dev"]}.items()
        for group, part in scores.items()
        if group != "all"
    ]
    _table("dev, %, mean over verbs", ("student", "verbs", "verb top1", "verb top5", "grounded, true verb"), rows)
    shipped = result["shipped"]
    print(f"\nThe bundle that ships, trained on all of it and pruned, takes {shipped['p50_ms']:.1f} ms a photo here.")
    print(f"Look at   {result['report']} and {shipped['picture']}")
    print(f"Go on     {_program()} predict diorama-nano {result['image']} --draw")
    _last_line(as_json, result)


@data_app.command("make")
def data_make(
    name: Annotated[str, typer.Argument(help="What to make: 'diorama'.")],
    out: Annotated[Path, typer.Option(help="Folder to write; a started one is finished.")],
    seed: Annotated[int, typer.Option(help="Another seed is another sample of the same world.")] = 0,
    share: Annotated[float, typer.Option(min=0.001, max=20, help="How much of the full size to make.")] = 1.0,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Processes; by default one per core.")] = None,
    as_json: Json = False,
) -> None:
    """Stage a dataset on disk, in the official SWiG layout."""
    if name != "diorama":
        raise InputError(f"data make: wanted 'diorama', got {name!r}")
    _need_training("data make")
    from edgegsr.data.diorama.make import make, sizes

    make(out, seed, share, workers)
    counts = sizes(out)
    _table(f"Diorama {seed} in {out}", ("split", "images"), counts.items())
    _last_line(as_json, {"out": str(out), "seed": seed, "images": counts})


@data_app.command("check")
def data_check(
    path: Annotated[Path, typer.Argument(help="A dataset folder, or one annotation file.")],
    images: Annotated[Optional[Path], typer.Option(help="Folder of the images of an annotation file.")] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode every image instead of reading its header.")] = False,
    as_json: Json = False,
) -> None:
    """List what is there and what is wrong with it; exits with 2 when something is."""
    from edgegsr.data.check import check

    findings = check(path, images, decode)
    _table(str(path), ("split", "images", "verbs", "roles", "boxes", "blanks", "oov"), findings.counts)
    for severity, file, image, wanted, got in findings.to_rows(SHOWN):
        print(shown(f"{severity}: {': '.join(filter(None, (file, image)))}: wanted {wanted}, got {got}"))
    for note in findings.notes:
        print(note)
    print(
        f"{len(findings.errors)} errors, {len(findings.warnings)} warnings"
        + (", not all shown" * (len(findings.items) > SHOWN))
    )
    if as_json:
        print(findings.to_json())
    if not findings.ok:
        raise typer.Exit(BAD_INPUT)


@app.command()
def teach(
    out: Annotated[Path, typer.Option(help="The cache to write; a started one goes on, other images are added.")],
    data: Data = "diorama",
    teacher: Annotated[
        Optional[str], typer.Option(help="Hub id or folder of a vision model; by default the Diorama teacher.")
    ] = None,
    rationales: Annotated[str, typer.Option(help="Who writes them: template, vlm or endpoint.")] = "template",
    vlm: Annotated[Optional[str], typer.Option(help="The model that writes: hub id or folder.")] = None,
    endpoint: Annotated[Optional[str], typer.Option(help="A server that speaks /v1/chat/completions.")] = None,
    model: Annotated[Optional[str], typer.Option(help="The model to ask the server for.")] = None,
    api_key_env: Annotated[Optional[str], typer.Option(help="Environment variable with the server's key.")] = None,
    max_requests: Annotated[Optional[int], typer.Option(min=0, help="To the server, over all runs.")] = None,
    concurrency: Annotated[
        Optional[int], typer.Option(min=1, help="Images that the server is asked about at a time.")
    ] = None,
    text: Annotated[
        Optional[str], typer.Option(help="Text encoder for the rationales; by default the teacher's own.")
    ] = None,
    grid: Annotated[
        Optional[int], typer.Option(min=1, help="Cells a side; by default all that the teacher has.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Views that the teacher looks at together.")] = 32,
    views: Annotated[str, typer.Option(help="plain, flipped, or both.")] = "plain,flipped",
    shard_mb: Annotated[
        float, typer.Option(min=1, help="Size of a file; less is lost by a kill when it is small.")
    ] = 64,
    collages: Annotated[int, typer.Option(min=0, help="Of each image, which `distill --method mipd` learns from.")] = 2,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Write down what a teacher sees and what is said of every training image, once."""
    _need_training("teach")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.processes import processes
    from edgegsr.shipped import find_teacher
    from edgegsr.teacher.cache import views_named
    from edgegsr.teacher.teach import teach
    from edgegsr.teacher.texts import options_of
    from edgegsr.teacher.vision import open_teacher
    from edgegsr.teacher.zero_shot import Exam, kept

    server: dict[str, Any] = {"url": endpoint, "model": model, "key_env": api_key_env}
    server |= {"max_requests": max_requests, "concurrency": concurrency}
    options, wanted, state = options_of(rationales, vlm, server), views_named(views), processes()
    opened = open_teacher(find_teacher(teacher), str(state.device), grid)  # a mistake shows before any work is done
    learn = open_data(data, "train", limit)
    words = learn.annotations.ontology
    try:
        exam = Exam(open_data(data, "dev", limit, words), groups_of(data, words))
    except InputError as error:  # a teacher can look without being judged; `distill` will ask for dev
        print(f"{error}: the teacher itself is not judged", file=sys.stderr)
        exam = None
    told = teach(
        learn,
        opened,
        out,
        rationales=options,
        text=text,
        views=wanted,
        batch=batch,
        shard_mb=shard_mb,
        collages=collages,
        exam=exam,
    )
    if not state.is_main_process:
        return
    rate = "" if told["views_per_s"] is None else f", {told['views_per_s']:.1f}/s"
    rows = [
        ("images", told["images"], ""),
        *((f"{view} views", count, "") for view, count in told["views"].items()),
        ("views looked at now", told["new"]["views"], rate.removeprefix(", ")),
        ("collages looked at now", told["new"]["collages"], ""),
        ("texts", told["texts"], f"{told['new']['texts']} read now"),
        *((f"rationales by {writer}", count, "") for writer, count in told["rationales"].items()),
        *(("template because", count, reason) for reason, count in told["fallbacks"].items()),
        ("on the disk", f"{told['mb']} MB", ""),
    ]
    _table(f"{opened.name} in {out}", ("what", "how many", ""), rows)
    if scores := kept(out):
        _show_teacher(f"{opened.name} on {scores['split']}", scores)
    _last_line(as_json, {**told, "zero_shot": scores})


@app.command()
def distill(
    student: Annotated[str, typer.Option(help="Its card: a TOML file, or pico, nano, small.")],
    out: Annotated[Path, typer.Option(help="The run to write; a started one goes on.")],
    data: Data = "diorama",
    method: Annotated[
        str, typer.Option(help="none (annotations alone), feature, caption, pseudo, mipd, mipd-release.")
    ] = "none",
    teacher: Annotated[
        Optional[str], typer.Option(help="What `teach` wrote, or a model; by default the Diorama teacher.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the teacher anew for every batch; keep nothing.")] = False,
    grid: Annotated[
        Optional[int], typer.Option(min=1, help="Cells a side that a teacher looks with; by default all that it has.")
    ] = None,
    text: Annotated[Optional[str], typer.Option(help="Text encoder for the words: hub id or folder.")] = None,
    seed: Annotated[Optional[int], typer.Option(min=0, help="By default the card's.")] = None,
    epochs: Annotated[Optional[int], typer.Option(min=1, help="By default the card's.")] = None,
    batch: Annotated[Optional[int], typer.Option(min=1, help="Images a step; by default the card's.")] = None,
    limit: Limit = None,
    workers: Annotated[Optional[int], typer.Option(min=0, help="Processes that prepare images.")] = None,
    settings: Annotated[
        Optional[list[str]], typer.Option("--set", help="Any value of the card's [train] table: KEY=VALUE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a student; the same command goes on with what it finds in --out."""
    _need_training("distill")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.distill.config import read_train
    from edgegsr.distill.methods import find_method
    from edgegsr.distill.train import train
    from edgegsr.shipped import find_card
    from edgegsr.student.config import read_student
    from edgegsr.text.shipped import tables_for

    card = find_card(student)
    given = {"epochs": epochs, "batch": batch, "seed": seed, "workers": workers}
    overrides = {key: value for key, value in given.items() if value is not None}
    for key, value in _settings(settings or []).items():
        if overrides.setdefault(key, value) != value:
            raise InputError(f"--set {key}={value}: --{key} {overrides[key]} was given as well; leave one out")
    if out.is_file():
        raise InputError(f"--out {out}: wanted a folder, got a file")
    how = find_method(method)
    if not how.taught and (teacher or live or grid):
        raise InputError(f"--method {method}: learns from no teacher; leave out --teacher, --live and --grid")
    read_student(card), read_train(card)  # a mistake shows before any work is done
    try:
        training = read_train(card, overrides)
    except InputError as error:
        raise InputError(f"--set and its kin: {str(error).removeprefix(f'{card}: ')}") from error
    learn = open_data(data, "train", limit)
    words = learn.annotations.ontology
    judge = open_data(data, "dev", limit, words)
    tables, groups = tables_for(words, text), groups_of(data, words)
    source = _source(how, training, learn, judge, groups, tables, teacher, live=live, grid=grid, text=text)
    run = train(card, learn, judge, tables, out, method, None, overrides, groups, source=source)
    _last_line(as_json, {"out": str(run.folder), "report": str(run.folder / "report.html")})


@app.command()
def compress(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The run to write; a started compression goes on.")],
    prune: Annotated[float, typer.Option(help="Share of the channels and heads to cut, 0 to below 1.")] = 0.0,
    latency: Annotated[
        Optional[str], typer.Option(help="Share of the latency to come down to, such as 0.6x, instead of --prune.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="What it is made for: a profile, or the name of one that comes along.")
    ] = "onnx-fp32",
    max_drop: Annotated[
        Optional[float],
        typer.Option(
            min=0,
            max=1,
            help="Share of a dev score that INT8 may cost before layers stay in 16 bits, by default 0.01; where it is "
            "given and the run as a whole lost more, exit with 3.",
        ),
    ] = None,
    drop_layers: Annotated[int, typer.Option(min=0, help="Decoder layers to drop, the last ones.")] = 0,
    sparse: Annotated[
        str, typer.Option(help="Set single weights to zero: a share such as 0.5, or 2:4. Few engines are faster by it.")
    ] = "",
    criterion: Annotated[
        str, typer.Option(help="What is cut first: taylor (what the lesson would miss least) or magnitude.")
    ] = "taylor",
    multiple: Annotated[
        Optional[int], typer.Option(min=1, help="Widths are rounded to multiples of this; by default the target's.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Cut in so many rounds, with recovery after each.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Of recovery after the last round.")] = 4,
    ptq: Annotated[bool, typer.Option("--ptq", help="Count in 8 bits, by what calibration images make of it.")] = False,
    qat: Annotated[bool, typer.Option("--qat", help="The same, and trained on with the rounding.")] = False,
    calibration: Annotated[int, typer.Option(min=1, help="Training images to calibrate on.")] = 256,
    qat_epochs: Annotated[int, typer.Option(min=1, help="Of training with the rounding.")] = 3,
    data: Data = "diorama",
    method: Annotated[Optional[str], typer.Option(help="How it is taught on; by default as it was distilled.")] = None,
    teacher: Annotated[
        Optional[str], typer.Option(help="What `teach` wrote, or a model; by default the Diorama teacher.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the latency that is measured.")] = 2,
    limit: Limit = None,
    workers: Annotated[Optional[int], typer.Option(min=0, help="Processes that prepare images.")] = None,
    settings: Annotated[
        Optional[list[str]], typer.Option("--set", help="Any value of the run's [train] table: KEY=VALUE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a student smaller with its teacher watching: cut what it misses least, let it recover, count in 8 bits."""
    _need_training("compress", "torch_pruning", "nncf", "onnx", "onnxscript")
    from edgegsr.compress.compress import compress
    from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes, read_share
    from edgegsr.compress.figures import dropped, read_steps, rows
    from edgegsr.compress.school import School
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.distill.config import read_train
    from edgegsr.distill.methods import find_method
    from edgegsr.export.target import find_target
    from edgegsr.processes import processes
    from edgegsr.run import open_run
    from edgegsr.shipped import find_run

    if processes().num_processes > 1:
        raise InputError("compress: runs in one process; leave out `accelerate launch`")
    aim, share = find_target(target), 0.0 if latency is None else read_share(latency)
    wish = PruneConfig(prune, share, criterion, multiple or aim.multiple, rounds, drop_layers, sparse, epochs=epochs)
    quantize = QuantizeConfig(ptq, qat, calibration, epochs=qat_epochs)
    if max_drop is not None:
        quantize = replace(quantize, max_drop=max_drop)
    wishes = Wishes(wish, quantize, aim)
    opened, overrides = open_run(find_run(run)), _settings(settings or [])
    if owned := overrides.keys() & {"epochs", "warmup_epochs"}:
        raise InputError(f"--set {min(owned)}: every training here has its own; give --epochs or --qat-epochs")
    if workers is not None:
        overrides["workers"] = workers
    if lacking := {"method", "train"} - opened.config.keys():
        raise InputError(f"{opened.folder / 'config.toml'}: lacks {min(lacking)!r}; wanted a run that `distill` wrote")
    name = method or str(opened.config["method"])
    how = find_method(name)
    if not how.taught and teacher:
        raise InputError(f"--method {name}: learns from no teacher; leave out --teacher")
    try:
        training = read_train({"train": opened.config["train"]}, overrides, how.settings)
    except InputError as error:
        raise InputError(f"--set and its kin: {str(error).removeprefix('card: ')}") from error
    learn = open_data(data, "train", limit, opened.ontology)
    judge = open_data(data, "dev", limit, opened.ontology)
    groups = groups_of(data, opened.ontology)
    source = _source(how, training, learn, judge, groups, opened.tables, teacher) if wishes.trained else None
    done = compress(opened, out, wishes, School(learn, judge, groups, name, source, training), threads)
    steps = read_steps(done.folder)
    _table(f"{out}, dev, %", *rows(steps))
    print("M: weights; ms: of the exported graph; by group: verb top-1; grounded: all verbs, with the true verb")
    print(f"\nLook at   {done.folder / 'report.html'}")
    missed = [] if max_drop is None else dropped(steps, max_drop)
    _last_line(as_json, {"out": str(out), "report": str(out / "report.html"), "steps": steps, "missed": missed})
    for line in missed:
        _complain(line, MISSED)
    if missed:
        raise typer.Exit(MISSED)


@app.command()
def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The bundle to write; one that lies there is replaced.")],
    target: Annotated[
        str,
        typer.Option(
            help="A profile, or onnx-fp32, onnx-int8, onnx-int8-arm64, openvino-fp32, openvino-bf16, openvino-int8; "
            "for a board with TensorRT orin-nano-trt-int8 and the like."
        ),
    ] = "onnx-fp32",
    data: Data = "diorama",
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
    threads: Annotated[int, typer.Option(min=1, help="Of the latency that is measured.")] = 2,
    name: Annotated[str, typer.Option(help="What the bundle is called; by default as its folder.")] = "",
    allow_regression: Annotated[
        bool,
        typer.Option("--allow-regression", help="Keep a bundle that is slower or scores less than it should."),
    ] = False,
    sign: Annotated[Optional[Path], typer.Option(help="Sign it with this Ed25519 private key, a PEM file.")] = None,
    as_json: Json = False,
) -> None:
    """Make a bundle that runs without torch, and prove that it says what its student says."""
    _need_training("export", "onnx", "onnxscript")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.export.export import export
    from edgegsr.export.judge import Checks
    from edgegsr.export.target import find_target
    from edgegsr.export.vocabulary import Vocab, capacity_named
    from edgegsr.run import open_run
    from edgegsr.shipped import find_run
    from edgegsr.student.calibration import calibrate, read_calibration

    kept = Vocab(vocab, capacity_named(capacity), with_text_encoder)
    aim, opened = find_target(target), open_run(find_run(run))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    photos, groups = open_data(data, "dev", None, opened.ontology), groups_of(data, opened.ontology)
    checks = Checks(photos, groups, images, threads, allow_regression)
    found = export(opened, out, aim, checks, kept, name, sign)
    numerics, perf = found["numerics"], found["perf"]
    rows = [
        (name, f"{drift:.1e}", f"{100 * numerics['same'][name]:.1f}" if name in numerics["same"] else "-")
        for name, drift in numerics["drift"].items()
    ]
    _table(f"{out}: {numerics['images']} photos, student and graph", ("output", "largest drift", "same, %"), rows)
    took = perf.get("told")
    if "findings" in numerics:
        _show_findings(f"TensorRT {aim.version}, by rules", numerics["findings"])
    if took is None:
        took = f"p50 {perf['p50_ms']:.2f} ms, p99 {perf['p99_ms']:.2f} ms on {perf['cpu']}, {perf['threads']} threads"
        took += ", the network alone"
    if "dev" in numerics:
        heads = ("dev, %", "top-1", "value", "grounded")
        told = [
            (f"{who}, {group}", *(f"{100 * dev[group][name]:.1f}" for name in ("verb_top1", "value", "grounded")))
            for group in numerics["dev"]["student"]
            for who, dev in numerics["dev"].items()
        ]
        _table("all verbs; value and grounded with the true verb", heads, told)
    if "text" in numerics:
        text = numerics["text"]
        near = ", ".join(f"{cosine:.4f} in {kind}" for kind, cosine in text["least_cosine"].items())
        print(f"text encoder in {text['precision']}, {text['bytes']:,} bytes; least cosine of a word {near}")
    if "layers" in numerics:
        print("{in_8_bits} of {wanted_in_8_bits} layers count in 8 bits".format(**numerics["layers"]))
    print(f"{found['graph_bytes'] / 1e6:.1f} MB{'. ' if 'told' in perf else ', '}{took}")
    if turns := perf.get("in_turns_ms"):
        print("in turns: " + ", ".join(f"{precision} {ms:.2f} ms" for precision, ms in turns.items()))
    _last_line(as_json, {"out": str(out), **found})
    for line in found["missed"]:
        _complain(f"{out}: {'kept though' if found['written'] else 'not written'}: {line}", MISSED)
    if not found["written"]:
        raise typer.Exit(MISSED)


@app.command()
def text(
    ontology: Annotated[Path, typer.Argument(help="Verbs with their frames and nouns, as a bundle's vocabulary.json.")],
    out: Annotated[Path, typer.Option(help="The tables to write, a safetensors file.")],
    encoder: Annotated[str, typer.Option(help="Text encoder: hub id or folder.")] = "all-MiniLM-L6-v2",
    as_json: Json = False,
) -> None:
    """Read the words of an ontology: the tables for `set_vocabulary` of a bundle without a text encoder."""
    _need_training("text")
    from edgegsr.situation import Ontology
    from edgegsr.text import embed

    try:
        words = Ontology.from_json(ontology.read_text("utf-8"), str(ontology))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{ontology}: cannot be read: {error}") from error
    tables = embed(words, encoder)
    tables.save(out)
    print(f"{out}: {len(words.verbs)} verbs and {len(words.nouns)} nouns in vectors of {tables.width}")
    _last_line(as_json, {"out": str(out), "encoder": tables.encoder, "width": tables.width})


@app.command()
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
    _table(
        str(bundle), ("file", "bytes", "sha256"), [(n, f"{f['bytes']:,}", f["sha256"][:16]) for n, f in files.items()]
    )
    if key is None and (found.folder / SIGNATURE).is_file():
        print(f"signed, and not checked by whom; give --key ({SIGNATURE})")
    extra = f" but {BUILT}/, which was built where it runs" * (found.folder / BUILT).is_dir()
    print(f"whole, and nothing else in it{extra}" + f", signed with the key of {shown(key)}" * (key is not None))
    _last_line(as_json, {"bundle": str(bundle), **found.manifest, **({"findings": findings} if target else {})})
    if any(each["refused"] for each in findings):
        raise typer.Exit(MISSED)


def _held_against(graph: bytes, target: str) -> list[dict[str, Any]]:
    """What the TensorRT of a board would hold against a graph, also as a table."""
    _need_training("--target", "onnx")
    import onnx

    from edgegsr.export.target import find_target
    from edgegsr.export.tensorrt_rules import check

    aim = find_target(target)
    if aim.engine != "tensorrt" or not aim.version:
        raise InputError(
            f"--target: wanted a profile with a version of TensorRT, got one of {aim.engine}; leave it out"
        )
    major, minor = map(int, aim.version.split("."))
    findings = check(onnx.load_model_from_string(graph), (major, minor), aim.multiple)
    told = [asdict(each) for each in findings]
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
        _table(title, ("rule", "", "file", "node", "what"), rows)


@app.command("eval")
def evaluate(
    run: RunFolder,
    data: Data = "diorama",
    split: Annotated[str, typer.Option(help="train, dev, test, or one of Ov-SWiG such as test_unseen.")] = "test",
    candidates: Annotated[
        Candidates, typer.Option(help="generalised: every verb; restricted: the verbs of the image's own group.")
    ] = Candidates.generalised,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen.")
    ] = False,
    teacher: Annotated[Optional[str], typer.Option(help="Also score this teacher, zero-shot: id or folder.")] = None,
    limit: Limit = None,
    workers: Workers = 0,
    predictions: Annotated[Optional[Path], typer.Option(help="Also write them, as `score` reads them.")] = None,
    as_json: Json = False,
) -> None:
    """Score a run by the official protocol, for seen, rare and unseen verbs, with chance beside it."""
    _need_training("eval")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.run import open_run
    from edgegsr.scoring.brief import brief
    from edgegsr.shipped import find_run
    from edgegsr.student.answers import answer, write_predictions
    from edgegsr.student.calibration import calibrate, read_calibration
    from edgegsr.student.evaluate import evaluate

    if predictions and (predictions.is_dir() or not predictions.parent.is_dir()):
        raise InputError(f"--predictions: wanted the name of a file in a folder that exists, got {predictions}")
    opened = open_run(find_run(run))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    judge = open_data(data, split, limit, opened.ontology)
    learned = open_data(data, "train", ontology=opened.ontology).annotations
    said = answer(opened.student, judge, workers=workers, label="evaluating")
    groups = groups_of(data, opened.ontology)
    scores = evaluate(opened, judge, groups, candidates.value, train=learned, answers=said)
    if predictions:
        write_predictions(predictions, judge, said)
    counts = {name: part["images"] for name, part in scores["groups"].items()}
    how = candidates.value + ", calibrated on dev" * calibrated
    _show_brief(f"{run} on {data}, {split}, {how}", brief(scores), scores["chance"], counts)
    scores |= {"calibrated": calibrated, "harmonic": brief(scores).get("harmonic")}
    if teacher:
        from edgegsr.processes import processes
        from edgegsr.shipped import find_teacher
        from edgegsr.teacher.vision import open_teacher
        from edgegsr.teacher.zero_shot import zero_shot

        looking = open_teacher(find_teacher(teacher), str(processes().device))
        scores["teacher"] = zero_shot(looking, judge, groups, opened.tables, candidates=candidates.value)
        _show_teacher(teacher, scores["teacher"])
    _last_line(as_json, scores)


@app.command()
def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Photos: JPEG, PNG, WebP or BMP.")],
    verb: Annotated[Optional[str], typer.Option(help="Ask about this verb instead of the likeliest.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen.")
    ] = False,
    draw: Annotated[
        bool, typer.Option("--draw", help="Write NAME.situation.png beside each photo, or into --out.")
    ] = False,
    out: Annotated[Optional[Path], typer.Option(help="Folder for the drawings.")] = None,
    as_json: Json = False,
) -> None:
    """Say who does what, with what, where."""
    from edgegsr.files import write_whole
    from edgegsr.images import open_image
    from edgegsr.runtime.draw import draw as drawn

    predictor = _predictor(run, calibrated)
    words = {noun.id: noun.word for noun in predictor.ontology.nouns}
    if out and not draw:
        raise InputError("--out: says where drawings go; give --draw as well")
    targets = [(out or image.parent) / f"{image.name}.situation.png" for image in images]
    if len(set(targets)) < len(targets):
        raise InputError("images: two have the same name, their drawings would overwrite each other; leave out --out")
    if verb is not None:
        predictor.ontology.frame(verb)
    found, failures = [], []
    for image, target in zip(images, targets):
        try:
            situation = predictor.predict(image, verb)
        except InputError as error:
            failures.append(error)
            continue
        rows = [
            (role, words[f.noun], f"{f.confidence:.2f}", " ".join(f"{v:.0f}" for v in f.box_xyxy or ()) or "-")
            for role, f in situation.fillers.items()
        ]
        _table(
            f"{image}: {situation.verb} ({situation.confidence:.2f})",
            ("role", "noun", "confidence", "box x1 y1 x2 y2"),
            rows,
        )
        found.append({"image": str(image), **json.loads(situation.to_json())})
        if draw:
            picture = BytesIO()
            drawn(open_image(image), situation, words).save(picture, "PNG")
            write_whole(target, picture.getvalue())
            print(shown(target))
    _last_line(as_json, {"situations": found, "failures": [str(error) for error in failures]})
    for failure in failures:
        _complain(failure, BAD_INPUT)
    if failures:
        raise typer.Exit(BAD_INPUT)


@app.command()
def score(
    truth: Annotated[list[Path], typer.Option(help="Official annotation files, one or more.")],
    predictions: Annotated[Path, typer.Option(help="JSON lines, one object an image.")],
    task: Annotated[str, typer.Option(help="The protocol: 'swig'.")] = "swig",
    rules: Annotated[
        str, typer.Option(help="strict, or as another repository: coformer, jsl, situformer, relation_r1, clipsitu.")
    ] = "strict",
    space: Annotated[Optional[Path], typer.Option(help="imsitu_space.json: verbs beyond those of the truth.")] = None,
    train: Annotated[
        Optional[Path], typer.Option(help="Training annotations: scores by seen, rare and unseen.")
    ] = None,
    unseen: Annotated[Optional[Path], typer.Option(help="Verbs to count as unseen, one a line.")] = None,
    as_json: Json = False,
) -> None:
    """Judge anybody's predictions by the official protocol."""
    if task != "swig":
        raise InputError(f"--task: wanted 'swig', got {task!r}")
    from edgegsr.data import swig
    from edgegsr.data.splits import RARE_IMAGES, groups, image_counts
    from edgegsr.scoring.gsr import PROFILES, score
    from edgegsr.scoring.predictions import read_predictions
    from edgegsr.scoring.table import HEADERS, rows

    if rules not in PROFILES:
        raise InputError(f"--rules: wanted one of {', '.join(PROFILES)}, got {rules!r}")
    known = swig.read(truth, space=space)
    vocabulary = swig.read_ontology(space, nouns=()) if space else None
    by: Groups | None = None
    if train or unseen:
        counts = image_counts(swig.read(train)) if train else dict.fromkeys(known.ontology.verbs, RARE_IMAGES + 1)
        listed = swig.read_verbs(unseen, vocabulary or known.ontology) if unseen else ()
        by = groups(dict.fromkeys(known.ontology.verbs, 0) | counts, listed)
    said = read_predictions(predictions, known, vocabulary)
    scores = score(known, said, PROFILES[rules], by._asdict() if by else None)
    _table(f"{predictions}, rules {rules}, %", HEADERS, rows(scores))
    for count, what in ((scores.missing, "no prediction"), (scores.unanswered, "no frame for the true verb")):
        if count:
            print(f"{count} of {len(known)} images have {what}: it counts as wrong")
    _last_line(as_json, scores.to_json())


def _predictor(folder: Path, calibrated: bool) -> Any:
    """What looks at photos: a bundle in its engine, or the student of a run in torch."""
    from edgegsr.bundle import is_bundle
    from edgegsr.shipped import find_bundle

    if is_bundle(bundle := find_bundle(folder)) and not (calibrated and bundle != folder):
        from edgegsr.runtime import SituationRecognizer

        if calibrated:
            raise InputError("--calibrated: is folded into a bundle when it is exported; leave it out")
        return SituationRecognizer(bundle)
    from edgegsr.shipped import find_run

    if not find_run(folder).is_dir():
        raise InputError(f"{shown(folder)}: no such folder; wanted a bundle, a run, or diorama-nano")
    _need_training("predict with a run")
    from edgegsr.run import open_run
    from edgegsr.student.calibration import calibrate, read_calibration
    from edgegsr.student.predictor import EagerPredictor

    opened = open_run(find_run(folder))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    return EagerPredictor(opened)


def _source(
    how: Method,
    training: TrainConfig,
    learn: Split,
    judge: Split,
    groups: Groups,
    tables: TextTables,
    teacher: Optional[str],
    **given: Any,
) -> Optional[Source]:
    """The teacher that a method learns from, in the views that its training shows."""
    if not how.taught:
        return None
    from edgegsr.teacher.cache import VIEWS
    from edgegsr.teacher.source import open_source
    from edgegsr.teacher.zero_shot import Exam

    return open_source(
        teacher,
        learn,
        views=VIEWS if training.augment.flip else VIEWS[:1],
        collages=training.mipd.collages if "mipd" in how.tables else 0,
        exam=Exam(judge, groups, tables),
        check=lambda texts, read_by: how.lesson.check(texts, read_by, tables.encoder),
        **given,
    )


def _program() -> str:
    """How this program was called."""
    name = Path(sys.argv[0]).name
    return "python -m edgegsr" if name in ("__main__.py", "cli.py") else name


def _need_training(command: str, *more: str) -> None:
    if sys.version_info < (3, 11):
        raise InputError(f"{command} needs Python 3.11 or newer, this is {platform.python_version()}")
    needed = ("torch", "transformers", "accelerate", "safetensors", "cv2", *more)
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise MissingExtra(f"{command} ({', '.join(missing)})", "train")


def _settings(pairs: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE with the value as JSON, or else as a text."""
    out: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise InputError(f"--set: wanted KEY=VALUE, got {pair!r}")
        try:
            out[key] = json.loads(value)
        except json.JSONDecodeError:
            out[key] = value
        except (ValueError, RecursionError) as error:
            raise InputError(f"--set {key}: wanted a number, a text, true or false: {error}") from error
    return out


def _spread(arguments: list[str], option: str) -> list[str]:
    """`--truth a b` as `--truth a --truth b`, which is what the parser takes."""
    out: list[str] = []
    inside = False
    for word in arguments:
        if word.startswith("-"):
            inside = word == option
            out.append(word)
        elif inside and out[-1] != option:
            out += [option, word]
        else:
            out.append(word)
    return out


def _complain(error: object, code: int) -> int:
    print(f"edgegsr: {error}", file=sys.stderr)
    return code


def _last_line(wanted: bool, value: Mapping[str, Any]) -> None:
    if wanted:
        text = json.dumps(value, ensure_ascii=False)
        print(text if text.isprintable() else json.dumps(value))


def _show_brief(
    title: str,
    scores: Mapping[str, Mapping[str, float | None]],
    chance: Mapping[str, Mapping[str, float]],
    counts: Mapping[str, int],
) -> None:
    names = list(next(iter(scores.values())))
    cells = [
        (label, *("-" if (value := part.get(name)) is None else f"{100 * value:.1f}" for name in names))
        for group, part in scores.items()
        for label, part in ((_counted(group, counts), part), ("  chance", chance.get(group, {})))
        if part
    ]
    _table(f"{title}, %, mean over verbs", ("verbs (images)", *(name.replace("_", " ") for name in names)), cells)
    print("top1: with the student's verb. value and grounded alone: with the true verb.")


def _show_teacher(name: str, found: Mapping[str, Any]) -> None:
    """A teacher beside its student; one without a text space has no zero-shot verbs."""
    if groups := dict(found.get("groups", {})):
        groups |= {"harmonic mean of seen and unseen": found["harmonic"]} if "harmonic" in found else {}
        rows = [(group, *(f"{100 * value:.1f}" for value in part.values())) for group, part in groups.items()]
        title = f"{name}, zero-shot, {found['candidates']}, %, mean over verbs"
        _table(title, ("verbs", "verb top1", "verb top5"), rows)
    else:
        print(f"\n{name}: has no texts of its own, and so no zero-shot verbs")
    print(f"{found['gflops']:.2f} GFLOPs and {found['latency_ms']:.1f} ms an image, here, one by one")


def _counted(group: str, counts: Mapping[str, int]) -> str:
    return f"{group} ({counts[group]})" if group in counts else f"{group} mean of seen and unseen"


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    print(f"\n{shown(title)}")
    table = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for i, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=i == 0 and len(headers) > 4)
    for row in rows:
        table.add_row(*map(shown, row))
    Console(markup=False).print(table)


if __name__ == "__main__":
    main()
