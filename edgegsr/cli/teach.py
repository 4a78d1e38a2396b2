"""`edgegsr teach`: what a teacher sees and what is said, written down once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    Data,
    Json,
    Limit,
    last_line,
    need_training,
    settings_of,
    show_teacher,
    table,
)
from edgegsr.errors import InputError


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
    settings: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="Any value of who writes, such as tries=2 or endpoint.timeout_s=120."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down what a teacher sees and what is said of every training image, once."""
    need_training("teach")
    from edgegsr.data.source import groups_of, open_data
    from edgegsr.processes import processes
    from edgegsr.shipped import find_teacher
    from edgegsr.teacher.cache import views_named
    from edgegsr.teacher.source import warn_of_photos
    from edgegsr.teacher.teach import teach
    from edgegsr.teacher.texts import options_of
    from edgegsr.teacher.vision import open_teacher
    from edgegsr.teacher.zero_shot import Exam, kept

    server: dict[str, Any] = {"url": endpoint, "model": model, "key_env": api_key_env}
    server |= {"max_requests": max_requests, "concurrency": concurrency}
    options = options_of(rationales, vlm, server, settings_of(settings or []))
    wanted, state = views_named(views), processes()
    opened = open_teacher(find_teacher(teacher), str(state.device), grid)  # a mistake shows before any work is done
    learn = open_data(data, "train", limit)
    words = learn.annotations.ontology
    try:
        exam = Exam(open_data(data, "dev", limit, words), groups_of(data, words))
    except InputError as error:  # a teacher can look without being judged; `distill` will ask for dev
        print(f"{error}: the teacher itself is not judged", file=sys.stderr)
        exam = None
    if teacher is None and state.is_main_process:
        warn_of_photos(learn)
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
    table(f"{opened.name} in {out}", ("what", "how many", ""), rows)
    if scores := kept(out):
        show_teacher(f"{opened.name} on {scores['split']}", scores)
    if fallen := sum(told["fallbacks"].values()):
        print(
            f"{fallen:,} of {told['images']:,} images have the template's texts; why, the table says", file=sys.stderr
        )
    last_line(as_json, {**told, "zero_shot": scores})
