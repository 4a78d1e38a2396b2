"""Rationales of the toy world, made by any writer."""

from __future__ import annotations

from pathlib import Path

import toyworld

from edgegsr.data.split import Split
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.subject import subjects
from edgegsr.teacher.rationales.writers import RationaleOptions, written


def make(split: Split, folder: Path, options: RationaleOptions) -> tuple[Report, dict[str, Rationale]]:
    """How it went, and what was written of each image."""
    report, distractors = Report(), Distractors(split, toyworld.tables())
    found = {each.image: each for each in written(subjects(split), distractors, folder, options, report)}
    return report, found
