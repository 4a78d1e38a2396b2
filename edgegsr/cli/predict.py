"""`edgegsr predict`: who does what, with what, where."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import typer

from edgegsr.cli.common import (
    BAD_INPUT,
    Json,
    RunFolder,
    complain,
    last_line,
    leave_out,
    need_training,
    of_pairs,
    table,
)
from edgegsr.errors import InputError, shown

if TYPE_CHECKING:
    from edgegsr.situation import Interaction, Situation


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Photos: JPEG, PNG, WebP or BMP.")],
    verb: Annotated[Optional[str], typer.Option(help="Ask about this verb instead of the likeliest.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen.")
    ] = False,
    draw: Annotated[
        bool,
        typer.Option("--draw", help="Write NAME.situation.png (pairs: .interaction.png) beside each, or into --out."),
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
    """Say who does what, with what, where: a situation, or of a student of pairs every interaction."""
    from edgegsr.files import write_whole
    from edgegsr.images import open_image

    if out and not draw:
        raise InputError("--out: says where drawings go; give --draw as well")
    if of_pairs(run):
        leave_out({"--verb": verb, "--calibrated": calibrated}, f"for situations, and {shown(run)} is of pairs")
        sight = _interactions(run, engine, key)
    else:
        sight = _situations(run, verb, calibrated, engine, key)
    targets = [(out or image.parent) / f"{image.name}.{sight.name}.png" for image in images]
    if len(set(targets)) < len(targets):
        raise InputError("images: two have the same name, their drawings would overwrite each other; leave out --out")
    found, failures = [], []
    for image, target in zip(images, targets):
        try:
            said = sight.look(image)
        except InputError as error:
            failures.append(error)
            continue
        sight.show(image, said)
        found.append({"image": str(image), **sight.to_json(said)})
        if draw:
            picture = BytesIO()
            sight.draw(open_image(image), said).save(picture, "PNG")
            write_whole(target, picture.getvalue())
            print(shown(target))
    last_line(as_json, {f"{sight.name}s": found, "failures": [str(error) for error in failures]})
    for failure in failures:
        complain(failure, BAD_INPUT)
    if failures:
        raise typer.Exit(BAD_INPUT)


class _Sight(NamedTuple):
    """What is done with each photo."""

    name: str
    look: Callable[[Path], Any]
    show: Callable[[Path, Any], None]
    to_json: Callable[[Any], dict[str, Any]]
    draw: Callable[[Any, Any], Any]


def _situations(run: Path, verb: str | None, calibrated: bool, engine: str | None, key: Path | None) -> _Sight:
    from edgegsr.runtime.draw import draw

    predictor = _predictor(run, calibrated, engine, key)
    words = {noun.id: noun.word for noun in predictor.ontology.nouns}
    if verb is not None:
        predictor.ontology.frame(verb)

    def show(image: Path, said: Situation) -> None:
        rows = [
            (role, words[f.noun], f"{f.confidence:.2f}", _edges(f.box_xyxy) if f.box_xyxy else "-")
            for role, f in said.fillers.items()
        ]
        table(f"{image}: {said.verb} ({said.confidence:.2f})", ("role", "noun", "confidence", "box x1 y1 x2 y2"), rows)

    return _Sight(
        "situation",
        lambda image: predictor.predict(image, verb),
        show,
        lambda said: dict(json.loads(said.to_json())),
        lambda pixels, said: draw(pixels, said, words),
    )


def _interactions(run: Path, engine: str | None, key: Path | None) -> _Sight:
    from edgegsr.runtime.decode_pairs import SURE
    from edgegsr.runtime.draw import draw_pairs

    predictor = _pair_predictor(run, engine, key)

    def show(image: Path, said: list[Interaction]) -> None:
        rows = [
            (each.verb, each.noun, f"{each.score:.2f}", _edges(each.human_xyxy), _edges(each.object_xyxy or ()))
            for each in said
        ]
        title = f"{image}: {len(said)} interactions of which it is {SURE:.0%} sure or more"
        if not said:
            print(shown(title))
            return
        table(title, ("verb", "object", "likely", "human x1 y1 x2 y2", "object x1 y1 x2 y2"), rows)

    def to_json(said: list[Interaction]) -> dict[str, Any]:
        return {"pairs": [_pair(each) for each in said]}

    return _Sight("interaction", predictor.predict, show, to_json, draw_pairs)


def _pair(each: Interaction) -> dict[str, Any]:
    """As `edgegsr score` reads it."""
    boxes = {"human": list(each.human_xyxy), "object": list(each.object_xyxy) if each.object_xyxy else None}
    return {**boxes, "object_category": each.noun, "verb": each.verb, "score": each.score}


def _edges(box: Sequence[float]) -> str:
    return " ".join(f"{edge:.0f}" for edge in box)


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
    _of_a_run(folder, engine, key)
    from edgegsr.run import open_run
    from edgegsr.student.calibration import calibrate, read_calibration
    from edgegsr.student.predictor import EagerPredictor

    opened = open_run(find_run(folder))
    if calibrated:
        calibrate(opened.student, read_calibration(opened.folder), opened.ontology.verbs)
    return EagerPredictor(opened)


def _pair_predictor(folder: Path, engine: str | None, key: Path | None) -> Any:
    """The same for pairs."""
    from edgegsr.bundle import is_bundle

    if is_bundle(folder):
        from edgegsr.runtime import InteractionRecognizer

        return InteractionRecognizer(folder, engine, key=key)
    _of_a_run(folder, engine, key)
    from edgegsr.pair_run import open_pair_run
    from edgegsr.shipped import find_run
    from edgegsr.student.pair_predictor import EagerPairPredictor

    return EagerPairPredictor(open_pair_run(find_run(folder)))


def _of_a_run(folder: Path, engine: str | None, key: Path | None) -> None:
    """Refuses what a run has no use for."""
    if engine or key:
        raise InputError(f"--engine, --key: are for bundles, and {shown(folder)} is looked at as a run; leave them out")
    need_training("predict with a run")
