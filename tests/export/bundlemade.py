"""What tests of bundles hold them against, and words that they take to them."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import torch

from edgegsr.data.split import Split
from edgegsr.export.judge import Checks
from edgegsr.export.target import Gates, find_target
from edgegsr.run import Run
from edgegsr.situation import Frame, Noun, Ontology, Situation
from edgegsr.student.predictor import EagerPredictor
from edgegsr.text import TextTables
from edgegsr.wording import ontology_hash

TARGET = find_target("onnx-fp32")
LOOSE = Gates(drift=0.99, kept=0.0, half=1.0)  # eight photos of a toy world: one of them is twelve points
NEW = Ontology(
    tuple(
        Frame(verb, roles)
        for verb, roles in (("kicking", ("agent", "item", "place")), ("throwing", ("agent",)), ("lifting", ("agent",)))
    ),
    (Noun("ball"), Noun("dog"), Noun("person"), Noun("n1", ("block",)), Noun("n9", ("a ball of the dog",))),
)


def checks(photos: Split, images: int = 128) -> Checks:
    return Checks(photos, images=images, threads=1)


def near(one: Situation, other: Situation) -> bool:
    boxes = [
        (a.box_xyxy is None) == (b.box_xyxy is None) and np.allclose(a.box_xyxy or 0, b.box_xyxy or 0, atol=1e-3)
        for a, b in zip(one.fillers.values(), other.fillers.values())
    ]
    words = [{role: filler.noun for role, filler in each.fillers.items()} for each in (one, other)]
    sure = abs(one.confidence - other.confidence) < 1e-4
    return one.verb == other.verb and words[0] == words[1] and all(boxes) and sure


def random_tables(ontology: Ontology, seed: int = 3, width: int = 12, encoder: str = "random") -> TextTables:
    rng = torch.Generator().manual_seed(seed)

    def units(*shape: int) -> Any:
        return torch.nn.functional.normalize(torch.randn(*shape, width, generator=rng), dim=-1)

    verbs = len(ontology.verbs)
    roles = torch.arange(6) < torch.tensor([len(frame.roles) for frame in ontology.frames])[:, None]
    rows = units(verbs), units(verbs, 6) * roles[..., None], units(len(ontology.nouns))
    return TextTables(*rows, encoder, ontology_hash(ontology))


def speaking(run: Run, ontology: Ontology, tables: TextTables) -> EagerPredictor:
    """A workstation's student with other words."""
    student = copy.deepcopy(run.student).set_tables(tables)
    if student.verb_words.handicap is not None:
        student.verb_words.handicap = None
    return EagerPredictor(dataclasses.replace(run, ontology=ontology, tables=tables, student=student))
