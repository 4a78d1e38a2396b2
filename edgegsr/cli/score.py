"""`edgegsr score`: anybody's predictions by the official protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from edgegsr.cli.common import Json, last_line, table
from edgegsr.errors import InputError

if TYPE_CHECKING:
    from edgegsr.data.splits import Groups
    from edgegsr.scoring.hico import Scores as HicoScores
    from edgegsr.scoring.vcoco import Scores as VcocoScores

WORST, BEST = 5, 5  # kinds of interaction on the screen
TASKS = ("swig", "hico", "vcoco")


def score(
    truth: Annotated[list[Path], typer.Option(help="Official annotation files, one or more.")],
    predictions: Annotated[Path, typer.Option(help="JSON lines, one object an image.")],
    task: Annotated[
        str, typer.Option(help="swig: situations; hico or vcoco: interactions as HICO-DET or V-COCO judges them.")
    ] = "swig",
    rules: Annotated[
        Optional[str],
        typer.Option(
            help="The official ones, or as another repository. swig: strict, coformer, jsl, situformer, relation_r1, "
            "clipsitu; hico: reference, exact, matlab, qpic, upt; vcoco: reference."
        ),
    ] = None,
    switch: Annotated[
        Optional[list[str]], typer.Option(help="One rule by itself, such as recall_points=exact; more than once.")
    ] = None,
    known: Annotated[
        Optional[Path], typer.Option(help="hico: anno.mat, the images that show an object; else those with a pair.")
    ] = None,
    space: Annotated[
        Optional[Path], typer.Option(help="swig: imsitu_space.json, verbs beyond those of the truth.")
    ] = None,
    train: Annotated[
        Optional[Path], typer.Option(help="swig: training annotations, for scores by seen, rare and unseen.")
    ] = None,
    unseen: Annotated[Optional[Path], typer.Option(help="swig: verbs to count as unseen, one a line.")] = None,
    as_json: Json = False,
) -> None:
    """Judge anybody's predictions by the official protocol."""
    if task not in TASKS:
        raise InputError(f"--task: wanted one of {', '.join(TASKS)}, got {task!r}")
    own = {"known": "hico", "space": "swig", "train": "swig", "unseen": "swig"}
    given = {"known": known, "space": space, "train": train, "unseen": unseen}
    if wrong := next((name for name, value in given.items() if value and own[name] != task), None):
        raise InputError(f"--{wrong}: belongs to --task {own[wrong]}, got --task {task}")
    if task == "swig":
        scores = _swig(truth, predictions, rules, switch or (), space, train, unseen)
    elif task == "hico":
        scores = _hico(truth, predictions, rules, switch or (), known)
    else:
        scores = _vcoco(truth, predictions, rules, switch or ())
    last_line(as_json, scores)


def _rules(profiles: Mapping[str, Any], name: str | None, switches: Sequence[str], choices: Mapping[str, Any]) -> Any:
    """The rules that a profile and single switches make; the first profile is the official one."""
    if name is not None and name not in profiles:
        raise InputError(f"--rules: wanted one of {', '.join(profiles)}, got {name!r}")
    chosen = profiles[name or next(iter(profiles))]
    known = [field.name for field in fields(chosen) if field.name in choices]
    for pair in switches:
        rule, _, value = pair.partition("=")
        if rule not in known:
            raise InputError(f"--switch: wanted RULE=VALUE with one of {', '.join(known)}, got {pair!r}")
        if value not in choices[rule]:
            raise InputError(f"--switch {rule}: wanted one of {', '.join(choices[rule])}, got {value!r}")
        chosen = replace(chosen, **{rule: value})
    return chosen


def _swig(
    truth: list[Path],
    predictions: Path,
    name: str | None,
    switches: Sequence[str],
    space: Path | None,
    train: Path | None,
    unseen: Path | None,
) -> dict[str, Any]:
    from edgegsr.data import swig
    from edgegsr.data.splits import RARE_IMAGES, groups, image_counts
    from edgegsr.scoring.gsr import PROFILES, SWITCHES, score
    from edgegsr.scoring.predictions import read_predictions
    from edgegsr.scoring.table import HEADERS, rows

    rules = _rules(PROFILES, name, switches, SWITCHES)
    known = swig.read(truth, space=space)
    vocabulary = swig.read_ontology(space, nouns=()) if space else None
    by: Groups | None = None
    if train or unseen:
        counts = image_counts(swig.read(train)) if train else dict.fromkeys(known.ontology.verbs, RARE_IMAGES + 1)
        listed = swig.read_verbs(unseen, (vocabulary or known.ontology).verb_index) if unseen else ()
        by = groups(dict.fromkeys(known.ontology.verbs, 0) | counts, listed)
    said = read_predictions(predictions, known, vocabulary)
    scores = score(known, said, rules, by._asdict() if by else None)
    table(f"{predictions}, rules {rules.profile}, %", HEADERS, rows(scores))
    _missing(scores.missing, len(known), "no prediction: it counts as wrong")
    _missing(scores.unanswered, len(known), "no frame for the true verb: it counts as wrong")
    return scores.to_json()


def _hico(
    truth: list[Path], predictions: Path, name: str | None, switches: Sequence[str], known: Path | None
) -> dict[str, Any]:
    from edgegsr.data import hico
    from edgegsr.scoring.hico import PROFILES, SWITCHES, score
    from edgegsr.scoring.pair_predictions import read_hico

    rules = _rules(PROFILES, name, switches, SWITCHES)
    if len(truth) != 1:
        raise InputError(f"--truth: wanted one file of HICO-DET, got {len(truth)}")
    pairs = hico.read(truth[0])
    there = hico.known_objects(known, pairs) if known else None
    scores = score(pairs, read_hico(predictions, pairs), rules, there)
    title = f"{predictions}, rules {rules.profile}, recall points {rules.recall_points}"
    show_hico(title, scores)
    told = scores.to_json()
    print(f"known objects: {scores.known_from}")
    if absent := told["kinds_without_pairs"]:
        how = "count as 0" if rules.absent == "zero" else "are left out"
        print(f"{absent} of {len(pairs.kinds)} kinds have no true pair here: they {how} (--switch absent=zero|skip)")
    _missing(scores.missing, len(pairs), "no line: nothing is found there")
    if scores.outside:
        print(f"{scores.outside} predicted pairs have a verb that does not go with their object: left out")
    return told


def show_hico(title: str, scores: HicoScores) -> None:
    """The means, the zero-shot settings, and the kinds at both ends, as tables."""
    means = [("default", scores.default), ("known object", scores.known_object)]
    rows = [(name, *map(_percent, mean)) for name, mean in means]
    table(f"{title}, mAP, %", ("setting", "full", "rare", "non-rare"), rows)
    groups = [(name.upper().replace("_", "-"), *map(_percent, group)) for name, group in scores.groups.items()]
    if groups:
        table("zero-shot, mAP, %", ("unseen kinds", "unseen", "seen", "full", "harmonic"), groups)
    ranked = sorted((kind for kind in scores.to_json()["kinds"] if kind["pairs"]), key=lambda kind: kind["ap"])
    shown = ranked if len(ranked) <= WORST + BEST else [*ranked[:WORST], *ranked[-BEST:]]
    kinds = [(f"{kind['verb']} {kind['object']}", kind["pairs"], _percent(kind["ap"])) for kind in shown]
    table("the worst and the best kinds; --json has all", ("interaction", "true pairs", "AP, %"), kinds)


def _vcoco(truth: list[Path], predictions: Path, name: str | None, switches: Sequence[str]) -> dict[str, Any]:
    from edgegsr.data import vcoco
    from edgegsr.scoring.pair_predictions import read_vcoco
    from edgegsr.scoring.vcoco import PROFILES, SWITCHES, score

    rules = _rules(PROFILES, name, switches, SWITCHES)
    persons = vcoco.read(vcoco.with_boxes(truth[0]) if len(truth) == 1 else truth)
    scores = score(persons, read_vcoco(predictions, persons), rules)
    show_vcoco(f"{predictions}, rules {rules.profile}, recall points {rules.recall_points}", scores)
    _missing(scores.missing, len(persons), "no line: nothing is found there")
    return scores.to_json()


def show_vcoco(title: str, scores: VcocoScores) -> None:
    """The means over agents and roles, and each role, as tables."""
    told = scores.to_json()
    means = [
        (f"agents, {len(scores.truth.acts.names)} actions", _percent(scores.agent_ap), "-"),
        *(
            (f"roles, {what}", *(_percent(getattr(scores.role_ap(n), mean)) for n in (1, 2)))
            for mean, what in (("mean24", "without 'point', as papers"), ("mean25", "all, as the stock script"))
        ),
    ]
    table(f"{title}, AP, %", ("mean over", "scenario 1", "scenario 2"), means)
    rows = [(slot, *(_percent(ap[f"scenario{n}"]) for n in (1, 2))) for slot, ap in told["roles"].items()]
    table("each role, AP, %", ("role", "scenario 1", "scenario 2"), rows)
    if scores.agent_ap is None:
        print("no pair has the role 'agent', so nothing is said of agents")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _missing(count: int, images: int, what: str) -> None:
    if count:
        print(f"{count} of {images} images have {what}")
