"""`edgegsr bench`: how right, how fast, how hungry the very same artifacts are."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    MISSED,
    Head,
    Json,
    Limit,
    complain,
    last_line,
    leave_out,
    names_pairs,
    need_same_kinds,
    need_training,
    of_both,
    table,
)
from edgegsr.errors import InputError, MissingExtra, TrainingStopped, shown

if TYPE_CHECKING:
    from edgegsr.bench.bench import Truth
    from edgegsr.bench.child import Subject
    from edgegsr.bundle import Bundle
    from edgegsr.interactions import Kinds
    from edgegsr.situation import Ontology

CPU, JETSON = "cpu", "jetson"


def bench(
    bundles: Annotated[list[Path], typer.Argument(help="Folders that `export` wrote; or two bench.json, --compare.")],
    device: Annotated[
        str, typer.Option(help="cpu (this machine), jetson, or a board: an ESTIMATE where this is not one.")
    ] = CPU,
    host: Annotated[Optional[str], typer.Option(help="Measure on this board, by ssh: user@board.")] = None,
    python: Annotated[str, typer.Option(help="The interpreter of --host.")] = "python3",
    student: Annotated[
        Optional[str], typer.Option(help="The run that they were made from: measured in torch, and their gate.")
    ] = None,
    teacher: Annotated[Optional[str], typer.Option(help="Beside this teacher, zero-shot: id, folder, diorama.")] = None,
    engine: Annotated[
        Optional[list[str]],
        typer.Option(help="onnxruntime, openvino, tensorrt or tensorrt-graph; again for more. By default its own."),
    ] = None,
    threads: Annotated[
        str, typer.Option(help="Of an engine; 1,2,4 measures each. By default the engine's choice.")
    ] = "0",
    at_once: Annotated[
        int, typer.Option(min=0, help="Photos that offline looks at at once. By default as many as there are CPUs for.")
    ] = 0,
    cpus: Annotated[str, typer.Option(help="Only these, such as 0,1.")] = "",
    scenario: Annotated[
        Optional[list[str]], typer.Option(help="single-stream (the default), multi-stream, offline; again for more.")
    ] = None,
    pace: Annotated[str, typer.Option(help="quick, default, or mlperf (ten minutes a scenario).")] = "default",
    quick: Annotated[bool, typer.Option("--quick", help="As --pace quick --limit 200, to have a look.")] = False,
    loadgen: Annotated[bool, typer.Option("--loadgen", help="MLPerf's own LoadGen asks as well (x86).")] = False,
    trtexec: Annotated[
        bool, typer.Option("--trtexec", help="Also time TensorRT engines alone, with and without a CUDA graph.")
    ] = False,
    data: Annotated[
        Optional[str],
        typer.Option(
            help="Annotated photos: a folder in the SWiG layout, 'diorama', or 'diorama:SEED'; pairs: HICO-DET's, or "
            "'crowd'."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="train, dev, test, or one of Ov-SWiG.")] = "test",
    head: Annotated[
        Optional[Head],
        typer.Option(
            help="Of bundles that say both, and are timed with both: which half is judged, by default situations."
        ),
    ] = None,
    limit: Limit = None,
    photos: Annotated[int, typer.Option(min=1, help="That are looked at again and again.")] = 64,
    accuracy: Annotated[bool, typer.Option(help="Also judge what is said of the annotated photos.")] = True,
    kept: Annotated[float, typer.Option(min=0, max=1, help="Share of each score of --student to keep.")] = 0.99,
    out: Annotated[
        Optional[Path], typer.Option(help="The folder to write; a started one goes on. By default a new one.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Of two bench.json: what got worse, how surely.")] = False,
    tolerance: Annotated[
        str, typer.Option(help="Of --compare: how much worse is no regression, such as 2%. By default 5%, of verbs 0%.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Measure bundles in turns: accuracy, latency, energy, memory; beside their student, a teacher, other boards."""
    if compare:
        _compare(bundles, _share("--tolerance", tolerance) if tolerance else None, as_json)
        return
    if tolerance:
        raise InputError("--tolerance: is of --compare; leave it out")
    from edgegsr.bench.ahead import ahead
    from edgegsr.bench.bench import STEPS, bench, here
    from edgegsr.bench.load import PACES, SCENARIOS
    from edgegsr.bench.measure import Job
    from edgegsr.bench.report import write_report
    from edgegsr.bench.roofline import boards
    from edgegsr.bench.tables import tables
    from edgegsr.bench.words import notes, write_markdown
    from edgegsr.bundle import open_bundle
    from edgegsr.files import listing
    from edgegsr.machine import examine_machine
    from edgegsr.runtime.session import package_of
    from edgegsr.shipped import find_bundle

    if quick and pace not in ("default", "quick"):
        raise InputError(f"--quick: is a pace of its own, got --pace {pace} as well; leave one out")
    scenarios, pace = scenario or ["single-stream"], "quick" if quick else pace
    for option, given, known in (("scenario", scenarios, SCENARIOS), ("pace", [pace], PACES)):
        for each in given:
            if each not in known:
                raise InputError(f"--{option}: wanted one of {', '.join(known)}, got {each!r}")
    meant = [board for board in boards() if device == JETSON or board.startswith(device)]
    if device != CPU and not meant:
        raise InputError(f"--device: wanted one of {', '.join((CPU, JETSON, *boards()))}, got {device!r}")
    if trtexec and not any(package_of(each) == "tensorrt" for each in engine or ["tensorrt"]):
        raise InputError(f"--trtexec: times engines of TensorRT, got --engine {', '.join(engine or [])}; leave one out")
    out = out or Path(f"bench-{datetime.now():%Y%m%d-%H%M%S}")
    if out.is_file():
        raise InputError(f"--out {shown(out)}: wanted a folder, got a file")
    if out.is_dir() and any(out.iterdir()) and not (out / STEPS).is_dir():
        raise InputError(
            f"{shown(out)}: wanted an empty folder or a benchmark, found {listing(out)}; give another --out"
        )
    opened = [open_bundle(find_bundle(each)) for each in bundles]
    if kinds := _kinds(opened, head):
        leave_out({"--teacher": teacher}, "for situations, and here pairs are judged")
    judged = Head.pairs if kinds else Head.situations
    if any(len(bundle.heads) > 1 for bundle in opened):
        if data and ("," in data or (data.partition(":")[0] == "diorama" if kinds else names_pairs(data))):
            raise InputError(
                f"--data {data}: of bundles that say both one half is judged, here {judged.value}; give data of that "
                "half, or the other --head"
            )
        print(f"both heads: both are timed, {judged.value} are judged" + "; --head names the half" * (head is None))
    subjects, words = _subjects(
        list(zip(bundles, opened)),
        engine or [],
        _numbers("--threads", threads),
        student,
        teacher,
        out,
        host is None,
        judged.value,
    )
    subjects = [replace(each, at_once=at_once) for each in subjects]
    limit = 200 if quick and limit is None else limit
    truth = (
        _pair_truth(bundles[0], data, split, limit, kinds, kept) if kinds else _truth(data, split, limit, words, kept)
    )
    looked_at, questions = _photos(truth, photos, out)
    pinned = _numbers("--cpus", cpus) if cpus else []
    if host is None and hasattr(os, "sched_getaffinity") and (there := os.sched_getaffinity(0)) and set(pinned) - there:
        raise InputError(f"--cpus: wanted some of {', '.join(map(str, sorted(there)))}, got {cpus[:40]}")
    job = Job(
        subjects,
        looked_at,
        tuple(scenarios),
        pace,
        questions if accuracy else (),
        pinned,
        loadgen,
        trtexec,
        _hash(b"".join(_hash(Path(photo).read_bytes()).encode() for photo in looked_at)),
    )
    judge: Truth | None = truth[1] if truth and accuracy else None
    run, measured_on = here, CPU
    if host is not None:
        from edgegsr.bench.remote import There

        run, measured_on = There(host, python), host
    board = examine_machine().board
    estimated = host is None and device != CPU and not (board and board.is_jetson)
    estimates = _estimates(subjects, meant) if estimated else None
    print(ahead(job, out / STEPS), file=sys.stderr)
    try:
        result = bench(job, out, judge, measured_on if host or estimated else device, run, estimates)
    except KeyboardInterrupt:
        raise TrainingStopped(f"stopped; the same command with --out {shown(out)} goes on") from None
    write_markdown(result, out)
    report = write_report(result, out)
    for shown_table in tables(result):
        table(*shown_table)
    print()
    for note in notes(result):
        print(f"- {note}")
    print(f"\nLook at   {shown(report)}")
    last_line(as_json, result)
    for line in result["missed"]:
        complain(line, MISSED)
    if result["missed"]:
        raise typer.Exit(MISSED)


def _kinds(opened: Sequence[Bundle], head: Optional[Head]) -> Kinds | None:
    """The kinds of interaction that all bundles speak of where pairs are judged, none where situations are."""
    from edgegsr.bundle import PAIRS
    from edgegsr.runtime.interactions import kinds_of

    of_both = [len(bundle.heads) > 1 for bundle in opened]
    if head and not any(of_both):
        raise InputError("--head: is for bundles that say both, and these say one; leave it out")
    of_pairs = [head == Head.pairs if both else PAIRS in bundle.heads for bundle, both in zip(opened, of_both)]
    if any(of_pairs) and not all(of_pairs):
        other = Head.situations if head == Head.pairs else Head.pairs
        way = f"give --head {other.value}, or measure them apart" if any(of_both) else "measure them apart"
        raise InputError(f"bench: wanted bundles that are judged by situations or by pairs, got some of each; {way}")
    if not all(of_pairs):
        return None
    first, *others = [kinds_of(bundle) for bundle in opened]
    if apart := [bundle.folder for bundle, theirs in zip(opened[1:], others) if not first.same_as(theirs)]:
        names = f"{shown(apart[0])} speaks of other interactions than {shown(opened[0].folder)}"
        raise InputError(f"bench: {names}; measure them apart")
    return first


def _subjects(
    bundles: Sequence[tuple[Path, Bundle]],
    engines: Sequence[str],
    threads: Sequence[int],
    student: str | None,
    teacher: str | None,
    out: Path,
    here: bool,
    head: str,
) -> tuple[list[Subject], Ontology]:
    """What is measured, of bundles under the names that were given, and the words of the first of it."""
    from edgegsr.bench.child import Subject
    from edgegsr.bundle import MANIFEST
    from edgegsr.files import write_whole
    from edgegsr.runtime.session import ENGINES, lacks
    from edgegsr.shipped import find_teacher
    from edgegsr.situation import Ontology

    for engine in engines:
        if engine not in ENGINES:
            raise InputError(f"--engine: wanted one of {', '.join(ENGINES)}, got {engine!r}")
        if here and (lacking := lacks(engine)):
            raise InputError(f"--engine: {lacking}")
    opened = [bundle for _, bundle in bundles]
    found = []
    for given, bundle in bundles:
        for engine in engines or [bundle.engine]:
            for count in threads:
                name = str(bundle.manifest.get("name") or given.name)
                if sum(other.manifest.get("name") == bundle.manifest.get("name") for other in opened) > 1:
                    name = str(given)
                name += f", {engine}" * (len(engines) > 1) + f", {count} threads" * (len(threads) > 1)
                place = bundle.folder.resolve()
                content = _hash((place / MANIFEST).read_bytes())
                found.append(Subject(name, "bundle", str(place), engine, count, content=content))
    words = Ontology.from_json(opened[0].vocabulary, str(opened[0].folder))
    for kind, named in (("student", student), ("teacher", teacher)):
        if named is None:
            continue
        need_training(f"--{kind}", opens=False)
        if kind == "student":
            at, said_by = str(_run_of(named, head).resolve()), ""
        else:
            told = words.to_json()
            at, said_by = find_teacher(named), str((out / f"words-{_hash(told.encode())[:8]}.json").resolve())
            write_whole(said_by, told)
        content = _hash_of(Path(at))
        for count in threads:
            name = f"{named}, {kind}" + f", {count} threads" * (len(threads) > 1)
            found.append(Subject(name, kind, at, "", count, said_by, content))
    asked = [(each.kind, each.place, each.engine, each.threads) for each in found]
    names = [each.name for each in found]
    if twice := [each for i, each in enumerate(names) if asked[i] in asked[:i] or each in names[:i]]:
        raise InputError(f"{shown(twice[0])}: named twice; give every bundle once")
    return found, words


def _run_of(name: str, head: str) -> Path:
    """The folder of a run; of one of both heads, the half that is judged."""
    from edgegsr.shipped import find_run

    place = find_run(name)
    return place / head if of_both(place) else place


def _truth(data: str | None, split: str, limit: int | None, words: Ontology, kept: float) -> tuple[Any, Truth] | None:
    """Annotated photos, and how they are judged; none where nobody has named any and Diorama cannot be staged."""
    from edgegsr.bench.bench import Truth
    from edgegsr.data.source import groups_of, open_data

    try:
        photos = open_data(data or "diorama", split, limit, words)
    except MissingExtra as error:
        if data is not None:
            raise
        print(f"accuracy is not measured: {error}; or give --data FOLDER")
        return None
    groups = groups_of(data or "diorama", words)._asdict()
    return photos, Truth(data or "diorama", split, photos.annotations, groups, kept)


def _pair_truth(
    bundle: Path, data: str | None, split: str, limit: int | None, kinds: Kinds, kept: float
) -> tuple[Any, Truth] | None:
    """The same for pairs."""
    from edgegsr.bench.bench import Truth
    from edgegsr.data.pairs import open_pairs

    name = data or "crowd"
    try:
        photos = open_pairs(name, split, limit)
    except MissingExtra as error:
        if data is not None:
            raise
        print(f"accuracy is not measured: {error}; or give --data FOLDER")
        return None
    need_same_kinds(bundle, kinds, name, photos.pairs.kinds)
    return photos, Truth(name, split, photos.pairs, None, kept)


def _photos(truth: tuple[Any, Truth] | None, count: int, out: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The photos that are looked at again and again, and all that are annotated with their verbs."""
    if truth is None:
        from edgegsr.bench.photos import made

        return [str(path.resolve()) for path in made(out / "photos", min(count, 16))], []
    from edgegsr.bench.subject import NO_VERB
    from edgegsr.interactions import Pairs

    photos, known = truth[0], truth[1].annotations
    every = [str(photos.path(i).resolve()) for i in range(len(photos))]
    step = max(1, len(every) // count)
    if isinstance(known, Pairs):  # which asks about no verb
        return every[::step][:count], [(photo, NO_VERB) for photo in every]
    verbs = [known.ontology.verbs[verb] for verb in known.verbs]
    return every[::step][:count], list(zip(every, verbs))


def _estimates(subjects: Sequence[Subject], boards: Sequence[str]) -> dict[str, Any]:
    """Of every bundle, once."""
    from edgegsr.bench.bounds import with_bounds
    from edgegsr.bench.estimate import estimate
    from edgegsr.bundle import open_bundle

    places: dict[str, str] = {}
    for each in subjects:
        if each.kind == "bundle":
            places.setdefault(each.place, each.name)
    return with_bounds(
        {name: estimate(open_bundle(place).graph, place, names=boards) for place, name in places.items()}
    )


def _hash_of(place: Path) -> str:
    """Of the files of a run or a teacher; of what is not here, its name is all that there is."""
    digest = hashlib.sha256()
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.suffix in (".safetensors", ".toml") or path.name in ("config.json", "quantizers.json"):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _numbers(option: str, text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and len(part) < 5 for part in parts):
        raise InputError(f"{option}: wanted numbers such as 1,2, got {text[:40]!r}")
    return list(dict.fromkeys(map(int, parts)))


def _share(option: str, text: str) -> float:
    """Of 2% or 0.02."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)(%?)", text, re.ASCII)
    share = float(found[1]) / (100 if found[2] else 1) if found else 1.0
    if share >= 1:
        raise InputError(f"{option}: wanted a share below 1 such as 2% or 0.02, got {text[:40]!r}")
    return share


def _compare(files: Sequence[Path], tolerance: float | None, as_json: bool) -> None:
    from edgegsr.bench.compare import compare, read_result

    if len(files) != 2:
        raise InputError(f"--compare: wanted two bench.json, the old and the new one, got {len(files)}")
    old, new = map(read_result, files)
    found = compare(old, new, tolerance)
    for line in found.differs:
        print(f"- {line}")
    table(*found.table())
    last_line(as_json, found.to_json())
    for line in found.regressions:
        complain(line, MISSED)
    if found.regressions:
        raise typer.Exit(MISSED)
