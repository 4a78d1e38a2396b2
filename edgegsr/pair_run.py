"""The folder of a training of pairs: that of every run, and the kinds of interaction beside its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgegsr.errors import InputError
from edgegsr.interactions import KINDS_FILE, Kinds
from edgegsr.run import QUANTIZERS, TABLES, WEIGHTS, built, read_config, text_of, there, without_weights
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import placed, read_places
from edgegsr.student.weights import load_weights
from edgegsr.text import TextTables
from edgegsr.text.kinds import ontology_of
from edgegsr.wording import ontology_hash

EVERY_ACT = "every act"  # of a run whose verbs no loss has taught


@dataclass(frozen=True)
class PairRun:
    """A finished training of pairs: its student, in eval mode, and the words it speaks."""

    folder: Path
    config: Mapping[str, Any]  # config.toml
    kinds: Kinds
    tables: TextTables
    student: PairStudent

    @property
    def unseen(self) -> str:
        """What was kept out of its training: the kinds of a zero-shot setting, or of a detector every act."""
        setting = str(self.config.get("pairs", {}).get("unseen", ""))
        return setting if self.config.get("train", {}).get("weights", {}).get("verb", 1.0) else EVERY_ACT


def open_pair_run(folder: str | Path) -> PairRun:
    """The run in a folder, checked: everything is there, whole, of this format, and belongs together."""
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / WEIGHTS).is_file():
        raise without_weights(folder)
    kinds = Kinds.from_json(text_of(folder / KINDS_FILE), str(folder / KINDS_FILE))
    tables = TextTables.load(there(folder / TABLES))
    if tables.ontology != ontology_hash(ontology_of(kinds)):
        raise InputError(f"{folder}: {TABLES} was not made from the words of {KINDS_FILE}; copy the whole run again")
    valid = torch.from_numpy(kinds.valid)
    student = built(folder, config, lambda described: PairStudent(described, tables, valid, pretrained=False))
    if (folder / QUANTIZERS).is_file():
        student = placed(student, read_places(folder / QUANTIZERS))
    load_weights(student, folder / WEIGHTS)
    return PairRun(folder, config, kinds, tables, student.eval())
