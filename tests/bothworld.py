"""A student of both heads with random weights, whose halves lie on disk as a training leaves them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pairworld
import toyworld

if TYPE_CHECKING:
    from edgegsr.both_run import BothRun
    from edgegsr.compress.school import BothSchool
    from edgegsr.data.pairs import PairSplit
    from edgegsr.data.split import Split
    from edgegsr.text import TextTables


def words() -> TextTables:
    """Of the toys, as wide as the words of pairs."""
    import torch

    from edgegsr.text import TextTables
    from edgegsr.wording import ontology_hash

    torch.manual_seed(5)
    known = toyworld.tables().roles.abs().sum(-1, keepdim=True) > 0
    verbs, roles, nouns = (
        torch.nn.functional.normalize(torch.randn(*shape, pairworld.WIDTH), dim=-1) for shape in ((4,), (4, 6), (4,))
    )
    return TextTables(verbs, roles * known, nouns, "random", ontology_hash(toyworld.ONTOLOGY))


def run(folder: Path) -> BothRun:
    """Written down half by half, and opened again."""
    import torch

    from edgegsr.both_run import open_both_run
    from edgegsr.card import to_toml
    from edgegsr.run import Run
    from edgegsr.student.both import BothStudent
    from edgegsr.student.config import read_student
    from edgegsr.student.model import Student
    from edgegsr.student.weights import save_weights
    from edgegsr.text.kinds import ontology_of

    pairs = pairworld.run(folder / "pairs")
    torch.manual_seed(1)
    card = dataclasses.replace(read_student(pairworld.CARD), pairs=0)
    situations = Run(folder / "situations", {}, toyworld.ONTOLOGY, words(), Student(card, words(), pretrained=False))
    BothStudent(situations.student, pairs.student)
    for half, ontology in ((situations, toyworld.ONTOLOGY), (pairs, ontology_of(pairworld.KINDS))):
        half.folder.mkdir()
        described = {"format": 1, "method": "none", "student": half.student.config}
        (half.folder / "config.toml").write_text(to_toml(described))
        (half.folder / "ontology.json").write_text(ontology.to_json())
        half.tables.save(half.folder / "tables.safetensors")
        save_weights(half.student, half.folder / "student.safetensors")
    (pairs.folder / "kinds.json").write_text(pairworld.KINDS.to_json())
    return open_both_run(folder)


def school(scenes: tuple[Split, Split], crowds: tuple[PairSplit, PairSplit]) -> BothSchool:
    """Who teaches it on and judges it, each half by a split to learn from and one to be judged by."""
    from edgegsr.compress.school import BothSchool, PairSchool, School
    from edgegsr.data.splits import groups
    from edgegsr.distill.config import TrainConfig

    settings = TrainConfig(batch=2, epochs=1, warmup_epochs=0.1, log_every=1)
    situations = School(*scenes, groups(scenes[0].annotations), "none", None, settings)
    return BothSchool(situations, PairSchool(*crowds, "none", None, settings))
