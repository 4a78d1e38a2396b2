"""The folder of a training: what its files are called, how they are written, and how it is opened again.

config.toml          what was trained on what, resolved           student.safetensors   the weights, once finished
ontology.json        the vocabulary                                metrics.jsonl         losses and scores
tables.safetensors   its words as vectors                          report.html           for people
state/               what an unfinished training goes on from      tensorboard/          the curves, for TensorBoard
zero_shot.json       what the teacher itself scores on dev         lesson.safetensors    what taught it, for `compress`
calibration.json     the handicap that dev chose                   kinds.json            of pairs: their kinds
quantizers.json      where an INT8 student rounds                  compress.toml         what it was cut by
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgegsr import card
from edgegsr.errors import InputError
from edgegsr.interactions import KINDS_FILE
from edgegsr.situation import Ontology
from edgegsr.student.config import StudentConfig
from edgegsr.student.model import Student
from edgegsr.student.quantizers import placed, read_places
from edgegsr.student.weights import load_weights
from edgegsr.text import TextTables
from edgegsr.wording import ontology_hash

FORMAT = 1  # of the folder; a run of another format is refused
CONFIG, ONTOLOGY, TABLES, WEIGHTS = "config.toml", "ontology.json", "tables.safetensors", "student.safetensors"
QUANTIZERS, COMPRESSION = "quantizers.json", "compress.toml"
METRICS, REPORT, STATE, BOARD = "metrics.jsonl", "report.html", "state", "tensorboard"
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")

Built = TypeVar("Built")


@dataclass(frozen=True)
class Run:
    """A finished training: its student, in eval mode, and the words it speaks."""

    folder: Path
    config: Mapping[str, Any]  # config.toml
    ontology: Ontology
    tables: TextTables
    student: Student


def open_run(folder: str | Path) -> Run:
    """The run in a folder, checked: everything is there, whole, of this format, and belongs together."""
    folder = Path(folder)
    config = read_config(folder)
    if (folder / KINDS_FILE).is_file():
        raise InputError(f"{folder}: is a run of pairs; this wants one of situations")
    if not (folder / WEIGHTS).is_file():
        raise without_weights(folder)
    ontology = Ontology.from_json(text_of(folder / ONTOLOGY), str(folder / ONTOLOGY))
    tables = TextTables.load(there(folder / TABLES))
    _check_words(folder, ontology, tables)
    student = built(folder, config, lambda described: Student(described, tables, pretrained=False))
    if (folder / QUANTIZERS).is_file():
        student = placed(student, read_places(folder / QUANTIZERS))
    load_weights(student, folder / WEIGHTS)
    return Run(folder, config, ontology, tables, student.eval())


def read_config(folder: Path) -> dict[str, Any]:
    """The config.toml of a run of this format."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that `edgegsr distill --out` has written")
    if not (folder / CONFIG).is_file():
        if (folder / COMPRESSION).is_file():
            raise _unfinished(folder)
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise InputError(f"{folder}: wanted a run with a {CONFIG}, found {names}")
    config = card.read_toml(folder / CONFIG)
    if (got := config.get("format")) != FORMAT:
        raise InputError(f"{folder / CONFIG}: wanted a run of format {FORMAT}, got {got!r}; train it again")
    return config


def built(folder: Path, config: Mapping[str, Any], build: Callable[[StudentConfig], Built]) -> Built:
    """The student of a run, as its config describes it, still without its weights."""
    try:
        return build(card.read_card({"student": config.get("student")}, StudentConfig, "student"))
    except InputError as error:
        raise InputError(f"{folder / CONFIG}: {str(error).removeprefix('card: ')}") from error


def _check_words(folder: Path, ontology: Ontology, tables: TextTables) -> None:
    sizes = (len(tables.verbs), len(tables.nouns))
    if sizes != (len(ontology.verbs), len(ontology.nouns)) or tables.ontology not in ("", ontology_hash(ontology)):
        raise InputError(
            f"{folder}: {TABLES} was not made from {ONTOLOGY} ({len(ontology.verbs)} verbs and "
            f"{len(ontology.nouns)} nouns; the tables have {sizes[0]} and {sizes[1]}); copy the whole run again"
        )


def without_weights(folder: Path) -> InputError:
    """Why a run without weights cannot be opened."""
    if pickled := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED):
        return InputError(f"{folder}: wanted {WEIGHTS}, found {pickled[0]}; pickled weights are never loaded")
    if any(path for place in (folder, folder.parent) for path in (place / STATE).glob("*.safetensors")):
        return InputError(f"{folder}: this training is not finished; run the same `edgegsr distill` again to go on")
    if any((place / COMPRESSION).is_file() for place in (folder, folder.parent)):
        return _unfinished(folder)
    return InputError(f"{folder}: wanted a run with {WEIGHTS}, found none; train it again")


def _unfinished(folder: Path) -> InputError:
    return InputError(f"{folder}: this compression is not finished; run the same `edgegsr compress` again to go on")


def there(path: Path) -> Path:
    """The file, which must be there."""
    if not path.is_file():
        files = f"{CONFIG}, {ONTOLOGY}, {TABLES} and {WEIGHTS}, of pairs also {KINDS_FILE}"
        raise InputError(f"{path}: missing; a run has {files}")
    return path


def text_of(path: Path) -> str:
    """What stands in the file, which must be there."""
    try:
        return there(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
