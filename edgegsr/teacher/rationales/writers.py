"""Who writes rationales: the template, a local model, or a server; and the file that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.progress import track
from edgegsr.teacher.rationales.dialogue import Manner, Outcome
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.endpoint import write_with_endpoint
from edgegsr.teacher.rationales.prompts import prompts
from edgegsr.teacher.rationales.rationale import FILE, Rationale, write_rationales
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.server import EndpointOptions
from edgegsr.teacher.rationales.subject import Subject, subjects
from edgegsr.teacher.rationales.template import CountTokens, rough_tokens, write
from edgegsr.teacher.rationales.vlm import VlmOptions, write_with_vlm
from edgegsr.text.tables import TextTables

Writer = Callable[[Sequence[Subject]], Iterator[Rationale]]


@dataclass(frozen=True)
class RationaleOptions:
    """The [rationales] table of a card."""

    writer: str = "template"
    seed: int = 0
    tries: int = 3  # answers that a model may give to one image before the template stands in
    judged: bool = True  # whether a model is asked if the image shows what it wrote
    vlm: VlmOptions = field(default_factory=VlmOptions)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)

    def __post_init__(self) -> None:
        if self.writer not in WRITERS:
            raise InputError(f"writer must be one of {', '.join(WRITERS)}, got {self.writer!r}")
        if self.tries < 1:
            raise InputError(f"tries must be at least 1, got {self.tries}")


def template(manner: Manner, options: RationaleOptions, folder: Path, report: Report) -> Writer:
    def writer(todo: Sequence[Subject]) -> Iterator[Rationale]:
        for subject in todo:
            rationale = write(subject, manner.distractors, manner.seed, manner.count_tokens)
            report.count(Outcome(rationale))
            yield rationale

    return writer


def vlm(manner: Manner, options: RationaleOptions, folder: Path, report: Report) -> Writer:
    return lambda todo: write_with_vlm(todo, manner, options.vlm, folder, report)


def endpoint(manner: Manner, options: RationaleOptions, folder: Path, report: Report) -> Writer:
    return lambda todo: write_with_endpoint(todo, manner, options.endpoint, folder, report)


# what models answer is kept in `folder`, so that the next run goes on from there
WRITERS: dict[str, Callable[[Manner, RationaleOptions, Path, Report], Writer]] = {
    "template": template,
    "vlm": vlm,
    "endpoint": endpoint,
}


def make_rationales(
    split: Split,
    tables: TextTables,
    folder: Path,
    options: RationaleOptions | None = None,
    count_tokens: CountTokens = rough_tokens,
) -> Report:
    """Writes one rationale for every image of a training split to `folder`/rationales.jsonl, and tells how it went."""
    options, report, todo = options or RationaleOptions(), Report(), subjects(split)
    distractors = Distractors(split, tables)
    manner = Manner(options.writer, distractors, options.seed, options.tries, options.judged, count_tokens, prompts())
    writer = WRITERS[options.writer](manner, options, folder, report)
    write_rationales(folder / FILE, track(writer(todo), "writing rationales", len(todo)))
    return report
