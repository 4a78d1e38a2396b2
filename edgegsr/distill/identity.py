"""What makes two trainings the same, as the config.toml of a run; and the check that a folder holds the same one."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomllib
import torch

import edgegsr
from edgegsr import card
from edgegsr.annotations import Annotations
from edgegsr.bundle import HEADS
from edgegsr.distill.config import TrainConfig, settings_table
from edgegsr.distill.start import Start
from edgegsr.errors import InputError
from edgegsr.files import write_whole, writing
from edgegsr.interactions import KINDS_FILE
from edgegsr.run import CONFIG, FORMAT, ONTOLOGY, QUANTIZERS, TABLES, read_config
from edgegsr.situation import Ontology
from edgegsr.student.config import StudentConfig
from edgegsr.teacher.knowledge import Source
from edgegsr.text import TextTables
from edgegsr.wording import ontology_hash

FREE = (  # may change while a training is under way
    "versions",
    "train.workers",
    "train.checkpoint_every",
    "teacher.detector",  # where it lies; its revision says which one it is
    "teacher.couples",  # how many that finds
    "pairs.start_name",  # where that lies; the hash of its weights says which one it is
)
NAMED = {"pairs.start": "pairs.start_name"}  # what people call a thing that its hash tells apart
SHOWN = 4  # differences in a message


def describe(
    method: str,
    student: StudentConfig,
    settings: TrainConfig,
    ontology: Ontology,
    data: Mapping[str, Any],
    tables: TextTables,
    source: Source | None = None,
    start: Start[Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The config.toml of this training; `data` says of each split what `facts_of` does, `more` what else decides it."""
    words = {"ontology": ontology_hash(ontology), "encoder": tables.encoder, "tables": _hash_tables(tables)}
    versions = {"edgegsr": edgegsr.__version__, "torch": torch.__version__, "python": platform.python_version()}
    facts = {"format": FORMAT, "method": method, "versions": versions, "words": words, "data": data, **(more or {})}
    if source:
        facts["teacher"] = dict(source.facts)
    if start:
        facts["start"] = {"hash": start.hash}
    return card.to_toml({**facts, "student": student, "train": settings_table(method, settings)})


def settle(out: Path, description: str, ontology: Ontology, tables: TextTables, may_write: bool, begun: bool) -> None:
    """Makes `out` the folder of this training, or makes sure that it already is.

    Where none has `begun` there, so that no step is kept, another one may take the place.
    """
    if (out / CONFIG).is_file():
        there = read_config(out)
        if begun:
            compare(out, there, tomllib.loads(description))
        elif may_write:
            for name in (KINDS_FILE, QUANTIZERS):  # which only another kind of student leaves
                (out / name).unlink(missing_ok=True)
    if not may_write:
        return
    for path, content in ((out / CONFIG, description), (out / ONTOLOGY, ontology.to_json())):
        if not (begun and path.is_file()):
            write_whole(path, content)
    if not (begun and (out / TABLES).is_file()):
        with writing(out / TABLES):
            tables.save(out / TABLES)


def fingerprint(description: str) -> str:
    """A hash of what decides the weights: states with another one belong to another training."""
    facts = {key: value for key, value in flat(tomllib.loads(description)).items() if not _is_free(key)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every value of nested tables under its dotted key."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": value}
    return found


def compare(out: Path, there: Mapping[str, Any], here: Mapping[str, Any], what: str = "training") -> None:
    """Makes sure that a folder holds what is asked for; both are config tables."""
    old, new = flat(there), flat(here)
    keys = [key for key in {**new, **old} if old.get(key) != new.get(key) and not _is_free(key)]
    if not keys:
        return
    shown = "; ".join(_difference(key, old, new) for key in keys[:SHOWN])
    more = f"; and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    raise InputError(f"{out}: holds another {what} ({shown}{more}); give another --out, or the settings of that one")


def _difference(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    name = NAMED.get(key, key)
    what = name if old.get(name) != new.get(name) else key
    return f"{what}: {_brief(old.get(what))} there, {_brief(new.get(what))} here"


def _is_free(key: str) -> bool:
    head, _, of_half = key.partition(".")
    if any(key == free or key.startswith(f"{free}.") for free in FREE):
        return True
    return head in HEADS and _is_free(of_half)  # what was asked of a student of both


def _brief(value: Any) -> str:
    text = "none" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def facts_of(truth: Annotations) -> dict[str, Any]:
    """What a training knows of annotated images."""
    return {"images": len(truth), "hash": _hash_annotations(truth)}


def _hash_annotations(truth: Annotations) -> str:
    digest = hashlib.sha256("\n".join(truth.images).encode())
    for column in (truth.sizes_wh, truth.verbs, truth.nouns, truth.boxes_xyxy, truth.has_box):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _hash_tables(tables: TextTables) -> str:
    digest = hashlib.sha256()
    for table in (tables.verbs, tables.roles, tables.nouns):
        digest.update(table.detach().cpu().half().numpy().tobytes())
    return digest.hexdigest()
