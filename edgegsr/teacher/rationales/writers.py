"""Who writes rationales: the template, a local model, or a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgegsr.errors import InputError, of_option
from edgegsr.hub import locate
from edgegsr.teacher.rationales.dialogue import Manner, Outcome
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.endpoint import write_with_endpoint
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.server import EndpointOptions, check_endpoint
from edgegsr.teacher.rationales.subject import Subject
from edgegsr.teacher.rationales.template import write
from edgegsr.teacher.rationales.vlm import VlmOptions, write_with_vlm

Writer = Callable[[Sequence[Subject]], Iterator[Rationale]]


@dataclass(frozen=True)
class RationaleOptions:
    """Who writes and how."""

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


def check_writer(options: RationaleOptions) -> None:
    """Refuses a model that is nowhere and a server that cannot be asked."""
    if options.writer == "vlm":
        with of_option("--vlm"):
            locate(options.vlm.model)
    if options.writer == "endpoint":
        check_endpoint(options.endpoint)


def written(
    todo: Sequence[Subject], distractors: Distractors, folder: Path, options: RationaleOptions, report: Report
) -> Iterator[Rationale]:
    """A rationale for each subject; the report tells how it went."""
    manner = Manner(options.writer, distractors, options.seed, options.tries, options.judged)
    return WRITERS[options.writer](manner, options, folder, report)(todo)
