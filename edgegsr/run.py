"""The folder of a training: what its files are called, how they are written, and how it is opened again.

config.toml          what was trained on what, resolved           student.safetensors   the weights, once finished
ontology.json        the vocabulary                                metrics.jsonl         losses and scores
tables.safetensors   its words as vectors                          report.html           for people
state/               what an unfinished training goes on from      tensorboard/          the curves, for TensorBoard
zero_shot.json       what the teacher itself scores on dev     lesson.safetensors    what taught it, for `compress`
quantizers.json      where an INT8 student rounds
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    ontology = Ontology.from_json(_text(folder / ONTOLOGY), str(folder / ONTOLOGY))
    tables = TextTables.load(there(folder / TABLES))
    _check_words(folder, ontology, tables)
    student = _student(folder, config, tables)
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


def _student(folder: Path, config: Mapping[str, Any], tables: TextTables) -> Student:
    try:
        described = card.read_card({"student": config.get("student")}, StudentConfig, "student")
        return Student(described, tables, pretrained=False)
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
        raise InputError(f"{path}: missing; a run has {CONFIG}, {ONTOLOGY}, {TABLES} and {WEIGHTS}")
    return path


def _text(path: Path) -> str:
    try:
        return there(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
