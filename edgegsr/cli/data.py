"""`edgegsr data`: makes and checks datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from edgegsr.cli.common import (
    BAD_INPUT,
    Json,
    last_line,
    need_training,
    table,
)
from edgegsr.errors import InputError, shown

SHOWN = 40  # findings on the screen


def data_make(
    name: Annotated[str, typer.Argument(help="What to make: 'diorama', situations; 'crowd', interactions.")],
    out: Annotated[Path, typer.Option(help="Folder to write; a started one is finished.")],
    seed: Annotated[int, typer.Option(help="Another seed is another sample of the same world.")] = 0,
    share: Annotated[float, typer.Option(min=0.001, max=20, help="How much of the full size to make.")] = 1.0,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Processes; by default one per core.")] = None,
    as_json: Json = False,
) -> None:
    """Stage a dataset on disk, in the official layout of SWiG, or of HICO-DET and V-COCO."""
    if name not in ("diorama", "crowd"):
        raise InputError(f"data make: wanted 'diorama' or 'crowd', got {name!r}")
    need_training("data make", opens=False)
    from edgegsr.data.diorama import make, make_crowd

    maker = make if name == "diorama" else make_crowd
    maker.make(out, seed, share, workers)
    counts = maker.sizes(out)
    table(f"{name.capitalize()} {seed} in {out}", ("split", "images"), counts.items())
    last_line(as_json, {"out": str(out), "seed": seed, "images": counts})


def data_check(
    path: Annotated[Path, typer.Argument(help="A dataset folder, or one annotation file.")],
    images: Annotated[Optional[Path], typer.Option(help="Folder of the images of an annotation file.")] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode every image instead of reading its header.")] = False,
    as_json: Json = False,
) -> None:
    """List what is there and what is wrong with it, of SWiG, HICO-DET or V-COCO; exits with 2 when something is."""
    from edgegsr.data.check import check

    findings = check(path, images, decode)
    if findings.counts:
        table(str(path), findings.headers, findings.counts)
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
