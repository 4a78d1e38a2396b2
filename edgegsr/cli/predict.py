"""`edgegsr predict`: who does what, with what, where."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from edgegsr.cli.common import (
    BAD_INPUT,
    Json,
    RunFolder,
    complain,
    last_line,
    need_training,
    table,
)
from edgegsr.errors import InputError, shown


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
    engine: Annotated[
        Optional[str], typer.Option(help="onnxruntime, openvino or tensorrt; by default what the bundle was made for.")
    ] = None,
    key: Annotated[
        Optional[Path], typer.Option(help="The public key that the bundle has to be signed for, PEM.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say who does what, with what, where."""
    from edgegsr.files import write_whole
    from edgegsr.images import open_image
    from edgegsr.runtime.draw import draw as drawn

    predictor = _predictor(run, calibrated, engine, key)
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
        table(
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
    last_line(as_json, {"situations": found, "failures": [str(error) for error in failures]})
    for failure in failures:
        complain(failure, BAD_INPUT)
    if failures:
        raise typer.Exit(BAD_INPUT)


def _predictor(folder: Path, calibrated: bool, engine: str | None, key: Path | None) -> Any:
    """What looks at photos: a bundle in its engine, or the student of a run in torch."""
    from edgegsr.bundle import is_bundle
    from edgegsr.shipped import find_bundle

    if is_bundle(bundle := find_bundle(folder)) and not (calibrated and bundle != folder):
        from edgegsr.runtime import SituationRecognizer

        if calibrated:
            raise InputError("--calibrated: is folded into a bundle when it is exported; leave it out")
        return SituationRecognizer(bundle, engine, key=key)
    from edgegsr.shipped import find_run

    if not find_run(folder).is_dir():
        raise InputError(f"{shown(folder)}: no such folder; wanted a bundle, a run, or diorama-nano")
    if engine or key:
        raise InputError(f"--engine, --key: are for bundles, and {shown(folder)} is looked at as a run; leave them out")
    need_training("predict with a run")
    from edgegsr.run import open_run
    from edgegsr.student.calibration import calibrate, read_calibration
    from edgegsr.student.predictor import EagerPredictor

    opened = open_run(find_run(folder))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    return EagerPredictor(opened)
