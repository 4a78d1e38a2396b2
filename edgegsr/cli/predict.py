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
    of_both,
    of_pairs,
    table,
)
from edgegsr.errors import InputError, shown

if TYPE_CHECKING:
    from edgegsr.situation import Interaction, Ontology, Situation


def predict(
    run: RunFolder,
    images: Annotated[list[Path], typer.Argument(help="Photos: JPEG, PNG, WebP or BMP.")],
    verb: Annotated[Optional[str], typer.Option(help="Ask about this verb instead of the likeliest.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the handicap for trained verbs that dev has chosen.")
    ] = False,
    sure: Annotated[
        Optional[float],
        typer.Option(help="Pairs: how likely one must be to be told, by default 0.25; a hundred at most are."),
    ] = None,
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
    look, sights = _sights(run, _Asked(verb, calibrated, engine, key, sure))
    if draw and len({image.name if out else image for image in images}) < len(images):
        way = "leave out --out" if out else "name each once"
        raise InputError(f"images: two have the same name, their drawings would overwrite each other; {way}")
    found, failures = {f"{sight.name}s": list[Any]() for sight in sights}, []
    for image in images:
        try:
            said = look(image)
        except InputError as error:
            failures.append(error)
            continue
        for sight, part in zip(sights, said):
            sight.show(image, part)
            found[f"{sight.name}s"].append({"image": str(image), **sight.to_json(part)})
            if draw:
                picture, target = BytesIO(), (out or image.parent) / f"{image.name}.{sight.name}.png"
                sight.draw(open_image(image), part).save(picture, "PNG")
                write_whole(target, picture.getvalue())
                print(shown(target))
    last_line(as_json, {**found, "failures": [str(error) for error in failures]})
    for failure in failures:
        complain(failure, BAD_INPUT)
    if failures:
        raise typer.Exit(BAD_INPUT)


class _Asked(NamedTuple):
    """What is asked of who looks."""

    verb: str | None
    calibrated: bool
    engine: str | None
    key: Path | None
    sure: float | None


class _Sight(NamedTuple):
    """What is done with what is said of each photo."""

    name: str
    show: Callable[[Path, Any], None]
    to_json: Callable[[Any], dict[str, Any]]
    draw: Callable[[Any, Any], Any]


Looks = Callable[[Path], Sequence[Any]]  # what every sight has to show of a photo


def _sights(run: Path, asked: _Asked) -> tuple[Looks, list[_Sight]]:
    """Who looks, and what is told of that."""
    from edgegsr.bundle import PAIRS, SITUATIONS
    from edgegsr.runtime.decode_pairs import SURE
    from edgegsr.runtime.interactions import sureness
    from edgegsr.shipped import find_run

    verb, calibrated, engine, key, wanted = asked
    sure = sureness(SURE if wanted is None else wanted)
    if (both := _both_recognizer(run, calibrated, engine, key)) is not None:
        leave_out({"--calibrated": calibrated}, f"for runs, and {shown(run)} is a bundle of both heads")
        if verb is not None:
            both.ontology.frame(verb)
        sights = [_situations(both.ontology), _interactions(sure)]
        return lambda image: both.predict(image, verb, sure=sure), sights
    if of_both(run):
        folder = find_run(run)
        situations, [situation] = _sights(folder / SITUATIONS, asked._replace(sure=None))
        pairs, [interaction] = _sights(folder / PAIRS, asked._replace(verb=None, calibrated=False))
        return lambda image: (*situations(image), *pairs(image)), [situation, interaction]
    if of_pairs(run):
        leave_out({"--verb": verb, "--calibrated": calibrated}, f"for situations, and {shown(run)} is of pairs")
        pairs = _pair_predictor(run, engine, key)
        return lambda image: (pairs.predict(image, sure),), [_interactions(sure)]
    if find_run(run).is_dir():
        leave_out({"--sure": wanted is not None}, f"for pairs, and {shown(run)} is of situations")
    predictor = _predictor(run, calibrated, engine, key)
    if verb is not None:
        predictor.ontology.frame(verb)
    return lambda image: (predictor.predict(image, verb),), [_situations(predictor.ontology)]


def _both_recognizer(run: Path, calibrated: bool, engine: str | None, key: Path | None) -> Any:
    """What says both of a photo at one look; nothing where no bundle does."""
    from edgegsr.bundle import SITUATIONS, is_bundle, open_bundle
    from edgegsr.shipped import find_bundle

    if is_bundle(folder := find_bundle(run)) and of_pairs(folder) and not (calibrated and folder != run):
        bundle = open_bundle(folder, key)
        if SITUATIONS in bundle.heads:
            from edgegsr.runtime import BothRecognizer

            return BothRecognizer(bundle, engine)
    return None


def _situations(ontology: Ontology) -> _Sight:
    from edgegsr.runtime.draw import draw, spoken

    words = {noun.id: noun.word for noun in ontology.nouns}

    def show(image: Path, said: Situation) -> None:
        rows = [
            (role, spoken(words[f.noun]), f"{f.confidence:.2f}", _edges(f.box_xyxy) if f.box_xyxy else "-")
            for role, f in said.fillers.items()
        ]
        table(f"{image}: {said.verb} ({said.confidence:.2f})", ("role", "noun", "confidence", "box x1 y1 x2 y2"), rows)

    return _Sight(
        "situation",
        show,
        lambda said: dict(json.loads(said.to_json())),
        lambda pixels, said: draw(pixels, said, words),
    )


def _interactions(sure: float) -> _Sight:
    from edgegsr.runtime.couples import couples
    from edgegsr.runtime.draw import draw_pairs, spoken

    def show(image: Path, said: list[Interaction]) -> None:
        rows = [
            (spoken(verb), spoken(of.noun), f"{likely:.2f}", _edges(of.human_xyxy), _edges(of.object_xyxy or ()))
            for of in couples(said)
            for verb, likely in of.verbs.items()
        ]
        title = f"{image}: {len(rows)} interactions of which it is {100 * sure:g}% sure or more"
        if not said:
            print(shown(title + f"; --sure {sure / 10:g} tells what it is less sure of" * (sure > 0)))
            return
        table(title, ("verb", "object", "likely", "human x1 y1 x2 y2", "object x1 y1 x2 y2"), rows)
        if again := len(said) - len(rows):
            print(f"said again of the same two, less surely: {again}; --json has all")

    def to_json(said: list[Interaction]) -> dict[str, Any]:
        return {"pairs": [each.predicted for each in said]}

    return _Sight("interaction", show, to_json, draw_pairs)


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
        raise InputError(f"{shown(folder)}: no such folder; wanted a bundle, a run, diorama-nano or diorama-both")
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
    from edgegsr.pair_run import EVERY_ACT, open_pair_run
    from edgegsr.shipped import find_run
    from edgegsr.student.pair_predictor import EagerPairPredictor

    opened = open_pair_run(find_run(folder))
    if opened.unseen == EVERY_ACT:
        print(f"{shown(folder)}: has learned boxes and objects and no acts, so no verb here means anything")
    return EagerPairPredictor(opened)


def _of_a_run(folder: Path, engine: str | None, key: Path | None) -> None:
    """Refuses what a run has no use for."""
    if engine or key:
        raise InputError(f"--engine, --key: are for bundles, and {shown(folder)} is looked at as a run; leave them out")
    need_training("predict with a run")
